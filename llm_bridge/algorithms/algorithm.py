"""An algorithm: a rule of nashsim, and how its steps are fitted to responses.

Every coefficient of a step is the rule's. What is added here is where responses come from, what the judge is asked
of them, and which loss carries the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE, GradientStep, MirrorStep, Rule

from .fits import Fit, get_fit
from .labels import BEST_WORST, IID

#: pi_{t-1}, kept for ENPO's Step B.
PREVIOUS = "previous iterate"


@dataclass(frozen=True)
class StepB:
    """ENPO's Step B, pihat ∝ pi_{t-1} (pi_t/pi_{t-1})^{sign/beta}: the second response of a pair comes from it.

    Attributes
    ----------
    beta : float
        0.05 in the paper's language-model recipe [code].
    sign : int
        1 or -1.
    """

    beta: float = 0.05
    sign: int = 1
    #: Whether pi_{t-1} is kept for it.
    keeps_previous: ClassVar[bool] = True


@dataclass(frozen=True)
class Oracle:
    """The elliptical oracle: the second response of a pair is the one compared least, in directions of its features.

    Attributes
    ----------
    ridge : float
        lambda of V = lambda I + sum of (phi(y) - phi(y'))(phi(y) - phi(y'))^T over the pairs so far.
    candidates : int
        K of the best of K, where features are not classes with known openings.
    """

    ridge: float = 1.0
    candidates: int = 16
    keeps_previous: ClassVar[bool] = False

    def __post_init__(self):
        if not self.ridge > 0 or self.candidates < 1:
            raise NashsimError(
                f"ridge, candidates: > 0 and >= 1 are needed, found {self.ridge}, {self.candidates}"
            )


@dataclass(frozen=True)
class Algorithm:
    """A rule and the way it is fitted.

    Attributes
    ----------
    name : str
    rule : Rule
        The only place of coefficients.
    fit : Fit
        The loss that carries its steps; given by a name, by ``module:Class``, as a class or as an instance.
    labels : str
        ``"duels"``: differences of win rates against comparators z ~ opponent, right for pairs of any distribution;
        ``"winner"``: the winner of the pair itself, right for i.i.d. draws from the opponent alone.
    pairs : mapping of str to float, or None
        Named policies that responses are drawn from; ``None`` is the step's opponent.
    second : mapping of str to float, or None
        The same for the second response of a pair; ``None`` is ``pairs``, and the pair is i.i.d.
    responses : int
        K, responses a prompt (of each source where there are two).
    comparators : int
        n_z, comparators a prompt.
    selection : str
        ``"iid"``: all pairs of the K; ``"best-worst"``: the best against the worst of them, a biased departure.
    level : str
        ``"sequence"`` or ``"token"``: what a geometric mixture of policies mixes.
    every_step : bool
        One optimiser step a batch, by an optimiser that lives on, instead of a fit.
    anchor : float
        alpha of the SFT term -alpha E_{z ~ pi_t} log pi(z), or of XPO's optimism.
    explorer : StepB, Oracle or None
        Whom the second response of a pair comes from, where it is not a policy of the rule.
    replay : bool
        Whether pairs of all iterations so far are fitted, with fresh comparators.
    averaged : tuple of str
        Policies of the rule that are moving averages of parameters, as in their papers, where the rule averages
        logits: a departure. Every other mixture of policies is fitted.
    """

    name: str
    rule: Rule
    fit: Fit
    labels: str = "duels"
    pairs: Mapping[str, float] | None = field(default_factory=lambda: {POLICY: 1.0})
    second: Mapping[str, float] | None = None
    responses: int = 2
    comparators: int = 1
    selection: str = IID
    level: str = "sequence"
    every_step: bool = False
    anchor: float = 0.0
    explorer: StepB | Oracle | None = None
    replay: bool = False
    averaged: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "fit", get_fit(self.fit))
        if self.labels not in ("duels", "winner") or self.selection not in (IID, BEST_WORST):
            raise NashsimError(
                f"labels, selection: 'duels' or 'winner' and {IID!r} or {BEST_WORST!r} are needed,"
                f" found {self.labels!r} and {self.selection!r}"
            )
        if self.labels not in self.fit.accepts:
            raise NashsimError(
                f"labels: the fit {self.fit!r} understands {' and '.join(map(repr, self.fit.accepts))},"
                f" found {self.labels!r}"
            )
        if self.responses < 1 or self.comparators < 1 or self.anchor < 0:
            raise NashsimError("responses, comparators, anchor: >= 1, >= 1 and >= 0 are needed")
        if self.anchor and self.fit.anchor_of is None:
            raise NashsimError(f"anchor: a loss on single responses, {self.fit!r}, takes none")
        written = [step.into for step in self.rule.steps(1.0, 0)]
        for name in self.averaged:
            if name not in written:
                raise NashsimError(
                    f"averaged: {self.rule.name} writes {', '.join(map(repr, written))}, and its moving averages must"
                    f" be of these; found {name!r}"
                )
        if self.needs_pairs and self.responses < 2 and self.second is None and not self.explorer:
            raise NashsimError(
                f"responses: {self.name} compares responses of a prompt; at least 2 are needed"
            )

    @property
    def needs_pairs(self) -> bool:
        """Whether the loss is on pairs."""
        return self.fit.needs_pairs

    @property
    def keeps_previous(self) -> bool:
        """Whether pi_{t-1} is kept."""
        return self.explorer is not None and self.explorer.keeps_previous

    @property
    def one_step(self) -> bool:
        """Whether a batch is followed for one optimiser step, and not fitted."""
        return self.every_step or not self.fit.takes_minibatches

    @property
    def follows_target(self) -> bool:
        """Whether a step is pulled towards a policy of the rule's own, a target or centre that follows the policy."""
        asked = [step for step in self.rule.steps(1.0, 0) if step.opponent]
        pulls = {name for step in asked for name in getattr(step, "score", step.base)}
        return bool(pulls - {POLICY, REFERENCE, *(step.into for step in asked)})

    @property
    def own_responses_only(self) -> str | None:
        """Why responses of a teacher cannot stand beside the policy's own, or None where they can.

        Ranks within a batch, and differences of win rates against the opponent, are right for pairs of any
        distribution [derived]; a winner's label and the gradient of one step are right for the rule's own alone.
        """
        if not self.needs_pairs:
            return "its loss is on single responses, not on pairs"
        if self.labels == "winner":
            return "winner labels are right only for pairs from the rule's own distribution"
        if self.every_step:
            return "its gradient steps are right only for pairs of the policy's own"
        if self.second is not None or self.explorer:
            return "the second response of its pairs has a source already"
        return None

    @property
    def departure(self) -> str | None:
        """What keeps a fit from being the rule's own step, or None."""
        told = []
        if self.selection == BEST_WORST:
            told.append("best-against-worst pairs: biased, the fitted spread grows with K")
        if self.averaged:
            told.append(f"{', '.join(self.averaged)}: an average of parameters, and not of logits")
        if self.fit.departure:
            told.append(self.fit.departure)
        return "; ".join(told) or None

    def fitted(self, step: MirrorStep | GradientStep) -> tuple[Algorithm, MirrorStep | GradientStep] | None:
        """Return how a step of the rule is fitted, or None where copying or averaging parameters does it.

        A step that only mixes, wherever it is written, is fitted as one of length zero: by regression, which any pairs
        allow, and which asks the judge nothing.

        Parameters
        ----------
        step : MirrorStep or GradientStep

        Returns
        -------
        algorithm : Algorithm
            This one, or that of mixtures.
        step : MirrorStep or GradientStep
            The step as that algorithm carries it.
        """
        if step.opponent:
            return self, self.carried(step)
        weights = [float(weight) for weight in step.base.values() if float(weight) != 0.0]
        if weights == [1.0] or step.into in self.averaged:
            return None
        return self.of_mixtures, replace(step, opponent={POLICY: 1.0}, eta=0.0)

    @property
    def of_mixtures(self) -> Algorithm:
        """The algorithm that fits this one's mixtures: pairs of the policy, regression, nothing else."""
        return Algorithm(self.name, self.rule, get_fit("regression"), responses=max(2, self.responses))

    def carried(self, step: MirrorStep | GradientStep) -> MirrorStep | GradientStep:
        """Return the step in the form that the loss takes.

        Parameters
        ----------
        step : MirrorStep or GradientStep
            With an opponent.
        """
        return self.fit.carried(step, self.every_step)
