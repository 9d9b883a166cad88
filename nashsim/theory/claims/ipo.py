"""Online IPO and IPO-MD, arXiv 2403.08635, and the policy gradients of NLHF and Nash-MP: gradients by enumeration."""

from __future__ import annotations

import numpy as np

from ...logspace import log_normalise
from ...rules import IPOMD, NashMDPG, NashMPSGD, NashProxSGD, OnlineIPO, SelfPlayPG
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import EPS, logit_rounding, once
from .rule_claims import against_reference, flipped, mutated, play

_IPO = "Online IPO, arXiv 2403.08635"
_NLHF = "NLHF, arXiv 2312.00886"
_RATE = 0.3


def ipo_gradient(stack: Stack, sampling: np.ndarray) -> np.ndarray:
    """Return grad_theta of E (D(pi) - D(mu) - 1/(2 tau))^2 on winner-first pairs ~ sampling, at softmax logits.

    The expectation is enumerated over pairs and outcomes; no gradient passes through the sampling.

    Parameters
    ----------
    stack : Stack
    sampling : ndarray, shape (instances, actions)
    """
    ratio = stack.log_start - stack.log_reference
    d = ratio[:, :, None] - ratio[:, None]
    wins = stack.skew + 0.5
    # d/dlog pi(y) of the two outcomes: y first with P(y > z), z first with P(z > y)
    slope = 2 * (wins * (d - 0.5 / stack.tau) - np.swapaxes(wins, 1, 2) * (-d - 0.5 / stack.tau))
    weights = sampling[:, :, None] * sampling[:, None]
    # a response is as often the second of a pair as the first; over y this sums to zero: the softmax takes nothing off
    return 2 * (weights * slope).sum(axis=2)


def climb_gradient(stack: Stack, log_at: np.ndarray, opponent: np.ndarray, anchors) -> np.ndarray:
    """Return sum_y pi(y) v(y) grad log pi(y), v = P(. > opponent) - sum of weight log(pi/anchor), enumerated.

    Parameters
    ----------
    stack : Stack
    log_at : ndarray, shape (instances, actions)
    opponent : ndarray, shape (instances, actions)
        Probabilities.
    anchors : sequence of (weight, log_anchor)
    """
    at = np.exp(log_at)
    v = np.einsum("kyz,kz->ky", stack.skew, opponent)
    for weight, log_anchor in anchors:
        v = v - weight * (log_at - log_anchor)
    score = np.eye(stack.actions) - at[:, None]  # grad log pi(y), rows y
    return np.einsum("ky,ky,kyj->kj", at, v, score)


def mixture(stack: Stack, share: float) -> np.ndarray:
    """Return pi^b ∝ pi^(1-b) mu^b of the starts, as probabilities.

    Parameters
    ----------
    stack : Stack
    share : float
        b.
    """
    return np.exp(log_normalise((1 - share) * stack.log_start + share * stack.log_reference))


def _moved(stack: Stack, rule, steps: int = 1) -> np.ndarray:
    """Return log pi after ``steps`` iterations minus log pi_0, centred."""
    path = play(stack, rule, steps, record=steps)
    return _centred(path.log_policies[-1] - path.log_policies[0])


def _centred(logits: np.ndarray) -> np.ndarray:
    return logits - logits.mean(axis=-1, keepdims=True)


def _compare(stack: Stack, rule, step: np.ndarray, size: float) -> Evidence:
    error = np.abs(_moved(stack, rule) - _centred(step)).max(axis=1)
    # a move is a difference of logits; what it adds are n sums of n products, scaled by the learning rate
    pull = np.abs(stack.log_start - stack.log_reference).max(axis=1)
    added = 16 * EPS * stack.actions * size * (1 + stack.tau * pull)
    return once(error, 4 * logit_rounding(stack, stack.log_start) + added)


def _self_play(stack: Stack, algorithm) -> Evidence:
    """Online IPO's loss gradient against self-play policy gradient's move."""
    step = -stack.tau / 4 * _RATE * ipo_gradient(stack, np.exp(stack.log_start))
    return _compare(stack, algorithm(stack.tau, stack.step), step, _RATE)


def _online_ipo(stack: Stack, algorithm) -> Evidence:
    rate = _RATE * stack.tau / 4
    step = -rate * ipo_gradient(stack, np.exp(stack.log_start))
    return _compare(stack, algorithm(stack.tau, stack.step), step, _RATE)


def _ipo_md(stack: Stack, algorithm) -> Evidence:
    step = -_RATE * stack.tau / 4 * ipo_gradient(stack, mixture(stack, 0.125))
    return _compare(stack, algorithm(stack.tau, stack.step), step, _RATE)


def _nash_md_pg(stack: Stack, algorithm) -> Evidence:
    anchors = [(stack.tau, stack.log_reference)]
    step = _RATE * climb_gradient(stack, stack.log_start, mixture(stack, 0.125), anchors)
    return _compare(stack, algorithm(stack.tau, stack.step), step, _RATE)


