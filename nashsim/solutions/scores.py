"""Rules that score every response and take the best: Borda, Copeland, minimax."""

from __future__ import annotations

import numpy as np

from .concept import Concept, winners


class Borda(Concept):
    """The response that wins most often against another drawn uniformly."""

    name = "borda"
    definition = "uniform on argmax_y mean over y' != y of P(y ≻ y')"
    source = "Borda 1784 [recalled]; as in `nashsim inspect --ranking`"

    def policy(self, table):
        """Return the winner, ties sharing the mass."""
        others = max(len(table.wins) - 1, 1)
        return winners((table.wins.sum(axis=1) - 0.5) / others, "Borda")


class Copeland(Concept):
    """The response that beats most others."""

    name = "copeland"
    definition = "uniform on argmax_y of the number of y' with P(y ≻ y') > 1/2, a tie counting half"
    source = "Copeland 1951 [recalled]; as in `nashsim inspect --ranking`"

    def policy(self, table):
        """Return the winner, ties sharing the mass."""
        margin = table.game.preference.dense()[0]
        return winners(((margin > 0) + (margin == 0) / 2).sum(axis=1), "Copeland")


class Minimax(Concept):
    """The response whose worst opponent beats it least: what a leader plays who answers no one at random."""

    name = "minimax"
    definition = "uniform on argmax_y min over y' != y of P(y ≻ y')"
    source = "Simpson 1969, Kramer 1977 [recalled]; the Stackelberg leader at tau_F = tau_L = 0 [derived]"

    def policy(self, table):
        """Return the winner, ties sharing the mass."""
        if len(table.wins) == 1:
            return np.ones(1), ""
        return winners(np.nanmin(table.against_others, axis=1), "minimax")
