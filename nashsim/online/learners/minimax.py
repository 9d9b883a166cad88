"""Minimax-oracle learners: the regularised Nash policy of the game as the duels show it so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...errors import NashsimError
from ...game import PreferenceGame
from .learner import Learner

#: Who the policy is duelled with.
OPPONENTS = ("reference", "self", "adversary")


@dataclass(frozen=True)
class MinimaxLearner(Learner):
    """Common part: pi_t is the regularised Nash of the estimate, y ~ pi_t, and y' differs by learner.

    The estimate counts with shrinkage, P(y, y') = (wins + 1/2)/(duels + 1), which stays symmetric. pi_t solves
    theta = A pi, pi ∝ mu exp(theta/tau) by Newton's method from the last round's theta, up to a residual of
    tolerance tau/sqrt t in theta: the regularised gap is quadratic in it, at most about tolerance^2 tau/(2 t), and so
    adds at most a multiple of log T to the regret [derived]. A response that meets itself teaches nothing.

    Parameters
    ----------
    prior : tuple of (int, int, float)
        Duels imagined before the first round, in every context: (winner, loser, how many); empty is neutral.
    tolerance : float
        Residual of the Nash policy, > 0, relative to tau and before the division by sqrt t.
    """

    #: One of ``OPPONENTS``.
    opponent: ClassVar[str]
    any_regulariser = True
    positive = ("tolerance",)

    prior: tuple[tuple, ...] = ()
    tolerance: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        for one in self.prior:
            if len(one) != 3 or one[0] == one[1] or min(one) < 0:
                raise NashsimError(
                    f"prior: (winner, loser, duels) of two responses and duels >= 0 is needed, found {one!r}"
                )

    def check(self, game: PreferenceGame) -> None:
        """Raise NashsimError where the prior names a response that the game has not."""
        super().check(game)
        for winner, loser, _ in self.prior:
            if max(winner, loser) >= game.actions:
                raise NashsimError(
                    f"prior: responses 0 to {game.actions - 1} are in the game, found {max(winner, loser)}"
                )

    def state(self, arena, seeds):
        contexts, n = arena.log_mu.shape
        wins = np.zeros((seeds, contexts, n, n))
        for winner, loser, duels in self.prior:
            wins[..., winner, loser] += duels
        duels = wins + wins.swapaxes(-1, -2)
        width = 1 / np.sqrt(duels + 1)
        width[..., np.arange(n), np.arange(n)] = 0  # a response is known to draw with itself
        return {
            "wins": wins,
            "skew": (wins + 0.5) / (duels + 1) - 0.5,
            "width": width,
            "theta": np.zeros((seeds, contexts, n)),
            "scratch": np.zeros((seeds, n + 6, n)),
        }

    def advance(self, arena, book, state, t0, t1, first, last):
        from .minimax_kernel import minimax_rounds

        arrays = tuple(state.values())
        reference = np.exp(arena.log_mu)
        who = OPPONENTS.index(self.opponent)
        minimax_rounds(arena, book, arrays, reference, who, float(self.tolerance), t0, t1, first, last)

    def advance_links(self, arguments, state, t0, t1, first, last):
        """Do the same with the Nash policy of another regulariser than KL."""
        from .links_kernel import minimax_link_rounds

        who = OPPONENTS.index(self.opponent)
        minimax_link_rounds(
            *arguments, tuple(state.values()), who, float(self.tolerance), t0, t1, first, last
        )


class MinimaxReference(MinimaxLearner):
    """Greedy sampling: y' ~ mu.

    References
    ----------
    Greedy sampling with a minimax oracle, Wu et al. and Ye et al. [recalled]; counts as the estimate [derived].
    """

    name = "minimax-reference"
    opponent = "reference"
    update = "y ~ pi_t, y' ~ mu;  pi = regularised Nash of the counted game"
    source = "Wu et al. and Ye et al., greedy sampling with a minimax oracle"
    tag = "recalled"


class MinimaxSelf(MinimaxLearner):
    """Greedy sampling from the policy itself: y, y' ~ pi_t.

    References
    ----------
    Greedy sampling with a minimax oracle [recalled], both responses from the policy [derived].
    """

    name = "minimax-self"
    opponent = "self"
    update = "y, y' ~ pi_t;  pi = regularised Nash of the counted game"
    source = "Wu et al. and Ye et al., greedy sampling with a minimax oracle; both responses from the policy"
    tag = "derived"


class MinimaxAdversary(MinimaxLearner):
    """Uncertainty adversary: y' = argmax_y' sum_y pi_t(y) width(y, y').

    width(y, y') = 1/sqrt(duels + 1), and 0 at y' = y, where P = 1/2 is known.

    References
    ----------
    Ye et al., the enhancer that maximises the uncertainty of the estimated preference [recalled]; for counts
    [derived].
    """

    name = "minimax-adversary"
    opponent = "adversary"
    update = "y ~ pi_t, y' = argmax_y' sum_y pi_t(y) width(y, y');  pi = regularised Nash of the counted game"
    source = "Ye et al., a minimax oracle with an enhancer"
    tag = "derived"
