"""The falsifier: searches the conditions of a claim for the instance where measured/bound is largest.

From the worst of many random instances an evolution strategy climbs on: a generation is the best instance so far,
mutated in its game, policies, tau and step and brought back inside the conditions by ``claim.clip``, so that the
corners, sure preferences and ends of ranges, are reached exactly. A generation shares tau and step: one stack, one
measurement. When it no longer improves it starts anew. Statistical claims, and claims of named games, are not searched:
the largest of many draws of a statistic with a level exceeds that level.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import NashsimError
from ..logspace import log_normalise
from .claims import Claim, Instance, get_claim
from .claims.files import save_instance

#: Random instances a start is the worst of, offspring a generation, generations without gain before a new start.
_DRAWN, _OFFSPRING, _PATIENCE = 20, 8, 12
#: Smallest and largest mutation, in units of margins and logits.
_SMALLEST, _LARGEST = 1e-4, 1.0


@dataclass(frozen=True, eq=False)
class Searched:
    """The worst instance that a search found.

    Attributes
    ----------
    claim : Claim
    ratio : float
        The largest measured/bound: above 1 a violation, close to 1 a tight bound.
    instance : Instance
        Instance at which it is reached.
    evaluations : int
        Instances measured.
    starts : int
        Random starts made.
    seconds : float
    """

    claim: Claim
    ratio: float
    instance: Instance
    evaluations: int
    starts: int
    seconds: float

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


def search(
    claim: Claim, *, evaluations: int | None = None, seconds: float | None = None, seed: int = 0
) -> Searched:
    """Search a claim's conditions for the largest measured/bound; stop at a violation or when a budget is spent.

    Parameters
    ----------
    claim : Claim
    evaluations : int or None
        Instances to measure; the same number and seed give the same bits.
    seconds : float or None
        Time, looked at between generations only.
    seed : int

    Raises
    ------
    NashsimError
        Without a budget, or for a claim that cannot be searched.

    Examples
    --------
    >>> from nashsim.theory import get_claim
    >>> 0.5 < search(get_claim("nash-ratio"), evaluations=200).ratio <= 1
    True
    """
    if evaluations is None and seconds is None:
        raise NashsimError("evaluations: a search needs a budget, in evaluations or seconds")
    if not searchable(claim):
        raise NashsimError(f"claim {claim.id!r}: statistical and named-game claims are not searched")
    began = time.perf_counter()
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xFA15]))
    best, best_ratio, spent, starts = None, -np.inf, 0, 0

    def over() -> bool:
        late = seconds is not None and time.perf_counter() - began >= seconds
        return best_ratio > 1 or late or (evaluations is not None and spent >= evaluations)

    def measure(instances: list[Instance]) -> tuple[Instance, float]:
        nonlocal spent, best, best_ratio
        ratios = claim.ratios(instances)
        spent += len(instances)
        k = int(np.argmax(ratios))
        if ratios[k] > best_ratio:
            best, best_ratio = instances[k], float(ratios[k])
        return instances[k], float(ratios[k])

    while best is None or not over():
        starts += 1
        centre, value = measure(_draw(claim, int(rng.integers(2**31)), evaluations))
        size, idle = 0.3, 0
        while idle < _PATIENCE and not over():
            child, ratio = measure(_generation(claim, centre, size, rng))
            if ratio > value * (1 + 1e-6):
                size, idle = min(1.5 * size, _LARGEST), 0
            else:
                size, idle = max(size / 1.5, _SMALLEST), idle + 1
            if ratio >= value:
                centre, value = child, ratio
    name = f"falsified-{claim.id}"
    return Searched(claim, best_ratio, best.replace(name=name), spent, starts, time.perf_counter() - began)


def _draw(claim: Claim, first: int, evaluations: int | None) -> list[Instance]:
    """Return random instances, of every cell of the grid once."""
    count = _DRAWN if evaluations is None else min(_DRAWN, evaluations)
    return [claim.sample(first + k) for k in range(count)]


def _generation(claim: Claim, centre: Instance, size: float, rng: np.random.Generator) -> list[Instance]:
    """Return mutants of an instance that share one tau and one step; each moves some of its parts."""
    tau, step = centre.tau, centre.step
    if rng.uniform() < 0.5:
        tau = float(tau * np.exp(size * rng.normal()))
    if rng.uniform() < 0.5:
        step = float(step + 0.5 * size * rng.normal())
    children = []
    for _ in range(_OFFSPRING):
        skew = centre.skew + size * rng.normal(size=centre.skew.shape) * _some(rng, centre.skew.shape)
        logs = [
            log_normalise(log + 4 * size * rng.normal(size=log.shape) * _some(rng, log.shape))
            for log in (centre.log_reference, centre.log_start)
        ]
        mutant = centre.replace(skew=skew, log_reference=logs[0], log_start=logs[1], tau=tau, step=step)
        children.append(claim.clip(mutant))
    return children


def _some(rng: np.random.Generator, shape) -> np.ndarray:
    """Return a mask over which part of the numbers moves, none of them in one case of four."""
    return rng.uniform(size=shape) < rng.choice([0.0, 0.2, 0.5, 1.0])


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
        planted = search(claim.planted(), seconds=share and 0.25 * share, **budget)
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
