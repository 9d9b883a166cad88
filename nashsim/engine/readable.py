"""The same rules in NumPy, written for reading: the text that the compiled kernel is held to."""

from __future__ import annotations

import numpy as np

from ..game import PreferenceGame
from ..logspace import geometric_mixture, log_normalise
from ..rules import POLICY, REFERENCE, Rule
from .feedback import Feedback, Stream, estimated_margin
from .table import slot_names

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
        self.policies = dict.fromkeys(slot_names(rule), start) | {REFERENCE: game.log_reference}
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

    def _apply(self, mirror_step) -> None:
        logits = self.mixture(mirror_step.base)
        if mirror_step.opponent:
            logits = logits + mirror_step.eta * self.payoff(mirror_step)
        self.policies[mirror_step.into] = log_normalise(logits)

    def payoff(self, mirror_step) -> np.ndarray:
        """Return P(. ≻ opponent) - 1/2 of a mirror step, or its estimate, shape (contexts, actions)."""
        weights = mirror_step.opponent
        if mirror_step.arithmetic:
            opponent = sum(weight * np.exp(self.policies[name]) for name, weight in weights.items())
        else:
            opponent = np.exp(self.mixture(weights))
        if self._feedback.kind == "exact":
            return self.game.preference.margin(opponent)
        problems = zip(self.game.preference.dense(), opponent, self._streams, strict=True)
        return np.array([estimated_margin(self._feedback, *problem) for problem in problems])

    @property
    def average(self) -> np.ndarray:
        """Mean of the played policies so far, as probabilities; pi_0 before the first step."""
        return self._sum / self.t if self.t else np.exp(self.policies[POLICY])
