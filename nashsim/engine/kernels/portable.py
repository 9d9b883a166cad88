"""The compiled interpreter of rule tables.

One kernel runs every rule: a stage forms its opponent, applies the skew matrix,
adds the weighted logits and renormalises. Threads go over games and seeds only,
so a result never depends on their number.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from ..codes import ARITHMETIC, EXACT, MIRROR, MIX, OPPONENTS, PAIR_GRADIENT, PAIRS, RANKING, RESPONSES
from .gradients import policy_gradient, sampled_gradient
from .random_stream import draw, uniform
from .ranking import fit_ranking, kept_pairs, sampled_pairs


@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _margin(skew, probability, out):
    """Write A pi. Only this sum may be reassociated: the softmax below needs exact ordering of nothing else."""
    n = probability.shape[0]
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += skew[i, j] * probability[j]
        out[i] = total


@nb.njit(cache=True, nogil=True)
def _mix(weights, logits, out):
    """Write sum_k w_k logits[k]."""
    n = out.shape[0]
    for i in range(n):
        out[i] = 0.0
    for k in range(weights.shape[0]):
        w = weights[k]
        if w != 0.0:
            for i in range(n):
                out[i] += w * logits[k, i]


@nb.njit(cache=True, nogil=True)
def _normalise(logits, probability):
    """Subtract log sum exp from the logits in place and write their probabilities."""
    n = logits.shape[0]
    top = logits[0]
    for i in range(1, n):
        if logits[i] > top:
            top = logits[i]
    total = 0.0
    for i in range(n):
        weight = math.exp(logits[i] - top)
        probability[i] = weight
        total += weight
    shift = top + math.log(total)
    for i in range(n):
        logits[i] -= shift
        probability[i] /= total


@nb.njit(cache=True, nogil=True)
def _pure(weights):
    """Return the slot that carries the whole mixture, or -1."""
    slot = -1
    for k in range(weights.shape[0]):
        if weights[k] != 0.0:
            if slot >= 0 or weights[k] != 1.0:
                return -1
            slot = k
    return slot


@nb.njit(cache=True, nogil=True)
def _estimate(skew, probability, feedback, samples, stream, out):
    """Write an estimate of A pi: from ``samples`` opponents, or from as many duels an action."""
    n = out.shape[0]
    for i in range(n):
        out[i] = 0.0
    if feedback == OPPONENTS:
        for _ in range(samples):
            z = draw(probability, stream)
            for i in range(n):
                out[i] += skew[i, z]
    else:
        for i in range(n):
            for _ in range(samples):
                z = draw(probability, stream)
                out[i] += 0.5 if uniform(stream) < 0.5 + skew[i, z] else -0.5
    for i in range(n):
        out[i] /= samples


@nb.njit(cache=True, nogil=True)
def _fit_pairs(skew, probability, samples, ridge, stream, out):
    """Write the payoffs that least squares reads off label differences of sampled pairs."""
    n = out.shape[0]
    laplacian = np.zeros((n, n))
    for i in range(n):
        laplacian[i, i] = ridge
        out[i] = 0.0
    for _ in range(samples):
        y = draw(probability, stream)
        other = draw(probability, stream)
        z = draw(probability, stream)
        label = 1.0 if uniform(stream) < 0.5 + skew[y, z] else 0.0
        label -= 1.0 if uniform(stream) < 0.5 + skew[other, z] else 0.0
        if y != other:
            laplacian[y, y] += 1.0
            laplacian[other, other] += 1.0
            laplacian[y, other] -= 1.0
            laplacian[other, y] -= 1.0
            out[y] += label
            out[other] -= label
    out[:] = np.linalg.solve(laplacian, out)


@nb.njit(cache=True, nogil=True)
def _opponent(weights, query, log_pi, pi, mixture, mixed):
    """Return the probabilities of a stage's opponent, formed in ``mixed`` where it is no pure policy."""
    slot = _pure(weights)
    if slot >= 0:
        return pi[slot]
    if query == ARITHMETIC:
        _mix(weights, pi, mixed)
    else:
        _mix(weights, log_pi, mixture)
        _normalise(mixture, mixed)
    return mixed


@nb.njit(cache=True, nogil=True)
def _ask(a, opponent, margin, feedback, samples, ridge, stream):
    """Write the payoff of a stage's opponent, or an estimate of it, into ``margin``."""
    if feedback == EXACT:
        _margin(a, opponent, margin)
    elif feedback == PAIRS:
        _fit_pairs(a, opponent, samples, ridge, stream, margin)
    else:
        _estimate(a, opponent, feedback, samples, stream, margin)


@nb.njit(cache=True, nogil=True)
def _ask_each(a, weights, pi, margin, feedback, samples, ridge, stream):
    """Write the weighted sum of estimates of the payoffs of single policies into ``margin``."""
    one = np.empty(margin.shape[0])
    margin[:] = 0.0
    for k in range(weights.shape[0]):
        if weights[k] != 0.0:
            _ask(a, pi[k], one, feedback, samples, ridge, stream)
            for i in range(one.shape[0]):
                margin[i] += weights[k] * one[i]


