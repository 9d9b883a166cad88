"""What a loss may claim: the step that minimises it, or the gradient that it follows in expectation."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nashsim.errors import NashsimError, unknown_name
from nashsim.rules import REFERENCE, RULES, GradientStep, MirrorStep, Rule, SelfPlayPG, get_rule

from ..algorithms.step_conversion import stationary
from .example import Example

#: log pi - log mu of a batch, whose mean is KTO's z0.
KL_LOGPS = ((-1.2, -0.7, -2.1), (-1.5, -1.1, -2.0))


@dataclass(frozen=True)
class PairClaim:
    """A loss on pairs, winner and loser, that a policy minimises.

    Attributes
    ----------
    name : str
    step : MirrorStep
        The minimiser: log pi = sum_k base[k] log k + eta P(. ≻ opponent) + const, pairs drawn from the opponent; for
        DPO from the reference, with rewards in place of payoffs.
    tau : float
    beta : float or None
        Temperature of DPO, whose preferences are Bradley and Terry's.
    """

    name: str
    step: MirrorStep
    tau: float
    beta: float | None = None

    @property
    def constants(self) -> dict[str, float]:
        """What a loss is given by name."""
        eta = float(self.step.eta)
        return {"beta": self.beta or self.tau, "tau": self.tau, "eta": eta, "eta_inverse": 1 / eta}

    def payoff(self, example: Example) -> torch.Tensor:
        """Return P(. ≻ opponent), shape (responses,)."""
        return self.wins(example) @ example.mixture(self.step.opponent).exp()

    def wins(self, example: Example) -> torch.Tensor:
        """Return P(y ≻ y'), shape (responses, responses)."""
        return example.preference if self.beta is None else example.bradley_terry

    def rows(self, example: Example) -> tuple[torch.Tensor, torch.Tensor]:
        """Return winners and losers, shape (rows, 2), and the probability of each row; y = y' is left out."""
        drawn, count = example.mixture(self.step.opponent).exp(), len(example.enumeration)
        rows = torch.cartesian_prod(torch.arange(count), torch.arange(count))
        rows = rows[rows[:, 0] != rows[:, 1]]
        winner, loser = rows.T
        return rows, 2 * drawn[winner] * drawn[loser] * self.wins(example)[winner, loser]

    def exact(self, example: Example) -> torch.Tensor:
        """Return log pi of the minimiser, shape (responses,)."""
        if self.beta is not None:
            return (example.logps[REFERENCE] + example.rewards / self.beta).log_softmax(-1)
        base = sum(float(w) * example.logps[name] for name, w in self.step.base.items() if float(w))
        return (base + float(self.step.eta) * self.payoff(example)).log_softmax(-1)

    def formula(self, current: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
        """Return the loss of every row, from log-probabilities of winners and losers, both of shape (rows, 2).

        Parameters
        ----------
        current, base : Tensor, shape (rows, 2)
            log pi_theta, and sum_k base[k] log k.
        """
        advance = current - base
        difference = advance[:, 0] - advance[:, 1]
        if self.beta is not None:
            return -torch.nn.functional.logsigmoid(self.beta * difference)
        return (difference - float(self.step.eta) / 2) ** 2


@dataclass(frozen=True)
class GradientClaim:
    """A loss on single responses y ~ pi_theta whose gradient, in expectation, is minus that of what a step climbs.

    Attributes
    ----------
    name : str
    step : GradientStep
    tau : float
    """

    name: str
    step: GradientStep
    tau: float

    @property
    def constants(self) -> dict[str, float]:
        """What a loss is given by name."""
        return {"tau": self.tau, "beta": self.tau}

    def payoff(self, example: Example) -> torch.Tensor:
        """Return P(. ≻ opponent), shape (responses,)."""
        return example.preference @ example.mixture(self.step.opponent).exp()

    def climbed(self, example: Example, current: torch.Tensor, payoff: torch.Tensor) -> torch.Tensor:
        """Return E_pi[P(y ≻ opponent) + sum_k score[k] log k(y)] as a function of log pi_theta, a scalar."""
        score = sum(
            float(w) * (current if name == self.step.at else example.logps[name])
            for name, w in self.step.score.items()
        )
        return (current.exp() * (payoff + score)).sum()


@dataclass(frozen=True)
class KTOClaim:
    """KTO's loss, E[1 - sigma(±beta (log pi/mu - z0))] over y ~ mu, desirable with probability P(y ≻ mu).

    Attributes
    ----------
    name : str
    beta : float
    """

    name: str
    beta: float

    @property
    def constants(self) -> dict[str, float]:
        """What a loss is given by name."""
        return {"beta": self.beta}

    @property
    def z0(self) -> float:
        """Mean of log pi - log mu over ``KL_LOGPS``."""
        policy, reference = torch.tensor(KL_LOGPS, dtype=torch.float64)
        return float((policy - reference).mean())

    def payoff(self, example: Example) -> torch.Tensor:
        """Return P(. ≻ mu), shape (responses,)."""
        return example.preference @ example.logps[REFERENCE].exp()

    def rows(self, example: Example) -> tuple[torch.Tensor, torch.Tensor]:
        """Return responses and whether each is desirable, shape (rows, 2), and the probability of each row."""
        count, share = len(example.enumeration), self.payoff(example)
        each = torch.arange(count)
        rows = torch.cat([torch.stack([each, torch.full_like(each, wanted)], 1) for wanted in (1, 0)])
        return rows, example.logps[REFERENCE].exp().repeat(2) * torch.cat([share, 1 - share])

    def formula(self, example: Example, current: torch.Tensor) -> torch.Tensor:
        """Return the expected loss as a function of log pi_theta, shape (responses,)."""
        rows, weights = self.rows(example)
        gain = self.beta * (current - example.logps[REFERENCE] - self.z0)[rows[:, 0]]
        return (weights * (1 - torch.sigmoid(torch.where(rows[:, 1] == 1, gain, -gain)))).sum()


Claim = PairClaim | GradientClaim | KTOClaim
#: Claims by name.
CLAIMS = ("dpo", "ipo", "kto", "policy-gradient")


def make_claim(claim, tau: float, beta: float) -> Claim:
    """Return a claim by its name, or that of a rule or a step.

    Parameters
    ----------
    claim : {"dpo", "ipo", "kto", "policy-gradient"}, Rule, its name, MirrorStep or GradientStep
    tau, beta : float

    Raises
    ------
    NashsimError
        For an unknown name, a rule of several queries, or tau or beta that is not > 0.
    """
    for name, value in (("tau", tau), ("beta", beta)):
        if not (isinstance(value, int | float) and 0 < value < float("inf")):
            raise NashsimError(f"{name}: a finite number > 0 is needed, found {value!r}")
    if isinstance(claim, str):
        mu = {REFERENCE: 1.0}
        if claim == "dpo":
            return PairClaim("dpo", MirrorStep(mu, mu, 1 / beta), tau, beta)
        if claim == "ipo":
            return PairClaim("ipo", MirrorStep(mu, mu, 1 / tau), tau)
        if claim == "kto":
            return KTOClaim("kto", beta)
        if claim == "policy-gradient":
            return GradientClaim("policy-gradient", SelfPlayPG().steps(tau, 0)[0], tau)
        if claim not in (names := [rule.name for rule in RULES]):
            raise unknown_name("claim", claim, [*CLAIMS, *names])
        claim = get_rule(claim)
    name, step = "step", claim
    if isinstance(claim, type) and issubclass(claim, Rule):
        claim = claim()
    if isinstance(claim, Rule):
        asking = [step for step in claim.steps(tau, 0) if step.opponent]
        if len(asking) != 1:
            raise NashsimError(
                f"claim: {claim.name} asks {len(asking)} times a step; give the step that the loss carries,"
                f" rule.steps(tau, 0)[k]"
            )
        name, step = claim.name, asking[0]
    if isinstance(step, GradientStep):
        return PairClaim(name, stationary(step), tau) if step.pairwise else GradientClaim(name, step, tau)
    if type(step) is MirrorStep and step.opponent and not step.arithmetic:
        return PairClaim(name, step, tau)
    raise NashsimError(
        f"claim: one of {', '.join(CLAIMS)}, a Rule, a MirrorStep with a geometric opponent or a GradientStep is"
        f" needed, found {claim!r}"
    )
