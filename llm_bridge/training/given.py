"""The source that draws nothing: responses that others wrote and compared, trained on as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nashsim.errors import NashsimError
from nashsim.rules import REFERENCE

from ..algorithms.algorithm import Algorithm, Oracle, StepB
from ..data.given import Given
from ..decoding.eager import sample
from ..decoding.roles import Engine
from ..parallel.processes import Processes
from ..policy.sequences import Sequences
from .batch import Batch, Request
from .rollout import assembled


def check_offline(algorithm: Algorithm) -> None:
    """Refuse an algorithm that is not made for pairs that others gave.

    Those are taken for draws from the reference, and their labels for the winners of each pair.

    Parameters
    ----------
    algorithm : Algorithm
        Algorithm to look at.

    Raises
    ------
    NashsimError
        For one whose pairs are the policy's own, or whose labels are another's.
    """
    drawn = algorithm.pairs == {REFERENCE: 1.0} and algorithm.second is None and algorithm.explorer is None
    if not drawn or algorithm.labels != "winner" or algorithm.anchor or algorithm.replay:
        raise NashsimError(
            f"data.pairs: {algorithm.name} trains on responses of its own, which a judge compares; give data.prompts,"
            " or train dpo, ipo, kto, una, rdro or pepo on given pairs"
        )


def part_of(rows: int, members: int, member: int | None, seed: int) -> list[int] | None:
    """Return the rows of a member, one of ``members`` disjoint parts of about equal length; None for all rows.

    Parameters
    ----------
    rows, members : int
        Number of rows, and of parts.
    member : int or None
        The part, from 0; ``None`` is no part of its own.
    seed : int
        Seed of the order that parts are cut from, as :func:`nashsim.offline.pepo_ensemble` cuts its own.

    Raises
    ------
    NashsimError
        For fewer rows than parts.

    Examples
    --------
    >>> sorted(part_of(5, 2, 0, seed=0) + part_of(5, 2, 1, seed=0))
    [0, 1, 2, 3, 4]
    """
    if members > rows:
        raise NashsimError(f"members: at most the {rows} rows of data.pairs are needed, found {members}")
    if member is None:
        return None
    return sorted(map(int, np.array_split(np.random.default_rng(seed).permutation(rows), members)[member]))


@dataclass(frozen=True)
class GivenPairs:
    """Batches of given pairs, or marked responses; no response is drawn, and no judge is asked.

    Attributes
    ----------
    given : sequence of Given
        Rows in token ids; the prompts of a training are theirs (:attr:`prompts`).
    length : int
        Most tokens of a response that is drawn to measure the policy.
    engine : callable
        Sampler of such responses.
    processes : Processes
        Who shares the work out.
    part : sequence of int or None
        Rows that are trained on, of a member of an ensemble; ``None`` is all.
    """

    given: Sequence[Given]
    length: int = 64
    engine: Engine = sample
    processes: Processes = Processes()
    part: Sequence[int] | None = None
    exact: ClassVar[bool] = False
    teacher: ClassVar[None] = None

    @property
    def rows(self) -> Sequence[Given]:
        """The rows that are trained on."""
        return self.given if self.part is None else [self.given[place] for place in self.part]

    @property
    def prompts(self) -> list[tuple[int, ...]]:
        """The prompts of a training, one a row."""
        return [row.prompt for row in self.rows]

    def new_explorer(self, policy, wanted: StepB | Oracle | None) -> None:
        """Return None: nothing is drawn, and nothing explored."""

    def sample(self, request: Request) -> GivenRollout:
        """Return the rows of a step's prompts.

        Parameters
        ----------
        request : Request
            Step, with prompts of this source.

        Raises
        ------
        NashsimError
            For an algorithm that given pairs do not fit, or a loss on pairs and rows of one response.
        """
        check_offline(request.algorithm)
        return GivenRollout([self.given[prompt.row] for prompt in request.prompts], request)


class GivenRollout:
    """The given responses of one step.

    Parameters
    ----------
    rows : sequence of Given
        Rows of the step.
    request : Request
        Step that they are for.
    """

    def __init__(self, rows: Sequence[Given], request: Request):
        self.rows, self.request = rows, request

    def judged(self) -> Batch:
        """Return the batch of all rows, with the preferences that came with them."""
        request, rows = self.request, self.rows
        if request.algorithm.needs_pairs and any(len(row.responses) != 2 for row in rows):
            raise NashsimError(
                f"data.pairs: {request.algorithm.name} needs two responses a row; kto, una and rdro take one"
            )
        flat = [(row.prompt, response) for row in rows for response in row.responses]
        # A pair is a desirable response and an undesirable one, where the loss is on single responses.
        payoff = [p for row in rows for p in (row.probability, 1 - row.probability)[: len(row.responses)]]
        pairs, wins = [], []
        if request.algorithm.needs_pairs:
            pairs = [(2 * i, 2 * i + 1) for i in range(len(rows))]
            wins = [row.probability for row in rows]
        policy = request.policy
        sequences = Sequences.of(*zip(*flat, strict=True), policy.pad).to(policy.device)
        compared = np.array(payoff), pairs, wins
        return assembled(policy, request.algorithm, request.step, request.stored, sequences, *compared)
