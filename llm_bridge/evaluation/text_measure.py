"""What is measured of a policy on text whose equilibrium nobody knows: wins against the reference, KL, length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nashsim.rules import POLICY, REFERENCE

from ..data.prompts import as_prompt
from ..decoding.eager import sample
from ..decoding.roles import Drawn, Engine, pure
from ..judges import Comparison, Judge, verdicts
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from . import kl_to_reference, length_statistics
from .divergence import standard_error


class TextMeasure:
    """Estimates from responses to a fixed set of prompts, drawn from the same random numbers at every record.

    Parameters
    ----------
    judge : Judge or None
        Judge of token ids; ``None`` measures no win rate.
    prompts : sequence of tuple of int
        Token ids of the prompts.
    length : int
        Most tokens of a response.
    samples : int
        Responses to each prompt.
    seed : int
        Seed of the responses.
    engine : callable
        Sampler with the contract of ``llm_bridge.decoding.eager.sample``.
    importance : bool
        Whether the policy samples in another precision q than it is scored in: records then have
        ``importance_ratio``, the mean of pi(y)/q(y), 1 in expectation, and ``importance_size``, the effective share
        (sum r)^2 / (n sum r^2) of responses weighted by it.
    """

    def __init__(
        self,
        judge: Judge | None,
        prompts: Sequence[tuple[int, ...]],
        length: int,
        samples: int = 1,
        seed: int = 0,
        engine: Engine = sample,
        importance: bool = False,
    ):
        self.judge, self.length, self.seed, self.engine = judge, length, seed, engine
        self.importance, self.samples = importance, samples
        self.rows = [prompt for prompt in map(as_prompt, prompts) for _ in range(samples)]

    def __call__(self, policy: CausalPolicy) -> dict[str, float]:
        """Return the metrics of the policy in the live weights.

        ``win_rate`` is the mean of P(pi ≻ mu) with its standard error over prompts ``win_rate_error``, and
        ``win_rate NAME`` that of each criterion of a judge that has several; ``kl`` the mean of
        log pi/mu (estimator k1) with ``kl_error``; ``length`` the mean number of tokens; ``cut_off`` the share of
        responses that did not end by themselves.

        Parameters
        ----------
        policy : CausalPolicy
            Policy to measure.
        """
        roles = {"evaluation": pure(POLICY, self.seed)}
        if self.judge is None:
            drawn = self.engine(policy, self.rows, roles, self.length)
            return self._statistics(policy, drawn["evaluation"])
        roles["evaluation, reference"] = pure(REFERENCE, self.seed)
        drawn = self.engine(policy, self.rows, roles, self.length)
        mine, other = (drawn[name].sequences for name in roles)
        pairs = zip(self.rows, mine.responses(), other.responses(), strict=True)
        asked = [Comparison(*pair) for pair in pairs]
        found = {}
        for name, won in verdicts(self.judge, asked).items():
            key = f"win_rate {name}".rstrip()
            found[key] = float(won.mean())
            if len(won) > 1:
                found[key.replace("win_rate", "win_rate_error", 1)] = standard_error(
                    won.reshape(-1, self.samples)
                )
        return found | self._statistics(policy, drawn["evaluation"])

    def _statistics(self, policy: CausalPolicy, drawn: Drawn) -> dict[str, float]:
        sampled = drawn.log_probs if self.importance else None
        return response_statistics(policy, drawn.sequences, sampled, self.samples)


def response_statistics(
    policy: CausalPolicy, drawn: Sequences, sampled=None, samples: int = 1
) -> dict[str, float]:
    """Return ``kl`` to the reference (estimator k1) with ``kl_error``, mean ``length`` and the share ``cut_off``.

    Parameters
    ----------
    policy : CausalPolicy
        Policy in the live weights.
    drawn : Sequences
        Responses drawn from it; of a single one there is no KL.
    sampled : Tensor or None, shape (responses,)
        Log-probabilities log q(y) that they were drawn with, for ``importance_ratio`` and ``importance_size``.
    samples : int
        Number of responses to each prompt, one after the other: the error is that of prompts.
    """
    responses = drawn.responses()
    lengths = length_statistics([len(y) for y in responses], [y[-1] in policy.ends for y in responses])
    found = {}
    if len(responses) > 1:
        with torch.no_grad():
            log_pi, log_mu = (
                policy.sequence_log_probs(drawn, name).double().cpu().numpy() for name in (POLICY, REFERENCE)
            )
        kl = kl_to_reference(log_pi.reshape(-1, samples), log_mu.reshape(-1, samples))
        found = {"kl": float(kl.value), "kl_error": float(kl.error)}
        if sampled is not None:
            ratio = np.exp(log_pi - sampled.cpu().numpy())
            size = float(ratio.sum() ** 2 / (len(ratio) * (ratio**2).sum()))
            found |= {"importance_ratio": float(ratio.mean()), "importance_size": size}
    return found | {"length": lengths["mean"], "cut_off": lengths["cut_off"]}
