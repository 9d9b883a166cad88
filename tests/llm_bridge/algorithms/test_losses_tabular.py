"""On a softmax table every loss is the engine's own step."""

import pytest
import torch

from llm_bridge.algorithms import get_fit, losses
from llm_bridge.algorithms.fits import logistic, pointwise, policy_gradient, ranked, regression
from llm_bridge.algorithms.fits.policy_gradient import policy_gradient_loss
from llm_bridge.algorithms.fits.regression import regression_loss
from llm_bridge.algorithms.labels import Labels, PairDistribution
from llm_bridge.algorithms.step_conversion import stationary
from nashsim.rules import RULES, SPPO, DNOPrct, MirrorStep, OnlineIPO, RankingStep, SelfPlayPG
from nashsim.rules.one_call import INPO

from .tables import (
    TAU,
    all_pairs,
    batch_of,
    differences,
    engine_of,
    fitted,
    gradient,
    payoff_of,
    queries,
    tables,
)

MIRROR = [cls for cls in RULES if any(type(s) is MirrorStep for s in queries(cls()))]
CLIMB = [cls for cls in RULES if queries(cls(), kind="gradient")]


def named(classes):
    return pytest.mark.parametrize("cls", classes, ids=lambda cls: cls.name)


def engine_step(engine, step):
    """What the engine makes of one step, shape (actions,)."""
    engine._apply(step)
    return torch.tensor(engine.policies[step.into][0])


def pair_table(past, pairs):
    return {name: table[pairs] for name, table in past.items()}


def loss_of(fit, step, batch, table, weights=None):
    return get_fit(fit).loss(None, step, batch, table, weights)


def regress(step, past, labels, start, pairs, weights=None):
    return fitted(
        lambda table: regression_loss(step, table[pairs], pair_table(past, pairs), labels, weights=weights),
        start,
    )


def regression_error(rule):
    """Of the fitted steps of a rule, the largest."""
    engine, errors = engine_of(rule), []
    for step in queries(rule):
        past, payoff = tables(engine), payoff_of(engine, step)
        pairs = all_pairs(len(payoff))
        labels = differences(*payoff[pairs].T)
        found = regress(step, past, labels, past["policy"], pairs)
        exact = engine_step(engine, step)
        assert (exact - past["policy"]).abs().max() > 1e-3
        errors.append(float((found - exact).abs().max()))
    return max(errors)


@named(MIRROR)
def test_regression_is_the_mirror_step(cls):
    assert regression_error(cls()) < 1e-6


def plant(monkeypatch, helper, fault):
    """Put a fault into a helper of the losses, wherever it is called from."""
    homes = [
        module
        for module in (losses, regression, logistic, ranked, pointwise, policy_gradient)
        if hasattr(module, helper)
    ]
    assert homes
    for module in homes:
        monkeypatch.setattr(module, helper, fault(getattr(module, helper)))


def halved(honest):
    return lambda *given, **named: 0.5 * honest(*given, **named)


def forgetful(mixed):
    """Of mu, which a policy that takes itself for its reference does not have."""
    return lambda weights, past: mixed({k: w for k, w in weights.items() if k != "reference"}, past)


@pytest.mark.parametrize(
    "helper, fault", [("mixed", forgetful), ("mixed", halved), ("pair_residual", halved)]
)
def test_a_fault_in_the_regression_itself_is_seen(helper, fault, monkeypatch):
    plant(monkeypatch, helper, fault)
    assert regression_error(INPO(eta_inverse=0.8)) > 1e-3


@pytest.mark.parametrize("fault", ["sign", "inverse", "reference"])
def test_a_planted_fault_in_the_regression_is_seen(fault):
    engine = engine_of(INPO(eta_inverse=0.8))
    [step] = queries(engine.rule)
    past, payoff = tables(engine), payoff_of(engine, step)
    pairs = all_pairs(len(payoff))
    wrong = {
        "sign": MirrorStep(step.base, step.opponent, -step.eta),
        "inverse": MirrorStep(step.base, step.opponent, 1 / step.eta),
        "reference": MirrorStep({"policy": 1.0}, step.opponent, step.eta),
    }[fault]
    found = regress(wrong, past, differences(*payoff[pairs].T), past["policy"], pairs)
    assert (found - engine_step(engine, step)).abs().max() > 1e-3


