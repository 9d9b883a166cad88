"""Policies against each other: a win-rate matrix with intervals, read as a preference game."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise

import numpy as np

from nashsim.errors import NashsimError

from ..judges import Comparison, Judge, verdicts

#: Prompts from which on a bootstrap over prompts says something.
PROMPTS = 20


@dataclass(frozen=True, eq=False)
class WinRates:
    """Win rates between players, policies that answered the same prompts.

    Attributes
    ----------
    players : tuple of str
        Names of the players.
    outcomes : ndarray, shape (players, players, prompts, samples)
        Judged P(row ≻ column) of every prompt's k-th answers. 1/2 on the diagonal.
    lengths : ndarray of int, shape (players, prompts, samples)
        Lengths in tokens, or in characters where answers are texts.
    rates, low, high : ndarray, shape (players, players)
        Means, and the ends of percentile bootstrap intervals.
    unit : str
        Unit that the bootstrap draws anew: ``"prompts"``, a prompt's answers staying together, or ``"answers"`` for
        these prompts alone, where they are fewer than 20.
    confidence : float
        Nominal coverage of the intervals.
    criteria : mapping of str to WinRates
        Win rates by each criterion of a judge that has several.
    """

    players: tuple[str, ...]
    outcomes: np.ndarray
    lengths: np.ndarray
    rates: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unit: str
    confidence: float
    _resampled: np.ndarray
    criteria: Mapping[str, WinRates] = field(default_factory=dict)

    def game(self, tau: float | None = None):
        """Return the rates as a ``nashsim.PreferenceGame`` between the players.

        Parameters
        ----------
        tau : float or None
            KL regularisation of the game.
        """
        from nashsim.game import PreferenceGame

        return PreferenceGame(self.rates, labels=self.players, tau=tau, name="win rates")

    def inspect(self):
        """Return ``nashsim.inspect`` of the rates: Smith set, cycles, maximal lottery."""
        from nashsim.inspection import inspect

        return inspect(self.game())

    def exploitability(self):
        """Return who beats whom by most: max_j P(j ≻ i) - 1/2 of every player, as a DataFrame.

        Columns player, exploitability, low, high, exploiter. A maximum of noisy means lies above the mean's maximum;
        so do the ends of its interval.
        """
        import pandas as pd

        worst = 0.5 - self.rates.min(axis=1)
        tails = _tails(self.confidence)
        ends = np.percentile(0.5 - self._resampled.min(axis=2), tails, axis=0)
        return pd.DataFrame(
            {
                "player": self.players,
                "exploitability": worst,
                "low": ends[0],
                "high": ends[1],
                "exploiter": [self.players[j] for j in self.rates.argmin(axis=1)],
            }
        )

    def improvements(self):
        """Return the win rate of every player against the one before, as a DataFrame: DNO's monotone improvement.

        Columns player, previous, win_rate, low, high.
        """
        import pandas as pd

        rows = [
            (self.players[j], self.players[i], self.rates[j, i], self.low[j, i], self.high[j, i])
            for i, j in pairwise(range(len(self.players)))
        ]
        return pd.DataFrame(rows, columns=["player", "previous", "win_rate", "low", "high"])

    def frame(self):
        """Return all cells as a tidy DataFrame: player, opponent, win_rate, low, high, comparisons."""
        import pandas as pd

        n = len(self.players)
        row, column = np.divmod(np.arange(n * n), n)
        names = np.array(self.players, dtype=object)
        return pd.DataFrame(
            {
                "player": names[row],
                "opponent": names[column],
                "win_rate": self.rates.ravel(),
                "low": self.low.ravel(),
                "high": self.high.ravel(),
                "comparisons": int(np.prod(self.outcomes.shape[2:])),
            }
        )


def win_rates(
    answers: Mapping[str, Sequence[Sequence]],
    prompts: Sequence,
    judge: Judge,
    *,
    metadata: Sequence[Mapping | None] | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    batch: int = 256,
) -> WinRates:
    """Let a judge compare the players' answers: mean of P(a ≻ b) over prompts and samples.

    Parameters
    ----------
    answers : mapping of str to sequences
        Answers; ``answers[player][x][k]`` is the k-th to prompt x, a text or a tuple of token ids; as many of every
        player, drawn independently.
    prompts : sequence
        Prompts that all players answered.
    judge : Judge
        Judge of the answers.
    metadata : sequence of mapping or None
        Metadata of each prompt, for the judge.
    confidence : float
        Nominal coverage of the intervals, in (0, 1).
    resamples : int
        Resamples of the bootstrap.
    seed : int
        Seed of the bootstrap.
    batch : int
        Comparisons put to the judge at once.

    Raises
    ------
    NashsimError
        For fewer than two players, answers that do not fit the prompts, or a judge outside [0, 1].

    Examples
    --------
    >>> from llm_bridge.judges import LengthJudge
    >>> found = win_rates({"short": [["a"], ["b"]], "long": [["aa"], ["bbb"]]}, ["x", "y"], LengthJudge(1.0))
    >>> found.rates.round(3)
    array([[0.5  , 0.194],
           [0.806, 0.5  ]])
    """
    players, shape = tuple(answers), _shape(answers, prompts)
    if not 0 < confidence < 1 or resamples < 1 or batch < 1:
        raise NashsimError(
            f"confidence, resamples, batch: (0, 1), >= 1 and >= 1 are needed, found {confidence}, {resamples}, {batch}"
        )
    notes = [None] * len(prompts) if metadata is None else list(metadata)
    judged: dict[str, np.ndarray] = {}
    for i, j in combinations(range(len(players)), 2):
        asked = [
            Comparison(prompts[x], a, b, notes[x])
            for x in range(shape[0])
            for a, b in zip(answers[players[i]][x], answers[players[j]][x], strict=True)
        ]
        parts = [verdicts(judge, asked[start : start + batch]) for start in range(0, len(asked), batch)]
        for name in parts[0]:
            outcomes = judged.setdefault(name, np.full((len(players), len(players), *shape), 0.5))
            outcomes[i, j] = np.concatenate([part[name] for part in parts]).reshape(shape)
            outcomes[j, i] = 1 - outcomes[i, j]
    lengths = np.array([[[len(y) for y in row] for row in answers[player]] for player in players])
    found = {
        name: _bootstrapped(players, outcomes, lengths, confidence, resamples, seed)
        for name, outcomes in judged.items()
    }
    return replace(found.pop(""), criteria=found)


def _bootstrapped(players, outcomes, lengths, confidence: float, resamples: int, seed: int) -> WinRates:
    unit = "prompts" if outcomes.shape[2] >= PROMPTS else "answers"
    units = outcomes.mean(axis=3) if unit == "prompts" else outcomes.reshape(*outcomes.shape[:2], -1)
    drawn = np.random.default_rng(seed).multinomial(
        units.shape[2], np.full(units.shape[2], 1 / units.shape[2]), resamples
    )
    resampled = np.einsum("rx,ijx->rij", drawn / units.shape[2], units)
    low, high = np.percentile(resampled, _tails(confidence), axis=0)
    rates = outcomes.mean(axis=(2, 3))
    # P + P^T = 1 to the last bit: rounding of the means is not symmetric.
    lower = np.tril_indices(len(players), -1)
    rates[lower] = 1 - rates.T[lower]
    return WinRates(players, outcomes, lengths, rates, low, high, unit, confidence, resampled)


def _shape(answers, prompts) -> tuple[int, int]:
    """Prompts and samples, or a line on what does not fit."""
    if len(answers) < 2 or not len(prompts):
        raise NashsimError(
            f"answers, prompts: two players and a prompt are needed, found {len(answers)} and {len(prompts)}"
        )
    samples = {len(row) for rows in answers.values() for row in rows}
    for player, rows in answers.items():
        if len(rows) != len(prompts):
            raise NashsimError(f"answers: {player!r} answered {len(rows)} of {len(prompts)} prompts")
    if len(samples) != 1 or 0 in samples:
        raise NashsimError(
            f"answers: equally many, at least one, to every prompt are needed, found {sorted(samples)}"
        )
    return len(prompts), samples.pop()


def _tails(confidence: float) -> list[float]:
    return [50 * (1 - confidence), 50 * (1 + confidence)]
