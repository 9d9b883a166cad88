"""Search the language of mirror steps for the rule with the best proved rate per query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...errors import NashsimError
from ...rules import EGPO, HALF, OMD, POLICY, REFERENCE, MirrorStep, Rule, mix
from .numbers import NotProved
from .proof import Proof
from .proving import prove, search_of

PREVIOUS, NEXT = "previous policy", "next policy"


@dataclass(frozen=True)
class Designed(Rule):
    """A rule of the family that ``design`` searches, with one call or two.

    log pi+ = (1 - eta tau - m) log pi_t + m log pi_{t-1} + eta tau log mu + eta P(. ≻ v pi_t + h half - b pi_{t-1}),
    v = 1 + b - h, and where h is not 0 log half likewise from the same base with step half_step against pi_t.

    Parameters
    ----------
    step : float
        Forward step eta.
    optimism : float
        Weight b of the payoff's last change, taken off the previous policy.
    momentum : float
        Weight m of the previous policy in the base, of either sign.
    half : float
        Weight h of the half step in the opponent; 0 is a rule of one call.
    half_step : float
        Forward step of the half step.
    """

    step: float
    optimism: float = 0.0
    momentum: float = 0.0
    half: float = 0.0
    half_step: float = 0.0

    name = "designed"
    update = (
        "log pi+ = (1 - eta tau - m) log pi + m log pi_{t-1} + eta tau log mu"
        " + eta P(. ≻ (1 + b - h) pi + h half - b pi_{t-1})"
    )
    condition = "where a certificate says so"
    source = "found by a search for the best proved rate per query"
    theorems = ()

    def __post_init__(self):
        if not (np.isfinite([self.optimism, self.momentum, self.half]).all() and self.step > 0):
            raise NashsimError(f"step: a finite number > 0 is needed, found {self.step!r}")

    def steps(self, tau, t):
        """Return the half step where there is one, the step, and the shift of the history."""
        pull = self.step * tau
        base = {POLICY: 1 - pull - self.momentum, PREVIOUS: self.momentum, REFERENCE: pull}
        opponent = {POLICY: 1 + self.optimism - self.half, HALF: self.half, PREVIOUS: -self.optimism}
        base, opponent = ({k: w for k, w in m.items() if w} for m in (base, opponent))
        steps = [MirrorStep(base, opponent, self.step, into=NEXT, arithmetic=len(opponent) > 1)]
        if self.half:
            pull = self.half_step * tau
            start = {POLICY: 1 - pull, REFERENCE: pull}
            steps.insert(0, MirrorStep(start, {POLICY: 1.0}, self.half_step, into=HALF))
        if self.optimism or self.momentum:
            steps.append(mix({POLICY: 1.0}, into=PREVIOUS))
        return (*steps, mix({NEXT: 1.0}, into=POLICY))

    def largest_eta(self, tau):
        """Return 1/tau; what is proved is said by its certificate."""
        return 1 / tau


#: The families that are searched: names of the parameters that move beside the step, and where they start.
FAMILIES: dict[str, dict[str, float]] = {
    "optimism": {"optimism": 0.7},
    "optimism and momentum": {"optimism": 0.7, "momentum": 0.0},
    "two calls": {"half": 1.0, "half_step": 1.2},
}
#: Rules of the registry that a search is held against.
KNOWN = ("omd", "egpo", "optimistic")


@dataclass(frozen=True, eq=False)
class Design:
    """The best rule that a search over one family found.

    Attributes
    ----------
    family : str
    rule : Designed
    proof : Proof
    evaluations : int
        Rules whose least factor was computed.
    """

    family: str
    rule: Designed
    proof: Proof
    evaluations: int

    def to_dict(self) -> dict:
        """Return the design as plain values."""
        numbers = {name: getattr(self.rule, name) for name in ("step", *FAMILIES[self.family])}
        return {
            "family": self.family,
            **self.proof.summary(),
            "numbers": numbers,
            "evaluations": self.evaluations,
        }


def design(tau: float, family: str = "optimism", evaluations: int = 150) -> Design:
    """Return the rule of a family with the least proved factor per query, and its proof.

    Parameters
    ----------
    tau : float
    family : str
        Of ``FAMILIES``.
    evaluations : int
        The most rules that are tried.

    Raises
    ------
    NashsimError
        For an unknown family, or where nothing is proved of any rule tried.
    """
    from scipy.optimize import minimize

    if family not in FAMILIES:
        raise NashsimError(f"family: one of {', '.join(FAMILIES)} is needed, found {family!r}")
    moved = FAMILIES[family]
    calls = 2 if "half" in moved else 1
    rate = _per_query(tau, tuple(moved), calls)
    start = min(_starts(tau, moved, calls), key=rate)
    # a first simplex wide enough to leave the corner where the rule of one call without memory sits
    simplex = np.vstack([start, start + np.diag(np.where(start < 0.5, 0.25, -0.1))])
    options = {"maxfev": evaluations, "initial_simplex": simplex, "xatol": 1e-4, "fatol": 1e-6}
    found = minimize(rate, start, method="Nelder-Mead", options=options)
    for share in (1.0, 0.9999, 0.999, 0.99):
        # at the very end of a range the solver's proof may have no room for rounding
        rule = _rule(np.round([share * found.x[0], *found.x[1:]], 4), tuple(moved))
        proof = prove(rule, tau)
        if proof.proved:
            return Design(family, rule, proof, int(found.nfev))
    raise NotProved(f"not proved: no rule of the family {family!r} that was tried at tau = {tau:g}")


def _starts(tau: float, moved: dict[str, float], calls: int) -> list[np.ndarray]:
    """Return where a search may start: a guess, and the known map of as many calls at the end of its range."""
    guess = np.array([min(1.0, 0.5 / tau) * (1.0 if calls == 1 else 1.5), *moved.values()])
    eta = (OMD() if calls == 1 else EGPO()).largest_eta(tau)
    known = [{"half": 1.0, "half_step": eta}.get(name, 0.0) for name in moved]
    return [guess, np.array([0.99 * eta, *known])]


def compare(tau: float, evaluations: int = 150) -> list[dict]:
    """Return the best proved rates per query of known rules, and of every family that is searched.

    Parameters
    ----------
    tau : float
    evaluations : int
        Of each search.

    Returns
    -------
    list of dict
        As ``Proof.summary`` has them, the least factor per query first; "numbers" are those of a rule found.
    """
    rows = [{**prove(name, tau, best=True).summary(), "numbers": {}} for name in KNOWN]
    for family in FAMILIES:
        rows.append({**design(tau, family, evaluations).to_dict(), "rule": f"found: {family}"})
    return sorted(rows, key=lambda row: row["factor_per_query"] or 2.0)


def _rule(numbers: np.ndarray, names: tuple[str, ...]) -> Designed:
    return Designed(float(numbers[0]), **{n: float(x) for n, x in zip(names, numbers[1:], strict=True)})


def _per_query(tau: float, names: tuple[str, ...], calls: int) -> Callable[[np.ndarray], float]:
    def rate(numbers: np.ndarray) -> float:
        # the numbers of a rule that is reported are as short as those that are tried
        numbers = np.round(numbers, 4)
        if not 0 < numbers[0] < 1 / tau:
            return 2.0
        try:
            least = search_of(_rule(numbers, names), tau, resolution=1e-6).least_factor
        except NotProved:
            least = None
        # where nothing is proved, a slope that leads back to small steps
        return 1 + numbers[0] * tau if least is None else least ** (1 / calls)

    return rate
