"""Zhang et al., Iterative Nash Policy Optimization, arXiv 2407.00617: last iterate, average, and its regression."""

from __future__ import annotations

import numpy as np

from ...equilibrium import duality_gap
from ...logspace import kl, log_normalise
from ...rules import INPO
from ..fits import fit_rows
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import EPS, once
from .rule_claims import flipped, kl_slack, mutated, play
from .structures import moderate

_INPO = "INPO, arXiv 2407.00617"


def _scheduled(tau: float, share: float) -> INPO:
    return INPO()


def _last_iterate(stack: Stack, algorithm) -> Evidence:
    path = play(stack, algorithm(stack.tau, stack.step), 1000, record="log")
    late = path.steps > 0
    divergence = kl(stack.log_equilibrium, path.log_policies[late]).T
    ratio = np.abs(path.log_policies - stack.log_reference).max(axis=(0, 2))
    # B by its definition, max over the whole path, and never below what the weights of the payoffs allow
    c = np.maximum(np.maximum(ratio, 1 / stack.tau) * stack.tau, 1)[:, None]
    bound = 32 * c**2 / (stack.tau**2 * (path.steps[late] + 1))
    return Evidence(path.steps[late], divergence, bound, kl_slack(stack, divergence))


_HORIZONS = np.unique(np.geomspace(64, 4096, 12).round().astype(int))


def _constant(tau: float, share: float):
    """Return the rule for T steps and D = log n: eta = share sqrt(D/T), never beyond 1/tau."""
    return lambda horizon, diameter: INPO(eta_inverse=max(np.sqrt(horizon / diameter) / share, tau))


def _average(stack: Stack, algorithm) -> Evidence:
    """DualGap of the average of T iterates, a run for every T."""
    rule_of, diameter = algorithm(stack.tau, stack.step), float(np.log(stack.actions))
    gaps = []
    for horizon in _HORIZONS:
        path = play(stack, rule_of(horizon, diameter), int(horizon), record=int(horizon))
        gaps.append(duality_gap(stack.game, log_normalise(np.log(path.average))))
    gaps = np.array(gaps).T
    # O(1/sqrt T): the bound is sqrt T times what it was at the first horizon; fitted on the rest
    fits = fit_rows(_HORIZONS, gaps, 0.5, laws=["power"], floor=1e-14)
    bound = gaps[:, :1] * np.sqrt(_HORIZONS[0] / _HORIZONS)
    return Evidence(_HORIZONS, gaps, bound, fits=fits, x_label="T")


def _regression(stack: Stack, algorithm) -> Evidence:
    """The minimiser of E (h(y, y') - target)^2 over pairs, against the exact step eta P(. ≻ pi)."""
    pairs_of, label_difference = algorithm
    eta = 0.5
    errors, sizes = [], []
    for log_policy, log_reference, skew in zip(stack.log_start, stack.log_reference, stack.skew, strict=True):
        policy = np.exp(log_policy)
        weights = pairs_of(policy, np.exp(log_reference))
        payoff = skew @ policy
        target = payoff[:, None] - payoff if label_difference else skew  # E of ±1/2: winner minus loser
        found = least_squares(weights, eta * target)
        errors.append(np.ptp(found - eta * payoff) / 2)
        sizes.append(1 / weights[~np.eye(len(policy), dtype=bool)].min())
    # normal equations of condition up to 1/min weight
    return once(np.array(errors), 64 * EPS * stack.actions * np.array(sizes))


def least_squares(weights: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return f minimising sum_yz weights (f_y - f_z - target_yz)^2, with sum f = 0.

    Parameters
    ----------
    weights, target : ndarray, shape (actions, actions)
        The target is skew.
    """
    both = weights + weights.T
    laplacian = np.diag(both.sum(axis=1)) - both + both.mean()  # the mean fixes the constant
    found = np.linalg.solve(laplacian, (both * target).sum(axis=1))
    return found - found.mean()


def _on_policy(policy: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.outer(policy, policy)


def _off_policy(policy: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.outer(reference, policy)


CLAIMS = (
    Claim(
        id="inpo-last",
        statement="KL(π*, π_T) ≤ 32C²/(τ²(T+1)) with η_I,t = τ(t+2)/2, C = max(Bτ, 1), B ≥ max|log π_t/μ|",
        source=f"{_INPO}, last-iterate theorem",
        tag="paper",
        kind="bound",
        conditions="INPO with its schedule, from any start, T ≥ 1",
        quantity="KL(π*, π_T)",
        predicted="32C²/(τ²(T+1))",
        measure=_last_iterate,
        algorithm=_scheduled,
        control=Control(
            "sign of the payoff flipped",
            mutated(_scheduled, flipped),
            Domain(tau=(0.8, 1.5), actions=(2, 5)),
        ),
        rules=("inpo",),
    ),
    Claim(
        id="inpo-average",
        statement="DualGap(average of T iterates) = O(C√(D/T)), D = max KL(·‖π_1)",
        source=f"{_INPO}, average-iterate theorem",
        tag="paper",
        kind="rate",
        conditions="INPO from the uniform policy, constant η of order √(D/T)",
        quantity="DualGap of the average iterate",
        predicted="T^{−1/2} or faster",
        measure=_average,
        algorithm=_constant,
        control=Control(
            "sign of the payoff flipped",
            lambda tau, share: (
                lambda t, d: mutated(lambda *_: _constant(tau, share)(t, d), flipped)(tau, share)
            ),
        ),
        domain=Domain(start="uniform", tau=(0.03, 1.0), step=(1.0, 4.0)),
        rules=("inpo",),
    ),
    Claim(
        id="inpo-regression",
        statement="E(h(y,y') − 1/(2η_I))² on winner-first pairs y, y' ~ π_t is least at the exact step",
        source=f"{_INPO}, its loss",
        tag="paper",
        kind="identity",
        conditions="any game, pairs i.i.d. from π_t",
        quantity="max |log π_min − log π_{t+1}|",
        predicted="64nε/min weight",
        measure=_regression,
        algorithm=(_on_policy, False),
        control=Control("pairs off policy: y ~ μ, y' ~ π_t", (_off_policy, False)),
        domain=Domain(actions=(3, 10), structure=moderate),
    ),
    Claim(
        id="label-difference",
        statement="I[y ≻ z] − I[y' ≻ z], z ~ π_t, is unbiased under any distribution of pairs: its regression is exact",
        source="derived; ENPO, arXiv 2606.01382",
        tag="derived",
        kind="identity",
        conditions="any game, pairs from any full distribution",
        quantity="max |log π_min − log π_{t+1}|",
        predicted="64nε/min weight",
        measure=_regression,
        algorithm=(_off_policy, True),
        control=Control("INPO's target on the same pairs", (_off_policy, False)),
        domain=Domain(actions=(3, 10), structure=moderate),
    ),
)
