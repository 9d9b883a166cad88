"""How steps are fitted: everything that is not the algorithm's and not the task's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nashsim.errors import NashsimError

from ..algorithms.algorithm import Algorithm

#: Share of the largest rate by the share of the fall that is done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 + 0.5 * np.cos(np.pi * done),
}


@dataclass(frozen=True)
class Settings:
    """How steps are fitted.

    Parameters
    ----------
    fit_steps : int
        Optimiser steps of each mirror step; gradient steps have one.
    lr : float
        Largest learning rate. It falls linearly to zero over each fit; ``schedule`` is its course over the
        whole training.
    clip : float
        Largest gradient norm; far below the usual one (``grad_norm`` of the records) every optimiser step is as long as
        any other.
    optimiser : {"adam", "sgd"}
    momentum : float or None
        Decay of Adam's first moment (beta_1), or momentum of descent, in [0, 1); ``None`` is Adam's usual 0.9, and 0
        for descent. 0 suits gradient steps, see Notes.
    prompts : int or None
        Prompts of an iteration, in an order shuffled anew every epoch; ``None`` is all of them.
    minibatch : int or None
        Pairs, or single responses, of an optimiser step of a fit; ``None`` is the whole batch, as gradient steps take.
    schedule : {"constant", "linear", "cosine"}
        Course of the learning rate; the last two bring it to zero over ``iterations``.
    warmup : float
        Share of ``iterations`` over which the learning rate rises linearly, in [0, 1).
    iterations : int or None
        Iterations of the whole training; needed for a schedule or a warmup, and later ones have the rate of its end.

    Notes
    -----
    Play against oneself turns about the equilibrium, and what remembers earlier gradients is thrown outwards: gradient
    steps of three rules came nearer without momentum [measured on the styled task, one seed]. At a constant rate they
    end in a ball about the equilibrium that their noise keeps open.
    """

    fit_steps: int = 60
    lr: float = 3e-3
    clip: float = 1.0
    optimiser: str = "adam"
    momentum: float | None = None
    prompts: int | None = None
    minibatch: int | None = None
    schedule: str = "constant"
    warmup: float = 0.0
    iterations: int | None = None

    def __post_init__(self):
        for name in ("fit_steps", "lr", "clip", "prompts", "minibatch"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise NashsimError(f"{name}: a number > 0 is needed, found {value!r}")
        for name, accepted in (("optimiser", ("adam", "sgd")), ("schedule", tuple(SCHEDULES))):
            if getattr(self, name) not in accepted:
                raise NashsimError(
                    f"{name}: one of {', '.join(accepted)} is needed, found {getattr(self, name)!r}"
                )
        for name in ("momentum", "warmup"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise NashsimError(f"{name}: a number in [0, 1) is needed, found {value!r}")
        if (self.schedule != "constant" or self.warmup) and not (self.iterations or 0) >= 1:
            raise NashsimError("schedule, warmup: need the iterations of the whole training (iterations=)")

    def rate(self, iteration: int) -> float:
        """Return the learning rate of an iteration, that of its middle; within a fit it falls further.

        Parameters
        ----------
        iteration : int
            Number of the iteration, from 0.

        Examples
        --------
        >>> [Settings(lr=0.8, schedule="linear", iterations=4).rate(k) for k in range(5)]
        [0.7000000000000001, 0.5, 0.30000000000000004, 0.1, 0.0]
        """
        if self.iterations is None:
            return self.lr
        done = min(1.0, (iteration + 0.5) / self.iterations)
        return self.lr * share_of_rate(self.schedule, done, self.warmup)

    @classmethod
    def enumerated(cls, algorithm: Algorithm) -> Settings:
        """Return what suits the enumerable task: short fits by Adam, gradient steps by plain descent.

        Adam's steps do not shrink with the gradient, so that gradient steps by it circle the equilibrium; towards a
        target that follows the policy they do not [measured on this task].

        Parameters
        ----------
        algorithm : Algorithm
            Algorithm whose steps are fitted.
        """
        if not algorithm.every_step:
            return cls(fit_steps=20)
        if algorithm.follows_target:
            return cls(lr=1e-3)
        return cls(lr=0.1, optimiser="sgd")


def share_of_rate(schedule: str, done: float, warmup: float = 0.0) -> float:
    """Return the share of the largest learning rate when a share of a training is done.

    done/warmup up to ``warmup``; from there 1, 1 - s or (1 + cos(pi s))/2 with s = (done - warmup)/(1 - warmup).

    Parameters
    ----------
    schedule : str
        Key of ``SCHEDULES``.
    done : float
        Share of the training that is done, in [0, 1].
    warmup : float
        Share of the training over which the rate rises, in [0, 1).

    Examples
    --------
    >>> [share_of_rate("linear", done, warmup=0.2) for done in (0.1, 0.2, 0.6, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if done <= warmup and warmup:
        return done / warmup
    return SCHEDULES[schedule]((done - warmup) / (1 - warmup))
