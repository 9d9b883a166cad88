"""The language of mirror steps: what a rule is, for the engine, the learners and llm_bridge alike.

Every algorithm here is a short list of mirror steps

    log into = sum_k base[k] log k + eta * P(. ≻ opponent) + const,
    log opponent = sum_k opponent[k] log k + const,

over named policies k; an approximate version climbs the same objective by
gradient steps on the logits instead. A rule states those numbers once, in the
notation of its paper; nothing else in the project repeats a coefficient.

Who carries out the steps differs in what a step without an opponent costs. The
engine and the learners mix log-probabilities, exactly and at the price of an
exponential. A language model has no table to mix: llm_bridge copies the weights
where one policy has the whole base, and else fits the mixture as it fits every
other step, on sampled pairs, so that a copy is free and a mixture as dear as a
query; Nash-EMA alone averages parameters, a departure that is told. Rules that
are cheap there ask and mix in one step, and copy.
"""

from __future__ import annotations

import abc
import math
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..errors import NashsimError, StepSizeWarning

#: The policy that is trained; a rule's last step writes it.
POLICY = "policy"
#: The reference policy mu.
REFERENCE = "reference"
#: The extrapolated policy of two-call rules.
HALF = "half"

#: A number, or an array of numbers over steps t.
Number = float | np.ndarray


@dataclass(frozen=True)
class MirrorStep:
    """One mirror step: log into = sum_k base[k] log k + eta P(. ≻ opponent) + const.

    Attributes
    ----------
    base : mapping of str to Number
        Weights of the geometric mixture the step starts from; they sum to one.
    opponent : mapping of str to Number
        Weights of the mixture that is queried; they sum to one. Empty where
        the step asks nothing and only mixes: a copy, an average, a refresh.
        Those of an arithmetic mixture may be negative: P(. ≻ 2 p - q) is
        2 P(. ≻ p) - P(. ≻ q), one query; it is sampled policy by policy.
    eta : Number
        The forward step, in units of 1/payoff.
    into : str
        The policy that the step writes.
    arithmetic : bool
        Whether the opponent is the arithmetic mixture sum_k opponent[k] pi_k,
        whose payoff is the mean of payoffs, instead of the geometric one.
    """

    base: Mapping[str, Number]
    opponent: Mapping[str, Number]
    eta: Number
    into: str = POLICY
    arithmetic: bool = False


@dataclass(frozen=True)
class RankingStep(MirrorStep):
    """A mirror step along the scores that a logistic fit reads off ranked pairs, in place of the payoffs themselves.

    log into = sum_k base[k] log k + eta w + const with w = argmax sum_yz W(y,z) log sigma(w_y - w_z) - (ridge/2) |w|^2,
    where W(y,z) is the share of pairs y, z ~ opponent kept with y as the better one: those whose win rates P(. ≻
    opponent) differ by ``margin`` or more. Under feedback of kind ``pairs`` they are kept from batches of sampled
    ``responses``, ranked by their win rates within the batch.

    Attributes
    ----------
    base, opponent, eta, into, arithmetic
        As for a mirror step; eta is 1/b in log sigma(b D(pi/pi_t)).
    margin : float
        Difference in win rate, > 0.
    ridge : float
        > 0.
    responses : int
        Responses in a batch, >= 2.
    """

    margin: float = 0.1
    ridge: float = 0.01
    responses: int = 5


@dataclass(frozen=True)
class GradientStep:
    """One step of policy gradient on the logits of a softmax policy: log into = log at + eta g + const.

    g = q ⊙ (v - <q, v>) with v = P(. ≻ opponent) + sum_k score[k] log k. For q = pi, the policy ``at``, this is the
    gradient in the logits of E_{y ~ pi}[v(y)] with v held fixed, and also that of its regularised form, since
    E_{y ~ pi}[grad log pi(y)] = 0; no gradient passes through the opponent. Under sampled responses it is estimated
    by the mean of (e_y - pi) [I - 1/2 + s(y)], y ~ pi, I the outcome against z ~ opponent, s = sum_k score[k] log k.

    Attributes
    ----------
    opponent : mapping of str to Number
        Weights of the geometric mixture that is queried; they sum to one.
    score : mapping of str to Number
        Weights of the log-policies in v; they sum to zero: -tau and tau on the policy and mu are -tau KL(pi || mu).
    eta : Number
        The learning rate, in units of 1/payoff.
    at : str
        The policy whose logits move.
    into : str
        The policy that the step writes.
    pairwise : bool
        Whether both responses of a duel come from the opponent, q = opponent, and both learn, as under a loss on
        pairs; the estimator then is the mean of (e_y - e_z) [I - 1/2 + s(y) - s(z)]/2.
    """

    opponent: Mapping[str, Number]
    score: Mapping[str, Number]
    eta: Number
    at: str = POLICY
    into: str = POLICY
    pairwise: bool = False
    arithmetic: ClassVar[bool] = False

    @property
    def base(self) -> dict[str, float]:
        """The mixture that the step starts from, as for a mirror step: the policy ``at`` alone."""
        return {self.at: 1.0}


