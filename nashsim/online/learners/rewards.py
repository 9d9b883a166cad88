"""Reward-based baselines: Bradley-Terry rewards fitted to duels, and the policy that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from ...errors import NashsimError
from ..arena import PRESENT
from .learner import Learner

#: Where a response is drawn from.
SAMPLERS = ("uniform", "policy", "reference")


class Plan(NamedTuple):
    """What a compiled round of these learners is told."""

    first: int
    second: int
    nash: bool
    beta: float
    ridge: float
    share: float
    alpha: float
    tolerance: float


@dataclass(frozen=True)
class RewardLearner(Learner):
    """Common part: r = argmax sum_s log sigmoid(r_winner - r_loser) - ridge |r|^2/2 over all duels so far.

    The rewards are fitted whole, by Newton's method from the last ones, whenever the duels of a context have grown by
    ``share``; each duel in between is one Newton step of its own on the fit before, by a rank-one update of the inverse
    curvature. What that leaves out is of second order, and gone at the next refit [derived]. A response that meets
    itself teaches nothing.

    Parameters
    ----------
    pairs : {"policy", "uniform"}
        y, y' from the policy played, or both uniform on the reference's support.
    ridge : float
        Weight of |r|^2/2 in the fit of the rewards, > 0; a duel between equals has curvature 1/4.
    share : float
        Growth of a context's duels, as a share, after which the rewards are fitted whole; 0 refits after every duel.
    """

    positive = ("ridge", "tolerance", "beta")
    choices = {"pairs": ("policy", "uniform")}

    pairs: str = "policy"
    ridge: float = 0.1
    share: float = 0.02

    def plan(self, tau: float) -> Plan:
        """Return what the compiled rounds are told."""
        source = SAMPLERS.index(self.pairs)
        return Plan(source, source, False, 4 * tau, float(self.ridge), float(self.share), 0.0, 0.0)

    def state(self, arena, seeds):
        contexts, n = arena.log_mu.shape
        return {
            "wins": np.zeros((seeds, contexts, n, n)),
            "reward": np.zeros((seeds, contexts, n)),
            "inverse": np.broadcast_to(np.eye(n) / self.ridge, (seeds, contexts, n, n)).copy(),
            "met": np.zeros((seeds, contexts, n)),
            "duels": np.zeros((seeds, contexts)),
            "due": np.ones((seeds, contexts)),
            "theta": np.zeros((seeds, contexts, n)),
            "scratch": np.zeros((seeds, 2 * n + 8, n)),
        }

    def advance(self, arena, book, state, t0, t1, first, last):
        from .rewards_kernel import reward_rounds

        inside = arena.log_mu > PRESENT
        samplers = np.stack([inside / inside.sum(axis=1, keepdims=True), np.exp(arena.log_mu)])
        arrays = tuple(state.values())
        reward_rounds(arena, book, arrays, samplers, self.plan(arena.tau), t0, t1, first, last)


@dataclass(frozen=True)
class _DirectLearner(RewardLearner):
    """Common part of DPO and XPO: the policy mu exp(r/beta) stands for its rewards."""

    beta: float | None = None

    def plan(self, tau: float) -> Plan:
        """Return what the compiled rounds are told."""
        return super().plan(tau)._replace(beta=4 * tau if self.beta is None else float(self.beta))


@dataclass(frozen=True)
class OnlineDPO(_DirectLearner):
    """Online DPO: argmin_pi -sum_s log sigmoid(beta log pi(w)/mu(w) - beta log pi(l)/mu(l)) over all duels (w ≻ l).

    Tabular, the minimiser is pi ∝ mu exp(r/beta) with the Bradley-Terry rewards r. The regularised Nash policy is
    mu exp(P(. ≻ pi)/tau) up to a constant, and logit(P) is about 4 (P - 1/2): beta = 4 tau is the match, exact as
    rewards come close to each other [derived].

    Parameters
    ----------
    pairs, ridge, share
        Parameters of ``RewardLearner``.
    beta : float or None
        Temperature of the policy; None is 4 tau.

    References
    ----------
    Rafailov et al., Direct Preference Optimization, arXiv 2305.18290 (the loss and its closed form [recalled]); refits
    to all duels, ridge and beta [derived].
    """

    name: ClassVar[str] = "online-dpo"
    update = "y, y' ~ pi_t;  r <- Bradley-Terry fit of all duels;  pi ∝ mu exp(r/beta)"
    source = "Rafailov et al., Direct Preference Optimization, arXiv 2305.18290"
    tag = "derived"


@dataclass(frozen=True)
class XPO(_DirectLearner):
    """XPO: the loss of DPO + alpha_t sum_s log pi(y'_s), y ~ pi_t and y' ~ mu, so that the policy is optimistic.

    The bonus is minimised: it takes mass from what the reference would answer. alpha_t = alpha/sqrt(duels), as its
    theorem lets it fall [recalled]; each refit renews the tangent of the bonus, concave in r, until it stands, and the
    duels between refits take one step of its gradient.

    Parameters
    ----------
    pairs, ridge, share
        Parameters of ``RewardLearner``; ``pairs`` has to be "policy".
    beta : float or None
        Temperature of the policy; None is 4 tau.
    alpha : float
        Weight of the bonus; 0 is DPO on the same pairs.

    References
    ----------
    Xie et al., Exploratory Preference Optimization, arXiv 2405.21046 (the loss [code]); the tabular fit [derived].
    """

    name: ClassVar[str] = "xpo"
    update = (
        "y ~ pi_t, y' ~ mu;  pi <- argmin -sum log sigmoid(beta log pi/mu (w) - beta log pi/mu (l))"
        " + alpha_t sum log pi(y')"
    )
    source = "Xie et al., Exploratory Preference Optimization, arXiv 2405.21046"
    tag = "code"

    alpha: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        if self.pairs != "policy":
            raise NashsimError(f"pairs: 'xpo' draws y from its policy and y' from mu, found {self.pairs!r}")

    def plan(self, tau: float) -> Plan:
        return super().plan(tau)._replace(second=SAMPLERS.index("reference"), alpha=float(self.alpha))


@dataclass(frozen=True)
class BTNash(RewardLearner):
    """Bradley-Terry + Nash: the regularised Nash policy of the fitted game sigmoid(r_y - r_y').

    From pairs of the policy itself pi* is a fixed point, whatever the game: the fit then meets sum_y' pi(y')
    sigmoid(r_y - r_y') = P(y ≻ pi) for every y, so both games give the same payoffs against pi. From other pairs it
    is none, where preferences are no Bradley-Terry ones.

    Parameters
    ----------
    pairs, ridge, share
        Parameters of ``RewardLearner``.
    tolerance : float
        Residual of the Nash policy, > 0, relative to tau and before the division by sqrt t, as for the minimax
        learners.

    References
    ----------
    Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886, Proposition 2 (the fixed point [paper]); the
    learner [derived].
    """

    name = "bt-nash"
    update = (
        "y, y' ~ pi_t;  r <- Bradley-Terry fit of all duels;  pi = regularised Nash of sigmoid(r_y - r_y')"
    )
    source = "Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886, Proposition 2"
    tag = "derived"

    tolerance: float = 0.1

    def plan(self, tau: float) -> Plan:
        """Return what the compiled rounds are told."""
        return super().plan(tau)._replace(nash=True, tolerance=float(self.tolerance))
