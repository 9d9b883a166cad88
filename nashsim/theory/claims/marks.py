"""Losses on marked responses: what KTO pulls at, and what RDRO and UNA are least at, by exact enumeration."""

from __future__ import annotations

import numpy as np

from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .regularisers import spread
from .rounding import EPS, once, payoff

#: Step of a derivative along the imaginary axis, which cancels nothing: Im f(x + ih)/h is f'(x) to rounding.
_IMAGINARY = 1e-100


def _desirable(stack: Stack) -> np.ndarray:
    """Return P(y ≻ mu), the probability that a response is marked desirable, shape (instances, actions)."""
    return np.clip(payoff(stack, stack.log_reference) + 0.5, 0.0, 1.0)


def _slope(terms, log_ratio: np.ndarray) -> np.ndarray:
    """Return the derivatives of separable terms in log pi/mu."""
    return terms(log_ratio + 1j * _IMAGINARY).imag / _IMAGINARY


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _kto(stack: Stack, distance: float) -> Evidence:
    """The gradient at pi = mu against -(beta/2)(P(y ≻ mu) - 1/2), a response's share; z_0 is ``distance``."""
    beta, p = 4 * stack.tau, _desirable(stack)

    def terms(log_ratio):
        gain = beta * (log_ratio - distance)
        return p * (1 - _sigmoid(gain)) + (1 - p) * (1 - _sigmoid(-gain))

    off = _slope(terms, np.zeros_like(p)) + beta / 2 * (p - 0.5)
    return once(np.abs(off).max(axis=1), np.full(len(stack), 16 * EPS * (stack.actions + 4) * (1 + beta)))


def _rdro(stack: Stack, draws: int) -> Evidence:
    """The gradient of the loss where pi is the winner of ``draws`` responses of mu, each marked against another."""
    p, alpha = _desirable(stack), 0.5
    ratio = draws * p ** (draws - 1)  # of two: mu(y) 2 P(y ≻ mu), which is a policy

    def terms(log_ratio):
        softplus = np.log(1 + np.exp(log_ratio))
        return p / alpha * ((1 + alpha) * softplus - log_ratio) + (1 - p) * softplus

    played = ratio > 0  # what always loses is never played: the loss is least at -inf
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.where(played, _slope(terms, np.log(np.where(played, ratio, 1.0))), 0.0)
    return once(np.abs(slopes).max(axis=1), np.full(len(stack), 64 * EPS * (stack.actions + 4)))


def _una(stack: Stack, sign: float) -> Evidence:
    """2 E(sigma(r) - s)^2 against what the cross-entropy is above its least; and that itself at r = logit s."""
    mu, score = np.exp(stack.log_reference), np.clip(_desirable(stack), 1e-12, 1 - 1e-12)
    reward = 4 * stack.tau * (stack.log_start - stack.log_reference)
    least = score * np.log(score) + (1 - score) * np.log1p(-score)

    def excess(r):
        return (mu * (np.logaddexp(0, r) - score * r + least)).sum(axis=1)

    best = np.log(score) - np.log1p(-score)
    squares = 2 * (mu * np.square(_sigmoid(sign * reward) - score)).sum(axis=1)
    slack = 16 * EPS * (stack.actions + 4) * (1 + np.abs(reward).max(axis=1) + np.abs(best).max(axis=1))
    measured, bound = (
        np.stack([squares, excess(best)], axis=1),
        np.stack([excess(reward), 0 * squares], axis=1),
    )
    return Evidence(np.arange(2), measured, bound, slack[:, None], x_label="policy, minimiser")


_DOMAIN = Domain(actions=(2, 40), tau=(0.03, 3.0), step=(1.0, 1.0), structure=spread)
_CONDITIONS = (
    "responses y ~ μ, desirable with probability P(y ≻ μ); β = 4τ; log μ and log π within 6 of their largest"
)

CLAIMS = (
    Claim(
        id="kto-gradient",
        statement="at π = μ KTO's gradient in log π/μ is −(β/2) (P(y ≻ μ) − ½) of every y's share: it follows P(· ≻ μ)",
        source="KTO, arXiv 2402.01306 [recalled]; derived, σ' being ¼ at z₀ = KL(π ‖ μ) = 0",
        kind="identity",
        conditions=_CONDITIONS,
        quantity="|difference|",
        predicted="rounding",
        measure=_kto,
        algorithm=0.0,
        control=Control("a distance z0 from the reference that is not 0", 1.0),
        domain=_DOMAIN,
        games=300,
    ),
    Claim(
        id="rdro-ratio",
        statement="RDRO's loss is least at π = μ p₊/(α p₊ + (1 − α) p₋): on draws of μ at α = ½ the best of two",
        source="RDRO, arXiv 2604.04410 [abstract, code]; derived by its slope in log π/μ",
        kind="identity",
        conditions=_CONDITIONS,
        quantity="largest slope of the loss in log π/μ",
        predicted="rounding",
        measure=_rdro,
        algorithm=2,
        control=Control("best of three", 3),
        domain=_DOMAIN,
        games=300,
    ),
    Claim(
        id="una-minimiser",
        statement="2E(σ(r) − s)² ≤ −E[s log σ(r) + (1 − s) log σ(−r)] − E H(s), r = β log π/μ: both of UNA's losses are"
        " least at log π/μ = logit(s)/β",
        source="UNA, arXiv 2408.15339 [abstract, code]; derived by Pinsker's inequality",
        kind="bound",
        conditions=_CONDITIONS + "; scores s = P(y ≻ μ)",
        quantity="twice the squared error",
        predicted="excess of the cross-entropy",
        measure=_una,
        algorithm=1.0,
        control=Control("r with its sign flipped", -1.0),
        domain=_DOMAIN,
        games=300,
    ),
)
