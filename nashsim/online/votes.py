"""Real battle logs as an environment off line: duels are answered by recorded votes until these are used up."""

from __future__ import annotations

import numpy as np

from ..data import PreferenceData
from ..engine.feedback import Stream, streams
from ..errors import NashsimError
from ..policies import read_log_policy
from .duels import DuelLog, Environment


class RecordedVotes(Environment):
    """Duels answered by votes that people gave, each vote once.

    A pair y ~ policy, z ~ opponent is taken if a vote between the two is left, and otherwise rejected and drawn
    anew. Votes on one pair are taken in random order without putting back, so the outcomes of a taken pair are
    exchangeable draws of the record; pairs are those of the policies *given* that a vote is left, which differs
    from the policies themselves as soon as pairs are rejected: watch ``rejected``. A recorded tie and y = z are
    fair coins. Off-line evaluation by rejection is due to Li et al., arXiv 1003.5956 [recalled];
    counts a pair are sufficient here, as votes on one pair are taken for exchangeable [derived].

    Parameters
    ----------
    data : PreferenceData
        Data with counts, as ``nashsim.data.load`` reads them from battles, pairs or ballots.
    seed : int
    budget : int or None

    Raises
    ------
    NashsimError
        For data without counts, or counts that are no whole numbers.

    Examples
    --------
    >>> from nashsim.data import PreferenceData
    >>> data = PreferenceData.from_comparisons(["x", "y"], [[0, 3], [1, 0]], [[0, 0], [0, 0]], name="votes")
    >>> votes = RecordedVotes(data)
    >>> int(votes.duel([0, 0, 0, 0], 1).sum()), votes.votes_left
    (3, 0)
    """

    #: Pairs in a row that may be rejected before the environment gives up.
    PATIENCE = 10_000

    def __init__(self, data: PreferenceData, seed: int = 0, budget: int | None = None):
        super().__init__(budget)
        if data.wins is None:
            raise NashsimError(f"{data.name}: recorded votes are needed, found probabilities without counts")
        ties = np.zeros_like(data.wins) if data.ties is None else data.ties
        if not (np.equal(data.wins, np.round(data.wins)).all() and np.equal(ties, np.round(ties)).all()):
            raise NashsimError(f"{data.name}: whole numbers of votes are needed, found weights")
        self.data = data
        self._wins, self._ties = data.wins.astype(np.int64), ties.astype(np.int64)
        self._stream = Stream(int(streams([seed], [0])[0, 0]))
        self._rejected = 0

    def read_policy(self, policy, name: str = "policy") -> np.ndarray:
        """Return the log-probabilities of a policy of the labels, shape (1, labels), aligned by label."""
        return read_log_policy(policy, self.data.labels, 1, name)

    @property
    def rejected(self) -> int:
        """Pairs that were drawn and had no vote left."""
        return self._rejected

    @property
    def votes_left(self) -> int:
        """Votes not used yet, ties included."""
        upper = np.triu(self._wins + self._wins.T + self._ties, 1)
        return int(upper.sum())

    def duel(self, first, second) -> np.ndarray:
        """Answer duels of chosen labels by recorded votes; return whether the first won, shape (duels,).

        Parameters
        ----------
        first, second : int or array_like of int, shape (duels,)

        Raises
        ------
        NashsimError
            Where no vote between two labels is left, or beyond the budget; the duels before it stand.
        """
        first, second = (
            np.array(a, np.int64) for a in np.broadcast_arrays(*map(np.atleast_1d, (first, second)))
        )
        n = len(self._wins)
        if min(first.min(), second.min()) < 0 or max(first.max(), second.max()) >= n:
            raise NashsimError(f"first, second: numbers from 0 to {n - 1} are needed, found others")
        self._afford(len(first))
        return np.array([self._ask(int(y), int(z)) for y, z in zip(first, second, strict=True)])

    def round(self, policy, opponent=None, size: int = 1) -> DuelLog:
        """Fight ``size`` duels of y ~ policy and z ~ opponent, pairs without a vote left being rejected.

        Parameters
        ----------
        policy, opponent, size
            As for ``Duels.round``.

        Raises
        ------
        NashsimError
            If ``PATIENCE`` pairs in a row are rejected: the votes that the policies ask for are used up.
        """
        [mine] = np.exp(read_log_policy(policy, self.data.labels, 1))
        [theirs] = (
            [mine] if opponent is None else np.exp(read_log_policy(opponent, self.data.labels, 1, "opponent"))
        )
        self._afford(size)
        before = self._fought
        for _ in range(size):
            y, z = self._pair(mine, theirs)
            self._ask(y, z)
        return DuelLog(*(array[before:] for array in self.log))

    def _pair(self, policy: np.ndarray, opponent: np.ndarray) -> tuple[int, int]:
        for _ in range(self.PATIENCE):
            y, z = self._stream.draw(policy), self._stream.draw(opponent)
            if y == z or self._left(y, z):
                return y, z
            self._rejected += 1
        raise NashsimError(
            f"{self.data.name}: {self.PATIENCE} pairs in a row had no vote left ({self.votes_left} votes are left);"
            " the policies ask for pairs that are used up"
        )

    def _left(self, y: int, z: int) -> int:
        return int(self._wins[y, z] + self._wins[z, y] + self._ties[y, z])

    def _ask(self, y: int, z: int) -> bool:
        """Use up one vote between two labels, or flip a coin for a label against itself."""
        labels = self.data.labels
        if y != z and not self._left(y, z):
            raise NashsimError(f"{self.data.name}: no vote between {labels[y]!r} and {labels[z]!r} is left")
        won = self._coin() if y == z else self._vote(y, z)
        contexts, first, second = np.array([[0], [y], [z]], np.int64)
        self._keep(DuelLog(contexts, first, second, np.array([won])))
        return won

    def _vote(self, y: int, z: int) -> bool:
        at = int(self._stream.uniform() * self._left(y, z))
        if at < self._wins[y, z]:
            self._wins[y, z] -= 1
            return True
        if at < self._wins[y, z] + self._wins[z, y]:
            self._wins[z, y] -= 1
            return False
        self._ties[y, z] -= 1
        self._ties[z, y] -= 1
        return self._coin()

    def _coin(self) -> bool:
        return self._stream.uniform() < 0.5
