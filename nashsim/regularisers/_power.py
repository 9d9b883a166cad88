"""Divergences of powers, without cancellation: the one function behind KL, chi2, forward KL and Tsallis."""

from __future__ import annotations

import numpy as np

_NEAR = 0.05
_TERMS = 14


def power_divergence(ratio, q: float, distance=None):
    """Return (r^q - 1 - q (r - 1))/(q (q - 1)), r log r - r + 1 at q = 1 and r - 1 - log r at q = 0.

    With L_p = (r^p - 1)/p it is (r L_(q-1) - (r - 1))/q, and (r - 1 - L_q)/(1 - q) below q = 1/2, so that q
    near 1 or 0 costs nothing. Near r = 1 by its binomial series, sum_k>=2 (q-2)...(q-k+1) (r-1)^k/k!, so that nothing
    cancels there.

    Parameters
    ----------
    ratio : array_like
        r >= 0.
    q : float
    distance : array_like or None
        r - 1, where it is known to more digits than r itself gives.

    Examples
    --------
    >>> float(power_divergence(3.0, 2.0).round(12)), float(power_divergence(1.0, 1.0, distance=1e-20))
    (2.0, 5e-41)
    """
    ratio = np.asarray(ratio)
    distance = ratio - 1 if distance is None else np.asarray(distance)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if q >= 0.5:
            far = (
                np.where(ratio > 0, ratio * _power_log(np.where(ratio > 0, ratio, 1), q - 1), 0) - distance
            ) / q
        else:
            far = (distance - _power_log(ratio, q)) / (1 - q)
        near = np.zeros_like(distance)
        for k in range(
            _TERMS, 1, -1
        ):  # Horner: distance^2/2 (1 + (q-2) distance/3 (1 + (q-3) distance/4 (...
            near = 1 + (q - k) * distance / (k + 1) * near
        return np.where(np.abs(distance) < _NEAR, distance * distance / 2 * near, far)


def _power_log(ratio, p: float):
    """Return (r^p - 1)/p, log r at p = 0."""
    log_ratio = np.log(ratio)
    return np.expm1(p * log_ratio) / p if p else log_ratio
