"""How cyclic a judge is on pools of responses, and how cyclic a transitive judge with its noise would look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nashsim.data.bradley_terry import fit_strengths, one_sided_split


@dataclass(frozen=True, eq=False)
class Cycles:
    """Cyclic mass and cyclic triples, means over prompts, with what noise alone gives.

    Attributes
    ----------
    prompts : int
        Prompts with three different responses or more.
    cyclic_mass, cyclic_triples : float
        Means over them: the share of |P - 1/2|^2 that no strengths explain, and the share of triples that are cycles.
    low, high : float
        Ends of the percentile interval of ``cyclic_mass`` over prompts.
    null : ndarray, shape (draws,)
        Cyclic masses of a judge with strengths, as many verdicts and the same noise.
    null_triples : float
        Mean share of its triples that are cycles.
    noise : str
        Where the noise of ``null`` comes from.
    excess, excess_low, excess_high : float
        ``cyclic_mass`` beyond the mean of ``null``, with its interval over prompts.
    p_value : float or None
        Share of ``null`` at or above ``cyclic_mass``, (1 + count)/(1 + draws); None without noise.
    """

    prompts: int
    cyclic_mass: float
    low: float
    high: float
    cyclic_triples: float
    null: np.ndarray
    null_triples: float
    noise: str
    excess: float
    excess_low: float
    excess_high: float
    p_value: float | None

    def to_dict(self) -> dict:
        """Return the fields as plain values, the null distribution by its mean and quantiles."""
        told = {name: value for name, value in vars(self).items() if name != "null"}
        low, middle, high = np.quantile(self.null, [0.025, 0.5, 0.975]).tolist()
        null = {"mean": float(self.null.mean()), "low": low, "median": middle, "high": high}
        return told | {"null": null, "null_draws": len(self.null)}


def cycles(verdicts: Sequence[np.ndarray], weights, draws: int = 500, seed: int = 0) -> Cycles | None:
    """Return how cyclic verdicts are; None where no prompt has three responses.

    Parameters
    ----------
    verdicts : sequence of ndarray, shape (pairs, repeats, 2)
        Verdicts of each prompt: P(a ≻ b) of every pair of its responses in lexical order, asked in the order (a, b)
        and, turned around, in the order (b, a).
    weights : ndarray, shape (resamples, prompts)
        Shares of the prompts in each resample of a bootstrap.
    draws : int
        Draws of the null distribution.
    seed : int
        Seed of the null distribution.

    Notes
    -----
    The null judge has strengths: P(a ≻ b) = 1/(1 + exp(-λ (s_a - s_b))), s the Bradley-Terry fit of a prompt's verdicts
    (Firth's penalty where it would be infinite). A fit to few verdicts exaggerates, so that one λ for all prompts is
    chosen by which the null's verdicts have the judge's mean square of P - 1/2: 0 where that is a coin's, large where
    verdicts never contradict each other. Of a judge whose verdicts are words (0, 1/2, 1), every verdict is a coin of
    that model, of which repeats of a question share one as often as the judge answers alike. Of one that gives
    probabilities, noise is what its verdicts on one pair differ by: their deviations from the pair's mean, each with a
    random sign. Without such noise ``null`` is one number, the cyclic mass of strengths: on the logistic scale not 0.
    """
    kept = [x for x, said in enumerate(verdicts) if len(said) > 2]
    if not kept:
        return None
    said = [verdicts[x] for x in kept]
    hard = all(np.isin(part, (0.0, 0.5, 1.0)).all() for part in said)
    observed = np.array([_cyclic(part.mean((1, 2))) for part in said])
    null = _null(said, hard, draws, np.random.default_rng(seed))
    share = np.asarray(weights)[:, kept]
    share = share / np.maximum(share.sum(1, keepdims=True), 1)
    mass, over = observed[:, 0], observed[:, 0] - null[:, :, 0].mean(1)
    noise = "coins of fitted strengths" if hard else "deviations between verdicts on a pair"
    low, high = np.percentile(share @ mass, [2.5, 97.5])
    excess_low, excess_high = np.percentile(share @ over, [2.5, 97.5])
    means = null.mean(0)
    p_value = float((1 + (means[:, 0] >= mass.mean() - 1e-9).sum()) / (1 + draws))
    if np.ptp(means[:, 0]) < 1e-12:
        noise, p_value = "repeated verdicts are the same", None
    return Cycles(
        len(kept), float(mass.mean()), float(low), float(high), float(observed[:, 1].mean()), means[:, 0],
        float(means[:, 1].mean()), noise,
        float(over.mean()), float(excess_low), float(excess_high), p_value,
    )  # fmt: skip


def matrix_of(said: np.ndarray) -> np.ndarray:
    """Return P[i, j], the mean of a pair's verdicts, shape (responses, responses).

    Parameters
    ----------
    said : ndarray, shape (pairs, ...)
        Verdicts on the pairs of responses in lexical order.
    """
    size = _size(len(said))
    matrix = np.full((size, size), 0.5)
    for (i, j), p in zip(combinations(range(size), 2), said.reshape(len(said), -1).mean(1), strict=True):
        matrix[i, j], matrix[j, i] = p, 1 - p
    return matrix


def strongest_cycle(matrix: np.ndarray) -> tuple[float, tuple[int, int, int]] | None:
    """Return the responses of the cycle i ≻ j ≻ k ≻ i whose least probability is largest, with it; None without one.

    Parameters
    ----------
    matrix : ndarray, shape (responses, responses)
        Probabilities P(row ≻ column).
    """
    found = None
    for i, j, k in combinations(range(len(matrix)), 3):
        for cycle in ((i, j, k), (i, k, j)):
            least = min(matrix[cycle[n], cycle[(n + 1) % 3]] for n in range(3))
            if least > 0.5 + 1e-12 and (found is None or least > found[0]):
                found = (float(least), cycle)
    return found


def _cyclic(pairs: np.ndarray) -> np.ndarray:
    """Cyclic mass and share of cyclic triples of probabilities of all pairs, shape (..., pairs) to (..., 2).

    All pairs weigh alike, so that ``nashsim.data.structure.hodge`` has the strengths s_i = mean_j (P_ij - 1/2).
    """
    n = _size(pairs.shape[-1])
    first, second = np.triu_indices(n, 1)
    margin = np.zeros((*pairs.shape[:-1], n, n))
    margin[..., first, second], margin[..., second, first] = pairs - 0.5, 0.5 - pairs
    norm = (margin**2).sum((-1, -2)) / 2
    explained = n * (margin.mean(-1) ** 2).sum(-1)
    mass = np.where(norm > 0, 1 - explained / np.where(norm > 0, norm, 1), 0.0)
    wins = (margin > 1e-12).astype(float)
    triples = ((wins @ wins) * np.swapaxes(wins, -1, -2)).sum((-1, -2)) / 3
    return np.stack([np.clip(mass, 0, 1), triples / (n * (n - 1) * (n - 2) / 6)], axis=-1)


def _null(said: list[np.ndarray], hard: bool, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Cyclic masses and shares of cyclic triples of the null judge, shape (prompts, draws, 2)."""
    gaps, noise = [_gaps(part) for part in said], [_deviations(part) for part in said]
    repeats, alike = said[0].shape[1], _alike(said)
    square = np.concatenate([(part.mean((1, 2)) - 0.5) ** 2 for part in said]).mean()

    def shared(scale: float) -> float:
        """How often repeats of a question share one coin."""
        p = _logistic(scale * np.concatenate(gaps))
        chance = (p**2 + (1 - p) ** 2).mean()
        return 0.0 if repeats == 1 or chance >= 1 else float(np.clip((alike - chance) / (1 - chance), 0, 1))

    def excess(scale: float) -> float:
        p = _logistic(scale * np.concatenate(gaps))
        spread = p * (1 - p) * (1 + (repeats - 1) * shared(scale)) / (2 * repeats)
        if not hard:
            spread = np.concatenate([(off**2).sum(1) / off.shape[1] ** 2 for off in noise])
        return float(((p - 0.5) ** 2 + spread).mean()) - square

    low, high = 0.0, 64.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if excess(middle) > 0 else (middle, high)
    found = []
    for gap, off in zip(gaps, noise, strict=True):
        p = _logistic(high * gap)
        if hard:
            coins = generator.random((draws, len(p), repeats, 2))
            together = generator.random((draws, len(p), 1, 2)) < shared(high)
            drawn = (np.where(together, coins[:, :, :1], coins) < p[:, None, None]).mean((2, 3))
        else:
            signs = generator.choice((-1.0, 1.0), (draws, *off.shape))
            drawn = np.clip(p + (signs * off).mean(2), 0, 1)
        found.append(_cyclic(drawn))
    return np.stack(found)


def _gaps(said: np.ndarray) -> np.ndarray:
    """Differences of the fitted strengths of every pair, shape (pairs,)."""
    wins = said[0].size * matrix_of(said)
    np.fill_diagonal(wins, 0.0)
    strengths = fit_strengths(wins, penalised=one_sided_split(wins) is not None)
    first, second = np.triu_indices(len(wins), 1)
    return strengths[first] - strengths[second]


def _deviations(said: np.ndarray) -> np.ndarray:
    """Deviations of a pair's verdicts from their mean, of which n are too small by (n - 1)/n in square."""
    flat = said.reshape(len(said), -1)
    return (flat - flat.mean(1, keepdims=True)) * np.sqrt(flat.shape[1] / (flat.shape[1] - 1))


def _alike(said: list[np.ndarray]) -> float:
    """How often two answers to one question are alike."""
    repeats = said[0].shape[1]
    if repeats == 1:
        return 1.0
    return float(
        np.mean(
            [(part[:, i] == part[:, j]).mean() for part in said for i, j in combinations(range(repeats), 2)]
        )
    )


def _logistic(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _size(pairs: int) -> int:
    """The number of responses that have so many pairs."""
    return round((1 + np.sqrt(1 + 8 * pairs)) / 2)
