"""A mixture of policies is fitted wherever it is written; parameters are averaged only where an algorithm says so."""

from dataclasses import dataclass, replace

import pytest
import torch

from llm_bridge.algorithms import ALGORITHMS, Algorithm, get_algorithm
from llm_bridge.recipes import recipes
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.exact import train
from llm_bridge.trainer import Sampled, Settings
from nashsim import NashsimError, run
from nashsim.rules import POLICY, REFERENCE, GradientStep, MirrorStep, Rule, mix

torch.set_num_threads(1)
TASK = EnumerableTask(vocabulary=5, length=2, tau=0.1)
PULLED, SLOT = {POLICY: 0.5, REFERENCE: 0.5}, "mixture"
ITERATIONS = 4


@dataclass(frozen=True)
class Form(Rule):
    """log pi+ = log q + eta P(. ≻ q), q ∝ (pi mu)^(1/2), in the form of its ``steps``."""

    form: tuple = ()
    name = "form"
    update = condition = source = ""
    theorems = ()

    def __post_init__(self):
        pass

    def steps(self, tau, t):
        return self.form

    def largest_eta(self, tau):
        return 2.0


def asked(of, **more):
    return MirrorStep(of, of, 2.0, **more)


#: One rule in three forms that the engine cannot tell apart: mixed and asked at once, or mixed first, into the policy
#: itself or into a slot beside it.
AT_ONCE = Form((asked(PULLED),))
LIVE = Form((mix(PULLED, into=POLICY), asked({POLICY: 1.0})))
BESIDE = Form((mix(PULLED, into=SLOT), asked({SLOT: 1.0})))


def gap(rule, **more):
    algorithm = Algorithm("form", rule, "regression", **more)
    return train(TASK, algorithm, queries=ITERATIONS, settings=Settings(fit_steps=60)).records[-1][
        "duality_gap"
    ]


def test_forms_that_agree_on_tables_train_to_the_same_gap():
    """At once there are four fits, otherwise eight: were their errors to add up, each form would be off by twice that.

    Two forms then are at most four times the error of four fits apart.
    """
    with torch.no_grad():
        mu = TASK.log_probs(TASK.build_model()).double().log_softmax(-1).numpy()
    game = TASK.measure_against(mu).game.game
    twins = [
        run(game, rule, queries=ITERATIONS).metrics["duality_gap"][-1] for rule in (AT_ONCE, LIVE, BESIDE)
    ]
    assert max(twins) - min(twins) < 1e-12
    error = abs(gap(AT_ONCE) - twins[0])
    live, beside = gap(LIVE), gap(BESIDE)
    assert 0 < abs(live - beside) < 4 * error
    # The trap: parameters averaged into the slot are another policy, and end elsewhere.
    assert abs(gap(BESIDE, averaged=(SLOT,)) - live) > 4 * error


@pytest.mark.parametrize("source", [None, Sampled(TASK.judge, TASK.length)], ids=["enumerated", "sampled"])
def test_a_slot_that_is_copied_is_the_policy_itself_to_the_bit(source):
    extra = {POLICY: 2.0, REFERENCE: -1.0}
    forms = (
        Form((asked({POLICY: 1.0}), mix(extra, into=POLICY))),
        Form((asked({POLICY: 1.0}), mix(extra, into=SLOT), mix({SLOT: 1.0}, into=POLICY))),
    )
    ends = []
    for rule in forms:
        algorithm = Algorithm("form", rule, "regression")
        done = train(TASK, algorithm, queries=2, settings=Settings(fit_steps=3), source=source)
        ends.append(done.trainer.policy.weights())
        assert done.records[-1]["queries"] == 2
        assert done.records[-1]["comparisons"] == (0 if source is None else 2 * 2 * len(TASK.prompts))
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_mixtures_of_gradient_rules_are_fitted_too():
    """By regression, beside an optimiser of the gradient steps that lives on."""
    climb = GradientStep({SLOT: 1.0}, {POLICY: -0.1, REFERENCE: 0.1}, 1.0)
    rule = Form((climb, mix({SLOT: 0.9, POLICY: 0.1}, into=SLOT)))
    algorithm = get_algorithm(rule)
    settings = Settings(lr=0.1, optimiser="sgd", fit_steps=60)
    done = train(TASK, algorithm, queries=3, settings=settings, record=3)
    trainer = done.trainer
    assert algorithm.one_step and set(trainer.optimisers) == {POLICY, f"{SLOT} (mixture)"}
    policy, source = trainer.policy, done.trainer.source
    tables = {name: source.table(policy, trainer.iterates.stored(name)) for name in (POLICY, SLOT, REFERENCE)}
    apart = {name: float((tables[name] - tables[REFERENCE]).abs().max()) for name in (POLICY, SLOT)}
    # After three steps of a tenth the average lags behind.
    assert 0 < apart[SLOT] < 0.5 * apart[POLICY]


def test_a_power_of_one_policy_is_no_copy():
    algorithm = Algorithm("form", LIVE, "regression")
    assert algorithm.fitted(mix({SLOT: 1.0}, into=POLICY)) is None
    fitted, step = algorithm.fitted(mix({SLOT: 2.0}, into=POLICY))
    assert (float(step.eta), step.base, fitted.fit.name) == (0.0, {SLOT: 2.0}, "regression")


def test_who_averages_parameters_says_so():
    """Nash-EMA, and the target of approximate Nash Prox, whose papers do."""
    averaging = {name for name in ALGORITHMS if get_algorithm(name).averaged}
    assert averaging == {"nash-ema", "nash-ema-pg", "nash-prox-pg", "nash-prox-sgd"}
    for name in averaging:
        algorithm = get_algorithm(name)
        assert "an average of parameters" in algorithm.departure and f"enumerable-{name}" in recipes()
        assert "average" not in (replace(algorithm, averaged=()).departure or "")
    with pytest.raises(NashsimError, match="averaged: .* writes 'policy', .* found 'centre'"):
        get_algorithm("nash-ema", averaged=("centre",))
