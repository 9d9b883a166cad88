"""Standard iterative NLHF: the policy is fitted to duels between responses of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import NashsimError
from ...rules import POLICY, REFERENCE, NashMD
from .learner import Learner

#: Schedules of the step eta_t tau, by name: how much of the fit the newest iteration weighs.
SCHEDULES = ("decreasing", "root", "constant")


@dataclass(frozen=True)
class IterativeLearner(Learner):
    """Common part: pairs from one sampling policy, and a weighted ridge fit of theta = tau log pi/mu.

    Parameters
    ----------
    schedule : {"decreasing", "root", "constant"}
        eta_t tau = 1/t, by a ridge fit in which all pairs weigh the same; or 1/sqrt t, or the constant
        tau/eta_inverse, by mirror steps theta <- (1 - eta tau) theta + eta tau g, with the unbiased estimate
        g = (I - 1/2)(e_y/pi(y) - e_y'/pi(y'))/2 of A pi.
    ridge : float
        Prior of theta = 0, in pairs: a response never seen keeps its ratio to the reference.
    eta_inverse : float
        Inverse step of the constant schedule, in units of payoff; None is 3 tau, the papers' ratio for language
        models.
    """

    any_regulariser = True
    positive = ("ridge",)
    choices = {"schedule": SCHEDULES}

    schedule: str = "decreasing"
    ridge: float = 10.0
    eta_inverse: float | None = None

    def state(self, arena, seeds):
        contexts, actions = arena.log_mu.shape
        return {
            "theta": np.zeros((seeds, contexts, actions)),
            "inverse": np.broadcast_to(
                np.eye(actions) / self.ridge, (seeds, contexts, actions, actions)
            ).copy(),
            "scratch": np.zeros((seeds, 2, actions)),
        }

    def shares(self, tau: float, t0: int, t1: int) -> np.ndarray:
        """Return eta_t tau of iterations ``t0 <= t < t1``, 0 for the ridge fit."""
        t = np.arange(t0, t1)
        if self.schedule == "decreasing":
            return np.zeros(len(t))
        if self.schedule == "root":
            return 1 / np.sqrt(t + 4.0)
        share = tau / (3 * tau if self.eta_inverse is None else self.eta_inverse)
        if not share < 1:
            raise NashsimError(f"eta_inverse: must exceed tau = {tau:g}, found {self.eta_inverse!r}")
        return np.full(len(t), share)

    def own_weight(self, tau: float, t0: int, t1: int) -> np.ndarray:
        """Return the weight of the policy, beside the reference, in the geometric mixture that is sampled."""
        return np.ones(t1 - t0)

    def advance(self, arena, book, state, t0, t1, first, last):
        from .iterative_kernel import iterative_rounds

        shares, own = self.shares(arena.tau, t0, t1), self.own_weight(arena.tau, t0, t1)
        iterative_rounds(arena, book, *state.values(), shares, own, t0, first, last)

    def advance_links(self, arguments, state, t0, t1, first, last):
        """Do the same with theta = tau f'(pi/mu), the link values of another regulariser than KL."""
        from .links_kernel import iterative_link_rounds

        shares, own = (np.array(one(arguments[0].tau, t0, t1)) for one in (self.shares, self.own_weight))
        iterative_link_rounds(*arguments, *state.values(), shares, own, t0, first, last)


class OnlineINPO(IterativeLearner):
    """Online INPO: y, y' ~ pi_t, and theta fits the winner/loser targets of all pairs so far.

    theta_{t+1} = argmin sum_s (theta_y - theta_y' - (I_s - 1/2))^2 + ridge |theta|^2, pi ∝ mu exp(theta/tau): the
    regression of INPO, whose step is eta_t = 1/(tau t) where all pairs weigh the same.

    References
    ----------
    Zhang et al., Iterative Nash Policy Optimization, arXiv 2407.00617 (the loss [paper]); the incremental ridge
    form over past pairs [derived].
    """

    name = "inpo-online"
    update = (
        "y, y' ~ pi_t;  theta <- ridge fit of theta_y - theta_y' = I(y ≻ y') - 1/2;  pi ∝ mu exp(theta/tau)"
    )
    source = "Zhang et al., Iterative Nash Policy Optimization, arXiv 2407.00617"
    tag = "derived"


class OnlineNashMD(IterativeLearner):
    """Online Nash-MD: the same fit on pairs from the geometric mixture pi^mu of Nash-MD's step at t.

    References
    ----------
    Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886 (the mixture [paper]); its online form on
    duels [derived].
    """

    name = "nash-md-online"
    update = (
        "y, y' ~ pi_t^mu, the mixture of Nash-MD;  theta <- ridge fit of theta_y - theta_y' = I(y ≻ y') - 1/2;"
        "  pi ∝ mu exp(theta/tau)"
    )
    source = "Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886"
    tag = "derived"

    def own_weight(self, tau: float, t0: int, t1: int) -> np.ndarray:
        if self.schedule != "decreasing":
            return 1 - self.shares(tau, t0, t1)
        [step] = NashMD().steps(tau, np.arange(t0, t1))
        weights = {name: np.broadcast_to(weight, t1 - t0) for name, weight in step.opponent.items()}
        assert set(weights) == {POLICY, REFERENCE}
        return np.ascontiguousarray(weights[POLICY])
