"""ENPO: label differences against the policy, replayed pairs, and an opponent that explores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import NashsimError
from .iterative import SCHEDULES
from .learner import Learner

#: Who the second response of a collected pair is drawn from.
EXPLORERS = ("none", "step-b", "vertex", "soft")


@dataclass(frozen=True)
class ENPO(Learner):
    """ENPO, Algorithm 2: pairs y ~ pi_t, y' ~ pihat_t are collected, and replayed pairs are learned from.

    A response that meets itself counts exactly 1/2, without a duel, though the round is paid.

    Parameters
    ----------
    alpha : float
        Weight of the SFT anchor.
    beta : float
        Temperature of Step B, > 0.
    sign : {1, -1}
        Direction in which Step B leans: where the policy moves to, or away from it.
    replay : bool
        Learn from any collected pair, drawn uniformly; else from the newest.
    explore : {"none", "step-b", "vertex", "soft"}
        pihat = pi_t, Step B, or the exploration oracle of ``ENPOOracle``.
    temperature : float
        Temperature of the soft oracle, in units of the largest width, > 0.
    schedule : {"decreasing", "root", "constant"}
        s_t = 1/t, 1/sqrt t or tau/eta_inverse.
    ridge : float
        Prior of theta = 0, in pairs: a response never seen keeps its ratio to the reference.
    eta_inverse : float
        eta of the constant schedule, > tau; None is 3 tau.

    Notes
    -----
    With x = e_y - e_y' of a pair drawn uniformly from all collected ones, z ~ pi_t and labels I_y, I_y' of two duels
    with z, of which E(I_y - I_y') = P(y ≻ pi_t) - P(y' ≻ pi_t) whatever the pairs' distribution; theta is
    tau log pi/mu, s_t = tau/eta_t and V = ridge I + sum of x x^T over the pairs learned from:

    * Step A in expectation is theta_{t+1} = argmin E(x^T (theta - (1 - s_t) theta_t) - s_t (I_y - I_y'))^2, solved by
      theta_t + s_t M^-1 E x (I_y - I_y' - x^T theta_t) with M = E x x^T. From one pair, with M = V/t, the step is
      taken implicitly, so that it never passes the target of a pair seen rarely:
      theta_{t+1} = argmin |theta - theta_t|_V^2 + t s_t (x^T theta - (I_y - I_y'))^2. For t s_t = 1 this is the
      ridge fit of all targets so far.
    * The SFT anchor adds -alpha_t log pi(y), y being this iteration's draw of pi_t, to Step A, which is 1/tau^2
      times the square above. Its gradient in theta at pi_t is -(alpha_t/tau)(e_y - pi_t), and the square's is
      (2/tau^2) M delta, hence delta = (alpha_t tau/2) t V^-1 (e_y - pi_t). With a weight that decays with the step,
      alpha_t = alpha s_t/tau^2 = alpha/(tau eta_t), this is theta += t s_t alpha/(2 tau) V^-1 (e_y - pi_t).
    * Step B is argmax_q sign E_q log(pi_{t+1}/pi_t) - beta KL(q || pi_t), that is
      pihat_{t+1} ∝ pi_t (pi_{t+1}/pi_t)^(sign/beta).

    References
    ----------
    ENPO, Algorithm 2 (equations [code]); the implicit step of one pair, the anchor linearised and its decay
    [derived].
    """

    name = "enpo"
    update = (
        "(y, y') ~ replay, z ~ pi_t;  theta <- ridge fit of theta_y - theta_y' = I(y ≻ z) - I(y' ≻ z);"
        "  pi ∝ mu exp(theta/tau);  pihat ∝ pi_t (pi/pi_t)^(sign/beta)"
    )
    source = "ENPO, Algorithm 2: pairs y ~ pi_t, y' ~ pihat_t, replay, Step A with an SFT anchor, Step B"
    tag = "code"
    labels = 2
    positive = ("ridge", "beta", "temperature")
    choices = {"explore": EXPLORERS, "schedule": SCHEDULES, "sign": (1, -1)}

    alpha: float = 1e-3
    beta: float = 0.05
    sign: int = 1
    replay: bool = True
    explore: str = "step-b"
    temperature: float = 0.1
    schedule: str = "decreasing"
    ridge: float = 10.0
    eta_inverse: float | None = None

    def state(self, arena, seeds):
        contexts, actions = arena.log_mu.shape
        inverse = np.broadcast_to(np.eye(actions) / self.ridge, (seeds, contexts, actions, actions))
        return {
            "theta": np.zeros((seeds, contexts, actions)),
            "inverse": inverse.copy(),
            "collected": inverse.copy(),
            # How often every ordered pair was collected: a draw by these counts is a draw from the buffer.
            "buffer": np.zeros((seeds, contexts, actions, actions), np.int64),
            # Step B's pihat, which is the policy but where that moved in the iteration before.
            "tilted": np.zeros((seeds, contexts, actions)),
            "moved": np.full((seeds, contexts), -1, np.int64),
            "scratch": np.zeros((seeds, 3, actions)),
        }

    def gains(self, tau: float, t0: int, t1: int) -> np.ndarray:
        """Return t s_t of iterations ``t0 <= t < t1``, counted from one."""
        t = np.arange(t0 + 1, t1 + 1, dtype=float)
        if self.schedule == "decreasing":
            return np.ones(len(t))
        if self.schedule == "root":
            return np.sqrt(t)
        eta = 3 * tau if self.eta_inverse is None else self.eta_inverse
        if not eta > tau:
            raise NashsimError(f"eta_inverse: must exceed tau = {tau:g}, found {self.eta_inverse!r}")
        return t * tau / eta

    def advance(self, arena, book, state, t0, t1, first, last):
        from .enpo_kernel import enpo_rounds

        arrays = tuple(state.values())
        explore = (EXPLORERS.index(self.explore), float(self.sign / self.beta), float(self.temperature))
        anchor = float(self.alpha / (2 * arena.tau))
        gains = self.gains(arena.tau, t0, t1)
        enpo_rounds(arena, book, arrays, gains, anchor, bool(self.replay), explore, t0, first, last)


@dataclass(frozen=True)
class ENPOOracle(ENPO):
    """ENPO with the exploration oracle: y' is where policies that agree on all collected pairs can differ most.

    pihat_t is the vertex argmax_y (pi_t - e_y)^T V^-1 (pi_t - e_y), V = ridge I + sum of x x^T over all collected
    pairs, updated by rank one. The soft oracle is pihat_t ∝ exp(width_y / (temperature max width)) over the
    reference's support: uniform as its base, since with mu as its base a response of mass exp(-a/tau) would be met
    as rarely as without an oracle.

    References
    ----------
    ENPO, Eq. (3), reconstructed: unnormalised V with a fixed ridge, and both forms of the opponent [derived].
    """

    name = "enpo-oracle"
    update = (
        "y ~ pi_t, y' = argmax_y (pi_t - e_y)^T V^-1 (pi_t - e_y) collected;  theta <- ENPO's Step A;"
        "  pi ∝ mu exp(theta/tau)"
    )
    source = "ENPO, Eq. (3), reconstructed: the elliptical vertex adversary"
    tag = "derived"

    explore: str = "vertex"
