"""What is inside a game: coverage, winners, cycles and the maximal lottery, with bootstrap intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np

from .data import structure
from .data.resample import resample
from .data.table import PreferenceData
from .errors import ConvergenceError, NashsimError
from .game import PreferenceGame

#: Resamples of the comparisons where nothing is said, and the most labels at which they are drawn unasked.
RESAMPLES, MOST_LABELS = 200, 300


@dataclass(frozen=True)
class Inspection:
    """What :func:`inspect` found; ``None`` stands for what cannot be known, or a winner that is not there.

    Attributes
    ----------
    n : int
        Number of labels.
    labels : list of str
    observed_pairs, pairs : int
        Pairs compared, and all n(n-1)/2 of them, before anything is filled in.
    coverage : float
        Their ratio; 1 for a single label.
    asymmetry : float
        max|P + P^T - 1| of the source.
    condorcet_winner : str or None
        Who strictly beats everybody else (P > 1/2).
    weak_condorcet_winners : list of str or None
        Who beats or ties everybody else; a strict winner is the only one.
    smith_set : list of str or None
        The smallest nonempty set whose members each strictly beat every outsider.
    cyclic_triples : int
        Triples a > b > c > a by strict beats; with missing pairs among triples compared throughout.
    cyclic_mass, cyclic_mass_weighted : float, float or None
        Share of the squared norm of P - 1/2 over the compared pairs that no strengths s_i - s_j explain,
        each pair weighing 1, or its number of comparisons where the source has them.
    lottery : dict of str to float, or None
        The maximal lottery: the symmetric Nash policy of P - 1/2.
    lottery_unique : bool or None
    intervals : dict or None
        ``confidence``, ``resamples``, and [low, high] for ``cyclic_mass``, ``cyclic_mass_weighted``,
        ``cyclic_triples`` and each label of ``lottery`` (``None`` where that is); ``None`` without counts.
    status : str
        Sentences on what was decided, filled, or left open, and why.
    """

    n: int
    labels: list[str]
    observed_pairs: int
    pairs: int
    coverage: float
    asymmetry: float
    condorcet_winner: str | None
    weak_condorcet_winners: list[str] | None
    smith_set: list[str] | None
    cyclic_triples: int
    cyclic_mass: float
    cyclic_mass_weighted: float | None
    lottery: dict[str, float] | None
    lottery_unique: bool | None
    intervals: dict | None
    status: str

    def to_dict(self) -> dict:
        """Return the fields as plain values, ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        from .html import card, policy_table

        facts = {"labels": self.n, "compared pairs": f"{self.observed_pairs} of {self.pairs}"}
        facts |= {"Condorcet winner": self.condorcet_winner or "none", "Smith set": self.smith_set}
        facts |= {"cyclic triples": self.cyclic_triples, "cyclic mass": self.cyclic_mass}
        masses = [] if self.lottery is None else [np.array([[self.lottery[label] for label in self.labels]])]
        tables = [policy_table(self.labels, one, ["maximal lottery"]) for one in masses]
        return card("Inspection", facts, *tables, note=self.status)


