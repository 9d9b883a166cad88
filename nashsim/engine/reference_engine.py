"""The same rules in NumPy, written for reading: the text that the compiled kernel is held to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..game import PreferenceGame
from ..logspace import geometric_mixture, log_normalise
from ..regularisers import normalise, ratios
from ..rules import POLICY, REFERENCE, GradientStep, RankingStep, Rule, opponents
from .feedback import Feedback, Stream, estimated_margin, sampled_gradient
from .ranking import fit_ranking, kept_pairs, sampled_pairs

EXACT = Feedback()


class ReadableEngine:
    """Runs a rule one iteration at a time.

    Parameters
    ----------
    game : PreferenceGame
    rule : Rule
    start : ndarray, shape (contexts, actions)
        log pi_0.
    feedback : Feedback
    states : sequence of int, length contexts
        States of the random streams of noisy feedback.

    Attributes
    ----------
    policies : dict of str to ndarray, shape (contexts, actions)
        Every named policy, as log-probabilities.
    average : ndarray, shape (contexts, actions)
        Mean of the played policies so far, as probabilities; pi_0 before the first.
    """

    def __init__(self, game: PreferenceGame, rule: Rule, start: np.ndarray, feedback=EXACT, states=()):
        self.game, self.rule, self.t = game, rule, 0
        first = {POLICY: start, REFERENCE: game.log_reference}
        self.policies = {name: first[begins] for name, begins in rule.init.items()}
        self._feedback, self._streams = feedback, [Stream(state) for state in states]
        self._sum = np.zeros_like(start)

    def mixture(self, weights) -> np.ndarray:
        """Return the normalised geometric mixture of the named policies."""
        return log_normalise(geometric_mixture(weights.values(), [self.policies[name] for name in weights]))

    def step(self) -> None:
        """Do one iteration: every mirror step of the rule in its order."""
        steps = self.rule.steps(self.game.tau, self.t)
        last_query = max(i for i, step in enumerate(steps) if step.opponent)
        for i, mirror_step in enumerate(steps):
            if i == last_query:
                self._sum = self._sum + np.exp(self.policies[self.rule.played])
            self._apply(mirror_step)
        self.t += 1

    def _apply(self, step) -> None:
        logits = self.mixture(step.base)
        if isinstance(step, GradientStep):
            logits = logits + step.eta * self.gradient(step)
        elif isinstance(step, RankingStep):
            logits = logits + step.eta * self.scores(step)
        elif step.opponent:
            logits = logits + step.eta * self.payoff(step)
        self.policies[step.into] = log_normalise(logits)

    def opponent(self, step) -> np.ndarray:
        """Return the probabilities of a step's opponent, shape (contexts, actions)."""
        if step.arithmetic:
            return sum(weight * np.exp(self.policies[name]) for name, weight in step.opponent.items())
        return np.exp(self.mixture(step.opponent))

    def payoff(self, step) -> np.ndarray:
        """Return P(. ≻ opponent) - 1/2 of a step, or its estimate, shape (contexts, actions)."""
        if self._feedback.kind == "exact":
            return self.game.preference.margin(self.opponent(step))
        order = list(self.policies)  # the kernel's, for the same draws
        asked = sorted(opponents(step), key=lambda part: order.index(next(iter(part[1]))))
        return sum(w * self._estimate(self.opponent(replace(step, opponent=mixed))) for w, mixed in asked)

    def _estimate(self, opponent: np.ndarray) -> np.ndarray:
        problems = zip(self.game.preference.dense(), opponent, self._streams, strict=True)
        return np.array([estimated_margin(self._feedback, *problem) for problem in problems])

    def scores(self, step) -> np.ndarray:
        """Return the scores fitted to the ranked pairs of a ranking step, shape (contexts, actions)."""
        opponent, kept = self.opponent(step), (step.responses, step.margin)
        if self._feedback.kind == "pairs":
            problems = zip(self.game.preference.dense(), opponent, self._streams, strict=True)
            pairs = [
                sampled_pairs(skew, policy, self._feedback.samples, *kept, stream)
                for skew, policy, stream in problems
            ]
        else:
            problems = zip(opponent, self.payoff(step), strict=True)
            pairs = [kept_pairs(policy, payoff, step.margin) for policy, payoff in problems]
        return np.array([fit_ranking(weights, step.ridge) for weights in pairs])

    def gradient(self, step) -> np.ndarray:
        """Return the gradient of a gradient step in the logits, or its estimate, shape (contexts, actions)."""
        opponent = self.opponent(step)
        source = opponent if step.pairwise else np.exp(self.policies[step.at])
        logs = [np.where(source > 0, self.policies[name], 0.0) for name in step.score]
        score = sum(weight * log for weight, log in zip(step.score.values(), logs, strict=True))
        if self._feedback.kind == "responses":
            problems = zip(self.game.preference.dense(), source, opponent, score, self._streams, strict=True)
            return np.array(
                [
                    sampled_gradient(*problem, samples=self._feedback.samples, pairwise=step.pairwise)
                    for problem in problems
                ]
            )
        value = self.payoff(step) + score
        return source * (value - (source * value).sum(axis=1, keepdims=True))

    @property
    def average(self) -> np.ndarray:
        """Mean of the played policies so far, as probabilities; pi_0 before the first step."""
        return self._sum / self.t if self.t else np.exp(self.policies[POLICY])


def readable_engine(game: PreferenceGame) -> type[ReadableEngine]:
    """Return the engine of a game's regulariser."""
    return ReadableEngine if game.kl_regularised else LinkEngine


class LinkEngine(ReadableEngine):
    """The same for any regulariser, with its link f'(pi/mu) in place of log pi.

    f'(into/mu) = sum_k base[k] f'(k/mu) + eta P(. ≻ opponent) - lambda, 0 where that is below f'(0); opponents are
    mixed likewise. For KL these are the steps of :class:`ReadableEngine` [derived].
    """

    def _links(self, name: str) -> np.ndarray:
        ratio = ratios(self.policies[name], self.game.log_reference)
        return self.game.regulariser.anchored_link(ratio)

    def _mixed_links(self, weights) -> np.ndarray:
        return sum(weight * self._links(name) for name, weight in weights.items() if weight != 0)

    def _policy(self, values: np.ndarray) -> np.ndarray:
        regulariser = self.game.regulariser
        ratio = regulariser.anchored_inverse(normalise(regulariser, self.game.reference, values))
        with np.errstate(divide="ignore"):
            return np.where(self.game.support, self.game.log_reference + np.log(ratio), -np.inf)

    def mixture(self, weights) -> np.ndarray:
        """Return the policy whose link is the weighted sum of the named policies' links."""
        return self._policy(self._mixed_links(weights))

    def _apply(self, step) -> None:
        values = self._mixed_links(step.base)
        if step.opponent:
            values = values + step.eta * self.payoff(step)
        self.policies[step.into] = self._policy(values)
