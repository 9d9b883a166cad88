"""How much work a run is, so that it can be cut into parts without asking a clock, and its parts in threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..game import PreferenceGame
from ..preferences import AnnotatorPreference, BlockPreference, BradleyTerryPreference, LowRankPreference
from ..rules import Rule
from .feedback import Feedback

#: Multiply-adds that compiled code does in about half a second.
STRETCH = 1 << 30
#: What a structured preference costs a query for each action, at most about this many multiply-adds.
_STRUCTURED = 64
#: What exp, normalisation and the call cost for each action beside the product.
_OVERHEAD = 32


def step_cost(game: PreferenceGame, rule: Rule, feedback: Feedback | None = None) -> int:
    """Return an estimate of the multiply-adds of one iteration on all contexts of a game.

    Parameters
    ----------
    game : PreferenceGame
    rule : Rule
    feedback : Feedback or None
        ``None`` is exact.

    Examples
    --------
    >>> from nashsim import games
    >>> from nashsim.rules import EGPO, OMD
    >>> step_cost(games.get("rps"), EGPO()) / step_cost(games.get("rps"), OMD())
    2.0
    """
    structured = (LowRankPreference, BradleyTerryPreference, AnnotatorPreference, BlockPreference)
    width = _STRUCTURED if isinstance(game.preference, structured) else game.actions
    query = game.actions * (width + _OVERHEAD)
    if feedback is not None and feedback.kind != "exact":
        draws = game.actions if feedback.kind == "duels" else 3
        query += int(feedback.samples) * draws * game.actions
        query += game.actions**3 if feedback.kind == "pairs" else 0
    return game.contexts * query * rule.queries_per_step


def stretch(cost: int) -> int:
    """Return how many iterations of a cost go between two moments at which a run may save its state.

    It depends on the work alone, never on a clock: a run is cut at the same iterations whenever it is repeated.

    Parameters
    ----------
    cost : int
        Multiply-adds of one iteration on all games and seeds that run side by side.
    """
    return max(1, STRETCH // max(1, cost))


def in_threads(work: Callable[[int, int], None], units: int, jobs: int) -> None:
    """Call ``work(first, last)`` on equal shares of 0..units, each in a thread of its own.

    Parameters
    ----------
    work : callable
    units : int
    jobs : int
        Most threads; one share is done without any.
    """
    if min(jobs, units) == 1:
        work(0, units)
        return
    edges = np.linspace(0, units, min(jobs, units) + 1).astype(int).tolist()
    with ThreadPoolExecutor(len(edges) - 1) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
