"""Enumerable tasks: a transformer so small in vocabulary and length that its distance from Nash is exact.

The judge prefers styles in a cycle, or likes length: what KL regularisation does to length, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from nashsim.errors import NashsimError

from ..judges import ClassGameJudge, length_game
from .class_equilibrium import ClassGame, class_log_masses, within_class_gap
from .enumeration import Enumeration

#: A cycle of three styles, and a fourth class that loses to each of them.
CYCLE = ((0.5, 0.9, 0.1, 0.8), (0.1, 0.5, 0.9, 0.8), (0.9, 0.1, 0.5, 0.8), (0.2, 0.2, 0.2, 0.5))
STYLES = ("rock", "paper", "scissors")


@dataclass(frozen=True, eq=False)
class EnumerableMeasure:
    """Exact distances from the equilibrium, of policies given by the log-probability of every response.

    Attributes
    ----------
    game : ClassGame
        Game between classes.
    log_reference : ndarray, shape (prompts, responses)
        Log-probabilities of every response under the reference.
    classes : ndarray of int, shape (responses,)
        Class of every response.
    """

    game: ClassGame
    log_reference: np.ndarray
    classes: np.ndarray

    @cached_property
    def log_equilibrium(self) -> np.ndarray:
        """log pi*(y) = log mu(y | c) + log m*(c) of every response, shape (prompts, responses)."""
        lift = self.game.log_equilibrium - self.game.log_reference
        return self.log_reference + lift[:, self.classes]

    def __call__(self, log_policy: np.ndarray) -> dict[str, float]:
        """Return the metrics of a policy, each averaged over prompts.

        Parameters
        ----------
        log_policy : ndarray, shape (prompts, responses)
            Log-probabilities of every response.
        """
        from nashsim.logspace import kl

        masses = class_log_masses(log_policy, self.classes, len(self.game.names))
        between = self.game.gap(masses)
        within = within_class_gap(
            log_policy, self.log_reference, self.classes, len(self.game.names), self.game.tau
        )
        return {
            "duality_gap": float((between + within).mean()),
            "class_gap": float(between.mean()),
            "within_class_gap": float(within.mean()),
            "kl_to_equilibrium": float(kl(self.log_equilibrium, log_policy).mean()),
            **{
                f"mass {name}": float(mass)
                for name, mass in zip(self.game.names, np.exp(masses).mean(axis=0), strict=True)
            },
        }


@dataclass(frozen=True, eq=False)
class EnumerableTask:
    """A causal language model, a few prompts, and a cyclic preference between styles of response.

    The style is fixed by the first token: tokens 1, 2 and 3 open the three styles,
    anything else is class ``other``. Every response is enumerated, so log pi, the regularised duality gap, the KL to
    the exact Nash and the class masses are exact.

    Parameters
    ----------
    vocabulary, length : int
        Number of tokens, 4 to 8, and most tokens of a response, at most 5.
    prompts : sequence of sequences of int
        Token ids of every prompt, all of one length.
    tau : float
        Weight of the regularisation, > 0.
    preference : array_like, shape (4, 4)
        Preference between the three styles and ``other``, the row preferred.
    seed : int
        Seed of the weights of the model.
    device, dtype
        Device and type of the model.
    """

    vocabulary: int = 6
    length: int = 3
    prompts: tuple[tuple[int, ...], ...] = ((1, 2), (3, 1), (2, 3))
    tau: float = 0.1
    preference: tuple = CYCLE
    seed: int = 0
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    names: tuple[str, ...] = field(default=(*STYLES, "other"), init=False)
    name: str = field(default="enumerable", init=False)
    #: Type of the measure of policies.
    measure_type: ClassVar[type[EnumerableMeasure]] = EnumerableMeasure

    def __post_init__(self):
        if self.vocabulary < 4:
            raise NashsimError(f"vocabulary: EOS and three styles need 4 tokens, found {self.vocabulary}")
        if len({len(prompt) for prompt in self.prompts}) != 1 or not self.prompts[0]:
            raise NashsimError("prompts: at least one, all of one length >= 1, are needed")
        tokens = [token for prompt in self.prompts for token in prompt]
        if min(tokens) < 0 or max(tokens) >= self.vocabulary:
            raise NashsimError(f"prompts: tokens 0 to {self.vocabulary - 1} are needed, found {tokens}")
        Enumeration.of(self.vocabulary, self.length)

    def build_model(self):
        """Return the reference model: a two-layer Llama with random weights, dropout off."""
        from transformers import LlamaConfig, LlamaForCausalLM

        config = LlamaConfig(
            vocab_size=self.vocabulary,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=len(self.prompts[0]) + self.length,
            initializer_range=0.15,  # the usual 0.02 gives a reference so uniform that it hides errors
            tie_word_embeddings=False,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = LlamaForCausalLM(config)
        return model.to(self.device, self.dtype).eval()

    @cached_property
    def enumeration(self) -> Enumeration:
        """Every response."""
        return Enumeration.of(self.vocabulary, self.length)

    @cached_property
    def classes(self) -> np.ndarray:
        """The class of every response, shape (responses,)."""
        return np.array([self.classify(None, response) for response in self.enumeration.responses()])

    @staticmethod
    def classify(prompt, response) -> int:
        """Return 0, 1 or 2 for a response that opens with token 1, 2 or 3, and 3, ``other``, for any else."""
        return response[0] - 1 if 1 <= response[0] <= 3 else 3

    @cached_property
    def judge(self) -> ClassGameJudge:
        """The judge whose equilibrium this is."""
        return ClassGameJudge(self.preference, self.classify)

    def log_probs(self, model) -> torch.Tensor:
        """Return log pi of every response, shape (prompts, responses), differentiably.

        Parameters
        ----------
        model : transformers.PreTrainedModel
            Causal language model over the vocabulary.
        """
        return self.enumeration.log_probs(model, torch.tensor(self.prompts, device=self.device))

    def measure_against(self, log_reference: np.ndarray) -> EnumerableMeasure:
        """Return what measures policies against the Nash of this reference.

        Parameters
        ----------
        log_reference : ndarray, shape (prompts, responses)
            Log-probabilities of every response under the reference.
        """
        masses = class_log_masses(log_reference, self.classes, len(self.names))
        game = ClassGame(np.array(self.preference), masses, self.tau, self.names)
        return self.measure_type(game, log_reference, self.classes)


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
            Log-probabilities of every response.
        """
        return float((np.exp(log_policy) @ (self.classes + 1)).mean())

    def __call__(self, log_policy: np.ndarray) -> dict[str, float]:
        """Return the metrics of a policy, ``expected_length`` among them."""
        return super().__call__(log_policy) | {"expected_length": self.expected_length(log_policy)}


