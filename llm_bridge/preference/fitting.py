"""One loop that fits either model to pairs, by the logistic loss against P(a ≻ b)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch

from nashsim.errors import NashsimError

from ..data.pairs import Pair
from ..judges import Comparison
from ..policy.master_weights import master_of, round_to_live
from ..storage.checkpoint import Checkpoints
from ..training.optimisation import descend


@dataclass(frozen=True)
class FitSettings:
    """How a preference model is fitted.

    Attributes
    ----------
    epochs : int
        Passes over the pairs.
    batch : int
        Pairs of an optimiser step.
    lr : float
        Peak learning rate, reached over the first tenth of the steps and falling linearly to zero.
    clip : float
        Largest gradient norm.
    weight_decay : float
        Decoupled weight decay of AdamW.
    seed : int
        Seed of the order of pairs.
    rows : int or None
        Most sequences of one forward and backward pass, two a pair, >= 2: gradients of parts of a batch add up to
        the batch's, up to rounding. ``None`` is the whole batch at once.
    """

    epochs: int = 1
    batch: int = 32
    lr: float = 1e-5
    clip: float = 1.0
    weight_decay: float = 0.0
    seed: int = 0
    rows: int | None = None

    def __post_init__(self):
        if self.rows is not None and self.rows < 2:
            raise NashsimError(
                f"rows: a pair is two sequences, found room for {self.rows}; at least 2 are needed"
            )
        if self.epochs < 1 or self.batch < 1 or not (self.lr > 0 and self.clip > 0) or self.weight_decay < 0:
            raise NashsimError("epochs, batch, lr, clip: each must be > 0, and weight_decay >= 0")


def loss_of(margins: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return -mean[p log sigma(s) + (1 - p) log sigma(-s)], nats; its minimum over s is at logit p.

    Parameters
    ----------
    margins, targets : Tensor, shape (batch,)
        Log-odds s of the model, and probabilities p.
    """
    return (torch.nn.functional.softplus(margins) - targets * margins).mean()


