"""Every fit, those of the folder and one of a user's own: what it states is what its loss does."""

import numpy as np
import pytest
import torch

from llm_bridge.algorithms import FITS, Algorithm, Fit, get_algorithm, get_fit
from llm_bridge.algorithms.losses import expected, pair_residual
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.enumerated_source import Enumerated
from llm_bridge.tasks.exact import train
from llm_bridge.trainer import Sampled, Settings, Trainer
from llm_bridge.training.minibatches import losses_of
from nashsim import NashsimError
from nashsim.rules import INPO, BestResponse, DNOPrct, RankingStep

from ..models import loss_of, policy, shake

torch.set_num_threads(1)
TAU = 0.2


class Absolute(Fit):
    """A user's own: the absolute residual of a pair, whose minimiser is the step where every pair can be met."""

    name = "own-absolute"
    needs_pairs = True
    accepts = ("duels",)
    any_pairs = True

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        past = {name: table[batch.pairs] for name, table in batch.frozen.items()}
        first, second = batch.payoff[batch.pairs].T
        residual = pair_residual(step, current[batch.pairs], past) - float(step.eta) * (first - second)
        return expected(residual.abs(), weights)


#: A rule whose steps the fit carries.
RULES = {"ranked": DNOPrct()} | dict.fromkeys(("dpo", "pepo", "xpo", "kto", "una"), BestResponse())
NAMES = sorted(FITS)


def algorithm_of(name, **more):
    """An algorithm of a fit, its pairs and labels such as the fit allows."""
    fit = get_fit(name)
    options = {"labels": fit.accepts[0], "responses": 3, "comparators": 2}
    if fit.reads_tokens:
        options["level"] = "token"
    if fit.anchor_of not in (None, "policy"):
        options |= {"second": {fit.anchor_of: 1.0}}
    return Algorithm(name, RULES.get(name, INPO(eta_inverse=2.0)), fit, **options | more)


def judge(comparisons):
    return np.array([0.5 + 0.4 * np.sin(sum(c.a) - 3 * sum(c.b)) for c in comparisons])


def trainer_of(name, source=None, **more):
    made, prompts = policy("gpt2", pad=0), [(1, 2), (3, 4)]
    settings = Settings(fit_steps=2, lr=1e-2, optimiser="sgd", clip=1e6)
    return Trainer(made, prompts, algorithm_of(name, **more), Sampled(judge, 3), tau=TAU, settings=settings)


def gradient(trainer, losses):
    trainer.policy.model.zero_grad()
    total = 0.0
    for loss in losses:
        loss.backward()
        total += float(loss.detach())
    return total, torch.cat([p.grad.flatten() for p in trainer.policy.parameters()])


def moved(name):
    """What a loss is computed from, the policy a little away from where the batch was drawn."""
    trainer = trainer_of(name)
    step = trainer.algorithm.carried(trainer.step)
    batch = trainer.judge(trainer.sample(step, trainer.algorithm))
    shake(trainer.policy, 0.05, 7)
    return trainer, (trainer.algorithm, step, batch, trainer.policy)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_holds_what_the_fit_asks_for(name):
    trainer, (algorithm, step, batch, _) = moved(name)
    fit, rows = algorithm.fit, len(batch.responses)
    assert bool(len(batch.pairs)) == fit.needs_pairs
    assert all(
        (table.ndim == 2) == fit.reads_tokens and len(table) == rows for table in batch.frozen.values()
    )
    assert trainer._fit_steps(algorithm) == (2 if fit.takes_minibatches else 1)
    wins_rates = batch.payoff[torch.unique(batch.pairs)] if fit.needs_pairs else batch.payoff
    informed = len(batch.wins.unique()) > 1 if algorithm.labels == "winner" and fit.needs_pairs else True
    assert informed and (algorithm.labels == "winner" or len(wins_rates.unique()) > 1)


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_a_batch_add_up_to_the_whole(name):
    trainer, told = moved(name)
    whole, parts = (gradient(trainer, losses) for losses in ([loss_of(*told)], losses_of(*told, rows=2)))
    assert parts[0] == pytest.approx(whole[0], rel=1e-9, abs=1e-12)
    # The largest entry is the scale: rounding of a sum in another order is relative to its terms.
    assert (parts[1] - whole[1]).abs().max() < 1e-9 * whole[1].abs().max()
    assert whole[1].abs().max() > 1e-6


DESCENDED = [name for name in NAMES if FITS[name].takes_minibatches and not FITS[name].importance]


