"""The same rules in NumPy, written for reading: the text that the compiled kernel is held to."""

from __future__ import annotations

import numpy as np

from ..game import PreferenceGame
from ..logspace import geometric_mixture, log_normalise
from ..rules import POLICY, REFERENCE, Rule
from .table import slot_names


class ReadableEngine:
    """Runs a rule one iteration at a time.

    Parameters
    ----------
    game : PreferenceGame
    rule : Rule
    start : ndarray, shape (contexts, actions)
        log pi_0.

    Attributes
    ----------
    policies : dict of str to ndarray, shape (contexts, actions)
        Every named policy, as log-probabilities.
    average : ndarray, shape (contexts, actions)
        Mean of the played policies so far, as probabilities; pi_0 before the first.
    """

    def __init__(self, game: PreferenceGame, rule: Rule, start: np.ndarray):
        self.game, self.rule, self.t = game, rule, 0
        self.policies = dict.fromkeys(slot_names(rule), start) | {REFERENCE: game.log_reference}
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
        """Return P(. ≻ opponent) - 1/2 of a mirror step, shape (contexts, actions)."""
        weights = mirror_step.opponent
        if mirror_step.arithmetic:
            opponent = sum(weight * np.exp(self.policies[name]) for name, weight in weights.items())
            return self.game.preference.margin(opponent)
        return self.game.margin(self.mixture(weights))

    @property
    def average(self) -> np.ndarray:
        """Mean of the played policies so far, as probabilities; pi_0 before the first step."""
        return self._sum / self.t if self.t else np.exp(self.policies[POLICY])
