"""How steps are fitted: everything that is not the algorithm's and not the task's."""

from __future__ import annotations

from dataclasses import dataclass

from nashsim.errors import NashsimError

from .algorithms import Algorithm


@dataclass(frozen=True)
class Settings:
    """How steps are fitted.

    Parameters
    ----------
    fit_steps : int
        Optimiser steps for each mirror step; gradient steps have one.
    lr : float
        Falling linearly to zero over each fit; constant for gradient steps.
    clip : float
        Largest gradient norm.
    optimiser : str
        ``"adam"`` or ``"sgd"``.
    prompts : int or None
        Prompts an iteration, in an order shuffled anew every epoch; ``None`` is all of them.
    minibatch : int or None
        Pairs, or single responses, an optimiser step of a fit; ``None`` is the whole batch, as gradient steps take.
    """

    fit_steps: int = 60
    lr: float = 3e-3
    clip: float = 1.0
    optimiser: str = "adam"
    prompts: int | None = None
    minibatch: int | None = None

    def __post_init__(self):
        if self.fit_steps < 1 or not (self.lr > 0 and self.clip > 0):
            raise NashsimError("fit_steps, lr, clip: each must be > 0")
        if min(1 if v is None else v for v in (self.prompts, self.minibatch)) < 1:
            raise NashsimError("prompts, minibatch: a whole number >= 1 or None is needed")
        if self.optimiser not in ("adam", "sgd"):
            raise NashsimError(f"optimiser: 'adam' or 'sgd' is needed, found {self.optimiser!r}")

    @classmethod
    def enumerated(cls, algorithm: Algorithm) -> Settings:
        """Return what suits the enumerable task: short fits by Adam, gradient steps by plain descent.

        Adam's steps do not shrink with the gradient, so that gradient steps by it circle the equilibrium; towards a
        target that follows the policy they do not [measured on this task].

        Parameters
        ----------
        algorithm : Algorithm
        """
        if not algorithm.every_step:
            return cls(fit_steps=20)
        if algorithm.name.startswith(("nash-mp", "nash-prox")):
            return cls(lr=1e-3)
        return cls(lr=0.1, optimiser="sgd")
