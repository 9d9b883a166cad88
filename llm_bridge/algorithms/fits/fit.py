"""What every fit knows of itself: the loss that carries a rule's step to a language model, and what that loss asks for.

A fit is one small class in one file of this folder, or of yours. Its name registers it where the class is written.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from nashsim.errors import NashsimError, unknown_name
from nashsim.rules import POLICY, GradientStep, MirrorStep

from ...importing import named_object
from ..step_conversion import climbing, stationary

#: Fits by name: every class that was written, those of this folder first.
FITS: dict[str, type[Fit]] = {}


class Fit:
    """How a step is fitted; a subclass states ``name``, ``needs_pairs``, ``accepts``, ``loss`` and what else differs.

    Attributes
    ----------
    name : str
        Name in lower case with hyphens.
    needs_pairs : bool
        Whether the loss is on pairs of responses to one prompt, and not on single responses.
    accepts : tuple of str
        Labels that the loss understands: ``"duels"``, ``"winner"``.
    reads_tokens : bool
        Whether the loss reads token log-probabilities, shape (rows, T), and not their sums, shape (rows,).
    ranks_within : bool
        Whether a response's payoff is its win rate within the batch, and not against the step's opponent.
    takes_minibatches : bool
        Whether a batch is fitted by many optimiser steps, each on a part of it or all; ``False`` is one on the whole.
    any_pairs : bool
        Whether the minimiser is the exact step under any distribution of pairs.
    spread : bool
        Whether the loss over all pairs of enumerated responses is taken in linear time, without the pairs.
    anchor_of : str or None
        Policy whose responses the anchor term is an expectation over; ``None`` takes no such term.
    anchor_sign : float
        Sign of the anchor term's share in the loss: 1.0 pulls its responses up, -1.0 pushes them down.
    importance : bool
        Whether the loss reads the log-probabilities that the batch was drawn with, and so bears many optimiser steps
        on responses of an older policy; the value of such a loss means nothing, its gradient does.
    whole_batch : bool
        Whether the loss needs ``statistic``, a number of the whole batch.
    members, member : int and int or None
        Number of policies, each fitted to its own part of given data, and the one that is trained; ``None`` is each in
        turn.
    takes_scores : bool
        Whether given scores are read as one of each response, and not as P(first ≻ second) of their margin.
    minimiser : str
        What the loss is smallest at, in a line of mathematics, where that is known.
    departure : str
        What keeps the fit from its paper, or from the step; empty where nothing does.
    """

    name: ClassVar[str]
    needs_pairs: ClassVar[bool]
    accepts: ClassVar[tuple[str, ...]]
    reads_tokens: ClassVar[bool] = False
    ranks_within: ClassVar[bool] = False
    takes_minibatches: ClassVar[bool] = True
    any_pairs: ClassVar[bool] = False
    spread: ClassVar[bool] = False
    anchor_of: ClassVar[str | None] = POLICY
    anchor_sign: ClassVar[float] = 1.0
    importance: ClassVar[bool] = False
    whole_batch: ClassVar[bool] = False
    members: int = 1
    member: int | None = None
    takes_scores: ClassVar[bool] = False
    minimiser: ClassVar[str] = ""
    departure: ClassVar[str] = ""

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        lacking = [word for word in ("name", "needs_pairs", "accepts") if not hasattr(cls, word)]
        lacking += [
            word for word, asked in (("loss", True), ("statistic", cls.whole_batch))
            if asked and getattr(cls, word) is getattr(Fit, word)
        ]  # fmt: skip
        if lacking:
            raise NashsimError(
                f"fit: {cls.__qualname__} lacks {', '.join(lacking)}; a fit states them itself"
            )
        other = FITS.get(cls.name, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise NashsimError(
                f"fit: the name {cls.name!r} is that of {other.__module__}.{other.__qualname__}; give"
                f" {cls.__qualname__} another"
            )
        FITS[cls.name] = cls

    def loss(self, algorithm, step, batch, current, weights, statistic=None) -> torch.Tensor:
        """Return the loss of a batch, a scalar.

        Parameters
        ----------
        algorithm : Algorithm
        step : MirrorStep or GradientStep
            Step as :meth:`carried` returns it.
        batch : Batch
            Payoffs, pairs, wins, and log-probabilities of the frozen policies.
        current : Tensor, shape (rows,) or (rows, T)
            log pi_theta of every response, with gradients.
        weights : Tensor or None, shape (pairs,) or (rows,)
            Weights of the expectation; ``None`` is the mean.
        statistic : Tensor or None
            What :meth:`statistic` said of the whole batch.
        """
        raise NotImplementedError

    def statistic(self, batch, current) -> torch.Tensor:
        """Return what a batch, or a part of one, adds to the number of the whole batch, a scalar without gradient.

        Parameters
        ----------
        batch : Batch
        current : Tensor, shape (rows,)
        """
        raise NotImplementedError

    def carried(self, step: MirrorStep | GradientStep, every_step: bool) -> MirrorStep | GradientStep:
        """Return a step in the form that the loss takes: a gradient step as the mirror step where it rests.

        Parameters
        ----------
        step : MirrorStep or GradientStep
            A step with an opponent.
        every_step : bool
            Whether the loss is followed for one optimiser step a batch.
        """
        if isinstance(step, GradientStep):
            return stationary(step)
        return stationary(climbing(step)) if every_step else step

    def scaled(self, loss: torch.Tensor, step: MirrorStep | GradientStep) -> torch.Tensor:
        """Return the loss whose descent, one optimiser step a batch, climbs exactly as fast as the gradient step.

        Parameters
        ----------
        loss : Tensor
        step : MirrorStep or GradientStep
        """
        return loss / (4 * float(step.eta))

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *map(repr, sorted(vars(self).items()))))

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{self.name}({numbers})" if numbers else repr(self.name)


def get_fit(fit: str | type[Fit] | Fit) -> Fit:
    """Return a fit by its name, by ``module:Class``, by its class, or as it is.

    Parameters
    ----------
    fit : str, type or Fit

    Raises
    ------
    NashsimError
        For an unknown name, or anything else that is no fit.

    Examples
    --------
    >>> get_fit("kto").needs_pairs
    False
    """
    found = fit
    if isinstance(fit, str):
        if ":" not in fit and fit not in FITS:
            raise unknown_name("fit", fit, FITS)
        found = named_object(fit, "fit", "module:Class") if ":" in fit else FITS[fit]
    if isinstance(found, type) and issubclass(found, Fit) and found is not Fit:
        try:
            return found()
        except TypeError as error:
            raise NashsimError(
                f"fit: {found.__qualname__} needs arguments ({error}); give an instance"
            ) from None
    if not isinstance(found, Fit):
        raise NashsimError(
            f"fit: a name, module:Class, a subclass of Fit or one's instance is needed, found {fit!r}"
        )
    return found
