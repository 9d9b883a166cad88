"""Who beats whom, in rows of the frame of SmolLM2: seeds of training and held-out prompts both drawn at random.

A method is the policy that one of its seeds, drawn at random, gives: a cell is the mean over prompts and over seeds s
of the one's policy of seed s against the other's of seed s, which are independent given the prompts. One seed of a
method stands for each of the other's; the reference is one policy whose answers are drawn anew for every seed.
"""

import numpy as np
from scipy import stats

#: Seed of a row that is about all seeds.
ALL = "all"


def tournament(answers: dict[str, list[dict[str, list[str]]]], judge) -> list[tuple]:
    """Let a judge compare methods and return rows (method, opponent, seed, metric, value, low, high, text).

    Intervals between two methods of one seed are bootstrapped over prompts, and tell nothing of other seeds.

    Parameters
    ----------
    answers : dict of str to list
        Of each method, for each of its seeds, its texts by the text of their prompt. All methods of several seeds have
        equally many.
    judge : Judge
        Judge of the answers.
    """
    from llm_bridge.evaluation import win_rates

    names, prompts = list(answers), list(next(iter(answers.values()))[0])
    seeds = max(map(len, answers.values()))
    said = {
        name: [[text for s in range(seeds) for text in mine[s % len(mine)][x]] for x in prompts]
        for name, mine in answers.items()
    }
    rates = win_rates(said, prompts, judge)
    rows = []

    def add(i, j, metric, value, low, high, each):
        rows.append((names[i], names[j], ALL, metric, value, low, high, ""))
        if (mine := len(answers[names[i]])) > 1:
            rows.extend(
                (names[i], names[j], str(s), metric, each[s], np.nan, np.nan, "") for s in range(mine)
            )

    for criterion, found in {"": rates, **rates.criteria}.items():
        cells = by_seed(found.outcomes, seeds)
        for i, j in np.argwhere(~np.eye(len(names), dtype=bool)):
            several = max(len(answers[names[k]]) for k in (i, j))
            ends = (found.low[i, j], found.high[i, j]) if several == 1 else interval(cells[i, j])
            add(i, j, f"wins {criterion}".rstrip(), found.rates[i, j], *ends, cells[i, j].mean(0))
    cells = by_seed(rates.outcomes, seeds)
    ends = np.percentile(0.5 - resampled(cells).min(axis=2), [2.5, 97.5], axis=0)
    for i, cell in enumerate(rates.exploitability().itertuples()):
        j = names.index(cell.exploiter)
        add(i, j, "exploitability", cell.exploitability, *ends[:, i], 0.5 - cells[i, j].mean(0))
    return rows


def by_seed(outcomes: np.ndarray, seeds: int) -> np.ndarray:
    """Return outcomes of (players, players, prompts, answers) as means over a seed's answers: (..., prompts, seeds)."""
    return outcomes.reshape(*outcomes.shape[:3], seeds, -1).mean(-1)


def interval(cells: np.ndarray) -> tuple[float, float]:
    """Return the 95% interval of the mean of crossed prompts and seeds.

    Squared error s_x^2 / X + s_s^2 / S, the spread of the means of prompts and of the means of seeds: what is neither's
    alone is in both, so that it is not too small. Student's t with Satterthwaite's degrees of freedom (sum e)^2 /
    sum (e^2 / df).

    Parameters
    ----------
    cells : ndarray, shape (prompts, seeds)
        Win rates of every prompt by every seed.
    """
    means = cells.mean(1), cells.mean(0)
    errors = np.array([m.var(ddof=1) / len(m) for m in means])
    if not errors.any():
        return cells.mean(), cells.mean()
    freedom = errors.sum() ** 2 / sum(e**2 / (len(m) - 1) for e, m in zip(errors, means, strict=True))
    half = stats.t.ppf(0.975, freedom) * np.sqrt(errors.sum())
    return cells.mean() - half, cells.mean() + half


def mean_of(values: list[float], error: float) -> tuple[float, float, float]:
    """Return a mean over seeds with its interval by Student's t, or that of a single value by its standard error."""
    half = error * stats.norm.ppf(0.975)
    if len(values) > 1:
        half = np.std(values, ddof=1) / np.sqrt(len(values)) * stats.t.ppf(0.975, len(values) - 1)
    return np.mean(values), np.mean(values) - half, np.mean(values) + half


def resampled(cells: np.ndarray, count: int = 1000) -> np.ndarray:
    """Return bootstrapped rates, shape (count, players, players): prompts and seeds are drawn anew, each by itself.

    With three seeds this is too narrow by up to a factor sqrt(2/3) in what seeds do.

    Parameters
    ----------
    cells : ndarray, shape (players, players, prompts, seeds)
        Win rates.
    count : int
        Number of resamples.
    """
    rng = np.random.default_rng(0)
    prompts, seeds = (rng.multinomial(n, np.full(n, 1 / n), count) / n for n in cells.shape[2:])
    return np.einsum("rx,rs,ijxs->rij", prompts, seeds, cells, optimize=True)
