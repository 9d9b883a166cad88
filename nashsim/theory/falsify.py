"""The falsifier: searches the conditions of a claim for the instance where its bound is tightest, or broken.

Starts are the tightest of random instances, catalogue and corners drawn alike; from each the engine climbs. "gradient"
makes long moves of tau, step and policies, then evolves and follows central differences through the compiled engine, in
turn while both gain; what an identity misses is rounding, and a fitted rate jumps: there evolution and long moves take
turns. "cma" is evolution alone, until it stops by itself: what the first is held against.
What is climbed is ``Evidence.tightness``: a rate as a share of what was measured, so that a bound that holds because
nothing moves is not a find; for a claim that states no rate, measured/bound. Statistical claims, and claims of named
games, are not searched: the largest of many draws of a statistic with a level exceeds that level.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import NashsimError, unknown_name
from .claims import Claim, Instance, get_claim
from .claims.domain import corners
from .claims.files import save_instance
from .climbing import evolution, gradient, sweep

#: Engines of a search, the default first.
ENGINES = ("gradient", "cma")
#: Random instances that the first start is the tightest of, of a bound and of what is rough, and those drawn for each
#: further one. A violation that one game in fifteen shows is missed by the first in one search of twenty.
_FIRST, _DRAWN = (40, 20), 20
#: Generations of little gain before gradients take over, and before long moves where there are none.
_PATIENCE = (4, 3)
#: Share of the value that a round of evolution and what follows it must gain for another.
_LITTLE = 1e-3
#: Actions of every other start, or the nearest number that there is.
_FEW = 3


@dataclass(frozen=True, eq=False)
class Searched:
    """The worst instance that a search found.

    Attributes
    ----------
    claim : Claim
    ratio : float
        Its measured/bound: above 1 a violation.
    tightness : float
        The largest tightness, see ``Evidence.tightness``: close to 1 a bound that is nearly reached; 0 where the claim
        states no rate, and measured/bound was searched.
    instance : Instance
        Instance at which it is reached.
    evaluations : int
        Instances measured.
    unsolved : int
        Instances among them without an exact equilibrium to measure against.
    starts : int
        Random starts made.
    seconds : float
    """

    claim: Claim
    ratio: float
    tightness: float
    instance: Instance
    evaluations: int
    unsolved: int
    starts: int
    seconds: float

    @property
    def reached(self) -> float:
        """What was climbed: the tightness, or measured/bound where the claim states no rate."""
        return self.tightness if self.tightness > 0 else self.ratio

    @property
    def violated(self) -> bool:
        """Whether the claim fails there."""
        return self.ratio > 1


def searchable(claim: Claim) -> bool:
    """Whether a search over instances can speak against a claim: not where it is statistical or of named games.

    Parameters
    ----------
    claim : Claim
    """
    return claim.kind != "statistical" and not claim.domain.games


class _Objective:
    """What a search maximises, with its budget and the best it met."""

    def __init__(self, claim: Claim, evaluations: int | None, seconds: float | None):
        self.claim, self._most, self._seconds = claim, evaluations, seconds
        self._began = time.perf_counter()
        self.spent = self.unsolved = 0
        self.best: Instance | None = None
        self.ratio = self.tightness = self.value = -np.inf
        #: Whether some draw was claimed to fall at a rate; until one is, measured/bound leads the search.
        self.states_rate = False

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def over(self) -> bool:
        late = self._seconds is not None and self.seconds >= self._seconds
        return self.ratio > 1 or late or (self._most is not None and self.spent >= self._most)

    def left(self, count: int) -> int:
        """Return how many of ``count`` instances the budget admits."""
        return count if self._most is None else max(0, min(count, self._most - self.spent))

    def __call__(self, instances: list[Instance]) -> np.ndarray:
        """Return the values of instances; -inf where there is none, or beyond the budget.

        They are tightnesses, and until one is positive measured/bound - 1, which is less; of a violation, the larger.
        """
        taken = instances[: self.left(len(instances))]
        values = np.full(len(instances), -np.inf)
        if not taken:
            return values
        ratios, tightness = self._scores(taken)
        self.spent += len(taken)
        self.states_rate = self.states_rate or bool((tightness > 0).any())
        held = tightness if self.states_rate else ratios - 1
        values[: len(taken)] = np.where(ratios > 1, np.maximum(ratios, tightness), held)
        k = int(np.argmax(values))
        if values[k] > self.value:
            self.best, self.value = instances[k], float(values[k])
            self.ratio, self.tightness = float(ratios[k]), float(tightness[k])
        return values

    def _scores(self, instances: list[Instance]) -> np.ndarray:
        try:
            return self.claim.scores(instances)
        except NashsimError:
            if len(instances) > 1:
                return np.concatenate([self._scores([instance]) for instance in instances], axis=1)
            self.unsolved += 1
            return np.full((2, 1), -np.inf)


def search(
    claim: Claim,
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    engine: str = "gradient",
    wide: bool = True,
) -> Searched:
    """Search a claim's conditions for where its bound is tightest; stop at a violation or when a budget is spent.

    Where a claim holds for any tau, tau is 1e-3 to 100; log-probabilities go to -600 (``Domain.widest``). The first
    draws are the games at the edge of the conditions, ``corners``.

    Parameters
    ----------
    claim : Claim
    evaluations : int or None
        Instances to measure; the same number and seed give the same bits.
    seconds : float or None
        Time, looked at between generations only.
    seed : int
    engine : str
        Of ``ENGINES``.
    wide : bool
        Whether the whole of the conditions is searched, or what random games are drawn from.

    Raises
    ------
    NashsimError
        Without a budget, for an unknown engine, or for a claim that cannot be searched.

    Examples
    --------
    >>> from nashsim.theory import get_claim
    >>> 0.9 < search(get_claim("nash-ratio"), evaluations=400).ratio <= 1
    True
    """
    if evaluations is None and seconds is None:
        raise NashsimError("evaluations: a search needs a budget, in evaluations or seconds")
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    if not searchable(claim):
        raise NashsimError(f"claim {claim.id!r}: statistical and named-game claims are not searched")
    given, claim = claim, replace(claim, domain=claim.domain.widest()) if wide else claim
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xFA15]))
    measure, starts = _Objective(claim, evaluations, seconds), 0
    waiting: list[tuple[float, Instance]] = []
    # neither rounding nor a fit that picks its interval has a gradient: every other start is the tightest draw left
    rough = claim.kind != "bound"
    while measure.best is None or not measure.over():
        starts += 1
        odd = starts % 2 == 1
        first = int(rng.integers(2**31))
        drawn = list(corners(claim.domain)) if starts == 1 else []
        if odd or not rough:
            count = _FIRST[rough] if starts == 1 else _DRAWN
            drawn = [*drawn, *(claim.sample(first + k) for k in range(count))][: max(1, measure.left(count))]
        waiting += zip(measure(drawn).tolist(), drawn, strict=True)
        # every other start is of three actions: a climb there costs little, and bounds are most often tightest there
        few = np.abs([instance.actions - _FEW for _, instance in waiting])
        values = np.array([value for value, _ in waiting])
        k = int(np.argmax(np.where(few == few.min(), values, -np.inf) if odd else values))
        value, centre = waiting.pop(k)
        if engine == "cma":
            evolution(claim, centre, value, measure, measure.over, rng)
            continue
        if not (rough and odd):
            centre, value = sweep(claim, centre, value, measure, measure.over)
        # a start that stays without a claimed decrease is none
        while not measure.over() and (value > 0 or not measure.states_rate):
            reached = value
            centre, value = evolution(claim, centre, value, measure, measure.over, rng, _PATIENCE[rough])
            climb = sweep if rough else gradient
            centre, value = climb(claim, centre, value, measure, measure.over)
            if value - reached <= _LITTLE * abs(value):
                break
    return Searched(
        given, measure.ratio, measure.tightness, measure.best.replace(name=f"falsified-{claim.id}"), measure.spent,
        measure.unsolved, starts, measure.seconds,
    )  # fmt: skip


def search_planted(claim: Claim, **budget) -> Searched:
    """Search for a violation of a claim under its negative control, in the control's own domain where it has one.

    Parameters
    ----------
    claim : Claim
    **budget
        As ``search`` takes it.
    """
    return search(claim.planted(), wide=claim.control.domain is None, **budget)


def falsify(
    claims: Iterable[str | Claim],
    *,
    seconds: float | None = None,
    evaluations: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
) -> list[dict]:
    """Search every claim and its negative control; return one row a claim.

    Parameters
    ----------
    claims : iterable of str or Claim
    seconds : float or None
        Seconds for all of them together: three quarters for the claims, a quarter for their controls, in equal shares.
    evaluations : int or None
        Evaluations for each claim, and for each control.
    seed : int
    out : str, Path or None
        Folder for the worst instances, ``falsified-CLAIM.json``; ``nashsim solve`` and ``nashsim verify --game``
        take them.

    Returns
    -------
    list of dict
        ``id, tag, kind, worst_ratio, violated, evaluations, control, control_found, control_evaluations, file``;
        ``worst_ratio`` is 1 for a tight claim. Claims that cannot be searched are left out.

    Raises
    ------
    NashsimError
        For an unknown claim, or without a budget.
    """
    chosen = [get_claim(claim) if isinstance(claim, str) else claim for claim in claims]
    chosen = [claim for claim in chosen if searchable(claim)]
    rows = []
    for claim in chosen:
        share = None if seconds is None else seconds / len(chosen)
        budget = {"evaluations": evaluations, "seed": seed}
        planted = search_planted(claim, seconds=share and 0.25 * share, **budget)
        found = search(claim, seconds=share and max(share - planted.seconds, 0.75 * share), **budget)
        rows.append(_row(found, planted, out))
    return rows


def _row(found: Searched, planted: Searched, out: str | Path | None) -> dict:
    file = None
    if out is not None:
        file = str(Path(out) / f"falsified-{found.claim.id}.json")
        save_instance(file, found.instance)
    return {
        "id": found.claim.id,
        "tag": found.claim.tag,
        "kind": found.claim.kind,
        "worst_ratio": found.ratio,
        "violated": found.violated,
        "evaluations": found.evaluations,
        "actions": found.instance.actions,
        "tau": found.instance.tau,
        "step": found.instance.step,
        "control": found.claim.control.name,
        "control_found": planted.violated,
        "control_ratio": planted.ratio,
        "control_evaluations": planted.evaluations,
        "seconds": found.seconds + planted.seconds,
        "file": file,
    }


def falsification_frame(rows: Sequence[dict]):
    """Return the rows of ``falsify`` as a DataFrame, the tightest first.

    Parameters
    ----------
    rows : sequence of dict
    """
    import pandas as pd

    return pd.DataFrame(rows).sort_values("worst_ratio", ascending=False, ignore_index=True)
