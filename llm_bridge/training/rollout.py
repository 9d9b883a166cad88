"""Responses drawn for a step, and what the judge says of them; every random number a function of its place.

A number depends on the run's seed, the iteration, the step, the role and the prompt, never on a running stream, so
that a resumed run, or one spread over processes, draws the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, GradientStep, opponents

from ..algorithms.algorithm import PREVIOUS, Oracle
from ..algorithms.labels import BEST_WORST, IID
from ..decoding.exploration import explore, tilt
from ..decoding.roles import Role
from ..policy.sequences import Sequences
from .batch import Batch, Request, needed


def seed_of(*words: int) -> int:
    """Return one seed of several whole numbers >= 0.

    Parameters
    ----------
    *words : int
    """
    return int(np.random.SeedSequence(words).generate_state(1)[0])


class SampledRollout:
    """One step's responses as groups, a list [prompt, [responses of the first source], [of the second]] each.

    Parameters
    ----------
    source : Sampled
        Who draws and judges.
    request : Request
        Which step of which algorithm, from which policies.
    """

    def __init__(self, source, request: Request):
        self.source, self.policy, self.stored = source, request.policy, request.stored
        self.algorithm, self.step = request.algorithm, request.step
        self.seed, self.explorer, self.comparisons = request.seed, request.explorer, 0
        self._against: list[list] | None = None
        drawn = self.collect(request.prompts)
        self.anchors = self._anchored(drawn) if self.algorithm.anchor else []
        self.groups = self._replayed(drawn, request.buffer) if self.algorithm.replay else drawn

    def judged(self) -> Batch:
        """Return the batch of all groups, compared as the labels ask for."""
        return self.batch(self.groups, self.anchors)

    def _anchored(self, groups: list[list]) -> list[tuple]:
        """Prompts and responses of the anchor term; a teacher's response, the last, is no draw from a policy."""
        side, count = self.anchor_side(), self.algorithm.responses
        return [(group[0], y) for group in groups for y in group[side][:count]]

    def _replayed(self, groups: list[list], buffer: list) -> list[list]:
        """As many groups as were drawn, of all iterations so far."""
        buffer += groups
        order = np.random.default_rng([self.seed, 1]).integers(len(buffer), size=len(groups))
        return [buffer[i] for i in order]

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
        if self.source.teacher is not None:
            firsts = self.source.teacher.joined(prompts, firsts)
        seconds = self._grouped(prompts, second, "second", count) if second else [[] for _ in prompts]
        return [[x, a, b] for x, a, b in zip(prompts, firsts, seconds, strict=True)]

    def _explored(self, prompts, firsts: list[list]) -> list[list]:
        """Pair responses with those that the oracle wants compared, and tell it that they will be."""
        source, policy = self.source, self.policy
        rows = [prompt for prompt, group in zip(prompts, firsts, strict=True) for _ in group]
        flat = [y for group in firsts for y in group]

        def look(places: list[int]) -> list[list]:
            mine, options = [rows[i] for i in places], {"of": self.stored(POLICY), "engine": source.engine}
            options |= {"candidates": self.algorithm.explorer.candidates, "seed": self.seed}
            found = explore(self.explorer, source.features, policy, mine, source.length, **options)
            phi = [source.features(policy, mine, said) for said in ([flat[i] for i in places], found)]
            return [list(part) for part in zip(found, *(p.tolist() for p in phi), strict=True)]

        looked = source.processes.shared(rows, look)
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
            role: Role({self.stored(k): float(w) for k, w in weights.items() if float(w) != 0.0}, self.seed)
            for role, weights in (("response", first), ("opponent", self.step.opponent))
        }

        def draw(places: list[int]) -> list[tuple]:
            mine = [rows[i] for i in places]
            drawn = self.source.engine(self.policy, mine, roles, self.source.length)
            return list(zip(*(drawn[role].sequences.responses() for role in roles), strict=True))

        said = zip(*self.source.processes.shared(rows, draw), strict=True)
        firsts, self._against = (
            [list(of_role[i : i + count]) for i in range(0, len(rows), count)] for of_role in said
        )
        return firsts

    def _grouped(self, prompts, weights, role: str, count: int, arithmetic: bool = False) -> list[list]:
        rows = [prompt for prompt in prompts for _ in range(count)]
        named = {self.stored(name): w for name, w in weights.items()}

        def draw(places: list[int]) -> list[tuple[int, ...]]:
            mine, level = [rows[i] for i in places], self.algorithm.level
            options = {"level": level, "arithmetic": arithmetic}
            return self.source.draw(self.policy, mine, named, role, self.seed, **options).responses()

        drawn = self.source.processes.shared(rows, draw)
        return [drawn[i : i + count] for i in range(0, len(rows), count)]

    def batch(self, groups: list[list], fresh: list[tuple]) -> Batch:
        """Judge groups of responses and return the batch.

        Parameters
        ----------
        groups : list
            Groups as ``collect`` returns them, of this and, under replay, of earlier iterations.
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
        judged = np.append(payoff, np.full(len(fresh), 0.5)), pairs, wins, anchors
        return assembled(
            self.policy, self.algorithm, self.step, self.stored, sequences, *judged, self.comparisons
        )

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
        return self.source.ask(prompts, first, second, self.seed)


def assembled(
    policy,
    algorithm,
    step,
    stored,
    sequences: Sequences,
    payoff,
    pairs,
    wins,
    anchors=(),
    comparisons: int = 0,
) -> Batch:
    """Return the batch of responses that have been compared, with log-probabilities of the step's frozen policies.

    Parameters
    ----------
    policy, algorithm, step, stored
        Attributes of a Request.
    sequences : Sequences
        Responses, on the policy's device.
    payoff, pairs, wins, anchors, comparisons
        Fields of the Batch, as arrays or lists.
    """
    device, empty = policy.device, torch.zeros(0, dtype=torch.float64, device=policy.device)
    read = policy.token_log_probs if algorithm.fit.reads_tokens else policy.sequence_log_probs
    with torch.no_grad():
        frozen = {name: read(sequences, stored(name)) for name in sorted(needed(step, algorithm.fit))}
    return Batch(
        sequences,
        torch.as_tensor(payoff, device=device),
        torch.tensor(pairs, dtype=torch.long, device=device).view(-1, 2),
        torch.as_tensor(wins, dtype=torch.float64, device=device),
        empty,
        torch.tensor(list(anchors), dtype=torch.long, device=device),
        empty,
        frozen,
        comparisons=comparisons,
    )


def _best_worst(payoff: np.ndarray, owner: list[int]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """The best against the worst of every group, the best taken to have won."""
    owner = np.array(owner)
    pairs = []
    for g in np.unique(owner):
        rows = np.flatnonzero(owner == g)
        pairs.append((int(rows[payoff[rows].argmax()]), int(rows[payoff[rows].argmin()])))
    return pairs, np.ones(len(pairs))