@dataclass(frozen=True, eq=False)
class LengthTask(EnumerableTask):
    """A causal language model, a few prompts, and a judge with P(a ≻ b) = 1/(1 + exp(-slope (|a| - |b|))).

    The class of a response is its length, EOS counted, so that the equilibrium is that of a game between lengths,
    pi*(y) = mu(y | length) m*(length) [derived]. As tau falls the longest responses take all.

    Parameters
    ----------
    vocabulary, length, prompts, tau, seed, device, dtype
        Arguments of ``EnumerableTask``.
    slope : float
        Log-odds a token; > 0 likes length.

    Raises
    ------
    NashsimError
        For what ``EnumerableTask`` refuses, and a slope that is not finite.
    """

    vocabulary: int = 4
    length: int = 5
    slope: float = 1.0
    preference: Any = field(default=None, init=False)
    name: str = field(default="length", init=False)
    measure_type: ClassVar[type[EnumerableMeasure]] = LengthMeasure

    def __post_init__(self):
        super().__post_init__()
        if not np.isfinite(self.slope):
            raise NashsimError(f"slope: a finite number is needed, found {self.slope}")
        lengths = np.arange(1, self.length + 1)
        object.__setattr__(self, "preference", length_game(lengths, self.slope))
        object.__setattr__(self, "names", tuple(f"length {n}" for n in lengths))

    @staticmethod
    def classify(prompt, response) -> int:
        """Return the number of a response's tokens less one."""
        return len(response) - 1
