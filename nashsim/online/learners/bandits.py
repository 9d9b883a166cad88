"""Dueling bandits: baselines that look for the best arm, and not for a policy that nothing beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...data.structure import condorcet_winner, smith_set
from ...errors import NashsimError
from ...game import PreferenceGame
from ..arena import ABSENT
from .learner import Learner

#: How a pair is chosen.
CHOICES = ("uniform", "thompson", "bounds")


@dataclass(frozen=True)
class BanditLearner(Learner):
    """Common part: wins are counted for every context, and the policy played is the pair that is duelled.

    A dueling bandit commits to two arms a round. The policy that its regret is charged for is either arm with
    probability 1/2, one arm where it duels itself, and is set before the duel; in a context that is not drawn the
    pair of its last duel stays, the reference before the first. tau KL(pi || BR(pi)) is finite for such policies, and
    on a cycle it grows linearly by necessity: what these learners minimise is the regret of the duelled arms.
    Arms are those within the reference's support.

    Parameters
    ----------
    alpha : float
        Width sqrt(alpha log t / duels) of the bounds, alpha > 1/2; t counts the rounds of the context.
    """

    #: One of ``CHOICES``.
    choice: ClassVar[str]

    alpha: float = 0.51

    def __post_init__(self):
        super().__post_init__()
        if not self.alpha > 0.5:
            raise NashsimError(f"alpha: the learner {self.name!r} needs a number > 1/2, found {self.alpha!r}")

    def state(self, arena, seeds):
        contexts, n = arena.log_mu.shape
        pairs = (seeds, contexts, n, n)
        inside = arena.log_mu > ABSENT
        met = inside[:, :, None] & inside[:, None, :] & ~np.eye(n, dtype=bool)
        return {
            "wins": np.zeros(pairs),
            "ahead": np.full(pairs, 0.5),
            "log_peak": np.full(pairs, -np.log(4)),
            "edge": np.broadcast_to(np.where(met, np.inf, -np.inf), pairs).copy(),
            "seen": np.zeros((seeds, contexts), np.int64),
            "champion": np.full((seeds, contexts), -1, np.int64),
            "scratch": np.zeros((seeds, 2, n)),
            "draws": np.zeros((seeds, n * n)),
        }

    def advance(self, arena, book, state, t0, t1, first, last):
        from .bandits_kernel import bandit_rounds

        who = CHOICES.index(self.choice)
        bandit_rounds(arena, book, tuple(state.values()), float(self.alpha), who, t0, t1, first, last)


class Uniform(BanditLearner):
    """Exploration alone: every duel is between two distinct arms drawn uniformly from the support.

    The policy played is what is duelled, the uniform mixture over the support, from the first round to the last; no
    outcome changes it, so its regret is linear wherever that mixture is not the equilibrium: the line that others
    have to beat.

    References
    ----------
    The usual control of dueling bandits [recalled].
    """

    name = "uniform"
    choice = "uniform"
    update = "y ~ uniform, y' ~ uniform over the others;  pi = uniform"
    source = "the usual control of dueling bandits"
    tag = "recalled"


class DoubleThompson(BanditLearner):
    """Double Thompson Sampling: two rounds of posterior samples within upper and lower bounds.

    With shares P and bounds P ± sqrt(alpha log t/duels), 1 and 0 or beyond where a pair has not met:
    C = argmax_i #{j: upper(i, j) > 1/2};  theta_ij ~ Beta(1 + wins, 1 + losses), theta_ji = 1 - theta_ij;
    y = argmax_{i in C} #{j: theta_ij > 1/2}, any of equals;
    y' = argmax_{i: lower(i, y) <= 1/2} theta'_iy with fresh samples theta' and theta'_yy = 1/2.
    No Condorcet winner is needed: it converges to duels among Copeland winners. Where only the side of 1/2 on which a
    sample lies matters, the side is drawn, by its exact probability. The policy played is the pair.

    References
    ----------
    Wu and Liu, Double Thompson Sampling for Dueling Bandits, NeurIPS 2016, arXiv 1604.07101 [recalled]; the sides
    drawn by their probability [derived].
    """

    name = "double-thompson"
    choice = "thompson"
    update = (
        "y = argmax sampled Copeland score among the highest upper ones;"
        "  y' = argmax theta(y', y) with lower(y', y) <= 1/2;  pi = (e_y + e_y')/2"
    )
    source = "Wu and Liu, Double Thompson Sampling for Dueling Bandits, arXiv 1604.07101"
    tag = "recalled"


class RelativeUCB(BanditLearner):
    """Relative UCB: an arm that may beat all, against the arm that may beat it by most.

    With upper(i, j) = P + sqrt(alpha log t/duels), 2 where a pair has not met, and 1/2 at i = j:
    C = {i: upper(i, j) >= 1/2 for all j}; y is the lone member of C, which becomes the champion, or the champion with
    probability 1/2 and else one of the other members, or any arm where C is empty; a champion outside C is forgotten.
    y' = argmax_i upper(i, y), y itself only where it alone is highest. The policy played is the pair.

    References
    ----------
    Zoghi et al., Relative Upper Confidence Bound for the K-Armed Dueling Bandit Problem, ICML 2014, arXiv 1312.3393
    [recalled].
    """

    name = "rucb"
    choice = "bounds"
    update = "y = one of {i: upper(i, .) >= 1/2};  y' = argmax upper(y', y);  pi = (e_y + e_y')/2"
    source = "Zoghi et al., Relative Upper Confidence Bound, arXiv 1312.3393"
    tag = "recalled"

    def check(self, game: PreferenceGame) -> None:
        """Raise NashsimError where a context has no Condorcet winner within the reference's support."""
        super().check(game)
        for c, skew in enumerate(game.preference.dense()):
            arms = np.flatnonzero(game.support[c])
            if condorcet_winner(0.5 + skew[np.ix_(arms, arms)]) is None:
                top = [game.labels[arms[k]] for k in smith_set(0.5 + skew[np.ix_(arms, arms)])]
                where = f" in context {c}" if game.contexts > 1 else ""
                raise NashsimError(
                    f"learner: 'rucb' needs a Condorcet winner, {game.name!r} has none{where}: its top cycle or tie is"
                    f" {', '.join(top)}; use 'double-thompson'"
                )
