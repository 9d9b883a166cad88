"""A judge that likes length, on responses that are all enumerated: what KL regularisation does to length, exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nashsim.errors import NashsimError

from ..judges import length_game
from .class_equilibrium import ClassGame, class_log_masses
from .enumerable import EnumerableMeasure, EnumerableTask


@dataclass(frozen=True, eq=False)
class LengthTask(EnumerableTask):
    """A causal language model, a few prompts, and a judge with P(a ≻ b) = 1/(1 + exp(-slope (|a| - |b|))).

    The class of a response is its length, EOS counted, so that the equilibrium is that of a game between lengths,
    pi*(y) = mu(y | length) m*(length) [derived]. As tau falls the longest responses take all.

    Parameters
    ----------
    vocabulary, length : int
        4 <= vocabulary <= 8, length <= 5: the longest response.
    prompts : sequence of sequences of int
        Of one length.
    tau : float
    slope : float
        Log-odds a token; > 0 likes length.
    seed, device, dtype
        Of the model, as for ``EnumerableTask``.

    Raises
    ------
    NashsimError
        As for ``EnumerableTask``, and for a slope that is not finite.
    """

    vocabulary: int = 4
    length: int = 5
    slope: float = 1.0
    preference: Any = field(default=None, init=False)
    name: str = field(default="length", init=False)

    def __post_init__(self):
        super().__post_init__()
        if not np.isfinite(self.slope):
            raise NashsimError(f"slope: a finite number is needed, found {self.slope}")
        lengths = np.arange(1, self.length + 1)
        object.__setattr__(self, "preference", length_game(lengths, self.slope))
        object.__setattr__(self, "names", tuple(f"length {n}" for n in lengths))

    @staticmethod
    def classify(prompt, response) -> int:
        """Return the number of a response's tokens less one.

        Parameters
        ----------
        prompt : object
            Not looked at.
        response : sequence of int
        """
        return len(response) - 1

    def measure_against(self, log_reference: np.ndarray) -> LengthMeasure:
        """Return what measures policies against the Nash of this reference.

        Parameters
        ----------
        log_reference : ndarray, shape (prompts, responses)
        """
        masses = class_log_masses(log_reference, self.classes, len(self.names))
        game = ClassGame(self.preference, masses, self.tau, self.names)
        return LengthMeasure(game, log_reference, self.classes)


@dataclass(frozen=True, eq=False)
class LengthMeasure(EnumerableMeasure):
    """Exact distances from the equilibrium, and the length to expect."""

    @cached_property
    def equilibrium_length(self) -> float:
        """E|y| under the exact Nash, averaged over prompts."""
        return self.expected_length(self.log_equilibrium)

    def expected_length(self, log_policy: np.ndarray) -> float:
        """Return E|y| in tokens, EOS counted, averaged over prompts.

        Parameters
        ----------
        log_policy : ndarray, shape (prompts, responses)
        """
        return float((np.exp(log_policy) @ (self.classes + 1)).mean())

    def __call__(self, log_policy: np.ndarray) -> dict[str, float]:
        """Return the metrics of a policy, ``expected_length`` among them.

        Parameters
        ----------
        log_policy : ndarray, shape (prompts, responses)
        """
        return super().__call__(log_policy) | {"expected_length": self.expected_length(log_policy)}
