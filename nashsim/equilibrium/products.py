"""The payoff A pi to the last digit, and the best response to it.

A residual of 1e-13 at tau = 1e-3 asks for A pi to 1e-16 in absolute terms, which is what a plain float64
product loses to rounding. Splitting both factors into a short head and a tail makes the leading product
exact, at BLAS speed and on every platform (np.longdouble is only float64 on some).
"""

from __future__ import annotations

import numpy as np

from ..logspace import log_normalise

# |A| <= 1/2 and sum(pi) <= 1 bound every partial sum of the heads' product by 1/2, and each is a
# multiple of 2^-53: 52 bits, so it is exact in whatever order it is summed.
_SKEW_GRID = 2.0**26
_POLICY_GRID = 2.0**27
_ROWS = 512


def accurate_margin(skew: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """Return A pi, rounded once: the error is eps |A pi| + n^2 2^-80, where a plain product has eps |A| pi.

    A pi = A_h pi_h + (A_h pi_l + A_l pi), heads on grids of 2^-26 and 2^-27: the first product has no
    rounding, the other two are below n 2^-28 and 2^-27 and round in float64 [derived]. Near an equilibrium
    the actions in play have payoffs of order tau, so that A pi/tau keeps full precision.

    Parameters
    ----------
    skew : ndarray, shape (..., actions, actions)
        A = P - 1/2, entries in [-1/2, 1/2].
    policy : ndarray, shape (..., actions)
        Probabilities.

    Returns
    -------
    ndarray, shape (..., actions)

    Examples
    --------
    >>> accurate_margin(np.array([[0.0, 0.3], [-0.3, 0.0]]), np.array([0.5, 0.5]))
    array([ 0.15, -0.15])
    """
    head = np.floor(policy * _POLICY_GRID) / _POLICY_GRID
    tail = (policy - head)[..., None]
    head, whole = head[..., None], policy[..., None]
    margin = np.empty(policy.shape)
    for first in range(0, skew.shape[-1], _ROWS):
        rows = slice(first, first + _ROWS)
        block = skew[..., rows, :]
        block_head = np.rint(block * _SKEW_GRID) / _SKEW_GRID
        margin[..., rows] = (block_head @ head + (block_head @ tail + (block - block_head) @ whole))[..., 0]
    return margin


def accurate_log_best_response(
    skew: np.ndarray, log_reference: np.ndarray, tau: float, policy: np.ndarray
) -> np.ndarray:
    """Return log BR_tau(pi), BR_tau(pi) ∝ mu exp(A pi/tau), from the accurate payoff.

    Parameters
    ----------
    skew : ndarray, shape (..., actions, actions)
    log_reference, policy : ndarray, shape (..., actions)
        log mu, and pi as probabilities.
    tau : float

    Returns
    -------
    ndarray, shape (..., actions)
    """
    return log_normalise(log_reference + accurate_margin(skew, policy) / tau)
