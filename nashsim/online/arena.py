"""What compiled learners see: the game behind the duels, and the book that is kept of their play."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..engine.feedback import streams
from ..errors import NashsimError
from ..game import PreferenceGame

#: Stands for log 0 inside a kernel: finite, so that no weight turns it into NaN.
ABSENT = -1e300
#: Above this a log-probability is that of an action within the support.
PRESENT = -1e299
#: Columns of ``Book.tally``: cumulative regrets, by their names in frames.
TALLY = ("regret", "unregularised_regret", "condorcet_regret", "copeland_regret", "borda_regret")


class Arena(NamedTuple):
    """A game as arrays.

    Attributes
    ----------
    skew : ndarray, shape (contexts, actions, actions)
        A = P - 1/2, by which regret is measured.
    duel : ndarray, shape (contexts, actions, actions)
        Probability that the first wins an observed duel, label noise included.
    log_mu : ndarray, shape (contexts, actions)
    weights : ndarray, shape (contexts,)
    loss : ndarray, shape (3, contexts, actions)
        Cost of duelling an arm: Condorcet, Copeland and Borda; NaN where it is not defined.
    tau : float
    """

    skew: np.ndarray
    duel: np.ndarray
    log_mu: np.ndarray
    weights: np.ndarray
    loss: np.ndarray
    tau: float


class Book(NamedTuple):
    """What is kept of every seed's play.

    Attributes
    ----------
    policy, log_policy : ndarray, shape (seeds, contexts, actions)
        The policy played now.
    total : ndarray, shape (seeds, contexts, actions)
        Sum over rounds of the policies played.
    gaps : ndarray, shape (seeds, contexts, 2)
        Gaps of the policy played now: tau KL(pi || BR(pi)), and max_y P(y ≻ pi) - 1/2.
    margin : ndarray, shape (seeds, actions)
        Scratch for A pi.
    tally : ndarray, shape (seeds, 5)
        Cumulative regrets, see ``TALLY``.
    streams : ndarray of uint64, shape (seeds, 1)
        States of the random streams.
    """

    policy: np.ndarray
    log_policy: np.ndarray
    total: np.ndarray
    gaps: np.ndarray
    margin: np.ndarray
    tally: np.ndarray
    streams: np.ndarray


def make_arena(game: PreferenceGame, noise: float = 0.0) -> Arena:
    """Return a game as the learners' kernels take it.

    Parameters
    ----------
    game : PreferenceGame
        Game with tau set and at least two actions.
    noise : float
        Probability in [0, 1/2) that an observed label is flipped.

    Raises
    ------
    NashsimError
        For a game of one action or without tau, or noise outside its range.
    """
    if game.actions < 2:
        raise NashsimError("game: a duel needs at least two actions, found 1")
    if not 0 <= noise < 0.5:
        raise NashsimError(f"noise: a probability in [0, 1/2) is needed, found {noise!r}")
    skew = game.preference.dense()
    return Arena(
        skew,
        0.5 + (1 - 2 * noise) * skew,
        np.maximum(game.log_reference, ABSENT),
        np.ascontiguousarray(game.weights),
        _losses(skew, game.support),
        game.require_tau(),
    )


def _losses(skew: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the Condorcet, Copeland and Borda losses of every arm, shape (3, contexts, actions).

    With winner w, Copeland score C(y) = share of the others that y beats and Borda score B(y) = mean P(y, .) over
    the others: P(w, y) - 1/2, max C - C(y) and max B - B(y), all within the reference's support.
    """
    losses = np.full((3, *support.shape), np.nan)
    for c, (a, inside) in enumerate(zip(skew, support, strict=True)):
        arms = np.flatnonzero(inside)
        a = a[np.ix_(arms, arms)]
        others = max(len(arms) - 1, 1)
        copeland = (a > 0).sum(axis=1) / others
        borda = a.sum(axis=1) / others
        losses[1, c, arms] = copeland.max() - copeland
        losses[2, c, arms] = borda.max() - borda
        winner = np.flatnonzero((a > 0).sum(axis=1) == others)
        if len(winner) == 1:
            losses[0, c, arms] = a[winner[0]]
    return losses


def open_book(game: PreferenceGame, seeds: Sequence[int]) -> Book:
    """Return the book of a play that starts at the reference."""
    shape = (len(seeds), game.contexts, game.actions)
    log_policy = np.broadcast_to(np.maximum(game.log_reference, ABSENT), shape).copy()
    return Book(
        np.exp(log_policy),
        log_policy,
        np.zeros(shape),
        np.zeros((*shape[:2], 2)),
        np.zeros((shape[0], shape[2])),
        np.zeros((shape[0], len(TALLY))),
        streams(seeds, [0]),
    )
