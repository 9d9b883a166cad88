"""Who is best by several rules side by side: lottery, regularised Nash, Borda, Copeland, Bradley-Terry, Elo."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .data import structure
from .data.bradley_terry import fit_strengths, one_sided_split
from .data.graph import components
from .data.resample import resample
from .data.table import PreferenceData
from .errors import ConvergenceError, NashsimError
from .game import PreferenceGame
from .inspection import as_data, resamples_of

if TYPE_CHECKING:
    import pandas as pd

#: What each score is, in the order of the columns.
SCORES = {
    "lottery": "probability in the maximal lottery",
    "nash": "probability in the regularised Nash policy",
    "borda": "mean P(label ≻ other) over the others",
    "copeland": "share of the others that are beaten, a tie counting half",
    "bradley_terry": "strength s of P = 1/(1 + e^(s' - s)), in nats, of mean 0",
    "elo": "the same strength on Elo's scale, 1000 + 400 s/ln 10, where Elo's expected updates rest",
}
_ELO = 400 / np.log(10)


@dataclass(frozen=True, eq=False)
class Rankings:
    """Scores of every label by several rules.

    Attributes
    ----------
    scores : DataFrame
        A row a label, best Borda score first, and a column a score of ``SCORES``.
    low, high : DataFrame or None
        Ends of the spread of resampled comparisons, in the same places; ``None`` without counts or variation.
    disagreements : list of str
        Sentences on who is first by which rule, where they differ.
    status : str
        Sentences on how the scores were had.
    """

    scores: pd.DataFrame
    low: pd.DataFrame | None
    high: pd.DataFrame | None
    disagreements: list[str]
    status: str

    def frame(self) -> pd.DataFrame:
        """Return a tidy DataFrame: label, score, value, rank (1 is best, ties share the least), low, high."""
        tidy = self.scores.melt(ignore_index=False, var_name="score").rename_axis("label").reset_index()
        tidy["rank"] = self._ranks().melt().value.astype(int)
        for name, ends in (("low", self.low), ("high", self.high)):
            tidy[name] = np.nan if ends is None else ends.melt().value
        return tidy

    def _ranks(self) -> pd.DataFrame:
        # Scores that differ by rounding share a rank.
        return self.scores.round(9).rank(ascending=False, method="min")

    def _repr_html_(self) -> str:
        from .html import MOST, card, table

        shown, left = self.scores[:MOST], len(self.scores) - MOST
        rows = [[label, *scores] for label, scores in zip(shown.index, shown.to_numpy(float), strict=True)]
        heads = ["", *(name.replace("_", " ") for name in shown.columns)]
        below = table(heads, rows, left=f"and {left} more labels" if left > 0 else "")
        return card("Rankings", {}, below, note=" ".join([*self.disagreements, self.status]))

    def to_dict(self) -> dict:
        """Return everything as plain values, ready for JSON."""
        shown = self.frame()
        return {
            "rankings": shown.astype(object).where(shown.notna(), None).to_dict("records"),
            "definitions": SCORES,
            "disagreements": self.disagreements,
            "status": self.status,
        }


def rankings(
    data: PreferenceData | PreferenceGame,
    *,
    tau: float = 0.1,
    missing: str = "error",
    symmetrise: bool = False,
    bootstrap: int | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> Rankings:
    """Return the scores of every label by the lottery, regularised Nash, Borda, Copeland, Bradley-Terry and Elo.

    Parameters
    ----------
    data : PreferenceData or PreferenceGame
        A game's reference takes part in its regularised Nash, and so does a tau that it has.
    tau : float
        Regularisation of the Nash policy otherwise, > 0; the reference of data is uniform.
    missing, symmetrise
        As for :meth:`nashsim.PreferenceData.game`; every pair is needed.
    bootstrap, seed, confidence, progress
        As for :func:`nashsim.inspect`: percentiles of resampled comparisons, a spread and no confidence statement for
        scores that jump where a pair crosses 1/2 (lottery, Copeland).

    Raises
    ------
    NashsimError
        For missing pairs that are not to be filled, or an argument out of range.

    Notes
    -----
    Strengths maximise the Bradley-Terry likelihood of the counts, or of P where there are none; where one side of a
    split never won, by Firth's penalty, and where comparisons fall apart they are left open.

    Examples
    --------
    >>> found = rankings(PreferenceGame([[0.5, 0.9, 0.2], [0.1, 0.5, 0.6], [0.8, 0.4, 0.5]], labels="abc"))
    >>> found.scores.round(3)[["lottery", "borda", "copeland"]].loc["c"].to_list()
    [0.5, 0.6, 0.5]
    """
    if not 0 < confidence < 1:
        raise NashsimError(f"confidence: a number between 0 and 1 is needed, found {confidence}")
    if bootstrap is not None and bootstrap < 0:
        raise NashsimError(f"bootstrap: a number of resamples >= 0 is needed, found {bootstrap}")
    like = {"tau": tau}
    if isinstance(data, PreferenceGame):
        data.require_kl("rankings show the KL-regularised Nash policy")
        like = {"tau": tau if data.tau is None else data.tau, "log_reference": data.log_reference}
    read = as_data(data)
    observed = read.symmetric(symmetrise)
    filled = observed.filled(missing)
    scores = _scores(observed, filled, like)
    resamples, remark = resamples_of(observed, bootstrap)
    low = high = None
    if resamples:
        low, high = _spread(observed, missing, like, resamples, seed, confidence, progress)
        remark = f"Ranges: {100 * confidence:g}% of {resamples} resamples of every pair's comparisons."
    order = np.argsort(-scores["borda"], kind="stable")

    def framed(columns):
        import pandas as pd

        return pd.DataFrame(columns, index=pd.Index(read.labels, name="label")).iloc[order]

    best = _disagreements(scores, read.labels)
    return Rankings(
        framed(scores),
        None if low is None else framed(low),
        None if high is None else framed(high),
        best,
        " ".join([*read.notes, f"Regularised Nash at tau = {like['tau']:g}.", *([remark] if remark else [])]),
    )


def _scores(observed: PreferenceData, filled: PreferenceData, like: dict) -> dict[str, np.ndarray]:
    from .equilibrium import lottery, solve

    p, n = filled.probability, filled.n
    game = filled.game(**like)
    beaten = structure.beats(p)
    strengths = _strengths(observed)
    return {
        "lottery": lottery(game).probabilities[0],
        "nash": solve(game).probabilities[0],
        "borda": (p.sum(axis=1) - 0.5) / max(n - 1, 1),
        "copeland": (beaten.sum(axis=1) + (n - 1 - beaten.sum(axis=1) - beaten.sum(axis=0)) / 2)
        / max(n - 1, 1),
        "bradley_terry": strengths,
        "elo": 1000 + _ELO * strengths,
    }


def _strengths(observed: PreferenceData) -> np.ndarray:
    weight = observed.observed.astype(float) if observed.counts is None else observed.counts
    wins = np.where(observed.observed, weight * np.nan_to_num(observed.probability), 0.0)
    if observed.n == 1 or components(wins + wins.T > 0).max() > 0:
        return np.full(observed.n, 0.0 if observed.n == 1 else np.nan)
    return fit_strengths(wins, penalised=one_sided_split(wins) is not None)


def _spread(observed, missing, like, resamples, seed, confidence, progress):
    generator, drawn = np.random.default_rng(seed), []
    for done in range(1, resamples + 1):
        sample = resample(observed, generator)
        with warnings.catch_warnings(), suppress(ConvergenceError):
            warnings.simplefilter("ignore", UserWarning)
            drawn.append(_scores(sample, sample.filled(missing), like))
        if progress is not None:
            progress(done, resamples)
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    ends = {name: np.percentile([scores[name] for scores in drawn], tails, axis=0) for name in SCORES}
    return tuple({name: both[k] for name, both in ends.items()} for k in (0, 1))


def _disagreements(scores: dict[str, np.ndarray], labels) -> list[str]:
    """Who is first by which rule, a sentence a first place where they are not all the same."""
    first: dict[tuple[str, ...], list[str]] = {}
    for name, values in scores.items():
        if np.isnan(values).any():
            continue
        top = tuple(labels[i] for i in np.flatnonzero(values >= values.max() - 1e-9))
        first.setdefault(top, []).append(name)
    if len(first) < 2:
        return []
    return [f"First by {', '.join(names)}: {', '.join(top)}." for top, names in first.items()]