#: What a rule is a list of.
Step = MirrorStep | GradientStep


def mix(base: Mapping[str, Number], into: str) -> MirrorStep:
    """Return the step that only mixes, log into = sum_k base[k] log k + const, and asks nothing."""
    return MirrorStep(base, {}, 0.0, into=into)


def opponents(step: Step) -> list[tuple[Number, Mapping[str, Number]]]:
    """Return mixtures that can be drawn from and their weights: the weighted sum of their payoffs is that of the step.

    It is one mixture of weight 1 unless a weight of an arithmetic one is negative, where every policy stands alone.

    Examples
    --------
    >>> opponents(MirrorStep({"policy": 1.0}, {"policy": 2.0, "previous": -1.0}, 0.5, arithmetic=True))
    [(2.0, {'policy': 1.0}), (-1.0, {'previous': 1.0})]
    """
    if not step.arithmetic or np.min(list(step.opponent.values())) >= 0:
        return [(1.0, step.opponent)]
    return [(weight, {name: 1.0}) for name, weight in step.opponent.items() if np.any(weight)]


@dataclass(frozen=True)
class Start:
    """What a bound may know of the first policy pi_0.

    Attributes
    ----------
    kl : float
        KL(pi* || pi_0), in nats.
    log_ratio : float
        max |log pi_0 / mu|; 0 for a start at the reference.
    diameter : float
        max_pi KL(pi || pi_0) = max_y -log pi_0(y), in nats; log n for a uniform start.
    """

    kl: float
    log_ratio: float = 0.0
    diameter: float = math.inf


@dataclass(frozen=True)
class Theorem:
    """What is proved of a rule, and how far to trust it.

    Attributes
    ----------
    metric : str
        Name of the recorded metric that is bounded.
    statement : str
        The bound in mathematics.
    source : str
    tag : str
        ``paper``, ``code``, ``derived`` or ``recalled``, as far as it was verified.
    bound : callable or None
        ``bound(rule, tau, steps, start)``: the right-hand side after each of
        ``steps`` whole steps; ``None`` where the constants are not known.
    """

    metric: str
    statement: str
    source: str
    tag: str
    bound: Callable[..., np.ndarray] | None = None


