"""The normalisation that makes link values a policy, and divergences of policies."""

from __future__ import annotations

import numpy as np

from .regulariser import Regulariser

_MOST_STEPS = 200
_NEAR = 1e-9


def normalise(regulariser: Regulariser, mass: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return z = values - lambda with sum mu h(z + anchor) = 1, clipped at the floor f'(0), along the last axis.

    lambda by Newton's method between max(values - f'(1/mu)), where one response alone would have mass 1, and
    max(values) - f'(1), where none exceeds mu; the sum falls in lambda, so the bracket always holds. Values are
    anchored ones (``Regulariser.anchored_link``) and counted from the largest; where f' is unbounded then once more
    from the one whose mass rounding moves most, largest mu h'(z).

    Parameters
    ----------
    regulariser : Regulariser
    mass : ndarray, shape (..., actions)
        mu; responses of mass 0 take no part.
    values : ndarray, shape (..., actions)
        Link values up to a constant; those of responses of mass 0 are not read.

    Returns
    -------
    ndarray, shape (..., actions)
        Link values of a policy, that of the ratio 1 where mu has no mass.

    Examples
    --------
    >>> from nashsim.regularisers.chi2 import Chi2
    >>> normalise(Chi2(), np.full(3, 1 / 3), np.array([4.0, 1.0, 0.0]))
    array([ 2., -1., -1.])
    """
    mass, values = np.broadcast_arrays(mass, values)
    present = mass > 0
    values = np.where(present, values, -np.inf)
    found = _from(regulariser, mass, values, values.argmax(axis=-1)[..., None])
    if regulariser.anchor:
        return found
    moved = mass * regulariser.slope(regulariser.anchored_inverse(found))
    return _from(regulariser, mass, values, moved.argmax(axis=-1)[..., None])


def _from(regulariser: Regulariser, mass: np.ndarray, values: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Return :func:`normalise` with values counted from that at ``origin``, shape (..., 1)."""
    present = mass > 0
    values = values - np.take_along_axis(values, origin, -1)
    with np.errstate(over="ignore"):
        alone = regulariser.anchored_link(1 / np.where(present, mass, 1.0))
    low = (values - alone).max(axis=-1, keepdims=True)
    high = np.maximum(values.max(axis=-1, keepdims=True) - regulariser.anchored_link(1.0), low)
    values = np.where(present, values, 0.0)
    shift, before = low.copy(), np.inf
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(_MOST_STEPS):
            ratio = regulariser.anchored_inverse(values - shift)
            excess, slope = _total(mass, ratio) - 1, _total(mass, regulariser.slope(ratio))
            low = np.where(excess >= 0, np.maximum(low, shift), low)
            high = np.where(excess <= 0, np.minimum(high, shift), high)
            stepped = shift + excess / slope
            after = np.where((stepped >= low) & (stepped <= high), stepped, (low + high) / 2)
            # At rounding the sum is 1 as closely as it can be told, or no step brings it closer.
            off = np.abs(excess)
            done = (after == shift) | (off <= np.finfo(float).eps) | ((off < _NEAR) & (off >= before))
            before = off
            shift = np.where(done, shift, after)
            if done.all():
                break
    return np.where(present, np.maximum(values - shift, regulariser.floor), regulariser.anchored_link(1.0))


def _total(mass: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    return np.where(mass > 0, mass * ratio, 0.0).sum(axis=-1, keepdims=True)


def ratios(log_policy: np.ndarray, log_reference: np.ndarray) -> np.ndarray:
    """Return pi/mu, 1 where mu has no mass; both of shape (..., actions)."""
    present = log_reference > -np.inf
    with np.errstate(invalid="ignore"):
        return np.where(
            present, np.exp(np.where(present, log_policy, 0.0) - np.where(present, log_reference, 0.0)), 1.0
        )


def divergence(
    regulariser: Regulariser, log_reference: np.ndarray, log_policy: np.ndarray, log_other: np.ndarray
) -> np.ndarray:
    """Return the Bregman divergence D_R(pi, q) = R(pi) - R(q) - <grad R(q), pi - q> along the last axis.

    It is KL(pi || q) for KL. ``inf`` where pi has mass outside the reference's support.

    Parameters
    ----------
    regulariser : Regulariser
    log_reference, log_policy, log_other : ndarray, shape (..., actions)
        log mu, log pi and log q.
    """
    inside = regulariser.divergence(ratios(log_policy, log_reference), ratios(log_other, log_reference))
    present = log_reference > -np.inf
    total = np.where(present, np.exp(log_reference) * np.where(present, inside, 0.0), 0.0).sum(axis=-1)
    return np.where(((log_policy > -np.inf) & ~present).any(axis=-1), np.inf, total)
