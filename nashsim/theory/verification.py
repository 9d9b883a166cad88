"""Claims put to the test: their worst instances, their fitted rates, their negative controls, a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from .claims import CLAIMS, Claim, Evidence, Instance, get_claim, stacks

#: Games of a verification unless told otherwise, and of a full one.
DEFAULT_GAMES, FULL_GAMES = 200, 1000
#: Instances on which a control is tried first.
_FEW = 10


@dataclass(frozen=True, eq=False)
class Verification:
    """What became of one claim.

    Attributes
    ----------
    claim : Claim
    games : int
        Instances it was measured on.
    ratios : ndarray, shape (games,)
        Measured/bound; at most 1 where it holds.
    worst : Instance
        Instance with the largest ratio.
    evidence : Evidence
        What was measured there.
    rate, rate_low, rate_high : float or None
        Slowest fit of a rate, and its 95% interval.
    control_ratio : float
        The largest measured/bound under the negative control.
    still_ratio : float or None
        The same where no rule moves; None for a claim in which nothing does.
    seconds : float
    """

    claim: Claim
    games: int
    ratios: np.ndarray
    worst: Instance
    evidence: Evidence
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    control_ratio: float
    still_ratio: float | None
    seconds: float

    @property
    def worst_ratio(self) -> float:
        """The largest measured/bound."""
        return float(self.ratios.max())

    @property
    def control_rejected(self) -> bool:
        """Whether the negative control broke the claim, and not moving did, as both must."""
        return bool(self.control_ratio > 1 and (self.still_ratio is None or self.still_ratio > 1))

    @property
    def verdict(self) -> str:
        """``holds``, ``fails`` or ``control passes``; ``measured`` for what is recalled and not asserted."""
        if not self.control_rejected:
            return "control passes"
        if not self.claim.asserted:
            return "measured"
        return "holds" if self.worst_ratio <= 1 else "fails"

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the claim or its control."""
        return self.verdict in ("holds", "measured")

    @property
    def remark(self) -> str | None:
        """What the claim adds to its worst ratio, or None."""
        return self.claim.remark(self.worst_ratio) if self.claim.remark else None

    def _repr_html_(self) -> str:
        from ..html import card

        facts = {"verdict": self.verdict, "statement": self.claim.statement, "worst ratio": self.worst_ratio}
        facts |= {"games": self.games, "predicted": self.claim.predicted, "fitted rate": self.rate}
        facts |= {"worst game": self.worst.name, "worst ratio of the control": self.control_ratio}
        facts |= (
            {} if self.still_ratio is None else {"worst ratio of rules that do not move": self.still_ratio}
        )
        return card(f"Verification of {self.claim.id}", facts, note=self.remark or "")

    def to_dict(self) -> dict:
        """Return the finding as the report's JSON has it."""
        return {
            "id": self.claim.id,
            "source": self.claim.source,
            "tag": self.claim.tag,
            "games": self.games,
            "worst_ratio": self.worst_ratio,
            "rate": self.rate,
            "rate_low": self.rate_low,
            "rate_high": self.rate_high,
            "predicted": self.claim.predicted,
            "control_rejected": self.control_rejected,
            "verdict": self.verdict,
        }


def verify(
    claims: Sequence[str | Claim] | None = None,
    games: int = DEFAULT_GAMES,
    *,
    seed: int = 0,
    jobs: int = 1,
    game: PreferenceGame | Instance | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Verification]:
    """Put claims to the test on the catalogue and on random games.

    Parameters
    ----------
    claims : sequence of str or Claim, or None
        ``None`` is every claim.
    games : int
        Instances a claim, the catalogue's games first.
    seed : int
        Seed of the random games, references and starts.
    jobs : int
        Processes over claims; the findings are the same for any number.
    game : PreferenceGame, Instance or None
        Measure on this one instead: a game under every tau and step of the claim's grid, an instance as it is.
        Claims whose conditions exclude it are left out.
    progress : callable or None
        Called as ``progress(done, total)`` in claims.

    Returns
    -------
    list of Verification
        In the order of ``claims``.

    Raises
    ------
    NashsimError
        For an unknown claim, fewer than one game or job, or a game that no claim admits.

    Examples
    --------
    >>> [found] = verify(["gap-identity"], games=10)
    >>> found.verdict, found.control_rejected
    ('holds', True)
    """
    if games < 1:
        raise NashsimError(f"games: at least one game is needed, found {games}")
    if jobs < 1:
        raise NashsimError(f"jobs: at least one process is needed, found {jobs}")
    chosen = CLAIMS if claims is None else [get_claim(c) if isinstance(c, str) else c for c in claims]
    work = [(claim, _instances(claim, games, seed, game), seed) for claim in chosen]
    work = [item for item in work if item[1]]
    if not work:
        raise NashsimError("game: no chosen claim admits it; see the conditions of `nashsim verify`")
    if jobs == 1 or len(work) == 1:
        found = []
        for item in work:
            found.append(examine(*item))
            _tell(progress, len(found), len(work))
        return found
    return _in_processes(work, jobs, progress)


