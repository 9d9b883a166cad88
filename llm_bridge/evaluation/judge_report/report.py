"""A judge looked at on pools of responses: position, length, consistency, agreement with another, cycles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations

import numpy as np

from nashsim.errors import NashsimError

from ...judges import Comparison, Judge
from ...judges.orders import in_one_order, may_waver, parts_of
from .cycles import Cycles, cycles, matrix_of, strongest_cycle

#: Resamples of prompts, and three-cycles that are shown.
RESAMPLES, SHOWN = 1000, 3


@dataclass(frozen=True)
class Pool:
    """Responses to one prompt.

    Attributes
    ----------
    prompt : str
        Prompt as people read it.
    responses : tuple of str
        Different responses as people read them.
    lengths : tuple of int
        Their lengths, in tokens.
    comparisons : tuple of Comparison
        Every pair of them in lexical order, as the judge reads them.
    """

    prompt: str
    responses: tuple[str, ...]
    lengths: tuple[int, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class Estimate:
    """A share over all pairs, with the percentile interval of a bootstrap over prompts, and what it counts."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, eq=False)
class Voice:
    """What was found of one judge, or of one criterion of several.

    Attributes
    ----------
    flips : Estimate or None
        Share of the pairs decided in both orders whose winner is the one that stands first, or second, both times.
    first : Estimate
        Mean P that the response that stands first is better; 1/2 without position bias.
    longer : Estimate or None
        Win rate of the longer response, over pairs of different lengths.
    consistent : Estimate or None
        Share of questions answered alike when they are asked again; None for judges that cannot waver.
    cycles : Cycles or None
        How cyclic it is; None where no prompt has three responses.
    """

    flips: Estimate | None
    first: Estimate
    longer: Estimate | None
    consistent: Estimate | None
    cycles: Cycles | None

    def to_dict(self) -> dict:
        """Return the fields as plain values."""
        told = {
            name: value if value is None else asdict(value)
            for name, value in vars(self).items()
            if name != "cycles"
        }
        return told | {"cycles": None if self.cycles is None else self.cycles.to_dict()}


@dataclass(frozen=True, eq=False)
class JudgeReport:
    """What was found of a judge.

    Attributes
    ----------
    title : str
        Name of the judge.
    prompts, responses, pairs, repeats : int
        Prompts, responses of all of them, pairs of these, and times that every order of a pair was asked.
    voice : Voice
        What was found of the judge.
    criteria : mapping of str to Voice
        What was found of each criterion.
    agreement : Estimate or None
        Share of the pairs decided by both that a second judge decides alike.
    second : str or None
        Name of the second judge.
    found_cycles : list of dict
        The strongest three-cycles, one a prompt: ``prompt``, ``responses`` (each beats the next, the last the first)
        and ``probabilities``.
    """

    title: str
    prompts: int
    responses: int
    pairs: int
    repeats: int
    voice: Voice
    criteria: Mapping[str, Voice]
    agreement: Estimate | None = None
    second: str | None = None
    found_cycles: list[dict] = field(default_factory=list)

    def to_dict(self) -> dict:
        """Return everything as plain values, ready for JSON."""
        told = {
            name: getattr(self, name)
            for name in ("title", "prompts", "responses", "pairs", "repeats", "second")
        }
        told["agreement"] = None if self.agreement is None else asdict(self.agreement)
        told |= self.voice.to_dict()
        told["criteria"] = {name: voice.to_dict() for name, voice in self.criteria.items()}
        return told | {"three_cycles": self.found_cycles}


