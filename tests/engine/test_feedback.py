"""Noisy feedback: unbiased, reproducible, and the same under both paths."""

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.engine import Feedback, run, run_many
from nashsim.engine.feedback import Stream, estimated_margin, response_gradient, streams
from nashsim.engine.reference_engine import ReadableEngine
from nashsim.rules import (
    IPOMD,
    OMD,
    POLICY,
    RULES,
    GradientStep,
    MirrorStep,
    NashMDPG,
    OnlineIPO,
    Rule,
    SelfPlayPG,
)
from tests.zoo import random_game, rock_paper_scissors

KINDS = ("opponents", "duels")
EVERY_KIND = (*KINDS, "pairs")
GRADIENT = [rule for rule in RULES if isinstance(rule().steps(1.0, 0)[0], GradientStep)]
PLAYABLE = [(rule, kind) for rule in RULES for kind in EVERY_KIND] + [
    (rule, "responses") for rule in GRADIENT
]


@pytest.mark.parametrize(("rule", "kind"), PLAYABLE, ids=lambda value: getattr(value, "name", value))
def test_compiled_equals_numpy_draw_for_draw(rule, kind):
    game = random_game(5, actions=4, tau=0.3, contexts=2)
    options = {
        "queries": 60,
        "start": "random",
        "seed": 3,
        "feedback": Feedback(kind, 40 if kind == "pairs" else 2),
        "metrics": ["kl_to_reference"],
    }
    compiled, readable = (
        run(game, rule.with_eta(0.3, 0.3), path=p, **options) for p in ("compiled", "numpy")
    )
    np.testing.assert_allclose(compiled.log_policy, readable.log_policy, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_estimates_are_unbiased_with_the_variance_of_their_kind(kind):
    game = random_game(1, actions=5)
    skew, pi = game.preference.dense()[0], np.random.default_rng(0).dirichlet(np.ones(5))
    stream, rounds, m = Stream(12345), 4000, 3
    samples = np.array([estimated_margin(Feedback(kind, m), skew, pi, stream) for _ in range(rounds)])
    exact = skew @ pi
    variance = (skew**2 @ pi - exact**2 if kind == "opponents" else 0.25 - exact**2) / m
    # five standard errors of the mean; for the variance, whose fourth moment is below 1/16, likewise
    assert (np.abs(samples.mean(axis=0) - exact) < 5 * np.sqrt(variance / rounds)).all()
    np.testing.assert_allclose(samples.var(axis=0), variance, atol=5 * 0.25 / m / np.sqrt(rounds))


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_signed_mixture_is_estimated_policy_by_policy(kind):
    """The mean answer to the mixture 2 p - q is its payoff, though there is nothing to draw from."""
    game = random_game(1, actions=4, tau=0.3)
    p, q = np.random.default_rng(0).dirichlet(np.full(4, 5.0), size=2)
    step = MirrorStep({POLICY: 1.0}, {POLICY: 2.0, "other": -1.0}, 1.0, arithmetic=True)
    engine = ReadableEngine(game, OMD(), np.log(p)[None], Feedback(kind, 200), [5])
    engine.policies["other"] = np.log(q)[None]
    found = np.array([engine.payoff(step)[0] for _ in range(200)])
    exact = game.preference.dense()[0] @ (2 * p - q)
    if kind == "pairs":  # which know payoffs up to a constant
        found, exact = found - found.mean(axis=1, keepdims=True), exact - exact.mean()
    error = 5 * found.std(axis=0) / np.sqrt(len(found))  # five standard errors of the mean
    assert (np.abs(found.mean(axis=0) - exact) < error).all() and error.max() < 0.1


def test_a_stream_is_uniform():
    numbers = np.array(
        [Stream(7 + k).uniform() for k in range(50)] + [s.uniform() for s in [Stream(1)] for _ in range(5000)]
    )
    assert (numbers >= 0).all() and (numbers < 1).all()
    counts = np.histogram(numbers[50:], bins=20, range=(0, 1))[0]
    # chi-square of 19 degrees: 43.8 is its 99.9% point
    assert ((counts - 250) ** 2 / 250).sum() < 43.8


def test_splitmix_known_numbers():
    """The first outputs of SplitMix64 from seed 0, as published with its reference code [recalled]."""
    stream = Stream(0)
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [stream.uniform() for _ in range(3)] == [(word >> 11) * 2.0**-53 for word in expected]


def test_seeds_and_batches_do_not_change_a_run():
    games = [random_game(k, actions=3, tau=0.3, contexts=1 + k % 2) for k in range(4)]
    options = {"queries": 50, "feedback": Feedback("duels", 2), "metrics": ["duality_gap"]}
    together = run_many(games, OMD(step=0.3), seeds=[1, 2], jobs=3, **options)
    for found in together:
        alone = run(found.game, OMD(step=0.3), seed=found.seed, **options)
        assert np.array_equal(found.log_policy, alone.log_policy)
    assert not np.array_equal(together[0].log_policy, together[1].log_policy)
    assert len(np.unique(streams([1, 2], [0, 1, 0]))) == 4


def test_the_floor_falls_with_the_batch():
    game = rock_paper_scissors(tau=0.2, reference=[0.6, 0.3, 0.1])
    floors = []
    for m in (1, 16):
        runs = run_many([game], OMD(step=0.05), queries=4000, seeds=range(10), record=40,
                        metrics=["kl_to_equilibrium"], feedback=Feedback("duels", m))  # fmt: skip
        floors.append(np.mean([r.metrics["kl_to_equilibrium"][50:].mean() for r in runs]))
    # 1/m: the floors average 10 runs of some 40 relaxation times each, 5 per cent apart at one deviation
    assert floors[0] / floors[1] == pytest.approx(16, rel=0.25)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("duel",), "unknown feedback 'duel'; did you mean 'duels'"),
        (("duels", 0), "samples: a whole number >= 1"),
    ],
)
def test_bad_feedback(arguments, message):
    with pytest.raises(NashsimError, match=message):
        Feedback(*arguments)