def examine(claim: Claim, instances: Sequence[Instance], seed: int = 0) -> Verification:
    """Return the finding of one claim on given instances, its control on instances of its own.

    Parameters
    ----------
    claim : Claim
    instances : sequence of Instance
    seed : int
        Seed of the control's instances.
    """
    began = time.perf_counter()
    ratios, fits = np.empty(len(instances)), {}
    for members, stack in stacks(instances):
        evidence = claim.evidence(stack)
        ratios[members] = evidence.ratios()
        fits.update(zip(members, evidence.fits, strict=False))
    worst = int(np.argmax(ratios))
    fit = fits.get(worst)
    return Verification(
        claim,
        len(instances),
        ratios,
        instances[worst],
        claim.evidence(stacks([instances[worst]])[0][1]),
        *((fit.rate, fit.low, fit.high) if fit else (None, None, None)),
        control_ratio(claim, seed),
        still_ratio(claim, seed),
        time.perf_counter() - began,
    )


def control_ratio(claim: Claim, seed: int = 0, batches: int = 10) -> float:
    """Return the largest measured/bound under the negative control, drawing on until one exceeds 1.

    Parameters
    ----------
    claim : Claim
    seed : int
    batches : int
        Batches of ``control.games`` instances before the control is said to pass.
    """
    return _drawn_until_broken(claim.planted(), claim.control.games, seed, batches)


def still_ratio(claim: Claim, seed: int = 0, batches: int = 10) -> float | None:
    """Return the largest measured/bound where no rule moves, as ``control_ratio`` does; None where nothing would."""
    standing = claim.standing()
    return None if standing is None else _drawn_until_broken(standing, claim.control.games, seed, batches)


def _drawn_until_broken(claim: Claim, count: int, seed: int, batches: int) -> float:
    worst = 0.0
    for batch in range(-1, batches):
        # most controls break on the first few
        drawn = count if batch >= 0 else min(count, _FEW)
        ratios = claim.ratios(claim.instances(drawn, seed + 7919 * max(batch, 0)))
        worst = max(worst, float(ratios.max()))
        if worst > 1:
            break
    return worst


def _instances(claim: Claim, games: int, seed: int, game) -> Sequence[Instance]:
    if game is None:
        return claim.instances(games, seed)
    if isinstance(game, Instance):
        return [claim.domain.widest().clip(game)] if claim.domain.admits(game.actions) else []
    return claim.domain.around(game, seed) if claim.domain.admits(game.actions) else []


def _in_processes(work, jobs: int, progress) -> list[Verification]:
    """Long claims first would need to know them; one claim a task keeps both processes busy to the end."""
    context = get_context("fork")
    _WORK[:] = work  # a forked process has it; claims hold functions that cannot be pickled
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        tasks = {pool.submit(_examine_index, i): i for i in range(len(work))}
        answers = {}
        for task in as_completed(tasks):
            answers[tasks[task]] = task.result()
            _tell(progress, len(answers), len(work))
    return [Verification(work[i][0], *answers[i]) for i in range(len(work))]


_WORK: list = []


def _examine_index(i: int) -> tuple:
    found = examine(*_WORK[i])
    return tuple(getattr(found, name) for name in Verification.__dataclass_fields__ if name != "claim")


def _tell(progress, done: int, total: int) -> None:
    if progress:
        progress(done, total)
