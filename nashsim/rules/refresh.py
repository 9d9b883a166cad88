"""Refreshing the reference: regularised inner solves whose answers become the next reference.

Each inner game pulls towards where the last one ended, so the pull vanishes as
the iterates settle: what is reached is the equilibrium of the ORIGINAL game.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .one_call import MMD, OMD, proximal
from .rule import POLICY, REFERENCE, Rule, Theorem, mix


def last_of(inner: int | None, t: int | np.ndarray, default: int) -> float | np.ndarray:
    """Return 1 at the last iteration of every ``inner`` ones, else 0."""
    length = default if inner is None else int(inner)
    return ((np.asarray(t) + 1) % length == 0).astype(float)


class _Refreshed(Rule):
    """What the two names share: an inner step, then a refresh of the reference where it is due."""

    fixed_point = False
    target = "unregularised_gap"
    theorems = (
        Theorem(
            "kl_to_lottery",
            "last iterate, any tau: KL(pi*, .) to the original Nash policy does not increase over exact outer steps",
            "COMAL, arXiv 2410.23223 (second hand)",
            "paper",
        ),
    )
    _INNER = 100

    def steps(self, tau, t):
        """Return the inner step and the refresh, which does nothing but at the end of an inner solve."""
        due = last_of(self.inner, t, self._INNER)
        return (*self._solver().steps(tau, t), mix({POLICY: due, REFERENCE: 1 - due}, into=REFERENCE))

    def largest_eta(self, tau):
        """Return the end of the inner rule's range."""
        return self._solver().largest_eta(tau)


@dataclass(frozen=True)
class COMAL(_Refreshed):
    """COMAL: inner mirror descent against the current reference, refreshed every ``inner`` steps.

    log pi+ = (1 - eta tau) log pi + eta tau log ref + eta P(. ≻ pi); then ref <- pi.

    Parameters
    ----------
    step : float or None
        Forward step eta of the inner solver; ``None`` is the largest with a linear rate.
    inner : int or None
        Inner steps between refreshes; ``None`` is 100. Few make the inner solves inexact.

    References
    ----------
    Liu et al., arXiv 2410.23223 [paper, second hand].

    Examples
    --------
    >>> COMAL(inner=5).steps(0.1, 4)[-1].base["policy"]
    np.float64(1.0)
    """

    step: float | None = None
    inner: int | None = None

    name = "comal"
    update = (
        "log pi+ = (1 - eta tau) log pi + eta tau log ref + eta P(. ≻ pi);  ref <- pi every `inner` steps"
    )
    condition = OMD.condition
    source = "Liu et al., COMAL, arXiv 2410.23223"

    def _solver(self) -> Rule:
        return OMD(step=self.step)


@dataclass(frozen=True)
class MPO(_Refreshed):
    """Magnetic preference optimisation: inner magnetic mirror descent, the magnet refreshed every ``inner`` steps.

    log pi+ = [log pi + e tau log ref + e P(. ≻ pi)]/(1 + e tau); then ref <- pi.

    Parameters
    ----------
    prox_weight : float or None
        Proximal step e of the inner solver; ``None`` is 4 tau.
    inner : int or None
        Inner steps between refreshes; ``None`` is 100.

    References
    ----------
    Wang et al., arXiv 2410.16714 [paper, second hand].

    Examples
    --------
    >>> MPO(prox_weight=2.0).eta(tau=0.5)
    1.0
    """

    prox_weight: float | None = None
    inner: int | None = None

    name = "mpo"
    update = "log pi+ = [log pi + e tau log ref + e P(. ≻ pi)]/(1 + e tau);  ref <- pi every `inner` steps"
    condition = MMD.condition
    source = "Wang et al., Magnetic Preference Optimization, arXiv 2410.16714"

    def _solver(self) -> Rule:
        return MMD(prox_weight=self.prox_weight)

    @classmethod
    def with_eta(cls, eta, tau):
        """Return MPO with the inner forward step ``eta`` < 1/tau."""
        return cls(prox_weight=proximal(eta, tau, cls.name))