@nb.njit(cache=True, nogil=True)
def _climb(a, opponent, pi, kind, margin, score, feedback, samples, ridge, stream):
    """Write the gradient of a gradient step, or an estimate of it, into ``margin``."""
    source = opponent if kind == PAIR_GRADIENT else pi
    if feedback == RESPONSES:
        sampled_gradient(a, source, opponent, score, kind == PAIR_GRADIENT, samples, stream, margin)
    else:
        _ask(a, opponent, margin, feedback, samples, ridge, stream)
        policy_gradient(source, score, margin)


@nb.njit(cache=True, nogil=True)
def _rank(a, opponent, margin, ranking, feedback, samples, ridge, stream):
    """Write the scores that a ranking step moves along into ``margin``."""
    weights = np.empty(a.shape)
    if feedback == PAIRS:
        sampled_pairs(a, opponent, samples, int(ranking[2]), ranking[0], stream, weights)
    else:
        _ask(a, opponent, margin, feedback, samples, ridge, stream)
        kept_pairs(opponent, margin, ranking[0], weights)
    fit_ranking(weights, ranking[1], margin)


@nb.njit(cache=True, nogil=True)
def _answer(others, t, stage, a, opponent, log_pi, pi, margin, feedback, samples, ridge, stream):
    """Write what a stage of any kind adds to its logits into ``margin``."""
    kind, at, score, ranking = others
    if kind[stage] == RANKING:
        _rank(a, opponent, margin, ranking[stage], feedback, samples, ridge, stream)
    elif kind[stage] != MIRROR:
        scored = np.empty(a.shape[0])
        _mix(score[t, stage], log_pi, scored)
        _climb(a, opponent, pi[at[stage]], kind[stage], margin, scored, feedback, samples, ridge, stream)
    else:
        _ask(a, opponent, margin, feedback, samples, ridge, stream)


@nb.njit(cache=True, nogil=True)
def advance_portable(
    skew, logits, probabilities, total, streams, base, opponent, eta, into, query, played, others, feedback, samples,
    ridge, first, last,
):  # fmt: skip
    """Run the tabulated iterations on problems ``first <= i < last``, in place.

    Parameters
    ----------
    skew : ndarray, shape (contexts, actions, actions)
        A = P - 1/2, shared by all seeds.
    logits, probabilities : ndarray, shape (seeds, contexts, slots, actions)
        Every named policy, as normalised logits and as probabilities.
    total : ndarray, shape (seeds, contexts, actions)
        Running sum of the played policies.
    streams : ndarray of uint64, shape (seeds, contexts, 1)
        States of the random streams of noisy feedback.
    base, opponent : ndarray, shape (iterations, stages, slots)
    eta : ndarray, shape (iterations, stages)
    into, query : ndarray of int, shape (stages,)
        As in ``StepTable``.
    played : int
        Slot whose mean over iterations is the average iterate.
    others : tuple of ndarray, or None
        ``StepTable.others``: the stages that are no mirror steps. ``None`` compiles to a kernel without them.
    feedback, samples : int
        Code of the kind of feedback, and its number of samples.
    ridge : float
        Ridge of the regression on pairs.
    first, last : int
        Range of the flattened (seed, context) index.
    """
    contexts = skew.shape[0]
    n = skew.shape[1]
    iterations, stages = eta.shape
    counted = 0
    for stage in range(stages):
        if query[stage] != MIX:
            counted = stage
    mixture = np.empty(n)
    mixed = np.empty(n)
    margin = np.empty(n)
    for problem in range(first, last):
        seed = problem // contexts
        context = problem % contexts
        a = skew[context]
        log_pi = logits[seed, context]
        pi = probabilities[seed, context]
        mean = total[seed, context]
        stream = streams[seed, context]
        for t in range(iterations):
            for stage in range(stages):
                if stage == counted:
                    for i in range(n):
                        mean[i] += pi[played, i]
                if query[stage] != MIX:
                    weights = opponent[t, stage]
                    asked = _opponent(weights, query[stage], log_pi, pi, mixture, mixed)
                    if others is not None:
                        _answer(
                            others, t, stage, a, asked, log_pi, pi, margin, feedback, samples, ridge, stream
                        )
                    elif feedback != EXACT and query[stage] == ARITHMETIC and weights.min() < 0.0:
                        _ask_each(a, weights, pi, margin, feedback, samples, ridge, stream)
                    else:
                        _ask(a, asked, margin, feedback, samples, ridge, stream)
                _mix(base[t, stage], log_pi, mixture)
                if query[stage] != MIX:
                    step = eta[t, stage]
                    for i in range(n):
                        mixture[i] += step * margin[i]
                target = into[stage]
                for i in range(n):
                    log_pi[target, i] = mixture[i]
                _normalise(log_pi[target], pi[target])
