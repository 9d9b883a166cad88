"""Known answers of the baselines' losses, and the spread that stands for all pairs."""

import math

import pytest
import torch

from llm_bridge.algorithms.fits.offline.dpo import dpo_loss
from llm_bridge.algorithms.fits.offline.kto import kto_loss
from llm_bridge.algorithms.fits.offline.xpo import XPO
from llm_bridge.algorithms.fits.regression import regression_loss, spread_loss
from llm_bridge.algorithms.losses import anchor_loss
from llm_bridge.algorithms.step_conversion import climbing, stationary
from nashsim.rules import EGPO, INPO, NashMD, NashMP, OnlineIPO

from .tables import TAU, all_pairs, differences, engine_of, fitted, gradient, payoff_of, tables

BETA, WIN = 0.5, 0.8
MU = torch.tensor([0.3, 0.7], dtype=torch.float64).log()


def preferred(log_pi, loss, *more):
    """The expected loss of one pair whose first response wins with probability WIN, winner first."""
    pairs = torch.tensor([[0, 1], [1, 0]])
    weights = torch.tensor([WIN, 1 - WIN], dtype=torch.float64)
    return loss(log_pi[pairs], MU[pairs], *more, weights=weights)


def test_dpo_fits_the_log_odds_over_beta():
    found = fitted(lambda log_pi: preferred(log_pi, dpo_loss, BETA), MU)
    lifted = (found - MU)[0] - (found - MU)[1]
    assert float(lifted) == pytest.approx(math.log(WIN / (1 - WIN)) / BETA, abs=1e-6)


def test_xpo_is_dpo_pushed_away_from_what_the_reference_says():
    """Optimism lowers log pi on responses of mu: at alpha the stationary point has sigma(-beta d) shifted by it."""
    alpha = 0.05

    def loss(log_pi):
        return preferred(log_pi, dpo_loss, BETA) + XPO.anchor_sign * alpha * anchor_loss(log_pi, MU.exp())

    plain, optimistic = fitted(lambda p: preferred(p, dpo_loss, BETA), MU), fitted(loss, MU)
    # alpha (pi_0 - mu_0) is the pull of the new term on the log-odds; where pi_0 > mu_0 it adds to response 0
    d = float((optimistic - MU)[0] - (optimistic - MU)[1])
    residual = BETA * (1 / (1 + math.exp(-BETA * d)) - WIN) - alpha * float(optimistic[0].exp() - MU[0].exp())
    assert residual == pytest.approx(0, abs=1e-6)
    assert optimistic[0] > plain[0] + 1e-3


def test_kto_pulls_desirable_responses_up_and_the_others_down():
    both = torch.tensor([True, False])
    slope = gradient(lambda log_pi: kto_loss(log_pi, MU, both, BETA), MU)
    # at pi = mu both sigmas have slope 1/4: -beta/4 on each log-probability, halved by the mean
    exact = gradient(lambda log_pi: (log_pi[1] - log_pi[0]) * BETA / 8, MU)
    assert torch.allclose(slope, exact, atol=1e-12) and slope[0] < 0
    share = torch.tensor([1.0, 0.0], dtype=torch.float64)
    alone = gradient(lambda log_pi: kto_loss(log_pi, MU, both, BETA, share=share), MU)
    assert torch.allclose(alone, gradient(lambda log_pi: -log_pi[0] * BETA / 4, MU), atol=1e-12)


@pytest.mark.parametrize("rule", [INPO(eta_inverse=0.6), NashMD(step=0.7)], ids=lambda rule: rule.name)
def test_spread_is_the_regression_over_all_pairs(rule):
    engine = engine_of(rule)
    [step] = rule.steps(TAU, 0)
    past, payoff = tables(engine), payoff_of(engine, step)
    pairs, weights = all_pairs(len(payoff)), past["reference"].exp()
    current = torch.randn(len(payoff), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    labels = differences(*payoff[pairs].T)
    slow = regression_loss(
        step, current[pairs], {k: v[pairs] for k, v in past.items()}, labels, weights=weights[pairs].prod(1)
    )
    rows = {k: v[None] for k, v in past.items()}
    assert float(spread_loss(step, current[None], rows, payoff[None], weights[None])) == pytest.approx(
        float(slow), rel=1e-12
    )


@pytest.mark.parametrize("rule", [EGPO(step=0.5), NashMP(prox_step=0.4)], ids=lambda rule: rule.name)
def test_a_climb_at_the_rules_rate_on_uniform_responses_is_the_step(rule):
    """theta + eta v, v what the gradient step climbs: the mirror step itself, half and full."""
    engine = engine_of(rule)
    for step in rule.steps(TAU, 0):
        past, payoff = tables(engine), payoff_of(engine, step)
        climb = climbing(step)
        value = payoff + sum(w * past[name] for name, w in climb.score.items())
        moved = (past["policy"] + climb.eta * value).log_softmax(-1)
        exact = (sum(w * past[k] for k, w in step.base.items()) + step.eta * payoff).log_softmax(-1)
        assert torch.allclose(moved, exact, atol=1e-12)
        assert climb.into == step.into and climb.opponent == step.opponent


def test_stationary_undoes_climbing():
    [step] = OnlineIPO().steps(TAU, 0)
    again = climbing(stationary(step))
    assert again.score == pytest.approx(dict(step.score))