def test_pairs_recover_the_payoff_up_to_a_constant():
    """With every pair seen many times the regression's error is that of its labels' means, O(1/sqrt N)."""
    game = random_game(1, actions=4, reference="uniform")
    skew, pi = game.preference.dense()[0], np.full(4, 0.25)
    errors = []
    for samples in (2_000, 32_000):
        fits = [estimated_margin(Feedback("pairs", samples), skew, pi, Stream(seed)) for seed in range(4)]
        gaps = [fit - fit.mean() - (skew @ pi - (skew @ pi).mean()) for fit in fits]
        errors.append(np.sqrt(np.mean(np.square(gaps))))
    assert errors[1] < 0.02 and errors[0] / errors[1] == pytest.approx(4, rel=0.5)  # 16 squared errors each


def test_actions_that_no_pair_meets_stay_where_they_are():
    skew = random_game(1, actions=3).preference.dense()[0]
    fit = estimated_margin(Feedback("pairs", 50), skew, np.array([0.5, 0.5, 0.0]), Stream(3))
    # the constant is fixed by the ridge alone: rounding times the condition, 1e-16 x 100/1e-6
    assert fit[2] == 0 and fit[0] == pytest.approx(-fit[1], abs=1e-7)


class OneClimb(Rule):
    """A rule that is the first step of another one, with eta = 1, so that a run of one query is one gradient."""

    name, update, condition, theorems, source = "one-climb", "", "", (), ""

    def __init__(self, rule, tau):
        [step] = rule.steps(tau, 0)
        self.__dict__["step"] = GradientStep(step.opponent, step.score, 1.0, pairwise=step.pairwise)

    def steps(self, tau, t):
        return (self.step,)

    def largest_eta(self, tau):
        return np.inf


CLIMBS = [SelfPlayPG(), NashMDPG(mixture=0.4), OnlineIPO(), IPOMD(mixture=0.4)]


def exact_gradient(game, rule, log_pi):
    engine = ReadableEngine(game, rule, log_pi)
    [step] = rule.steps(game.tau, 0)
    opponent = engine.opponent(step)[0]
    source = opponent if step.pairwise else np.exp(log_pi[0])
    score = sum(w * engine.policies[name][0] for name, w in step.score.items())
    return step, engine.gradient(step)[0], source, opponent, score


def enumerated(game, rule, log_pi):
    """The probability of every duel and outcome, and what it says of the gradient; and the exact gradient."""
    step, exact, source, opponent, score = exact_gradient(game, rule, log_pi)
    P, actions = game.probabilities[0], range(game.actions)
    duels = [(y, z, won) for y in actions for z in actions for won in (True, False)]
    chances = [source[y] * opponent[z] * (P[y, z] if won else 1 - P[y, z]) for y, z, won in duels]
    said = [response_gradient(y, z, won, source, score, step.pairwise) for y, z, won in duels]
    return np.array(chances), np.array(said), exact


@pytest.mark.parametrize("rule", CLIMBS, ids=lambda rule: rule.name)
def test_the_expectation_over_responses_and_outcomes_is_the_gradient(rule):
    """Summed over every y, z and outcome with their probabilities, nothing sampled."""
    game = random_game(1, actions=5, tau=0.3)
    log_pi = np.log(np.random.default_rng(0).dirichlet(np.ones(5)))[None]
    chances, said, exact = enumerated(game, rule, log_pi)
    np.testing.assert_allclose(chances @ said, exact, atol=1e-14)


@pytest.mark.parametrize("rule", CLIMBS, ids=lambda rule: rule.name)
def test_compiled_sampled_gradients_are_unbiased_with_their_variance(rule):
    """One compiled step from 4000 seeds against the enumerated mean and variance."""
    game, m, rounds = random_game(1, actions=4, tau=0.3), 3, 4000
    log_pi = np.log(np.random.default_rng(0).dirichlet(np.ones(4)))[None]
    chances, said, exact = enumerated(game, rule, log_pi)
    runs = run_many([game], OneClimb(rule, game.tau), queries=1, seeds=range(rounds), start=np.exp(log_pi),
                    metrics=[], feedback=Feedback("responses", m))  # fmt: skip
    moved = np.array([found.log_policy[0] - log_pi[0] for found in runs])
    moved -= moved.mean(axis=1, keepdims=True)  # the gradient sums to zero, the normalised logits do not
    second, fourth = (chances @ (said - exact) ** k for k in (2, 4))
    variance = second / m
    fourth = (fourth + 3 * (m - 1) * second**2) / m**3  # of a mean of m
    # five standard errors of a mean and of a variance
    assert (np.abs(moved.mean(axis=0) - exact) < 5 * np.sqrt(variance / rounds)).all()
    assert (np.abs(moved.var(axis=0) - variance) < 5 * np.sqrt((fourth - variance**2) / rounds)).all()
