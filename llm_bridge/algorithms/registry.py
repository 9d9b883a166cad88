"""Named algorithms: a rule of nashsim, and how its steps are fitted to responses.

Every coefficient of a step is the rule's. What is added here is where responses come from, what the judge is asked
of them, and which loss carries the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from nashsim.errors import NashsimError, unknown_name
from nashsim.rules import (
    COMAL,
    DNO,
    EGPO,
    INPO,
    IPOMD,
    MNPO,
    POLICY,
    REFERENCE,
    RULES,
    SPPO,
    BestResponse,
    DNOPrct,
    GradientStep,
    MirrorStep,
    NashEMA,
    NashMD,
    NashMDPG,
    NashMP,
    NashMPSGD,
    NashProx,
    NashProxSGD,
    OnlineIPO,
    Rule,
)

from .labels import BEST_WORST, IID
from .step_conversion import climbing, stationary

#: Losses that a step may be carried by.
FITS = ("regression", "logistic", "ranked", "pointwise", "policy-gradient", "dpo", "xpo", "kto")
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
    fit : str
        One of ``FITS``.
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
    """

    name: str
    rule: Rule
    fit: str
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

    def __post_init__(self):
        if self.fit not in FITS:
            raise unknown_name("fit", self.fit, FITS)
        if self.labels not in ("duels", "winner") or self.selection not in (IID, BEST_WORST):
            raise NashsimError(
                f"labels, selection: 'duels' or 'winner' and {IID!r} or {BEST_WORST!r} are needed,"
                f" found {self.labels!r} and {self.selection!r}"
            )
        if self.responses < 1 or self.comparators < 1 or self.anchor < 0:
            raise NashsimError("responses, comparators, anchor: >= 1, >= 1 and >= 0 are needed")
        if self.anchor and not self.needs_pairs:
            raise NashsimError(f"anchor: a loss on single responses, {self.fit!r}, takes none")
        if self.needs_pairs and self.responses < 2 and self.second is None and not self.explorer:
            raise NashsimError(
                f"responses: {self.name} compares responses of a prompt; at least 2 are needed"
            )

    @property
    def needs_pairs(self) -> bool:
        """Whether the loss is on pairs."""
        return self.fit not in ("policy-gradient", "pointwise", "kto")

    @property
    def own_responses_only(self) -> str | None:
        """Why responses of a teacher cannot stand beside the policy's own, or None where they can.

        Ranks within a batch, and differences of win rates against the opponent, are right for pairs of any
        distribution [derived]; a winner's label and the gradient of one step are right for the rule's own alone.
        """
        if not self.needs_pairs:
            return "its loss is on single responses, not on pairs"
        if self.fit != "ranked" and self.labels == "winner":
            return "winner labels are right only for pairs from the rule's own distribution"
        if self.every_step:
            return "its gradient steps are right only for pairs of the policy's own"
        if self.second is not None or self.explorer:
            return "the second response of its pairs has a source already"
        return None

    @property
    def departure(self) -> str | None:
        """What keeps a fit from being the rule's own step, or None."""
        if self.selection == BEST_WORST:
            return "best-against-worst pairs: biased, the fitted spread grows with K"
        return None

    def carried(self, step: MirrorStep | GradientStep) -> MirrorStep | GradientStep:
        """Return the step in the form that the loss takes.

        Parameters
        ----------
        step : MirrorStep or GradientStep
            With an opponent.
        """
        if self.fit == "policy-gradient":
            return step if isinstance(step, GradientStep) else climbing(step)
        if self.every_step or isinstance(step, GradientStep):
            return stationary(step if isinstance(step, GradientStep) else climbing(step))
        return step


def _pg(name: str, rule: Rule) -> Algorithm:
    return Algorithm(name, rule, "policy-gradient", responses=1, level="token", every_step=True)


def _regression(name: str, rule: Rule, **more) -> Algorithm:
    return Algorithm(name, rule, "regression", **more)


def _inpo(rule: Rule, *, responses: int | None = None, selection: str = IID) -> Algorithm:
    count = (8 if selection == BEST_WORST else 2) if responses is None else responses
    return _regression("inpo", rule, labels="winner", pairs=None, responses=count, selection=selection)


def _enpo(rule: Rule, *, alpha: float = 1e-3, beta: float = 0.05, sign: int = 1, n_z: int = 4) -> Algorithm:
    return _regression(
        "enpo", rule, responses=1, comparators=n_z, anchor=alpha, explorer=StepB(beta, sign), replay=True
    )


def _enpo_oracle(rule: Rule, *, ridge: float = 1.0, candidates: int = 16, n_z: int = 4) -> Algorithm:
    return _regression(
        "enpo-oracle", rule, responses=1, comparators=n_z, explorer=Oracle(ridge, candidates), replay=True
    )


def _ipo(name: str) -> Callable[..., Algorithm]:
    return lambda rule: _regression(name, rule, labels="winner", pairs=None, every_step=True)


def _sppo(rule: Rule, *, responses: int = 5, comparators: int = 5) -> Algorithm:
    return Algorithm("sppo", rule, "pointwise", responses=responses, comparators=comparators)


def _dno(rule: Rule, *, responses: int = 5, comparators: int = 5) -> Algorithm:
    return Algorithm("dno", rule, "logistic", responses=responses, comparators=comparators)


