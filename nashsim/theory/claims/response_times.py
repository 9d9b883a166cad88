"""Response times of the drift-diffusion model: what choices say of the drift, and what choices with times say."""

from __future__ import annotations

import numpy as np

from ...game import PreferenceGame
from ...online.estimates import drift_scores
from ...online.response_times import drifts
from ...preferences import AnnotatorPreference
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Instance, Stack
from .rounding import EPS, once

#: Times over a^2 at which densities are summed: even in log t, where the trapezoidal rule errs by about e^(-2 pi/h),
#: and so far that exp(-1/(2t)) at one end and exp(-pi^2 t/8) at the other are below 1e-16 of the whole.
_STEP = 0.1
_TIMES = np.exp(np.arange(np.log(0.01), np.log(40.0), _STEP))


def _undrifted() -> np.ndarray:
    """Return the density of the first passage of a Brownian motion without drift through ±1, at ``_TIMES``."""
    t, k = _TIMES[:, None], np.arange(12)
    sign, odd = (-1.0) ** k, 2 * k + 1
    late = (np.pi / 2 * sign * odd * np.exp(-(odd**2) * np.pi**2 * t / 8)).sum(axis=1)
    early = (2 * sign * odd / np.sqrt(2 * np.pi * t**3) * np.exp(-(odd**2) / (2 * t))).sum(axis=1)
    return np.where(_TIMES < 0.4, early, late)


#: Weights of an integral over dt/a^2 of what is given at ``_TIMES``.
_WEIGHTS = _undrifted() * _TIMES * _STEP


def _law(z: np.ndarray) -> np.ndarray:
    """Return exp(c z - z^2 t/2) p_0(t) dt/2 of a drift v = z/a, for c = 1 and -1, shape (..., 2, times)."""
    z = np.asarray(z)[..., None, None]
    return 0.5 * _WEIGHTS * np.exp(np.array([[1.0], [-1.0]]) * z - z**2 * _TIMES / 2)


def _boundary(stack: Stack) -> float:
    return 2 * stack.step


def _choices(stack: Stack, factor: float) -> Evidence:
    """P(c = 1) and v E T by integration over times, of the drifts of the model times a factor."""
    a = _boundary(stack)
    found, _ = drifts(stack.game, a)
    drift = factor * found[0]
    law = _law(a * drift)
    chosen = np.abs(law[..., 0, :].sum(axis=-1) - stack.game.probabilities)
    spent = a**2 * (law.sum(axis=-2) @ _TIMES)
    mean = np.abs(drift * spent - a * np.tanh(np.arctanh(2 * stack.skew)))
    error = np.maximum(chosen, mean / a).max(axis=(1, 2))
    # sums of so many terms of one sign, whose exponentials have arguments of up to 50
    return once(error, 8 * EPS * (len(_TIMES) + 50))


def _crowd(instance: Instance) -> tuple[np.ndarray, np.ndarray]:
    """Return rewards in [-2, 2], shape (users, actions), and shares: as many users as actions."""
    return 4 * instance.skew, np.exp(instance.log_start)


def _by_times(game: PreferenceGame, a: float) -> tuple[np.ndarray, np.ndarray]:
    """Return E g and E |g| of every pair over users, choices and times, shape (actions, actions)."""
    found, shares = drifts(game, a)
    times = a**2 * _TIMES
    scores = np.stack([drift_scores(np.full(len(times), won), times, a) for won in (True, False)])
    law = _law(a * found[:, 0])
    return tuple(
        np.einsum("u,uyzct,ct->yz", shares, law, one, optimize=True) for one in (scores, np.abs(scores))
    )


def _by_choices(game: PreferenceGame, a: float) -> tuple[np.ndarray, np.ndarray]:
    """Return logit(P)/(2a) of all choices together, the drift of one person of whom they might be."""
    drift = np.arctanh(2 * game.preference.dense()[0]) / a
    return drift, np.abs(drift)


def _mean_drift(stack: Stack, estimate) -> Evidence:
    a, errors, allowed = _boundary(stack), [], []
    for instance in stack.instances:
        rewards, shares = _crowd(instance)
        game = PreferenceGame(AnnotatorPreference(rewards, shares), tau=stack.tau)
        found, size = estimate(game, a)
        mean = shares @ rewards / (2 * a)
        errors.append(np.abs(found - (mean[:, None] - mean)).max())
        allowed.append(8 * EPS * (len(_TIMES) + 50) * (size.max() + 1 / a))
    return once(np.array(errors), np.array(allowed))


def _finite(instance: Instance) -> Instance:
    return instance.replace(skew=np.clip(instance.skew, -0.49, 0.49))


_MODEL = "unit diffusion from 0 to ±a, a in [0.2, 2]"
CLAIMS = (
    Claim(
        id="drift-choices",
        statement="drift v = logit(P)/(2a): ∫ e^{av − v²t/2} p₀(t)/2 dt = P, and v E T = a tanh(av) = a (2P − 1)",
        source="drift-diffusion model; derived",
        kind="identity",
        conditions=f"one person, {_MODEL}, P in [0.01, 0.99]",
        quantity="max |difference|",
        predicted="rounding of the integral",
        measure=_choices,
        algorithm=1.0,
        control=Control("v = logit(P)/a", 2.0),
        domain=Domain(actions=(2, 6), structure=_finite),
        games=200,
    ),
    Claim(
        id="mean-drift",
        statement="E g(c, T) = E_u v_u with g = (c/a) p_B(T)/p₀(T), one anonymous choice and its time a person: on all"
        " pairs at once the differences of the mean utilities β/(2a)",
        source="derived",
        kind="identity",
        conditions=f"any crowd of drifts |av| ≤ 2, {_MODEL}",
        quantity="max |E g − E v|",
        predicted="rounding of the integral",
        measure=_mean_drift,
        algorithm=_by_times,
        control=Control("the drift that choices alone would have of one person", _by_choices),
        domain=Domain(actions=(2, 5)),
        games=200,
    ),
)
