"""Learning rates over a whole training: constant, or falling to zero linearly or by half a cosine, after a rise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: Share of the largest rate by the share of the fall that is done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 + 0.5 * np.cos(np.pi * done),
}


def share_of_rate(schedule: str, done: float, warmup: float = 0.0) -> float:
    """Return the share of the largest learning rate when a share of a training is done.

    done/warmup up to ``warmup``; from there 1, 1 - s or (1 + cos(pi s))/2 with s = (done - warmup)/(1 - warmup).

    Parameters
    ----------
    schedule : str
        One of ``SCHEDULES``.
    done : float
        In [0, 1].
    warmup : float
        In [0, 1).

    Examples
    --------
    >>> [share_of_rate("linear", done, warmup=0.2) for done in (0.1, 0.2, 0.6, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if done <= warmup and warmup:
        return done / warmup
    return SCHEDULES[schedule]((done - warmup) / (1 - warmup))
