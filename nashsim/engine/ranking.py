"""Ranked pairs and their logistic fit in NumPy: the text that the compiled versions are held to.

max_w sum_yz W(y,z) log sigma(w_y - w_z) - (ridge/2) |w|^2 over scores w, where W(y,z) is how often y is kept as the
better response of a pair (y,z): the loss of DPO, and of DNO-Prct, with w = b log(pi/pi_t).
"""

from __future__ import annotations

import numpy as np

from .feedback import Stream

#: A pair at the margin is kept, whatever the rounding of its payoffs.
ROUNDING = 1 - 1e-9


def kept_pairs(policy: np.ndarray, payoff: np.ndarray, margin: float) -> np.ndarray:
    """Return how often each ordered pair is kept, W(y,z) = 2 pi(y) pi(z) where payoff_y - payoff_z >= margin.

    The 2 stands for the two orders in which a pair may be drawn.

    Parameters
    ----------
    policy, payoff : ndarray, shape (actions,)
    margin : float

    Returns
    -------
    ndarray, shape (actions, actions)
    """
    return np.where(payoff[:, None] - payoff >= margin * ROUNDING, 2 * np.outer(policy, policy), 0.0)


def sampled_pairs(
    skew: np.ndarray, policy: np.ndarray, batches: int, responses: int, margin: float, stream: Stream
) -> np.ndarray:
    """Return the share of each ordered pair that is kept, among all pairs of some batches of sampled responses.

    Each response of a batch duels each other once; a pair is kept whose win rates within the batch differ by
    ``margin`` or more.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
    policy : ndarray, shape (actions,)
    batches, responses : int
        How many batches of how many responses.
    margin : float
    stream : Stream

    Returns
    -------
    ndarray, shape (actions, actions)
    """
    weights = np.zeros_like(skew)
    for _ in range(batches):
        drawn = [stream.draw(policy) for _ in range(responses)]
        wins = np.zeros(responses, dtype=int)
        for i in range(responses):
            for j in range(i + 1, responses):
                wins[i if stream.uniform() < 0.5 + skew[drawn[i], drawn[j]] else j] += 1
        for i, j in np.argwhere((wins[:, None] - wins) / (responses - 1) >= margin * ROUNDING):
            weights[drawn[i], drawn[j]] += i != j
    return weights / (batches * responses * (responses - 1) / 2)


def fit_ranking(weights: np.ndarray, ridge: float) -> np.ndarray:
    """Return argmax_w sum_yz W(y,z) log sigma(w_y - w_z) - (ridge/2) |w|^2, shape (actions,).

    Newton steps d from 0, each times log(1 + span d)/span d: the third derivative along d is at most span(d) times
    the second, for which that damping converges from anywhere, quadratically at the end [recalled: Sun and
    Tran-Dinh, Generalized self-concordant functions, Mathematical Programming 178 (2019), for nu = 2].

    Parameters
    ----------
    weights : ndarray, shape (actions, actions)
        W; its diagonal says nothing.
    ridge : float
        > 0; without it the scores of pairs that one side always wins would have no maximum.
    """
    scores = np.zeros(len(weights))
    weights = weights * (1 - np.eye(len(weights)))
    for _ in range(200):
        lost = 1 / (1 + np.exp(scores[:, None] - scores))
        push = weights * lost
        gradient = push.sum(axis=1) - push.sum(axis=0) - ridge * scores
        bend = push * (1 - lost)
        bend += bend.T
        if not gradient.any():
            break
        step = np.linalg.solve(np.diag(bend.sum(axis=1) + ridge) - bend, gradient)
        width = np.ptp(step)
        scores += step * (np.log1p(width) / width if width > 1e-8 else 1.0)
        if width <= 1e-9:
            break
    return scores
