"""The same rules in NumPy, written for reading: the text that the compiled kernel is held to."""

from __future__ import annotations

import numpy as np

from ..game import PreferenceGame
from ..logspace import geometric_mixture, log_normalise
from ..rules import POLICY, REFERENCE, Rule


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
        self.policies = {POLICY: start, REFERENCE: game.log_reference}
        self._sum = np.zeros_like(start)

    def mixture(self, weights) -> np.ndarray:
        """Return the normalised geometric mixture of the named policies."""
        return log_normalise(geometric_mixture(weights.values(), [self.policies[name] for name in weights]))

    def step(self) -> None:
        """Do one iteration: every mirror step of the rule in its order."""
        *earlier, final = self.rule.steps(self.game.require_tau(), self.t)
        for mirror_step in earlier:
            self._apply(mirror_step)
        self._sum = self._sum + np.exp(self.policies[self.rule.played])
        self._apply(final)
        self.t += 1

    def _apply(self, mirror_step) -> None:
        payoff = self.game.margin(self.mixture(mirror_step.opponent))
        logits = self.mixture(mirror_step.base) + mirror_step.eta * payoff
        self.policies[mirror_step.into] = log_normalise(logits)

    @property
    def average(self) -> np.ndarray:
        """Mean of the played policies so far, as probabilities; pi_0 before the first step."""
        return self._sum / self.t if self.t else np.exp(self.policies[POLICY])
