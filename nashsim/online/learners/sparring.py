"""Sparring: the dueling bandit made of two ordinary ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arena import ABSENT
from .learner import Learner


@dataclass(frozen=True)
class SparringEXP3(Learner):
    """Sparring: two EXP3 players, each paid by winning the duel against the other.

    y ~ p_t, y' ~ q_t;  L_y += I(y' wins)/p_t(y), L'_y' += I(y wins)/q_t(y');  p ∝ exp(-eta_t L), q ∝ exp(-eta_t L')
    over the K arms of the support, with the anytime step eta_t = scale sqrt(log K/(K t)), for which a player's
    pseudo-regret to the best arm in hindsight is at most 2 sqrt(T K log K) at scale 1; t counts the rounds of the
    context. The policy played is (p_t + q_t)/2: the duelled arms are draws from its two halves. Its mean over rounds
    tends to an unregularised Nash policy at the rate 1/sqrt T; it is uniform at first, and knows neither mu nor tau.

    Parameters
    ----------
    scale : float
        Factor of the step, > 0.

    References
    ----------
    Ailon, Karnin and Joachims, Reducing Dueling Bandits to Cardinal Bandits, ICML 2014, arXiv 1405.3396 (sparring)
    [recalled]; Bubeck and Cesa-Bianchi, Regret Analysis of Bandit Problems, 2012, Theorem 3.1 (the step) [recalled].
    """

    name = "sparring-exp3"
    update = "y ~ p, y' ~ q;  p ∝ exp(-eta_t L), q ∝ exp(-eta_t L'), losses over their probability;  pi = (p + q)/2"
    source = "Ailon, Karnin and Joachims, Reducing Dueling Bandits to Cardinal Bandits, arXiv 1405.3396"
    tag = "recalled"

    positive = ("scale",)

    scale: float = 1.0

    def state(self, arena, seeds):
        players = (seeds, arena.log_mu.shape[0], 2, arena.log_mu.shape[1])
        base = np.where(arena.log_mu > ABSENT, 0.0, ABSENT)
        return {
            "losses": np.zeros(players),
            "policies": np.zeros(players),
            "log_policies": np.zeros(players),
            "base": np.broadcast_to(base, (seeds, *base.shape)).copy(),
            "seen": np.zeros(players[:2], np.int64),
        }

    def advance(self, arena, book, state, t0, t1, first, last):
        from .sparring_kernel import sparring_rounds

        sparring_rounds(arena, book, tuple(state.values()), float(self.scale), t0, t1, first, last)