@pytest.mark.parametrize("name", DESCENDED)
def test_the_loss_falls_along_its_gradient(name):
    """First order: a step h g changes the loss by h |g|^2; the value of a policy gradient's loss means nothing."""
    trainer, told = moved(name)
    start, slope = gradient(trainer, [loss_of(*told)])
    length = 1e-4 / float(slope.norm())
    with torch.no_grad():
        place = 0
        for weight in trainer.policy.parameters():
            weight -= length * slope[place : place + weight.numel()].view_as(weight)
            place += weight.numel()
    fallen = start - float(loss_of(*told).detach())
    assert fallen == pytest.approx(length * float(slope @ slope), rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_enumerated_and_sampled_train_under_one_contract(name):
    """The exact mode and samples: both finish, both move the policy."""
    task = EnumerableTask(vocabulary=4, length=2, tau=TAU)
    algorithm, settings = algorithm_of(name), Settings(fit_steps=2)
    for source in (None, Sampled(task.judge, task.length)):
        done = train(task, algorithm, queries=2, settings=settings, source=source)
        start, end = (row["kl_to_equilibrium"] for row in (done.records[0], done.records[-1]))
        assert abs(start - end) > 1e-5


@pytest.mark.parametrize("name", [name for name in NAMES if FITS[name].any_pairs])
def test_fits_right_for_any_pairs_end_at_the_step(name):
    """A long fit over all responses, weights of policy and reference in equal parts: the engine's own step."""
    from nashsim import run

    task = EnumerableTask(vocabulary=4, length=1, tau=TAU)
    algorithm = algorithm_of(name)
    done = train(task, algorithm, queries=1, settings=Settings(fit_steps=400, lr=1e-2))
    with torch.no_grad():
        mu = task.log_probs(task.build_model()).double().log_softmax(-1).numpy()
    game = task.measure_against(mu).game.game
    twin = run(game, algorithm.rule, queries=1)
    found = np.array([done.records[-1][f"mass {c}"] for c in task.names])
    start = np.array([done.records[0][f"mass {c}"] for c in task.names])
    exact = np.exp(twin.log_policy).mean(axis=0)
    # A hundredth of the way: what a fit of hundreds of optimiser steps leaves.
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact - start).max()


def test_labels_that_a_fit_does_not_understand_are_refused():
    for name in NAMES:
        for labels in {"duels", "winner"} - set(FITS[name].accepts):
            with pytest.raises(NashsimError, match="labels: the fit"):
                algorithm_of(name, labels=labels)


def test_a_fit_is_given_by_name_class_instance_or_module(tmp_path):
    made = [
        get_algorithm("nash-md", fit=fit)
        for fit in ("own-absolute", Absolute, Absolute(), f"{__name__}:Absolute")
    ]
    assert all(algorithm == made[0] and repr(algorithm) == repr(made[0]) for algorithm in made)
    assert "fit='own-absolute'" in repr(made[0])
    config = load_config("enumerable-nash-md", ["--algorithm.fit", f"{__name__}:Absolute"])
    assert config.algorithm.build().fit == Absolute()
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert load_config(tmp_path / "config.yaml") == config


def test_parameters_of_a_fit_are_part_of_it():
    class Scaled(Absolute):
        name = "scaled-absolute"

        def __init__(self, scale):
            self.scale = scale

    assert get_algorithm("nash-md", fit=Scaled(2.0)).fit == Scaled(2.0) != Scaled(3.0)
    assert repr(Scaled(2.0)) == "scaled-absolute(scale=2.0)"
    with pytest.raises(NashsimError, match="Scaled needs arguments .* give an instance"):
        get_fit(Scaled)
    del FITS["scaled-absolute"]


@pytest.mark.parametrize(
    "given, words",
    [
        ("regresion", "did you mean 'regression'"),
        ("nowhere:Loss", "module:Class is needed"),
        (f"{__name__}:TAU", "a subclass of Fit"),
        (3, "a subclass of Fit"),
        (Fit, "a subclass of Fit"),
    ],
)
def test_what_is_no_fit_is_refused_in_one_line(given, words):
    with pytest.raises(NashsimError, match=words) as error:
        get_fit(given)
    assert "\n" not in str(error.value)


def test_a_class_that_lacks_something_is_an_error_where_it_is_written():
    with pytest.raises(NashsimError, match="Bare lacks name, needs_pairs, accepts, loss"):
        type("Bare", (Fit,), {})
    with pytest.raises(NashsimError, match="lacks statistic"):
        type(
            "Whole",
            (Fit,),
            {"name": "whole", "needs_pairs": False, "accepts": (), "loss": 0, "whole_batch": True},
        )
    with pytest.raises(NashsimError, match="the name 'kto' is that of .*KTO; give Other another"):
        type("Other", (FITS["kto"],), {})


def test_steps_that_a_fit_cannot_carry_are_refused():
    with pytest.raises(NashsimError, match="ranking steps alone"):
        Algorithm("x", INPO(), "ranked").carried(INPO().steps(TAU, 0)[0])
    [step] = DNOPrct().steps(TAU, 0)
    assert isinstance(step, RankingStep) and algorithm_of("ranked").carried(step) is step
    for name in ("dpo", "kto"):
        task = EnumerableTask(vocabulary=4, length=1, tau=TAU)
        algorithm = Algorithm("x", INPO(eta_inverse=2.0), name, labels="winner")
        trainer = Trainer(policy("gpt2", 4, pad=0), task.prompts, algorithm, Enumerated(task), tau=TAU)
        with pytest.raises(NashsimError, match="steps from the reference alone"):
            trainer.run(1)


def test_an_anchor_needs_responses_of_its_policy():
    trainer = trainer_of("dpo", pairs={"reference": 1.0}, anchor=0.1)
    with pytest.raises(NashsimError, match="draws no responses from 'policy'"):
        trainer.tick()
