"""Responses drawn for a step, and what the judge says of them; every random number a function of its place.

A number depends on the run's seed, the iteration, the step, the role and the prompt, never on a running stream, so
that a resumed run, or one spread over processes, draws the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, GradientStep, opponents

from ..algorithms.algorithm import PREVIOUS, Algorithm, Oracle
from ..algorithms.labels import BEST_WORST, IID
from ..data.teacher import Teacher
from ..decoding.eager import sample
from ..decoding.exploration import EllipticalExplorer, explore, tilt
from ..decoding.features import Features, HiddenFeatures
from ..decoding.roles import Engine, Role, uniforms
from ..decoding.sequence_mixture import sequence_mixture
from ..judges import Comparison, Judge, check_probabilities
from ..parallel.processes import Processes
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from .batch import Batch, needed


def seed_of(*words: int) -> int:
    """Return one seed of several whole numbers >= 0.

    Parameters
    ----------
    *words : int
    """
    return int(np.random.SeedSequence(words).generate_state(1)[0])


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
        As ``sample``.
    processes : Processes
        Who draws and judges which part.
    features : Features
        In whose directions the elliptical oracle looks.
    teacher : Teacher or None
        Of token ids; its response to a prompt joins those drawn for pairs, as DNO-Prct's gold response does [paper].
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
            Of the coins.
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


class Round:
    """One step's samples: drawn, judged, and turned into a batch.

    Parameters
    ----------
    sampled : Sampled
    policy : CausalPolicy
    algorithm : Algorithm
    step : MirrorStep or GradientStep
        As carried by the algorithm.
    real : callable
        The policy's own name of a rule's policy.
    seed : int
        Of this step of this iteration.
    explorer : EllipticalExplorer or None
        The oracle's, which takes in the pairs collected.
    """

    def __init__(
        self,
        sampled: Sampled,
        policy: CausalPolicy,
        algorithm: Algorithm,
        step,
        real,
        seed: int,
        explorer: EllipticalExplorer | None = None,
    ):
        self.sampled, self.policy, self.algorithm, self.step = sampled, policy, algorithm, step
        self.real, self.seed, self.explorer, self.comparisons = real, seed, explorer, 0
        self._against: list[list] | None = None

    def _first(self) -> dict[str, float]:
        """Named policies that the first responses are drawn from."""
        if isinstance(self.step, GradientStep):
            return {self.step.at: 1.0}
        return self.step.opponent if self.algorithm.pairs is None else self.algorithm.pairs

    def anchor_side(self) -> int:
        """Return where in a group the responses of the anchor term lie: 1, the first source's, or 2, the second's.

        Raises
        ------
        NashsimError
            Where neither source is the policy that the term is an expectation over.
        """
        wanted = {self.algorithm.fit.anchor_of: 1.0}
        for side, source in enumerate((self._first(), self.algorithm.second or {}), 1):
            if {name: float(w) for name, w in source.items() if float(w) != 0.0} == wanted:
                return side
        raise NashsimError(
            f"anchor: {self.algorithm.name} draws no responses from {self.algorithm.fit.anchor_of!r}; leave it 0, or"
            " draw pairs from it"
        )

    def collect(self, prompts: Sequence) -> list[list]:
        """Draw the responses of every prompt: a list [prompt, [responses of the first source], [of the second]] each.

        Parameters
        ----------
        prompts : sequence of tuple of int
        """
        algorithm, count = self.algorithm, self.algorithm.responses
        first = self._first()
        second, explorer = algorithm.second, algorithm.explorer
        if isinstance(explorer, Oracle):
            firsts = self._grouped(prompts, first, "response", count)
            return self._explored(prompts, firsts)
        if explorer:
            second = tilt(explorer.beta, explorer.sign, new=POLICY, old=PREVIOUS)
        if self._one_loop(first, second):
            firsts = self._both(prompts, first)
        else:
            firsts = self._grouped(prompts, first, "response", count)
        if self.sampled.teacher is not None:
            firsts = self.sampled.teacher.joined(prompts, firsts)
        seconds = self._grouped(prompts, second, "second", count) if second else [[] for _ in prompts]
        return [[x, a, b] for x, a, b in zip(prompts, firsts, seconds, strict=True)]

    def _explored(self, prompts, firsts: list[list]) -> list[list]:
        """Pair responses with those that the oracle wants compared, and tell it that they will be."""
        sampled, policy = self.sampled, self.policy
        rows = [prompt for prompt, group in zip(prompts, firsts, strict=True) for _ in group]
        flat = [y for group in firsts for y in group]

        def look(places: list[int]) -> list[list]:
            mine, options = [rows[i] for i in places], {"of": self.real(POLICY), "engine": sampled.engine}
            options |= {"candidates": self.algorithm.explorer.candidates, "seed": self.seed}
            found = explore(self.explorer, sampled.features, policy, mine, sampled.length, **options)
            phi = [sampled.features(policy, mine, said) for said in ([flat[i] for i in places], found)]
            return [list(part) for part in zip(found, *(p.tolist() for p in phi), strict=True)]

        looked = sampled.processes.shared(rows, look)
        self.explorer.observe([a for _, a, _ in looked], [b for _, _, b in looked])
        count, seconds = self.algorithm.responses, [tuple(y) for y, _, _ in looked]
        return [
            [x, a, seconds[i * count : (i + 1) * count]]
            for i, (x, a) in enumerate(zip(prompts, firsts, strict=True))
        ]

    def _one_loop(self, first, second) -> bool:
        """Whether responses and comparators can come from one decode loop, which takes half the time of two."""
        algorithm, step = self.algorithm, self.step
        plain = algorithm.labels == "duels" and not algorithm.fit.ranks_within and algorithm.selection == IID
        alone = second is None and not algorithm.replay and float(step.eta) != 0.0
        by_token = algorithm.level == "token" or max(len(first), len(step.opponent)) == 1
        fits = algorithm.responses == algorithm.comparators and not step.arithmetic
        return plain and alone and by_token and fits

    def _both(self, prompts, first) -> list[list]:
        """Responses of every prompt; their comparators are kept for the judge."""
        count = self.algorithm.responses
        rows = [prompt for prompt in prompts for _ in range(count)]
        roles = {
            role: Role({self.real(k): float(w) for k, w in weights.items() if float(w) != 0.0}, self.seed)
            for role, weights in (("response", first), ("opponent", self.step.opponent))
        }

        def draw(places: list[int]) -> list[tuple]:
            mine = [rows[i] for i in places]
            drawn = self.sampled.engine(self.policy, mine, roles, self.sampled.length)
            return list(zip(*(drawn[role].sequences.responses() for role in roles), strict=True))

        said = zip(*self.sampled.processes.shared(rows, draw), strict=True)
        firsts, self._against = (
            [list(of_role[i : i + count]) for i in range(0, len(rows), count)] for of_role in said
        )
        return firsts

    def _grouped(self, prompts, weights, role: str, count: int, arithmetic: bool = False) -> list[list]:
        rows = [prompt for prompt in prompts for _ in range(count)]
        named = {self.real(name): w for name, w in weights.items()}

        def draw(places: list[int]) -> list[tuple[int, ...]]:
            mine, level = [rows[i] for i in places], self.algorithm.level
            options = {"level": level, "arithmetic": arithmetic}
            return self.sampled.draw(self.policy, mine, named, role, self.seed, **options).responses()

        drawn = self.sampled.processes.shared(rows, draw)
        return [drawn[i : i + count] for i in range(0, len(rows), count)]

    def batch(self, groups: list[list], fresh: list[tuple]) -> Batch:
        """Judge groups of responses and return the batch.

        Parameters
        ----------
        groups : list
            As ``collect`` returns them, of this and, under replay, of earlier iterations.
        fresh : list of (prompt, response)
            What the anchor term pulls up.
        """
        rows, pairs, owner = [], [], []
        for g, (_, first, second) in enumerate(groups):
            start = len(rows)
            rows += [*first, *second]
            owner += [g] * (len(first) + len(second))
            pairs += self._pairs(start, len(first), len(second))
        prompts = [groups[g][0] for g in owner]
        payoff, wins = self._judged(groups, rows, owner, pairs)
        if self.algorithm.selection == BEST_WORST:
            pairs, wins = _best_worst(payoff, owner)
        anchors = range(len(rows), len(rows) + len(fresh))
        sequences = Sequences.of(
            prompts + [x for x, _ in fresh], rows + [y for _, y in fresh], self.policy.pad
        ).to(self.policy.device)
        return self._assembled(sequences, np.append(payoff, np.full(len(fresh), 0.5)), pairs, wins, anchors)

    def _pairs(self, start: int, first: int, second: int) -> list[tuple[int, int]]:
        if second:
            return [(start + i, start + first + i) for i in range(first)]
        if not self.algorithm.needs_pairs:
            return []
        return [(start + i, start + j) for i in range(first) for j in range(i + 1, first)]

    def _judged(self, groups, rows, owner, pairs) -> tuple[np.ndarray, np.ndarray]:
        """Win rates of rows and wins of pairs, whichever the labels need."""
        algorithm, half = self.algorithm, np.full(len(rows), 0.5)
        within = algorithm.fit.ranks_within or algorithm.selection == BEST_WORST
        if within or (algorithm.labels == "winner" and algorithm.needs_pairs):
            prompts = [groups[owner[i]][0] for i, _ in pairs]
            wins = self._ask(prompts, [rows[i] for i, _ in pairs], [rows[j] for _, j in pairs])
            if not within:
                return half, wins
            total, count = np.zeros(len(rows)), np.zeros(len(rows))
            for (i, j), won in zip(pairs, wins, strict=True):
                total[[i, j]] += won, 1 - won
                count[[i, j]] += 1
            return total / count, wins
        if float(self.step.eta) == 0.0:
            return half, np.zeros(len(pairs))
        n_z, payoff = algorithm.comparators, np.zeros(len(rows))
        prompts = [groups[g][0] for g in owner for _ in range(n_z)]
        for k, (weight, mixture) in enumerate(opponents(self.step)):
            role = f"opponent {k}" if k else "opponent"
            against = self._against or self._grouped(
                [g[0] for g in groups], mixture, role, n_z, self.step.arithmetic
            )
            answers = self._ask(
                prompts, [y for y in rows for _ in range(n_z)], [z for g in owner for z in against[g]]
            )
            payoff += weight * answers.reshape(-1, n_z).mean(1)
        return payoff, np.zeros(len(pairs))

    def _ask(self, prompts, first, second) -> np.ndarray:
        self.comparisons += len(prompts)
        return self.sampled.ask(prompts, first, second, self.seed)

    def _assembled(self, sequences, payoff, pairs, wins, anchors) -> Batch:
        device = self.policy.device
        empty = torch.zeros(0, dtype=torch.float64, device=device)
        tokens = self.algorithm.fit.reads_tokens
        read = self.policy.token_log_probs if tokens else self.policy.sequence_log_probs
        with torch.no_grad():
            frozen = {name: read(sequences, self.real(name)) for name in sorted(needed(self.step))}
        return Batch(
            sequences,
            torch.as_tensor(payoff, device=device),
            torch.tensor(pairs, dtype=torch.long, device=device).view(-1, 2),
            torch.as_tensor(wins, dtype=torch.float64, device=device),
            empty,
            torch.tensor(list(anchors), dtype=torch.long, device=device),
            empty,
            frozen,
        )


def _best_worst(payoff: np.ndarray, owner: list[int]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """The best against the worst of every group, the best taken to have won."""
    owner = np.array(owner)
    pairs = []
    for g in np.unique(owner):
        rows = np.flatnonzero(owner == g)
        pairs.append((int(rows[payoff[rows].argmax()]), int(rows[payoff[rows].argmin()])))
    return pairs, np.ones(len(pairs))
