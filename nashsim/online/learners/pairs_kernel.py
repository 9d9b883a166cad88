"""Which pair a dueling bandit asks for: sampled posteriors, relative upper bounds, and picks among equals."""

from __future__ import annotations

import math

import numba as nb

from ...engine.kernels.random_stream import uniform, uniforms
from ..arena import PRESENT
from ..beta_kernel import sample_beta_above_half


@nb.njit(cache=True, nogil=True)
def thompson_first(ahead, edge, inside, reach, scratch, draws, stream):
    """Return the first arm of Double Thompson Sampling.

    Candidates have the most j with upper bound P(i, j) > 1/2; of these argmax_i #{j: theta_ij > 1/2}. Whether
    theta_ij exceeds 1/2 is drawn by its probability, once a pair, and not at all for a lone candidate: the same law
    as samples of theta.

    Parameters
    ----------
    ahead, edge : ndarray, shape (actions, actions)
        See ``update_posterior``.
    inside : ndarray, shape (actions,)
        log mu: absent arms are below PRESENT.
    reach : float
        sqrt(alpha log t).
    scratch : ndarray, shape (2, actions)
    draws : ndarray, shape (actions^2,)
    stream : ndarray of uint64, shape (1,)
    """
    n = inside.shape[0]
    candidate, score = scratch[0], scratch[1]
    most = -1.0
    for i in range(n):
        candidate[i] = -1.0
        if inside[i] > PRESENT:
            above, row = 0, edge[i]
            for j in range(n):  # without a branch: this loop runs in vectors
                above += row[j] > -reach
            candidate[i] = above
            most = max(most, candidate[i])
    arms, candidates, lone = 0, 0, 0
    for i in range(n):
        arms += inside[i] > PRESENT
        candidate[i] = 1.0 if candidate[i] == most else 0.0
        score[i] = 0.0 if candidate[i] == 1.0 else -1.0
        if candidate[i] == 1.0:
            candidates, lone = candidates + 1, i
    if candidates == 1:
        return lone
    others = arms - candidates
    uniforms(stream, draws, (arms * (arms - 1) - others * (others - 1)) // 2)
    k = 0
    for i in range(n):
        if inside[i] > PRESENT:
            for j in range(i + 1, n):
                if inside[j] > PRESENT and candidate[i] + candidate[j] > 0.0:
                    above = 1.0 if draws[k] < ahead[i, j] else 0.0
                    score[i] += candidate[i] * above
                    score[j] += candidate[j] * (1.0 - above)
                    k += 1
    return argmax_random_tie(score, -1, stream)


@nb.njit(cache=True, nogil=True)
def thompson_second(wins, ahead, edge, inside, reach, y, scratch, stream):
    """Return the second arm of Double Thompson Sampling: argmax theta_iy over lower bounds P(i, y) <= 1/2.

    theta_iy ~ Beta(wins + 1, losses + 1) afresh, and theta_yy = 1/2: so y itself where all sides drawn are below 1/2,
    the only arm above, or of several the highest, whose theta are drawn as Beta samples above 1/2. The same law as
    samples of all theta.
    """
    above, best = 0, y
    for i in range(inside.shape[0]):
        scratch[i] = 0.0
        if (
            i != y and edge[y, i] >= -reach
        ):  # lower bound of (i, y) = 1 - upper of (y, i); -inf for absent arms
            scratch[i] = 1.0 if uniform(stream) < ahead[i, y] else 0.0
            if scratch[i] == 1.0:
                above, best = above + 1, i
    if above < 2:
        return best
    highest = 0.5
    for i in range(inside.shape[0]):
        if scratch[i] == 1.0:
            theta = sample_beta_above_half(wins[i, y] + 1.0, wins[y, i] + 1.0, stream)
            if theta > highest:
                best, highest = i, theta
    return best


@nb.njit(cache=True, nogil=True)
def ucb_first(edge, inside, reach, champion, candidate, stream):
    """Return the first arm of relative UCB, and renew its champion.

    Candidates have upper bounds P(i, j) >= 1/2 against all j; the champion is the last lone candidate, forgotten
    where it is none any more. Without candidates any arm; else the champion with probability 1/2 and otherwise one of
    the other candidates; without a champion one of the candidates.
    """
    n = inside.shape[0]
    candidates, lone = 0, -1
    for i in range(n):
        candidate[i] = 0.0
        if inside[i] > PRESENT:
            candidate[i] = 1.0
            for j in range(n):
                if inside[j] > PRESENT and j != i and edge[i, j] < -reach:
                    candidate[i] = 0.0
                    break
        if candidate[i] == 1.0:
            candidates, lone = candidates + 1, i
    if candidates == 0:
        champion[0] = -1
        return random_other(inside, -1, stream)
    if champion[0] >= 0 and candidate[champion[0]] == 0.0:
        champion[0] = -1
    if candidates == 1:
        champion[0] = lone
        return lone
    if champion[0] >= 0 and uniform(stream) < 0.5:
        return champion[0]
    return argmax_random_tie(candidate, champion[0], stream)


@nb.njit(cache=True, nogil=True)
def ucb_second(wins, inside, reach, y, bound, stream):
    """Return the second arm of relative UCB: argmax_i of the upper bound P(i, y), not y in a tie."""
    for i in range(inside.shape[0]):
        duels = wins[i, y] + wins[y, i]
        if inside[i] <= PRESENT:
            bound[i] = -1.0
        elif i == y:
            bound[i] = 0.5
        elif duels == 0.0:
            bound[i] = 2.0
        else:
            bound[i] = wins[i, y] / duels + reach / math.sqrt(duels)
    return argmax_random_tie(bound, y, stream)


@nb.njit(cache=True, nogil=True)
def argmax_random_tie(score, unwanted, stream):
    """Return argmax score, any of equals by one uniform; ``unwanted`` only where it alone is highest."""
    most = score.max()
    ties, found = 0, unwanted
    for i in range(score.shape[0]):
        if score[i] == most and i != unwanted:
            ties, found = ties + 1, i
    if ties < 2:
        return found
    skip = int(ties * uniform(stream))
    for i in range(score.shape[0]):
        if score[i] == most and i != unwanted:
            if skip == 0:
                return i
            skip -= 1
    return found


@nb.njit(cache=True, nogil=True)
def random_other(inside, unwanted, stream):
    """Return an arm of the support by one uniform; ``unwanted`` only where it is the only one."""
    arms = 0
    for i in range(inside.shape[0]):
        if inside[i] > PRESENT and i != unwanted:
            arms += 1
    if arms == 0:
        return unwanted
    skip = int(arms * uniform(stream))
    for i in range(inside.shape[0]):
        if inside[i] > PRESENT and i != unwanted:
            if skip == 0:
                return i
            skip -= 1
    return unwanted