def _nash_mp_sgd(stack: Stack, algorithm) -> Evidence:
    """One iteration: half climbs against the target (the start), then pi against half, both near the target."""
    s = 2 * stack.tau
    anchors = [(stack.tau, stack.log_reference), (stack.tau / s, stack.log_start)]
    start = np.exp(stack.log_start)
    half = log_normalise(stack.log_start + _RATE * climb_gradient(stack, stack.log_start, start, anchors))
    step = _RATE * climb_gradient(stack, stack.log_start, np.exp(half), anchors)
    return _compare(stack, algorithm(stack.tau, stack.step), step, _RATE)


def _nash_prox_sgd(stack: Stack, algorithm) -> Evidence:
    """Two iterations: the second feels the target, a moving average of the first."""
    s, decay, rate = 2 * stack.tau, 0.9, _RATE
    log_policy = target = stack.log_start
    for _ in range(2):
        anchors = [(stack.tau, stack.log_reference), (stack.tau / s, target)]
        gradient = climb_gradient(stack, log_policy, np.exp(log_policy), anchors)
        log_policy = log_normalise(log_policy + rate * gradient)
        target = log_normalise(decay * target + (1 - decay) * log_policy)
    moved = _moved(stack, algorithm(stack.tau, stack.step), 2)
    error = np.abs(moved - _centred(log_policy - stack.log_start)).max(axis=1)
    return once(error, 16 * logit_rounding(stack, stack.log_start))


def _claim(name: str, rule_of, measure, statement: str, source: str, tag: str, control=None) -> Claim:
    return Claim(
        id=f"{name}-gradient",
        statement=statement,
        source=source,
        tag=tag,
        kind="identity",
        conditions="softmax logits, any game, policy, reference and τ",
        quantity="max |Δ log π − rate × gradient|, centred",
        predicted="32ε((n+4)/τ + max|log|)",
        measure=measure,
        algorithm=rule_of,
        control=control or Control("opponent is the reference", mutated(rule_of, against_reference)),
        domain=Domain(tau=(0.05, 2.0), step=(1.0, 1.0)),
        rules=(name,),
    )


def _self_play_rule(tau: float, share: float) -> SelfPlayPG:
    return SelfPlayPG(step=_RATE)


def _online_rule(tau: float, share: float) -> OnlineIPO:
    return OnlineIPO(learning_rate=_RATE * tau / 4)


def _ipo_md_rule(tau: float, share: float) -> IPOMD:
    return IPOMD(learning_rate=_RATE * tau / 4)


def _nash_md_rule(tau: float, share: float) -> NashMDPG:
    return NashMDPG(step=_RATE)


def _mp_rule(tau: float, share: float) -> NashMPSGD:
    return NashMPSGD(step=_RATE)


def _prox_rule(tau: float, share: float) -> NashProxSGD:
    return NashProxSGD(step=_RATE)


CLAIMS = (
    _claim(
        "self-play-pg",
        _self_play_rule,
        _self_play,
        "∇E(D(π) − D(μ) − 1/(2τ))² on winner-first pairs y, y' ~ π is −(4/τ) × the self-play policy gradient",
        f"{_IPO}; derived",
        "derived",
    ),
    _claim(
        "online-ipo",
        _online_rule,
        _online_ipo,
        "online IPO descends E(D(π) − D(μ) − 1/(2τ))² on winner-first pairs y, y' ~ stop-grad π",
        _IPO,
        "paper",
    ),
    _claim(
        "ipo-md",
        _ipo_md_rule,
        _ipo_md,
        "IPO-MD descends the same loss on pairs from the mixture π^b ∝ π^{1−b} μ^b",
        _IPO,
        "paper",
    ),
    _claim(
        "nash-md-pg",
        _nash_md_rule,
        _nash_md_pg,
        "Nash-MD-PG ascends E ∇log π(y) [P(y ≻ π^b) − 1/2 − τ log π(y)/μ(y)]",
        _NLHF,
        "paper",
    ),
    _claim(
        "nash-mp-sgd",
        _mp_rule,
        _nash_mp_sgd,
        "approximate Nash-MP ascends E ∇log π [P(· ≻ half) − τ log π/μ − (τ/s) log π/π_k], half likewise against π_k",
        "Nash Mirror Prox, arXiv 2505.19731v1; derived from its update",
        "derived",
    ),
    _claim(
        "nash-prox-sgd",
        _prox_rule,
        _nash_prox_sgd,
        "approximate Nash Prox ascends E ∇log π [P(· ≻ π) − τ log π/μ − (τ/s) log π/target], target an EMA of logits",
        "Proximal Point NLHF, arXiv 2505.19731v2; derived from its update",
        "derived",
        Control("sign of the payoff flipped", mutated(_prox_rule, flipped)),
    ),
)