def logistic_error(rule):
    """Of the steps of a rule fitted by the cross-entropy, the largest."""
    engine, errors = engine_of(rule), []
    for step in queries(rule):
        past, payoff = tables(engine), payoff_of(engine, step)
        pairs = all_pairs(len(payoff))
        found = fitted(
            lambda table: loss_of("logistic", step, batch_of(past, payoff, pairs), table),  # noqa: B023
            past["policy"],
        )
        errors.append(float((found - engine_step(engine, step)).abs().max()))
    return max(errors)


@named([cls for cls in MIRROR if cls.name in ("dno", "inpo", "nash-mp", "spo")])
def test_logistic_loss_is_the_mirror_step(cls):
    assert logistic_error(cls()) < 1e-6


def pointwise_error():
    """Of SPPO's step before its normalisation."""
    engine = engine_of(SPPO(step=1.5))
    [step] = queries(engine.rule)
    past, payoff = tables(engine), payoff_of(engine, step)
    free = past["policy"].clone().requires_grad_()
    for _ in range(400):
        [slope] = torch.autograd.grad(loss_of("pointwise", step, batch_of(past, payoff), free), free)
        with torch.no_grad():
            free -= slope
    return float((free.detach().log_softmax(-1) - engine_step(engine, step)).abs().max())


def test_pointwise_loss_is_the_step_before_normalisation():
    assert pointwise_error() < 1e-6


def ranked_error():
    """Of DNO-Prct's step, its ridge added to the loss."""
    engine = engine_of(DNOPrct(eta_inverse=2.0, margin=0.05, ridge=0.02))
    [step] = queries(engine.rule)
    assert isinstance(step, RankingStep)
    past, payoff = tables(engine), payoff_of(engine, step)
    pairs = all_pairs(len(payoff))
    opponent = torch.tensor(engine.opponent(step)[0])
    # Each unordered pair stands twice here and is kept once in the engine's share W.
    weights = opponent[pairs].prod(1)

    def loss(table):
        scores = (table - past["policy"]) / step.eta
        ridge = step.ridge / 2 * (scores - scores.mean()).square().sum()
        kept = loss_of("ranked", step, batch_of(past, payoff, pairs), table, weights)
        return kept / _scale(step, opponent, payoff) + ridge

    found = fitted(loss, past["policy"])
    exact = engine_step(engine, step)
    assert (exact - past["policy"]).abs().max() > 1e-2
    return float((found - exact).abs().max())


def test_ranked_loss_with_the_ridge_is_the_ranking_step():
    assert ranked_error() < 1e-6


def flipped(honest):
    return lambda *given, **named: -honest(*given, **named)


@pytest.mark.parametrize(
    "error, helper, fault",
    [
        (lambda: logistic_error(INPO(eta_inverse=0.8)), "mixed", forgetful),
        (lambda: logistic_error(INPO(eta_inverse=0.8)), "pair_residual", halved),
        (pointwise_error, "mixed", halved),
        (ranked_error, "pair_residual", flipped),
        (ranked_error, "logsigmoid", halved),
    ],
    ids=["logistic-mixed", "logistic-residual", "pointwise-mixed", "ranked-residual", "ranked-logsigmoid"],
)
def test_a_fault_in_the_other_fits_themselves_is_seen(error, helper, fault, monkeypatch):
    plant(monkeypatch, helper, fault)
    assert error() > 1e-3


def _scale(step, opponent, payoff):
    """Mass of ordered pairs that the engine's W, from ``kept_pairs``, gives one unit."""
    from nashsim.engine.ranking import kept_pairs

    kept = torch.tensor(kept_pairs(opponent.numpy(), payoff.numpy() - 0.5, step.margin))
    mine = opponent[:, None] * opponent[None, :] * ((payoff[:, None] - payoff[None, :]).abs() >= step.margin)
    return float(mine.sum() / kept.sum())


