"""Gate 8 with Bernoulli duels: every last-iterate rule comes to rest at the noise floor that its twin predicts."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from llm_bridge.algorithms import get_algorithm
from llm_bridge.enumerated import Enumerated
from llm_bridge.exact import ExactMeasure, train
from llm_bridge.sampled import Sampled
from llm_bridge.settings import Settings
from llm_bridge.tasks import EnumerableTask
from llm_bridge.trainer import Trainer
from nashsim import PreferenceGame, run
from nashsim.engine.feedback import Feedback
from nashsim.rules import COMAL, MPO, NashProx, get_rule

from .test_gate import GRADIENT, MIRROR, log_reference, policy_of
from .weights_twin import COMMON, SINGLE, WINNER, WeightsTwin

torch.set_num_threads(1)
#: Pairs, or single responses, a prompt and iteration, as many as the twins'.
PAIRS, TWINS = 64, 16
TASK = EnumerableTask(vocabulary=5, length=2, tau=0.1)
#: Rules whose defaults would not get past a first target or reference in so short a run.
SHORT = {"nash-prox": NashProx(inner=4), "comal": COMAL(inner=10), "mpo": MPO(inner=10)}
ESTIMATOR = {"online-ipo": WINNER, "ipo-md": WINNER, "egpo": COMMON}
#: A step at which noise has time to average: at 0.1, the rate without noise, the floor is 2/5 of where it all begins.
RATE, ITERATIONS = 0.03, 100


def trained(algorithm, settings, iterations, pairs=PAIRS):
    """The exact gap at the start and after every iteration of a training on duels."""
    trainer = Trainer(
        policy_of(TASK),
        list(TASK.prompts) * pairs,
        algorithm,
        Sampled(TASK.judge, TASK.length, duels=True),
        tau=TASK.tau,
        settings=settings,
        measure=ExactMeasure(Enumerated(TASK), log_reference(TASK)),
    )
    return [row["duality_gap"] for row in trainer.run(iterations).records]


def second_half(gaps, iterations):
    return np.mean(gaps[-iterations // 2 :])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MIRROR if name != "enpo"])
def test_fits_to_duels_reach_the_noise_floor_of_the_table(name):
    """The tabular rule on the game of all responses, its payoffs fitted to as many pairs of duels.

    The mean gap over the second half of a run must be below the mean of 16 twins' plus four of their standard
    deviations: t = 3.9 with 15 degrees of freedom, passed by one more twin once in 1400 seeds. It may well be lower: a
    fit of a few optimiser steps does not follow every pair as far as least squares on a table do.
    """
    rule, iterations = SHORT.get(name) or get_rule(name), 20
    preference = np.array(TASK.preference)[np.ix_(TASK.classes, TASK.classes)]
    stack = np.broadcast_to(preference, (len(TASK.prompts), *preference.shape))
    game = PreferenceGame(stack, log_reference=log_reference(TASK), tau=TASK.tau)
    twins = np.array([
        second_half(
            run(game, rule, queries=iterations * rule.queries_per_step, record=1,
                feedback=Feedback("pairs", PAIRS), seed=seed).metrics["duality_gap"],
            iterations,
        )
        for seed in range(TWINS)
    ])  # fmt: skip
    by_duels = {"responses": 2, "comparators": 1, "labels": "duels", "pairs": {"policy": 1.0}}
    gaps = trained(get_algorithm(rule, **by_duels), Settings(fit_steps=20), iterations)
    assert second_half(gaps, iterations) < twins.mean() + 4 * twins.std(ddof=1)
    assert min(gaps) < 0.6 * gaps[0]


def settings_of(name):
    settings = Settings.enumerated(get_algorithm(name))
    return replace(settings, lr=RATE) if settings.optimiser == "sgd" else settings


@cache
def floors(name):
    """What every twin's gap averages to over the second half of its run, shape (twins,)."""
    measure, rule = TASK.measure_against(log_reference(TASK)), get_algorithm(name).rule
    return np.array([
        WeightsTwin(TASK, rule, ESTIMATOR.get(name, SINGLE), PAIRS, settings_of(name), seed).floor(ITERATIONS, measure)
        for seed in range(TWINS)
    ])  # fmt: skip


def distance(name, **more):
    """Of a training's floor from the twins', in standard deviations of theirs."""
    gaps = trained(get_algorithm(name), settings_of(name), ITERATIONS, **more)
    twins = floors(name)
    return (second_half(gaps, ITERATIONS) - twins.mean()) / twins.std(ddof=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", GRADIENT)
def test_gradients_from_duels_rest_where_the_twins_do(name):
    """Twins with the model's own weights, so that the training is one more of them: it may lie neither above nor below.

    Four standard deviations of 16 twins' are t = 3.9 with 15 degrees of freedom: one seed in 700 would be outside.
    """
    assert abs(distance(name)) < 4
    settings = settings_of(name)
    exact = train(
        TASK, name, queries=ITERATIONS * get_algorithm(name).rule.queries_per_step, settings=settings
    )
    without_noise = second_half([row["duality_gap"] for row in exact.records], ITERATIONS)
    # It is the noise that this floor is made of, and not only of what there is still to go.
    assert floors(name).mean() > without_noise + 2 * floors(name).std(ddof=1)


class TestPlantedFaults:
    """Of a training by self-play; each must leave the twins' floor."""

    @pytest.mark.slow
    def test_half_the_responses(self):
        assert distance("self-play-pg", pairs=PAIRS // 2) > 4

    @pytest.mark.slow
    def test_coins_of_the_loser(self, monkeypatch):
        ask = Sampled.ask
        monkeypatch.setattr(Sampled, "ask", lambda *given: 1 - ask(*given))
        assert abs(distance("self-play-pg")) > 4

    @pytest.mark.slow
    def test_probabilities_in_place_of_coins(self, monkeypatch):
        ask = Sampled.ask
        monkeypatch.setattr(Sampled, "ask", lambda self, *given: ask(replace(self, duels=False), *given))
        assert distance("self-play-pg") < -4
