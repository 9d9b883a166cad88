"""How good a judge of pairs is, whether its probabilities mean what they say, and how cyclic it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from nashsim.errors import NashsimError

from ..data.pairs import Pair
from ..judges import Comparison, Judge


@dataclass(frozen=True)
class Calibration:
    """A judge held against pairs.

    Attributes
    ----------
    pairs : int
        Number of pairs.
    accuracy : float
        Share of pairs whose likelier winner the judge names; its ties count 1/2, pairs of probability 1/2 are left
        out. NaN where all are.
    loss : float
        Cross-entropy -mean[p log P + (1 - p) log(1 - P)], nats.
    floor : float
        Cross-entropy at P = p: no judge has a lower loss on these targets.
    brier : float
        Brier score, mean (P - p)^2.
    ece : float
        Expected calibration error sum_b (n_b/n) |confidence_b - frequency_b| over bins of confidence max(P, 1 - P) of
        equal width on [1/2, 1]; frequency is how often the response that the judge favours is preferred. Turning a
        pair around changes nothing.
    reliability : list of dict
        ``low, high, pairs, confidence, frequency`` of every bin that is not empty.
    """

    pairs: int
    accuracy: float
    loss: float
    floor: float
    brier: float
    ece: float
    reliability: list[dict]

    def to_dict(self) -> dict:
        """Return the fields as plain values, ready for JSON."""
        return asdict(self)


def calibration(judge: Judge, pairs: Sequence[Pair], bins: int = 10) -> Calibration:
    """Return accuracy and calibration of a judge on pairs.

    Parameters
    ----------
    judge : Judge
        Judge to look at.
    pairs : sequence of Pair
        Pairs held out from training.
    bins : int
        Number of bins of confidence.

    Raises
    ------
    NashsimError
        For no pairs or no bins.

    Examples
    --------
    >>> found = calibration(lambda batch: np.full(len(batch), 0.8), [Pair("q", "a", "b", 0.75)])
    >>> found.accuracy, round(found.ece, 3)
    (1.0, 0.05)
    """
    if not pairs or bins < 1:
        raise NashsimError(f"pairs, bins: at least one of each is needed, found {len(pairs)} and {bins}")
    predicted = np.asarray(judge([Comparison(p.prompt, p.a, p.b) for p in pairs]), dtype=np.float64)
    target = np.array([p.probability for p in pairs])
    decided = target != 0.5
    agreement = 0.5 + 0.5 * np.sign(predicted - 0.5) * np.sign(target - 0.5)
    confidence = np.maximum(predicted, 1 - predicted)
    frequency = np.where(predicted >= 0.5, target, 1 - target)
    place = np.minimum(((confidence - 0.5) * 2 * bins).astype(int), bins - 1)
    table = []
    for b in np.unique(place):
        at = place == b
        table.append(
            {
                "low": 0.5 + b / (2 * bins),
                "high": 0.5 + (b + 1) / (2 * bins),
                "pairs": int(at.sum()),
                "confidence": float(confidence[at].mean()),
                "frequency": float(frequency[at].mean()),
            }
        )
    gaps = [row["pairs"] * abs(row["confidence"] - row["frequency"]) for row in table]
    return Calibration(
        len(pairs),
        float(agreement[decided].mean()) if decided.any() else float("nan"),
        _cross_entropy(target, predicted),
        _cross_entropy(target, target),
        float(((predicted - target) ** 2).mean()),
        float(sum(gaps) / len(pairs)),
        table,
    )


def win_matrix(judge: Judge, prompt, pool: Sequence) -> np.ndarray:
    """Return P[i, j] = P(pool[i] ≻ pool[j] | prompt), each pair asked once, shape (responses, responses).

    Parameters
    ----------
    judge : Judge
        Judge to ask.
    prompt : hashable
        Prompt of the responses.
    pool : sequence
        Different responses.
    """
    at = list(combinations(range(len(pool)), 2))
    predicted = np.asarray(judge([Comparison(prompt, pool[i], pool[j]) for i, j in at]), dtype=np.float64)
    matrix = np.full((len(pool), len(pool)), 0.5)
    for (i, j), p in zip(at, predicted, strict=True):
        matrix[i, j], matrix[j, i] = p, 1 - p
    return matrix


def cyclicity(judge: Judge, pools: Mapping) -> dict:
    """Return how cyclic a judge is over pools of responses, by ``nashsim.inspect`` on each prompt's win matrix.

    Parameters
    ----------
    judge : Judge
        Judge to look at.
    pools : mapping
        Responses of every prompt; fewer than three different ones cannot be cyclic and are left out.

    Returns
    -------
    dict
        ``prompts`` looked at; means of ``cyclic_mass`` (the share of |P - 1/2|^2 that no strengths explain),
        ``cyclic_triples`` (share of all triples) and ``smith_set`` (its size); ``condorcet`` (share of prompts with
        a Condorcet winner).

    Raises
    ------
    NashsimError
        If no pool has three responses.
    """
    from nashsim.game import PreferenceGame
    from nashsim.inspection import inspect

    found = []
    for prompt, pool in pools.items():
        pool = list(dict.fromkeys(pool))
        if len(pool) < 3:
            continue
        game = PreferenceGame(win_matrix(judge, prompt, pool), labels=[str(i) for i in range(len(pool))])
        seen = inspect(game, bootstrap=0)
        n = len(pool)
        triples = seen.cyclic_triples / (n * (n - 1) * (n - 2) / 6)
        found.append(
            (seen.cyclic_mass, triples, len(seen.smith_set or ()), seen.condorcet_winner is not None)
        )
    if not found:
        raise NashsimError("pools: a cycle needs a prompt with three different responses; found none")
    mass, triples, smith, winner = np.array(found, dtype=float).mean(0).tolist()
    return {
        "prompts": len(found),
        "cyclic_mass": mass,
        "cyclic_triples": triples,
        "smith_set": smith,
        "condorcet": winner,
    }


def pools_of(pairs: Sequence[Pair]) -> dict:
    """Return every prompt's different responses among pairs."""
    pools: dict = {}
    for pair in pairs:
        pools.setdefault(pair.prompt, {}).update({pair.a: None, pair.b: None})
    return {prompt: list(found) for prompt, found in pools.items()}


def _cross_entropy(target: np.ndarray, predicted: np.ndarray) -> float:
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(predicted), np.log1p(-predicted)
    # 0 log 0 = 0: an impossible winner costs nothing where it never wins.
    parts = np.where(target > 0, -target * np.where(target > 0, log_p, 0), 0)
    return float((parts + np.where(target < 1, -(1 - target) * np.where(target < 1, log_q, 0), 0)).mean())
