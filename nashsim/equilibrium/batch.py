"""Newton on log-policies for many small games at once: the steps of ``fixed_point``, every game to the same bits."""

from __future__ import annotations

import numpy as np

from ..logspace import log_normalise
from .fixed_point import (
    _AT_THE_END,
    _DAMPING,
    _FIRST_FACTOR,
    _POLISHED,
    _POLISHED_LOG,
    _POLISHING_STEPS,
    _STEPS,
    RESIDUAL,
    NewtonPoint,
)
from .products import split_each, split_product

#: Games of more actions gain nothing: products and LU take their time, not Python.
MOST_ACTIONS = 64
# Entries of the matrices that are solved together: what stays in the cache.
_ENTRIES = 1 << 17


def equilibria_at_once(skew: np.ndarray, log_reference: np.ndarray, tau: float) -> list[NewtonPoint | None]:
    """Return :func:`~nashsim.equilibrium.fixed_point.regularised_equilibrium` of each game, to the same bits.

    Games advance together and leave one by one. Those left out need what only the solve of one game does: an action
    of reference mass 0, a path in tau, an error.

    Parameters
    ----------
    skew : ndarray, shape (games, actions, actions)
        A = P - 1/2.
    log_reference : ndarray, shape (games, actions)
        log mu.
    tau : float

    Returns
    -------
    list of NewtonPoint or None
        None for a game that is left out.

    Examples
    --------
    >>> from nashsim.equilibrium.fixed_point import regularised_equilibrium
    >>> skew, uniform = np.array([[[0.0, 0.4], [-0.4, 0.0]]]), np.log([[0.5, 0.5]])
    >>> [point] = equilibria_at_once(skew, uniform, 0.5)
    >>> bool((point.log_policy == regularised_equilibrium(skew[0], uniform[0], 0.5).log_policy).all())
    True
    """
    games, actions = log_reference.shape
    points: list[NewtonPoint | None] = [None] * games
    if actions > MOST_ACTIONS or 1.0 / tau > _FIRST_FACTOR:
        return points
    there = np.flatnonzero((log_reference > -np.inf).all(axis=1))
    most = max(1, _ENTRIES // actions**2)
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, len(there), most):
            chosen = there[first : first + most]
            batch = _Batch(skew[chosen], log_reference[chosen])
            for game, point in zip(chosen.tolist(), batch.solve(tau), strict=True):
                points[game] = point
    return points


class _Batch:
    """theta = log mu + A softmax(theta)/tau of many games; ``at`` are the indices of those that are meant."""

    def __init__(self, skew: np.ndarray, log_reference: np.ndarray):
        self.skew, self.log_reference = skew, log_reference
        self.steps = np.zeros(len(skew), dtype=int)

    def margin(self, at: np.ndarray, policy: np.ndarray) -> np.ndarray:
        """Return A pi in float64."""
        return np.matmul(self.skew[at], policy[:, :, None])[:, :, 0]

    def evaluate(self, at: np.ndarray, logits: np.ndarray, sharpness: float):
        """Return policy, payoff and mismatch of the equation, stacked, and the mismatch's span."""
        policy = np.exp(logits - np.maximum.reduce(logits, axis=1, keepdims=True))
        policy /= np.add.reduce(policy, axis=1, keepdims=True)
        payoff = self.margin(at, policy)
        mismatch = logits - self.log_reference[at] - sharpness * payoff
        size = np.maximum.reduce(mismatch, axis=1) - np.minimum.reduce(mismatch, axis=1)
        return np.stack([policy, payoff, mismatch]), size

    def newton_step(self, at: np.ndarray, policy, payoff, mismatch, sharpness: float) -> np.ndarray:
        """Return the undamped steps; see ``DenseSystem.newton_step``."""
        from scipy.linalg.lapack import dgesv

        self.steps[at] += 1
        transposed = self.skew[at] + payoff[:, None, :]
        transposed *= (sharpness * policy)[:, :, None]
        transposed.reshape(len(at), -1)[:, :: policy.shape[1] + 1] += 1.0
        steps = np.empty_like(mismatch)
        for matrix, right, step in zip(transposed, mismatch, steps, strict=True):
            _, _, solution, info = dgesv(matrix.T, right, overwrite_a=True)
            step[:] = solution if info == 0 else np.nan
        return steps

    def newton(self, logits: np.ndarray, sharpness: float) -> np.ndarray:
        """Damped Newton on all; return who got to a mismatch below ``_AT_THE_END``, their logits in place."""
        at = np.arange(len(logits))
        state, size = self.evaluate(at, logits, sharpness)
        found = np.zeros(len(logits), dtype=bool)
        for left in range(_STEPS, -1, -1):
            found[at[size <= _AT_THE_END]] = True
            on = ~(size <= _AT_THE_END)
            at, state, before = at[on], state[:, on], size[on]
            if not (len(at) and left):
                break
            policy, payoff, mismatch = state
            step = self.newton_step(at, policy, payoff, mismatch, sharpness)
            size, damping = np.full(len(at), np.nan), 1.0
            trying = np.arange(len(at))
            while len(trying) and damping >= _DAMPING:
                trial = logits[at[trying]] - damping * step[trying]
                state[:, trying], size[trying] = self.evaluate(at[trying], trial, sharpness)
                good = size[trying] <= (1 - 0.1 * damping) * before[trying]
                logits[at[trying[good]]] = trial[good]
                trying, damping = trying[~good], damping / 2
            kept = np.setdiff1d(np.arange(len(at)), trying)
            at, state, size = at[kept], state[:, kept], size[kept]
        return found

    def solve(self, tau: float) -> list[NewtonPoint | None]:
        """Return the solutions from the reference; None where Newton gets slow or rounding stays in the way."""
        logits = self.log_reference.copy()
        at = np.flatnonzero(self.newton(logits, 1.0 / tau))
        best, least = logits.copy(), np.full(len(logits), np.inf)
        for _ in range(_POLISHING_STEPS):
            log_policy = log_normalise(logits[at])
            policy = np.exp(log_policy)
            payoff = sum(split_product(self.skew[at], 0.5, split_each(policy)))
            log_best = log_normalise(self.log_reference[at] + payoff / tau)
            mismatch = log_policy - log_best
            residual = np.abs(policy - np.exp(log_best)).max(axis=1)
            better = residual <= np.maximum(least[at], _POLISHED)
            best[at[better]], least[at[better]] = log_policy[better], residual[better]
            exact = (np.abs(mismatch) <= _POLISHED_LOG * (1 - log_best)).all(axis=1)
            on = better & ~((residual <= _POLISHED) & exact)
            at, log_policy, policy, mismatch = at[on], log_policy[on], policy[on], mismatch[on]
            if not len(at):
                break
            step = self.newton_step(at, policy, self.margin(at, policy), mismatch, 1.0 / tau)
            logits[at] = log_policy - step
        return [
            NewtonPoint(best[i], float(least[i]), int(self.steps[i])) if least[i] <= RESIDUAL else None
            for i in range(len(best))
        ]