@dataclass(frozen=True)
class Rule(abc.ABC):
    """An algorithm as a list of steps; subclasses are small frozen dataclasses of step sizes.

    A subclass gives its parameters as dataclass fields (``None`` means the
    default its theorem recommends), its texts as class attributes, the methods
    ``steps`` and ``largest_eta``, and ``with_eta`` where its parameter is not
    the forward ``step`` itself.
    """

    #: Name in lower case with hyphens.
    name: ClassVar[str]
    #: The update in one line of mathematics.
    update: ClassVar[str]
    #: The step-size condition of the theorems, in words of mathematics.
    condition: ClassVar[str]
    theorems: ClassVar[tuple[Theorem, ...]]
    source: ClassVar[str]
    #: Whether the rule uses tau; one that does not seeks the equilibrium of the unregularised game.
    regularised: ClassVar[bool] = True
    #: Whether pi* is an exact fixed point at every constant step.
    fixed_point: ClassVar[bool] = True
    #: The metric that the rule is proved, or meant, to bring to zero.
    target: ClassVar[str] = "duality_gap"
    #: The policy whose mean over steps is the average iterate.
    played: ClassVar[str] = POLICY
    #: Parameters that may be 0.
    may_vanish: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            vanishing = field.name in self.may_vanish
            if value is None or (vanishing and value == 0):
                continue
            if not _is_positive(value):
                raise NashsimError(
                    f"{field.name}: the rule {self.name!r} needs a finite number"
                    f" {'>= 0' if vanishing else '> 0'}, found {value!r}"
                )
            if field.name == "decay" and not value < 1:
                raise NashsimError(f"decay: a weight below 1 is needed, found {value}")
            if "int" in str(field.type) and value != int(value):
                raise NashsimError(
                    f"{field.name}: the rule {self.name!r} needs a whole number, found {value!r}"
                )

    @abc.abstractmethod
    def steps(self, tau: Any, t: int | np.ndarray) -> tuple[Step, ...]:
        """Return the steps of iteration ``t`` = 0, 1, ... (an int, or an array of them)."""

    @classmethod
    def with_eta(cls, eta: float, tau: float) -> Rule:
        """Return the rule of this family whose forward step is the constant ``eta``."""
        return cls(step=eta)  # type: ignore[call-arg]  # families with another parameter override this

    @abc.abstractmethod
    def largest_eta(self, tau: Any) -> float:
        """Return the largest constant forward step that the condition admits."""

    @cached_property
    def init(self) -> dict[str, str]:
        """Every named policy of the rule, and where it starts: at ``POLICY``, the first policy pi_0, or ``REFERENCE``.

        The trained policy comes first, then the reference, then what the steps write, in their order. A rule with a
        policy that starts at mu overrides this.
        """
        written = [step.into for step in self.steps(1.0, 0)]
        return {POLICY: POLICY, REFERENCE: REFERENCE} | {
            name: POLICY for name in written if name not in (POLICY, REFERENCE)
        }

    @cached_property
    def stationary(self) -> bool:
        """Whether every number of the rule is the same at every iteration; one that is not comes as an array."""
        steps = self.steps(1.0, np.arange(2))
        mixtures = [m for s in steps for m in (s.base, s.opponent, getattr(s, "score", {}))]
        numbers = [weight for mixture in mixtures for weight in mixture.values()]
        return all(np.ndim(number) == 0 for number in [*numbers, *(step.eta for step in steps)])

    @cached_property
    def constant(self) -> bool:
        """Whether the forward step is the same at every iteration."""
        return self.eta(1.0, 0) == self.eta(1.0, 9)

    @cached_property
    def queries_per_step(self) -> int:
        """Payoff vectors P(. ≻ opponent) asked for in one iteration."""
        return sum(bool(step.opponent) for step in self.steps(1.0, 0))

    def eta(self, tau: float | None, t: int = 0) -> float:
        """Return the forward step of iteration ``t``: that of its last query."""
        return float([step.eta for step in self.steps(tau, t) if step.opponent][-1])

    def admits(self, tau: float | None) -> bool:
        """Whether the step lies inside the condition of the theorems, to rounding."""
        return not self.constant or self.eta(tau) <= self.largest_eta(tau) * (1 + 1e-9)

    def warn_outside(self, tau: float | None) -> None:
        """Issue a StepSizeWarning, naming the condition, where the step lies outside it."""
        if not self.admits(tau):
            warnings.warn(
                f"{self.name}: eta = {self.eta(tau):.6g} is outside the condition {self.condition}"
                f" (= {self.largest_eta(tau):.6g} at tau = {tau:g}); the run goes on without a guarantee",
                StepSizeWarning,
                stacklevel=_callers_level(),
            )

    def bound(self, metric: str, tau: float | None, steps: np.ndarray, start: Start) -> np.ndarray | None:
        """Return the tightest proved bound on ``metric`` after each of ``steps``, or None where there is none.

        Parameters
        ----------
        metric : str
        tau : float or None
        steps : ndarray of int, shape (records,)
            Whole iterations done.
        start : Start

        Returns
        -------
        ndarray, shape (records,), or None
        """
        if not self.admits(tau):
            return None
        bounds = [
            th.bound(self, tau, steps, start) for th in self.theorems if th.metric == metric and th.bound
        ]
        return np.min(bounds, axis=0) if bounds else None


def _callers_level() -> int:
    """Return the ``stacklevel`` that points a warning of the function calling this at whoever called the package."""
    frame, level = sys._getframe(1), 1
    while (
        frame.f_back is not None
        and frame.f_globals.get("__name__", "").split(".")[0] == __name__.split(".")[0]
    ):
        frame, level = frame.f_back, level + 1
    return level


def _is_positive(value) -> bool:
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and math.isfinite(value) and bool(value > 0)


def linear_rate(rule: Rule, tau: float, steps: np.ndarray, start: Start) -> np.ndarray:
    """Return KL_0 rho^T with rho = 1 - eta tau, the last-iterate bound of constant-step rules."""
    return start.kl * (1 - rule.eta(tau) * tau) ** np.asarray(steps, dtype=float)
