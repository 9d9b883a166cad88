"""What a regulariser is: a convex function of pi/mu, with its link, inverse link and conjugate."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..errors import NashsimError


@dataclass(frozen=True)
class Regulariser(abc.ABC):
    """R(pi) = sum_y mu(y) f(pi(y)/mu(y)) with f convex and f(1) = f'(1) = 0; J = pi^T P pi' - tau R(pi) + tau R(pi').

    A subclass gives ``name`` and the functions of the ratio u = pi/mu below, each on arrays; its parameter, if any, is
    its one dataclass field. Standing in a file of this folder it is found by its name, as ``name`` or ``name:number``.

    Notes
    -----
    Best response: pi = mu h((P pi' - lambda)/tau) with h = (f')^{-1}, 0 where that would be negative, and lambda the
    root of sum pi = 1. Equilibrium: tau f'(pi*/mu) = P pi* - lambda where pi* > 0, P pi* - lambda <= tau f'(0)
    elsewhere. Mirror step: f'(into/mu) = sum_k w_k f'(pi_k/mu) + eta P(. ≻ opponent) - lambda. All [derived].
    """

    #: Name in lower case with hyphens.
    name: ClassVar[str]
    #: f in one line of mathematics.
    formula: ClassVar[str]
    #: Values that the parameter may take, in words.
    accepted: ClassVar[str] = "> 0"
    #: sup f' where it is finite and values near it are many responses' lot: the anchored functions count from it.
    anchor: ClassVar[float] = 0.0
    #: ``anchored_inverse`` and ``slope`` of a number and the parameter, in plain arithmetic that numba compiles;
    #: ``None`` leaves runs to NumPy.
    scalar_inverse: ClassVar[Any] = None
    scalar_slope: ClassVar[Any] = None
    #: f of the ratio and the parameter in the same way, for learners, whose regret it measures.
    scalar_generator: ClassVar[Any] = None

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            number = isinstance(value, int | float | np.number) and math.isfinite(value)
            if not (number and self._accepts(value)):
                raise NashsimError(
                    f"{field.name}: the regulariser {self.name!r} needs a finite number {self.accepted},"
                    f" found {value!r}"
                )

    def _accepts(self, value: float) -> bool:
        return value > 0

    @property
    def parameter(self) -> float:
        """The number that the compiled functions are given; 0 where there is none."""
        return next((float(getattr(self, field.name)) for field in fields(self)), 0.0)

    @property
    def word(self) -> str:
        """The regulariser as the command line takes it: ``mixed``, ``mixed:2``."""
        own = [(getattr(self, field.name), field.default) for field in fields(self)]
        texts = [f"{v:g}" if float(f"{v:g}") == v else repr(float(v)) for v, default in own if v != default]
        return ":".join([self.name, *texts])

    @abc.abstractmethod
    def generator(self, ratio):
        """Return f(u)."""

    @abc.abstractmethod
    def link(self, ratio):
        """Return f'(u), increasing; -inf at 0 where f is steep there."""

    @abc.abstractmethod
    def inverse_link(self, value):
        """Return h(v) = the u >= 0 with f'(u) = v, and 0 below f'(0)."""

    @abc.abstractmethod
    def slope(self, ratio):
        """Return h'(v) at u = h(v), which is 1/f''(u), and 0 at u = 0."""

    def anchored_link(self, ratio):
        """Return f'(u) - anchor, to the last digit; the constant of normalisation takes up the difference."""
        return self.link(ratio)

    def anchored_inverse(self, value):
        """Return h(v + anchor), to the last digit."""
        return self.inverse_link(value)

    @abc.abstractmethod
    def divergence(self, ratio, other):
        """Return f(u) - f(w) - f'(w)(u - w) >= 0 for u = ``ratio``, w = ``other``, without cancellation."""

    def conjugate(self, value):
        """Return f*(v) = max_{u >= 0} u v - f(u) = v h(v) - f(h(v)); an error of h counts by its square."""
        ratio = self.inverse_link(value)
        return value * ratio - self.generator(ratio)

    @property
    @abc.abstractmethod
    def floor(self) -> float:
        """f'(0): responses whose value lies below it get no mass; -inf where every response keeps some."""

    @abc.abstractmethod
    def strong_convexity(self, least_mass: float) -> float:
        """Return m with R(p) >= R(q) + <grad R(q), p - q> + (m/2)|p - q|_1^2 for policies p, q.

        Parameters
        ----------
        least_mass : float
            min mu over its support, which only regularisers without a modulus for every mu depend on.
        """

    def cvxpy_generator(self, ratio: Any) -> Any:
        """Return f(u) of a CVXPY expression, convex."""
        raise self._no_witness()

    def cvxpy_conjugate(self, value: Any) -> tuple[Any, list]:
        """Return f*(v) of a CVXPY expression, convex, and constraints on variables that it brought along."""
        raise self._no_witness()

    def _no_witness(self) -> NashsimError:
        return NashsimError(
            f"method: the regulariser {self.name!r} has no form for CVXPY; use method='newton', or give it"
            " cvxpy_generator and cvxpy_conjugate"
        )
