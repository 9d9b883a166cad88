"""The smallest problem that still breaks a property: fewer actions, rounder numbers, plainer policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .problem import Problem


def shrink(problem: Problem, breaks: Callable[[Problem], bool], budget: int = 400) -> Problem:
    """Return a problem that still breaks, from which no single simplification does.

    Parameters
    ----------
    problem : Problem
    breaks : callable
    budget : int
        The most candidates that are tried.
    """
    progress = True
    while progress and budget > 0:
        progress = False
        for candidate in simpler(problem):
            budget -= 1
            if breaks(candidate):
                problem, progress = candidate, True
                break
            if budget <= 0:
                break
    return problem


def simpler(problem: Problem) -> Iterator[Problem]:
    """Yield the problem's neighbours that are simpler to read, boldest first."""
    n = problem.actions
    if n > 1:
        for gone in range(n):
            kept = np.delete(np.arange(n), gone)
            yield problem.replace(
                probabilities=problem.probabilities[np.ix_(kept, kept)],
                reference=problem.reference[kept] / problem.reference[kept].sum(),
                start=problem.start[kept] / problem.start[kept].sum(),
            )
    uniform = np.full(n, 1 / n)
    for name in ("reference", "start"):
        current = getattr(problem, name)
        plainer = [uniform, problem.reference] if name == "start" else [uniform]
        for digits in (1, 2):
            rounded = np.maximum(np.round(current, digits), 10.0**-digits)
            rounded[np.argmax(rounded)] += 1 - rounded.sum()
            plainer.append(np.round(rounded, digits))
        for candidate in plainer:
            if (
                _size(candidate) < _size(current)
                and (candidate > 0).all()
                and abs(candidate.sum() - 1) < 1e-12
            ):
                yield problem.replace(**{name: candidate})
    for tau in (1.0, float(f"{problem.tau:.1g}")):
        if _size([tau]) < _size([problem.tau]):
            yield problem.replace(tau=tau)
    for i, j in zip(*np.triu_indices(n, 1), strict=True):
        current = problem.probabilities[i, j]
        for value in (0.5, 1.0, 0.0, round(current, 1), round(current, 2)):
            if _size([value]) < _size([current]):
                changed = problem.probabilities.copy()
                changed[i, j], changed[j, i] = value, 1 - value
                yield problem.replace(probabilities=changed)


def _size(values) -> int:
    """Return how much there is to read: digits, and one for every value that is not the first."""
    texts = [f"{value:.6g}" for value in values]
    order = {"0.5": 0, "1": 1, "0": 2}
    return sum(order.get(text, 2 + len(text)) for text in texts) + 5 * (len(set(texts)) - 1)
