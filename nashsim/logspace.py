"""Arithmetic on log-probabilities, exact at the edges of the simplex.

Policies are log-probabilities throughout; an action outside the support has
log-probability -inf.
"""

from __future__ import annotations

import numpy as np


def log_normalise(logits: np.ndarray) -> np.ndarray:
    """Return ``logits - log sum exp(logits)`` along the last axis.

    Parameters
    ----------
    logits : ndarray, shape (..., actions)
        Unnormalised log-weights; -inf marks an action without mass.
    """
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - np.maximum.reduce(logits, axis=-1, keepdims=True)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=-1, keepdims=True))


def geometric_mixture(weights, log_policies) -> np.ndarray:
    """Return the unnormalised log-mixture ``sum_k w_k log pi_k``.

    A zero weight erases its policy; an action that any other policy lacks is
    absent from the mixture, whatever the sign of the weight.

    Parameters
    ----------
    weights : iterable of float
    log_policies : iterable of ndarray, each shape (..., actions)
    """
    total, absent = 0.0, False
    for weight, log_policy in zip(weights, log_policies, strict=True):
        if weight != 0.0:
            missing = log_policy == -np.inf
            total = total + weight * np.where(missing, 0.0, log_policy)
            absent = absent | missing
    return np.where(absent, -np.inf, total)


def kl(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """Return KL(p || q) = sum p log(p/q) along the last axis, in nats.

    Computed as ``sum p (d - 1 + exp(-d))`` with ``d = log(p/q)``: for normalised
    p and q the added terms sum to zero, every summand is non-negative, and so
    nothing cancels. Divergences far below machine epsilon stay meaningful.

    Parameters
    ----------
    log_p, log_q : ndarray, shape (..., actions)
        Normalised log-probabilities (broadcast against each other).

    Returns
    -------
    ndarray, shape (...)
        ``inf`` where p has mass that q lacks.
    """
    log_p, log_q = np.asarray(log_p, float), np.asarray(log_q, float)
    if log_p.shape != log_q.shape:
        log_p, log_q = np.broadcast_arrays(log_p, log_q)
    present = log_p != -np.inf  # NaN stays NaN
    with np.errstate(invalid="ignore", over="ignore"):
        d = np.where(present, log_p - log_q, 0.0)
        series = d * d * (0.5 - d * (1 / 6 - d * (1 / 24 - d / 120)))
        bregman = np.where(np.abs(d) < 1e-3, series, d + np.expm1(-d))
        p, q = np.exp(log_p), np.exp(log_q)
        # p (exp(-d)) is q: write it so where exp(-d) alone would overflow.
        inside = np.where(d < -500, p * (d - 1) + q, p * bregman)
    return np.where(present, inside, q).sum(axis=-1)


def span(values: np.ndarray) -> np.ndarray:
    """Return the span semi-norm ``max - min`` along the last axis.

    Parameters
    ----------
    values : ndarray, shape (..., actions)
        NaN entries (actions outside the support) are ignored.
    """
    return np.nanmax(values, axis=-1) - np.nanmin(values, axis=-1)
