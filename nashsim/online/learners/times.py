"""Learners that see how long a choice took: duels of the drift-diffusion model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .learner import Learner


@dataclass(frozen=True)
class MinimaxTimes(Learner):
    """Uncertainty adversary on mean drifts, estimated from choices with their response times.

    A duel adds g(c, t), unbiased for the mean drift of the people who answer, to its pair; v_hat = sum g/(duels + 1),
    and pi_t is the regularised Nash of P_hat = sigma(2 a v_hat) with y' = argmax_y' sum_y pi_t(y) width(y, y'), width
    1/sqrt(duels + 1). Of one person P_hat tends to P, at a variance of g of about 4/a^2, which asks for more duels than
    choices do. Of a crowd it tends to sigma of differences of mean utilities, which no learner from choices alone
    finds: charge it there, by ``play_learner(mean_utility_game(crowd), ..., people=crowd)``.

    Parameters
    ----------
    boundary : float
        a > 0 of the people's diffusions, known to the learner.
    tolerance : float
        Residual of the Nash policy, > 0, relative to tau and before the division by sqrt t, as for the minimax
        learners.

    References
    ----------
    Ye et al., arXiv 2402.07314, the enhancer [recalled]; drifts from response times and their estimate [derived].
    """

    name = "minimax-times"
    update = (
        "y ~ pi_t, y' = argmax_y' sum_y pi_t(y) width(y, y');  v += g(choice, time);"
        "  pi = regularised Nash of sigma(2 a v)"
    )
    source = "Ye et al., a minimax oracle with an enhancer, arXiv 2402.07314, on drifts from response times"
    tag = "derived"
    timed = True
    positive = ("tolerance", "boundary")

    boundary: float = 1.0
    tolerance: float = 0.1

    def check(self, game):
        """Raise NashsimError where the game is not KL's or has a preference of 0 or 1, whose drift is infinite."""
        super().check(game)
        self.people(game)

    def people(self, game):
        """Return the drifts of those who answer, and their shares."""
        from ..response_times import drifts

        return drifts(game, self.boundary)

    def state(self, arena, seeds):
        contexts, n = arena.log_mu.shape
        pairs = (seeds, contexts, n, n)
        return {
            "scores": np.zeros(pairs),
            "duels": np.zeros(pairs),
            "skew": np.zeros(pairs),
            "width": np.broadcast_to(1.0 - np.eye(n), pairs).copy(),
            "theta": np.zeros(pairs[:3]),
            "scratch": np.zeros((seeds, n + 6, n)),
        }

    def advance(self, arena, book, state, t0, t1, first, last):
        """Raise NotImplementedError: an arena has no response times."""
        raise NotImplementedError(f"{self.name} needs people with response times: advance_timed")

    def advance_timed(self, people, arena, book, state, t0, t1, first, last):
        """Do the iterations ``t0 <= t < t1`` of the seeds ``first <= s < last``, in place."""
        from .times_kernel import timed_rounds

        settings = float(self.boundary), float(self.tolerance)
        timed_rounds(arena, book, tuple(state.values()), people, *settings, t0, t1, first, last)
