"""What rounding may do, and measurements of errors against it."""

from __future__ import annotations

import numpy as np

from .claim import Evidence
from .instance import Stack

EPS = np.finfo(float).eps
ONCE = np.array([0])


def once(measured, bound, slack=0.0) -> Evidence:
    """Return the evidence of one measurement an instance.

    Parameters
    ----------
    measured, bound, slack : array_like, shape (instances,)
        An error and its tolerance, or what is measured, what bounds it, and what rounding may add to it.
    """

    def column(values):
        return np.broadcast_to(values, np.shape(measured))[:, None]

    return Evidence(ONCE, column(measured), column(bound), column(slack), x_label="")


def payoff(stack: Stack, log_policy: np.ndarray) -> np.ndarray:
    """Return P(. ≻ pi) - 1/2, written out, shape (instances, actions).

    Parameters
    ----------
    stack : Stack
    log_policy : ndarray, shape (instances, actions)
    """
    return np.einsum("kyz,kz->ky", stack.skew, np.exp(log_policy))


def logit_rounding(stack: Stack, *log_policies: np.ndarray) -> np.ndarray:
    """Return what rounding may do to log mu + P pi/tau and to logits, shape (instances,).

    Sums of n products of numbers below 1 divided by tau, and logarithms of the given size: at most (n + 4) eps/tau
    and a few eps each; a factor 8 covers the operations after them.

    Parameters
    ----------
    stack : Stack
    *log_policies : ndarray, shape (instances, actions)
    """
    size = np.max([np.abs(log).max(axis=-1) for log in (stack.log_reference, *log_policies)], axis=0)
    return 8 * EPS * ((stack.actions + 4) / stack.tau + size)
