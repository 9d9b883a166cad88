"""Compiled rounds of ENPO."""

from __future__ import annotations

import numba as nb

from ...engine.kernels.random_stream import draw, uniform
from ..arena import ABSENT, PRESENT
from ..regression_kernel import rank_one_update
from ..round_kernel import charge, charge_arms, draw_context, draw_outcome, measure, normalise, play_tilted

# How pihat is chosen: the places of the names in ``enpo.EXPLORERS``.
STEP_B, VERTEX, SOFT = 1, 2, 3


@nb.njit(cache=True, nogil=True)
def enpo_rounds(arena, book, arrays, gains, anchor, replay, explore, t0, first, last):
    """Play ENPO, of gains t s_t, anchor alpha/(2 tau) and explore = (place in EXPLORERS, sign/beta, temperature)."""
    theta, inverse, collected, buffer, tilted, moved, scratch = arrays
    how, lean, temperature = explore
    for seed in range(first, last):
        stream = book.streams[seed]
        direction, logs, sampler = scratch[seed, 0], scratch[seed, 1], scratch[seed, 2]
        if t0 == 0:
            for c in range(arena.log_mu.shape[0]):
                measure(arena, book, seed, c)
        for step in range(gains.shape[0]):
            charge(arena, book, seed, 2)
            c = draw_context(arena, stream)
            policy = book.policy[seed, c]
            y = draw(policy, stream)
            if how == VERTEX:
                other = confidence_widths(collected[seed, c], policy, arena.log_mu[c], direction)
            elif how == SOFT:
                soft_explorer(
                    collected[seed, c], policy, arena.log_mu[c], temperature, direction, logs, sampler
                )
                other = draw(sampler, stream)
            elif how == STEP_B and moved[seed, c] == t0 + step:
                other = draw(tilted[seed, c], stream)
            else:
                other = draw(policy, stream)
            if how >= VERTEX and y != other:
                rank_one_update(collected[seed, c], y, other, 1.0, direction)
            fresh, drawn = c, y
            if replay:
                buffer[seed, c, y, other] += 1
                c, y, other = sample_replay(buffer[seed], t0 + step + 1, stream)
            z = draw(book.policy[seed, c], stream)
            charge_arms(arena, book, seed, c, y, z)
            charge_arms(arena, book, seed, c, other, z)
            target = draw_outcome(arena, c, y, z, stream) if y != z else 0.5
            target -= draw_outcome(arena, c, other, z, stream) if other != z else 0.5
            if anchor > 0.0:
                # At pi_t, so before the pair is learned: both terms belong to one step.
                scale = gains[step] * anchor
                anchor_update(
                    inverse[seed, fresh], theta[seed, fresh], book.policy[seed, fresh], drawn, scale
                )
            implicit_update(inverse[seed, c], theta[seed, c], y, other, target, gains[step], direction)
            if anchor > 0.0 and fresh != c:
                update_policy(
                    arena, book, seed, fresh, theta[seed, fresh], how, lean, logs, tilted[seed, fresh]
                )
                moved[seed, fresh] = t0 + step + 1
            update_policy(arena, book, seed, c, theta[seed, c], how, lean, logs, tilted[seed, c])
            moved[seed, c] = t0 + step + 1


@nb.njit(cache=True, nogil=True)
def update_policy(arena, book, seed, context, theta, how, lean, logs, tilted):
    """Play the policy of theta in a context, and write Step B's pihat ∝ pi_t (pi_{t+1}/pi_t)^lean."""
    new = book.log_policy[seed, context]
    for i in range(theta.shape[0]):
        logs[i] = new[i]
    play_tilted(arena, book, seed, context, theta)
    if how == STEP_B:
        for i in range(theta.shape[0]):
            logs[i] += lean * (new[i] - logs[i])
        normalise(logs, tilted)


@nb.njit(cache=True, nogil=True)
def sample_replay(buffer, size, stream):
    """Return context, y and y' of one of ``size`` collected pairs, uniformly.

    The counts are summed from the front, so the pair is found without a list that grows with the rounds.
    """
    contexts, n, _ = buffer.shape
    left = min(int(uniform(stream) * size), size - 1)
    for c in range(contexts):
        for y in range(n):
            for z in range(n):
                left -= buffer[c, y, z]
                if left < 0:
                    return c, y, z
    return contexts - 1, n - 1, n - 1


@nb.njit(cache=True, nogil=True)
def implicit_update(inverse, theta, y, z, target, gain, direction):
    """Move theta to argmin |theta' - theta|_V^2 + gain (theta'_y - theta'_z - target)^2, then add the pair to V."""
    if y == z:
        return
    error = target - (theta[y] - theta[z])
    rank_one_update(inverse, y, z, 1.0, direction)
    # direction is V^-1 x after the pair was added, 1/(1 + width) of what it was before.
    after = direction[y] - direction[z]
    scale = gain * error / (1.0 + (gain - 1.0) * after)
    for i in range(theta.shape[0]):
        theta[i] += scale * direction[i]


@nb.njit(cache=True, nogil=True)
def anchor_update(inverse, theta, policy, y, scale):
    """Add ``scale`` V^-1 (e_y - policy) to theta."""
    n = theta.shape[0]
    for i in range(n):
        move = inverse[i, y]
        for j in range(n):
            move -= inverse[i, j] * policy[j]
        theta[i] += scale * move


@nb.njit(cache=True, nogil=True)
def confidence_widths(inverse, policy, log_mu, out):
    """Write (pi - e_y)^T V^-1 (pi - e_y) up to a constant in y, -1 outside the support; return the largest place."""
    n = policy.shape[0]
    mean = 0.0
    for i in range(n):
        out[i] = 0.0
    for j in range(n):
        p = policy[j]
        for i in range(n):
            out[i] += inverse[j, i] * p
    for i in range(n):
        mean += out[i] * policy[i]
    best = -1
    for i in range(n):
        out[i] = mean + inverse[i, i] - 2.0 * out[i] if log_mu[i] > PRESENT else -1.0
        if best < 0 or out[i] > out[best]:
            best = i
    return best


@nb.njit(cache=True, nogil=True)
def soft_explorer(inverse, policy, log_mu, temperature, out, log_sampler, sampler):
    """Write the policy ∝ exp(width / (temperature max width)) over the support."""
    top = max(out[confidence_widths(inverse, policy, log_mu, out)], 1e-300)  # 0 where one response is left
    for i in range(policy.shape[0]):
        log_sampler[i] = out[i] / (temperature * top) if log_mu[i] > PRESENT else ABSENT
    normalise(log_sampler, sampler)