def _dno_prct(rule: Rule) -> Algorithm:
    [step] = rule.steps(1.0, 0)
    return Algorithm("dno-prct", rule, "ranked", responses=step.responses)


def _offline(name: str, fit: str) -> Callable[..., Algorithm]:
    return lambda rule: Algorithm(
        name, rule, fit, labels="winner", pairs={REFERENCE: 1.0}, responses=2 if fit == "dpo" else 1
    )


def _xpo(rule: Rule, *, alpha: float = 1e-3) -> Algorithm:
    return Algorithm(
        "xpo", rule, "xpo", labels="winner", second={REFERENCE: 1.0}, responses=1, anchor=alpha, replay=True
    )


#: Name -> rule class, and what makes an algorithm of the rule and of parameters that are not the rule's.
_NAMED: dict[str, tuple[type[Rule], Callable[..., Algorithm]]] = {
    "nash-md": (NashMD, lambda rule: _regression("nash-md", rule)),
    "nash-md-pg": (NashMDPG, lambda rule: _pg("nash-md-pg", rule)),
    "nash-ema-pg": (NashEMA, lambda rule: _pg("nash-ema-pg", rule)),
    "nash-mp": (NashMP, lambda rule: _regression("nash-mp", rule)),
    "nash-mp-pg": (NashMPSGD, lambda rule: _pg("nash-mp-pg", rule)),
    "nash-prox": (NashProx, lambda rule: _regression("nash-prox", rule)),
    "nash-prox-pg": (NashProxSGD, lambda rule: _pg("nash-prox-pg", rule)),
    "inpo": (INPO, _inpo),
    "enpo": (INPO, _enpo),
    "enpo-oracle": (INPO, _enpo_oracle),
    "egpo": (EGPO, lambda rule, *, gradient=True: _regression("egpo", rule, every_step=gradient)),
    "online-ipo": (OnlineIPO, _ipo("online-ipo")),
    "ipo-md": (IPOMD, _ipo("ipo-md")),
    "sppo": (SPPO, _sppo),
    "mnpo": (MNPO, lambda rule: _regression("mnpo", rule)),
    "comal": (COMAL, lambda rule: _regression("comal", rule)),
    "dno": (DNO, _dno),
    "dno-prct": (DNOPrct, _dno_prct),
    "xpo": (BestResponse, _xpo),
    "dpo": (BestResponse, _offline("dpo", "dpo")),
    "kto": (BestResponse, _offline("kto", "kto")),
}
#: Names that ``get_algorithm`` knows: those of papers, then every other rule of nashsim by its own name.
ALGORITHMS: tuple[str, ...] = (*_NAMED, *(rule.name for rule in RULES if rule.name not in _NAMED))


def get_algorithm(name: str | Rule | Algorithm, **parameters) -> Algorithm:
    """Return a named algorithm with its paper's parameters.

    Parameters
    ----------
    name : str, Rule or Algorithm
        ``"inpo"``, ``"nash-md-pg"``, ...; the name of any other rule; or a rule with its numbers, fitted as the
        algorithm of its name is. An Algorithm is returned as it is.
    **parameters
        Those of the rule (``step``, ``eta_inverse``, ``mixture``, ...), of the constructor (INPO's ``selection`` and
        ``responses``; ENPO's ``alpha``, ``beta``, ``sign``, ``n_z``; EGPO's ``gradient``; ...), or attributes of
        ``Algorithm``.

    Raises
    ------
    NashsimError
        For an unknown name or parameter, suggesting the nearest.

    Examples
    --------
    >>> get_algorithm("enpo", eta_inverse=0.0075, n_z=8).comparators
    8
    >>> get_algorithm("nash-md-pg", mixture=0.25).rule
    NashMDPG(step=None, mixture=0.25)
    """
    if isinstance(name, Algorithm):
        return replace(name, **parameters) if parameters else name
    rule = name if isinstance(name, Rule) else None
    name = rule.name if rule is not None else name
    if name not in ALGORITHMS:
        raise unknown_name("algorithm", str(name), ALGORITHMS)
    cls, build = _NAMED.get(name) or _of_rule(name)
    of_rule = {k: v for k, v in parameters.items() if rule is None and k in cls.__dataclass_fields__}
    rest = {k: v for k, v in parameters.items() if k not in of_rule}
    own = getattr(build, "__kwdefaults__", None) or {}
    changed = {k: v for k, v in rest.items() if k not in own}
    known = (*cls.__dataclass_fields__, *own, *Algorithm.__dataclass_fields__)
    for key in changed:
        if key not in Algorithm.__dataclass_fields__ or key in ("name", "rule"):
            raise unknown_name(f"parameter of {name}", key, known)
    made = build(cls(**of_rule) if rule is None else rule, **{k: v for k, v in rest.items() if k in own})
    return replace(made, **changed) if changed else made


def _of_rule(name: str) -> tuple[type[Rule], Callable[..., Algorithm]]:
    [cls] = [rule for rule in RULES if rule.name == name]
    gradient = isinstance(cls().steps(1.0, 0)[0], GradientStep)
    return cls, lambda rule: _pg(name, rule) if gradient else _regression(name, rule)