class Fit:
    """A fit in progress: its whole state between two optimiser steps can be kept, and gone on from to the same bits.

    Parameters
    ----------
    model : PreferenceModel or RewardModel
        Model whose trainable parameters are fitted: all, or those of its adapters and head; where they have fewer bits
        than float32, float32 masters add up the steps.
    pairs : sequence of Pair
        Pairs to fit.
    settings : FitSettings or None
        Settings of the fit; ``None`` is the defaults.

    Attributes
    ----------
    losses : list of float
        Losses of the steps done, nats.

    Raises
    ------
    NashsimError
        For no pairs.
    """

    def __init__(self, model, pairs: Sequence[Pair], settings: FitSettings | None = None):
        if not pairs:
            raise NashsimError("pairs: at least one is needed, found none")
        self.model, self.pairs, self.settings = model, pairs, settings or FitSettings()
        self.losses: list[float] = []
        live = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._live, self._weights = list(live.values()), {name: master_of(p) for name, p in live.items()}
        self._optimiser = torch.optim.AdamW(
            self._weights.values(), lr=self.settings.lr, weight_decay=self.settings.weight_decay
        )

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole fit."""
        return self.settings.epochs * self._per_epoch

    @property
    def _per_epoch(self) -> int:
        return -(-len(self.pairs) // self.settings.batch)

    def step(self, progress: Callable[[float], None] | None = None) -> float:
        """Do one optimiser step and return its loss, nats.

        Parameters
        ----------
        progress : callable or None
            Function called with the share of the step's pairs that is done, after every part of them.

        Raises
        ------
        NashsimError
            For a loss that is no number; the pairs of the batch are named.
        """
        settings, done = self.settings, len(self.losses)
        epoch, place = divmod(done, self._per_epoch)
        # The order is a function of seed and epoch, not of a running stream.
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(self.pairs))
        chosen = order[place * settings.batch : (place + 1) * settings.batch]
        pairs = [self.pairs[i] for i in chosen]

        def blame(value: float, norm: float) -> str:
            return (
                f"fit: the loss of step {done + 1} is {value}, on pairs {sorted(int(i) for i in chosen)[:8]}, the norm"
                f" of its gradient {norm}; lower lr, or look at these pairs"
            )

        rate, losses = settings.lr * self._pace(done), self._losses(pairs, progress)
        made = descend(self._optimiser, losses, self._live, rate=rate, clip=settings.clip, blame=blame)
        self.losses.append(made.loss)
        return self.losses[-1]

    def _losses(
        self, pairs: Sequence[Pair], progress: Callable[[float], None] | None
    ) -> Iterator[torch.Tensor]:
        """The loss in parts that memory has room for, each with its share in the whole."""
        size = len(pairs) if self.settings.rows is None else self.settings.rows // 2
        for start in range(0, len(pairs), size):
            part = pairs[start : start + size]
            margins = self.model.margins([Comparison(pair.prompt, pair.a, pair.b) for pair in part])
            loss = loss_of(margins, torch.tensor([pair.probability for pair in part]).to(margins))
            yield loss * (len(part) / len(pairs))
            if progress:
                progress((start + len(part)) / len(pairs))

    def _pace(self, done: int) -> float:
        """Share of the peak rate: rising over the first tenth of the steps, falling linearly to zero."""
        warm = max(self.steps // 10, 1)
        return min((done + 1) / warm, (self.steps - done) / max(self.steps - warm, 1))

    def state_dict(self) -> dict:
        """Return weights, optimiser and losses as plain tensors and numbers."""
        return {
            "weights": {name: p.detach().clone() for name, p in self._weights.items()},
            "optimiser": deepcopy(self._optimiser.state_dict()),
            "losses": list(self.losses),
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from a state of the same model, pairs and settings.

        Parameters
        ----------
        state : dict
            State as :meth:`state_dict` returns it.

        Raises
        ------
        NashsimError
            For the state of another model.
        """
        shapes = {name: p.shape for name, p in self._weights.items()}
        if shapes != {name: p.shape for name, p in state["weights"].items()}:
            raise NashsimError("resume: the state is of another model; its parameters are others")
        with torch.no_grad():
            for name, p in self._weights.items():
                p.copy_(state["weights"][name])
        round_to_live(self._weights.values(), self._live)
        self._optimiser.load_state_dict(deepcopy(state["optimiser"]))
        self.losses = list(state["losses"])


def fit(
    model,
    pairs: Sequence[Pair],
    settings: FitSettings | None = None,
    progress: Callable[[float, int, float | None], None] | None = None,
    *,
    checkpoints: Checkpoints | None = None,
    interval: float = 600.0,
) -> list[float]:
    """Fit a model in place; return the loss of every step, nats.

    Parameters
    ----------
    model, pairs, settings
        Arguments of :class:`Fit`.
    progress : callable or None
        Function called with (steps done, steps, last loss) at once, where the loss is None, after every part of a
        step, and after every step.
    checkpoints : Checkpoints or None
        Folder of states; the fit goes on from the newest that stands there, to the same bits.
    interval : float
        Seconds between states; the last step's is kept in any case.

    Raises
    ------
    NashsimError
        For no pairs, or a loss that is no number; the pairs of the batch are named.
    """
    fitting = Fit(model, pairs, settings)
    found = checkpoints.latest() if checkpoints is not None else None
    if found is not None:
        fitting.load_state_dict(found[1])
    saved = time.monotonic()

    def tell(share: float = 0.0) -> None:
        if progress and share < 1:
            last = fitting.losses[-1] if fitting.losses else None
            progress(len(fitting.losses) + share, fitting.steps, last)

    tell()
    while len(fitting.losses) < fitting.steps:
        loss, done = fitting.step(tell), len(fitting.losses)
        due = done == fitting.steps or time.monotonic() - saved >= interval
        if checkpoints is not None and due:
            checkpoints.save(done, fitting.state_dict())
            saved = time.monotonic()
        if progress:
            progress(done, fitting.steps, loss)
    return fitting.losses
