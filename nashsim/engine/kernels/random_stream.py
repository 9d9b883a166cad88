"""Random numbers inside compiled loops: one SplitMix64 stream a problem."""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True)
def uniform(stream):
    """Return the next number of [0, 1) of a SplitMix64 stream, shape (1,)."""
    stream[0] += np.uint64(0x9E3779B97F4A7C15)
    z = stream[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.float64((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


@nb.njit(cache=True, nogil=True)
def uniforms(stream, out, count):
    """Write the next ``count`` numbers of a stream: those of ``uniform``, in a loop that runs in vectors."""
    start = stream[0]
    for k in range(count):
        z = start + np.uint64(k + 1) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        out[k] = np.float64((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
    stream[0] = start + np.uint64(count) * np.uint64(0x9E3779B97F4A7C15)


@nb.njit(cache=True, nogil=True)
def draw(probability, stream):
    """Return an action by inversion."""
    rest = uniform(stream)
    last = probability.shape[0] - 1
    for action in range(last):
        rest -= probability[action]
        if rest < 0.0:
            return action
    return last