def inspect(
    data: PreferenceData | PreferenceGame,
    *,
    missing: str = "error",
    symmetrise: bool = False,
    bootstrap: int | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Look at preferences: how complete, how transitive, and who wins.

    Definitions as in :mod:`nashsim.data.structure`. Under ``missing="error"`` missing
    pairs are reported and no failure: the Condorcet winners, the Smith set and the lottery, which need
    every pair, are ``None``. Otherwise these and the cyclic triples are those of the filled matrix; the
    cyclic masses are always over the compared pairs, since what is filled in is no evidence.

    Parameters
    ----------
    data : PreferenceData or PreferenceGame
        A game's reference and tau take no part.
    missing : {"error", "half", "bradley-terry"}
        As for :meth:`PreferenceData.filled`.
    symmetrise : bool
        Accept asymmetry beyond tolerance and average it away.
    bootstrap : int or None
        Number of resamples for the intervals, where the data have counts; 0 for none. ``None`` is 200, and none beyond
        300 labels, where they take minutes.
    seed : int
    confidence : float
        Nominal coverage of the intervals, in (0, 1).
    progress : callable or None
        Called with (resamples done, resamples).

    Returns
    -------
    Inspection

    Raises
    ------
    NashsimError
        If the game is a stack, the data are asymmetric beyond tolerance, the missing pairs cannot be
        filled as asked, or an argument is out of range.

    Notes
    -----
    A resample draws every pair's wins, losses and ties anew, totals held and pairs independent of each other
    (for ballots an approximation), and fills missing pairs as asked. Noise looks cyclic, so an observed
    cyclic mass m lies above the true one and resampled masses above m: the interval is the basic bootstrap
    one, [2m - high, 2m - low] within [0, 1] for the resampled percentiles low and high, which takes that bias
    off and lies below m where comparisons are few. Over six simulated designs it held the true mass in 82%
    to 95% of cases at nominal 95%, the percentiles themselves in 0% to 84% [derived]. Cyclic triples and the
    lottery jump as a pair crosses 1/2; theirs are percentiles, the spread of resampling and no confidence
    statement.

    Examples
    --------
    >>> found = inspect(PreferenceGame([[0.5, 0.9, 0.2], [0.1, 0.5, 0.6], [0.8, 0.4, 0.5]], labels="abc"))
    >>> found.condorcet_winner, found.smith_set, found.cyclic_triples
    (None, ['a', 'b', 'c'], 1)
    >>> {label: round(p, 6) for label, p in found.lottery.items()}
    {'a': 0.125, 'b': 0.375, 'c': 0.5}
    """
    if not 0 < confidence < 1:
        raise NashsimError(f"confidence: a number between 0 and 1 is needed, found {confidence}")
    if bootstrap is not None and bootstrap < 0:
        raise NashsimError(f"bootstrap: a number of resamples >= 0 is needed, found {bootstrap}")
    data = as_data(data)
    observed = data.symmetric(symmetrise)
    filled = observed if missing == "error" else observed.filled(missing)
    cycles = _cycles(observed, filled)
    winners, remarks = _winners(filled)
    status = [*_reading(data, missing, symmetrise), *remarks]
    intervals = None
    resamples, remark = resamples_of(observed, bootstrap)
    if resamples:
        intervals, remark = _intervals(observed, missing, cycles, resamples, seed, confidence, progress)
    status += [remark] if remark else []
    seen, pairs = structure.coverage(data.probability)
    return Inspection(
        n=data.n,
        labels=list(data.labels),
        observed_pairs=seen,
        pairs=pairs,
        coverage=seen / pairs if pairs else 1.0,
        asymmetry=data.asymmetry,
        **cycles,
        **winners,
        intervals=intervals,
        status=" ".join(status),
    )


def as_data(data: PreferenceData | PreferenceGame) -> PreferenceData:
    """Return the preferences of one game as data without counts, and data as they are.

    Parameters
    ----------
    data : PreferenceData or PreferenceGame

    Raises
    ------
    NashsimError
        For anything else, and for a stack of contexts.
    """
    if isinstance(data, PreferenceData):
        return data
    if not isinstance(data, PreferenceGame):
        raise NashsimError(f"data: PreferenceData or a PreferenceGame is needed, found {type(data).__name__}")
    if data.contexts > 1:
        raise NashsimError(
            f"data: one game is needed, found a stack of {data.contexts} contexts; inspect"
            " PreferenceGame(game.probabilities[x], labels=game.labels) for each context x"
        )
    return PreferenceData(data.labels, data.probabilities[0], name=data.name)


def resamples_of(data: PreferenceData, asked: int | None) -> tuple[int, str]:
    """Return how many resamples of the comparisons are drawn, and the sentence that says why there are none.

    Parameters
    ----------
    data : PreferenceData
    asked : int or None
        Number asked for; ``None`` is ``RESAMPLES``, and none beyond ``MOST_LABELS``.
    """
    wins, counts = data.wins, data.counts
    if wins is None or counts is None or asked == 0:
        return 0, ""
    shares = np.divide(wins, counts, out=np.zeros_like(wins), where=counts > 0)
    if not ((shares > 0) & (shares < 1)).any():
        return 0, (
            "Every pair had one outcome every time it was compared: resampled comparisons cannot vary, and there are"
            " no intervals."
        )
    if asked is None and data.n > MOST_LABELS:
        return 0, (
            f"Intervals are left out at {data.n} labels, where {RESAMPLES} resamples take minutes; ask for them by"
            " bootstrap=N (--bootstrap N)."
        )
    return RESAMPLES if asked is None else asked, ""


def _reading(data: PreferenceData, missing: str, symmetrise: bool) -> list[str]:
    sentences = list(data.notes)
    if symmetrise and data.asymmetry > 0:
        sentences.append(f"P and 1 - P^T differ by up to {data.asymmetry:.6g} and are averaged.")
    if np.isnan(data.probability).any():
        remedy = {
            "error": "Condorcet winners, Smith set and lottery need every pair and are left open"
            " (missing='half' or 'bradley-terry' fills in).",
            "half": "these are filled in with 1/2.",
            "bradley-terry": "these are filled in from a Bradley-Terry fit to the others.",
        }
        sentences.append(f"{data.missing_pairs()}: {remedy[missing]}")
    return sentences


def _cycles(observed: PreferenceData, filled: PreferenceData) -> dict:
    p, weights = observed.probability, observed.counts
    return {
        "cyclic_triples": structure.cyclic_triples(filled.probability),
        "cyclic_mass": structure.hodge(p).cyclic_mass,
        "cyclic_mass_weighted": None if weights is None else structure.hodge(p, weights).cyclic_mass,
    }


def _winners(filled: PreferenceData) -> tuple[dict, list[str]]:
    """What needs every pair, by field, and remarks on it."""
    p, labels = filled.probability, filled.labels
    if np.isnan(p).any():
        fields = ("condorcet_winner", "weak_condorcet_winners", "smith_set", "lottery", "lottery_unique")
        return dict.fromkeys(fields), []
    winner, maximal = structure.condorcet_winner(p), _lottery(filled)
    found = {
        "condorcet_winner": None if winner is None else labels[winner],
        "weak_condorcet_winners": [labels[i] for i in structure.weak_condorcet_winners(p)],
        "smith_set": [labels[i] for i in structure.smith_set(p)],
        "lottery": dict(zip(labels, maximal.probabilities[0].tolist(), strict=True)),
        "lottery_unique": bool(maximal.unique[0]),
    }
    return found, [maximal.status]


def _lottery(filled: PreferenceData):
    # The linear programme's modules load when first used: a look at a table with missing pairs needs none.
    from .equilibrium import lottery

    return lottery(filled.game())


def _intervals(observed, missing, cycles, bootstrap, seed, confidence, progress) -> tuple[dict, str]:
    """Bootstrap intervals by field, and the sentence that says what they are."""
    generator = np.random.default_rng(seed)
    samples, policies = [], []
    for done in range(1, bootstrap + 1):
        drawn = resample(observed, generator)
        # What the fit of a single resample has to say is no news to the user.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            filled = drawn if missing == "error" else drawn.filled(missing)
        samples.append(_cycles(drawn, filled))
        with suppress(ConvergenceError):
            policies += [] if np.isnan(filled.probability).any() else [_lottery(filled).probabilities[0]]
        if progress is not None:
            progress(done, bootstrap)
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    intervals = {"confidence": confidence, "resamples": bootstrap, "lottery": None}
    for field, value in cycles.items():
        ends = np.percentile([sample[field] for sample in samples], tails)
        if field != "cyclic_triples":
            ends = np.clip(2 * value - ends[::-1], 0.0, 1.0)
        intervals[field] = ends.tolist()
    if policies:
        ends = np.percentile(policies, tails, axis=0).T
        intervals["lottery"] = dict(zip(observed.labels, ends.tolist(), strict=True))
    remark = (
        f"Intervals: {100 * confidence:g}% bootstrap over {bootstrap} resamples of every pair's comparisons,"
        " bias-corrected for cyclic masses (in simulations the true mass lay inside in 82% to 95% of cases at nominal"
        " 95%), the spread of resampling for triples and lottery."
    )
    shares = observed.wins[observed.observed] / observed.counts[observed.observed]
    if fixed := int(((shares == 0) | (shares == 1)).sum()) // 2:
        remark += (
            f" {fixed} pairs with one outcome each time do not vary in it, so that it is too narrow there."
        )
    if 0 < len(policies) < bootstrap:
        remark += f" {bootstrap - len(policies)} resampled lotteries could not be confirmed and are left out."
    return intervals, remark
