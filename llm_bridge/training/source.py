"""The contract between the training loop and where its responses come from, and the source that draws samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol
from zlib import crc32

import numpy as np

from nashsim.errors import NashsimError

from ..algorithms.algorithm import Oracle, StepB
from ..data.teacher import Teacher
from ..decoding.eager import sample
from ..decoding.exploration import EllipticalExplorer
from ..decoding.features import Features, HiddenFeatures
from ..decoding.roles import Engine, Role, uniforms
from ..decoding.sequence_mixture import sequence_mixture
from ..judges import Comparison, Judge, check_probabilities
from ..parallel.processes import Processes
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from .batch import Batch, Request
from .rollout import SampledRollout, seed_of


class Rollout(Protocol):
    """Responses of one step, before anybody has compared them."""

    def judged(self) -> Batch:
        """Return the batch that the step is fitted to."""


class Source(Protocol):
    """Where responses come from, and what judges them."""

    @property
    def exact(self) -> bool:
        """Whether a batch is an expectation over every response, and not a sample."""

    @property
    def length(self) -> int:
        """Most tokens of a response."""

    @property
    def engine(self) -> Engine:
        """Sampler of responses, with the contract of ``llm_bridge.decoding.eager.sample``."""

    @property
    def processes(self) -> Processes:
        """Processes that share the work out."""

    @property
    def teacher(self) -> Teacher | None:
        """Source of responses that join those drawn, if any."""

    def new_explorer(self, policy: CausalPolicy, wanted: StepB | Oracle | None) -> EllipticalExplorer | None:
        """Return an empty memory for the explorer that an algorithm wants, or None where none is kept."""

    def sample(self, request: Request) -> Rollout:
        """Return the responses of a step."""


@dataclass(frozen=True)
class Sampled:
    """Batches of sampled responses.

    Attributes
    ----------
    judge : Judge
    length : int
        Most tokens of a response.
    duels : bool
        Whether an answer is a coin with the judge's probability; equal responses count 1/2 without a coin.
    candidates : int
        K of ``sequence_mixture``.
    show : callable or None
        What the judge reads of a prompt or a response; ``None`` shows tuples of token ids.
    engine : callable
        Sampler with the contract of ``llm_bridge.decoding.eager.sample``.
    processes : Processes
        Who draws and judges which part.
    features : Features
        In whose directions the elliptical oracle looks.
    teacher : Teacher or None
        Teacher of token ids; its response to a prompt joins those drawn for pairs, as DNO-Prct's gold response does
        [paper].
    """

    judge: Judge
    length: int
    duels: bool = False
    candidates: int = 16
    show: Callable | None = None
    engine: Engine = sample
    processes: Processes = Processes()
    features: Features = HiddenFeatures()
    teacher: Teacher | None = None
    exact: ClassVar[bool] = False

    def new_explorer(self, policy: CausalPolicy, wanted: StepB | Oracle | None) -> EllipticalExplorer | None:
        """Return the empty memory of an elliptical oracle over this source's features; None for any other explorer.

        Parameters
        ----------
        policy : CausalPolicy
        wanted : StepB, Oracle or None
        """
        if not isinstance(wanted, Oracle):
            return None
        return EllipticalExplorer(self.features.width(policy), wanted.ridge)

    def sample(self, request: Request) -> SampledRollout:
        """Return drawn responses.

        Parameters
        ----------
        request : Request
        """
        return SampledRollout(self, request)

    def draw(
        self,
        policy: CausalPolicy,
        prompts: Sequence,
        weights: Mapping[str, float],
        role: str,
        seed: int,
        *,
        level: str = "sequence",
        arithmetic: bool = False,
    ) -> Sequences:
        """Draw one response a prompt from a mixture of named policies.

        Parameters
        ----------
        policy : CausalPolicy
        prompts : sequence of tuple of int
        weights : mapping of str to float
            Over names that the policy knows.
        role : str
        seed : int
        level : str
        arithmetic : bool
            sum_k w_k pi_k: each response from one policy, chosen by its weight.
        """
        weights = {name: float(w) for name, w in weights.items() if float(w) != 0.0}
        if level == "sequence" and not arithmetic and len(weights) > 1:
            mixed = sequence_mixture(
                policy,
                prompts,
                weights,
                self.length,
                candidates=self.candidates,
                seed=seed_of(seed, crc32(role.encode())),
                engine=self.engine,
            )
            return mixed.sequences
        if arithmetic and min(weights.values()) < 0:
            raise NashsimError(
                f"weights: {weights} has a negative weight, so that nothing can be drawn from it; name one policy"
            )
        if arithmetic and len(weights) > 1:
            share = np.cumsum(list(weights.values()))
            coins = uniforms(seed, prompts, 1, f"{role}: whose voice")[:, 0]
            voice = np.minimum(np.searchsorted(share, coins, side="right"), len(share) - 1)
            weights = {name: (voice == k).astype(float).tolist() for k, name in enumerate(weights)}
        return self.engine(policy, prompts, {role: Role(weights, seed)}, self.length)[role].sequences

    def ask(self, prompts: Sequence, first: Sequence, second: Sequence, seed: int) -> np.ndarray:
        """Return P(first ≻ second), or coins with that probability, shape (comparisons,).

        Parameters
        ----------
        prompts, first, second : sequence of tuple of int
        seed : int
            Seed of the coins.
        """
        show = self.show or (lambda tokens: tokens)
        asked = [
            Comparison(show(x), show(a), show(b)) for x, a, b in zip(prompts, first, second, strict=True)
        ]

        def judged(places: list[int]) -> list[float]:
            return check_probabilities(self.judge([asked[i] for i in places]), len(places)).tolist()

        answers = np.array(self.processes.shared(list(prompts), judged))
        if not self.duels:
            return answers
        coins = (uniforms(seed, prompts, 1, "coins")[:, 0] < answers).astype(float)
        return np.array([0.5 if a == b else coin for a, b, coin in zip(first, second, coins, strict=True)])