def judge_report(
    judge: Judge,
    pools: Sequence[Pool],
    *,
    title: str,
    second: Judge | None = None,
    second_title: str | None = None,
    repeats: int = 2,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> JudgeReport:
    """Ask a judge about every pair of every pool, in both orders, and say what its verdicts show.

    Parameters
    ----------
    judge : Judge
        Judge to look at.
    pools : sequence of Pool
        Responses to different prompts.
    title : str
        Name of the judge.
    second : Judge or None
        Judge to compare with, asked once about every pair.
    second_title : str or None
        Its name.
    repeats : int
        Times that a judge that may waver is asked each question, >= 1.
    seed : int
        Seed of bootstrap and null distribution.
    progress : callable or None
        Function called with (prompts done, prompts).

    Raises
    ------
    NashsimError
        For no pair of different responses, or a judge that fails.
    """
    pools = [pool for pool in pools if pool.comparisons]
    if not pools or repeats < 1:
        raise NashsimError(
            "responses: a prompt with two different responses is needed (and repeats >= 1); raise --responses, or"
            f" model.temperature; found {len(pools)} such prompts and {repeats} repeats"
        )
    judges, weights = parts_of(judge)
    said: dict[str, list[np.ndarray]] = {name: [] for name in judges}
    other: list[np.ndarray] = []
    for done, pool in enumerate(pools, 1):
        for name, one in judges.items():
            said[name].append(_asked(one, pool, repeats if may_waver(one) else 1))
        if second is not None:
            other.append(np.asarray(second(list(pool.comparisons)), dtype=float))
        if progress:
            progress(done, len(pools))
    shares = np.random.default_rng(seed).multinomial(
        len(pools), np.full(len(pools), 1 / len(pools)), RESAMPLES
    )
    most = max(part[0].shape[1] for part in said.values())
    # Judges that were asked once weigh in at every repeat; digits that are rounding decide no verdict.
    mixed = [
        np.round(sum(w * part for w, part in zip(weights, parts, strict=True)), 12)
        for parts in zip(*said.values(), strict=True)
    ]
    whole = mixed if len(judges) > 1 else said[""]
    agreed = None
    if second is not None:
        sides = [(_side(p.mean((1, 2))), _side(q)) for p, q in zip(whole, other, strict=True)]
        agreed = _share([(a == b)[a * b != 0] for a, b in sides], shares)
    return JudgeReport(
        title, len(pools), sum(len(pool.responses) for pool in pools), sum(len(pool.comparisons) for pool in pools),
        most, _voice(whole, pools, shares, seed),
        {name: _voice(part, pools, shares, seed) for name, part in said.items()} if len(judges) > 1 else {},
        agreed, second_title, _cycles_of(whole, pools),
    )  # fmt: skip


def _side(p: np.ndarray) -> np.ndarray:
    """1 and -1 for who is preferred, and 0 for nobody: what 1/2 is off by rounding decides nothing."""
    return np.sign(np.round(p - 0.5, 12))


def _asked(judge: Judge, pool: Pool, repeats: int) -> np.ndarray:
    """P(a ≻ b) of every pair, each time it was asked, in the order (a, b) and in the other: (pairs, repeats, 2)."""
    forward = list(pool.comparisons)
    both = [*forward, *(c.swapped() for c in forward)]
    found = np.stack([in_one_order(judge, both, draw) for draw in range(repeats)], axis=1)
    return np.stack([found[: len(forward)], 1 - found[len(forward) :]], axis=2)


def _voice(said: list[np.ndarray], pools: list[Pool], shares: np.ndarray, seed: int) -> Voice:
    flips, longer, alike = [], [], []
    for part, pool in zip(said, pools, strict=True):
        side = _side(part)
        decided = (side != 0).all(2)
        flips.append((side[..., 0] != side[..., 1])[decided])
        gap = np.array([np.sign(a - b) for a, b in combinations(pool.lengths, 2)])
        p = part.mean((1, 2))
        longer.append(np.where(gap > 0, p, 1 - p)[gap != 0])
        alike.append((side[:, 1:] == side[:, :1]).ravel())
    # Said of the order (b, a), 1 - P is that of the response that stands first.
    first = [np.stack([part[..., 0], 1 - part[..., 1]]).ravel() for part in said]
    return Voice(
        _share(flips, shares), _share(first, shares), _share(longer, shares), _share(alike, shares),
        cycles(said, shares, seed=seed),
    )  # fmt: skip


def _share(parts: list[np.ndarray], shares: np.ndarray) -> Estimate | None:
    """The mean over all prompts' values, and its spread over resampled prompts; None of nothing."""
    sums, counts = (np.array([of(part) for part in parts], dtype=float) for of in (np.sum, np.size))
    if not counts.sum():
        return None
    resampled = (shares @ sums) / np.where(shares @ counts > 0, shares @ counts, np.nan)
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Estimate(float(sums.sum() / counts.sum()), float(low), float(high), int(counts.sum()))


def _cycles_of(said: list[np.ndarray], pools: list[Pool]) -> list[dict]:
    found = []
    for part, pool in zip(said, pools, strict=True):
        matrix = matrix_of(part)
        if (cycle := strongest_cycle(matrix)) is not None:
            least, (i, j, k) = cycle
            row = {
                "prompt": pool.prompt, "responses": [pool.responses[at] for at in (i, j, k)],
                "probabilities": [float(matrix[i, j]), float(matrix[j, k]), float(matrix[k, i])],
            }  # fmt: skip
            found.append((least, row))
    return [row for _, row in sorted(found, key=lambda one: -one[0])[:SHOWN]]
