"""What a judge says in one order alone, and again: behind averages, caches and mixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from .checked import CallableJudge, check_probabilities
from .criteria import CriteriaJudge
from .protocol import Comparison, Judge


def parts_of(judge: Judge) -> tuple[Mapping[str, Judge], np.ndarray]:
    """Return the judges that a judge is a mixture of, by name, and their weights; of a single one itself by "".

    Parameters
    ----------
    judge : Judge
        Judge of one opinion or of several criteria.
    """
    if isinstance(judge, CriteriaJudge):
        return judge.judges, judge.weights
    return {"": judge}, np.ones(1)


def may_waver(judge: Judge) -> bool:
    """Return whether a judge may answer the same question differently: a function or an endpoint, and no model.

    Parameters
    ----------
    judge : Judge
        Judge of one opinion.
    """
    return isinstance(judge, CallableJudge)


def unreadable_text(judge: Judge) -> str | None:
    """Return in a line how many replies without a verdict counted as ties since the judge was made; None of none.

    Parameters
    ----------
    judge : Judge
        Judge of one opinion or of several criteria.
    """
    functions = (getattr(one, "function", None) for one in parts_of(judge)[0].values())
    count = sum(getattr(function, "unreadable", 0) for function in functions)
    return f"judge: {count} replies had no verdict and count as ties" if count else None


def in_one_order(judge: Judge, comparisons: Sequence[Comparison], draw: int = 0) -> np.ndarray:
    """Return P(a ≻ b) as a judge says it of that order alone, shape (batch,).

    Parameters
    ----------
    judge : Judge
        Judge of one opinion.
    comparisons : sequence of Comparison
        Questions to it.
    draw : int
        Number of the draw; a function is called anew for every one.
    """
    if not isinstance(judge, CallableJudge):
        return check_probabilities(judge(comparisons), len(comparisons))
    function = judge.function
    if getattr(function, "draws", False):
        function = partial(function, draw=draw)
    return CallableJudge(function, both_orders=False, retries=judge.retries, cache=0)(comparisons)