def gradient_error(rule):
    """Of the gradients of a rule's policy-gradient losses, the largest."""
    engine, errors = engine_of(rule), []
    for step in queries(rule, kind="gradient"):
        past, payoff = tables(engine), payoff_of(engine, step)
        at = past[step.at]
        others = {name: table[:, None] for name, table in past.items() if name != step.at}
        mask = torch.ones(len(at), 1, dtype=torch.bool)

        def loss(table, at=at, others=others, step=step, payoff=payoff, mask=mask):
            return policy_gradient_loss(step, table[:, None], others, mask, payoff, weights=at.exp())

        exact = torch.tensor(engine.gradient(step)[0])
        assert exact.abs().max() > 1e-3
        errors.append(float((-gradient(loss, at) - exact).abs().max()))
    return max(errors)


@named([cls for cls in CLIMB if not queries(cls(), kind="gradient")[0].pairwise])
def test_policy_gradient_is_the_tabular_gradient(cls):
    assert gradient_error(cls()) < 1e-8


@pytest.mark.parametrize(
    "helper, fault", [("mixed", forgetful), ("reward_to_go", halved), ("expected", halved)]
)
def test_a_fault_in_the_policy_gradient_itself_is_seen(helper, fault, monkeypatch):
    plant(monkeypatch, helper, fault)
    assert gradient_error(SelfPlayPG()) > 1e-4


@named([cls for cls in CLIMB if queries(cls(), kind="gradient")[0].pairwise])
def test_online_ipo_descends_four_over_tau_times_the_pairwise_climb(cls):
    """With the label ±1/2 of the pair's own duel; its expectation is P(y ≻ y') - 1/2."""
    engine = engine_of(cls())
    [step] = queries(engine.rule, kind="gradient")
    past, pairs = tables(engine), all_pairs(5)
    source = torch.tensor(engine.opponent(step)[0])
    duel = torch.tensor(engine.game.probabilities[0])
    labels = Labels.winner(duel[pairs[:, 0], pairs[:, 1]], PairDistribution(step.opponent))
    weights = source[pairs].prod(1)

    def loss(table):
        return regression_loss(
            stationary(step), table[pairs], pair_table(past, pairs), labels, weights=weights
        )

    exact = torch.tensor(engine.gradient(step)[0])
    assert (gradient(loss, past["policy"]) + 4 * 1.0 * exact / TAU).abs().max() < 1e-8


def gradients_of_pairs_and_of_self_play():
    engine = engine_of(OnlineIPO())
    [step] = queries(engine.rule, kind="gradient")
    [climb] = queries(SelfPlayPG(), kind="gradient")
    past, pairs = tables(engine), all_pairs(5)
    pi, duel = past["policy"].exp(), torch.tensor(engine.game.probabilities[0])
    labels = Labels.winner(duel[pairs[:, 0], pairs[:, 1]], PairDistribution({"policy": 1.0}))
    weights = pi[pairs].prod(1)
    ipo = gradient(
        lambda table: regression_loss(
            stationary(step), table[pairs], pair_table(past, pairs), labels, weights=weights
        ),
        past["policy"],
    )
    mu = {"reference": past["reference"][:, None]}
    mask = torch.ones(5, 1, dtype=torch.bool)
    descent = gradient(
        lambda table: policy_gradient_loss(climb, table[:, None], mu, mask, duel @ pi, weights=pi),
        past["policy"],
    )
    assert descent.abs().max() > 1e-3
    return ipo, descent


def test_online_ipo_is_self_play_times_minus_four_over_tau():
    """Both gradients come from the losses themselves; a factor 2 would be seen."""
    ipo, descent = gradients_of_pairs_and_of_self_play()
    # the self-play gradient is that of the objective, minus that of its loss
    assert (ipo - 4 / TAU * descent).abs().max() < 1e-8
    assert (ipo - 2 / TAU * descent).abs().max() > 1e-3


@pytest.mark.parametrize("helper", ["pair_residual", "reward_to_go"])
def test_a_fault_in_either_gradient_itself_parts_them(helper, monkeypatch):
    plant(monkeypatch, helper, halved)
    ipo, descent = gradients_of_pairs_and_of_self_play()
    assert (ipo - 4 / TAU * descent).abs().max() > 1e-4
