"""The one-file Nash-MD-PG is the trainer's: told the same random numbers it ends in the same weights."""

import sys

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from llm_bridge.algorithms import get_algorithm
from llm_bridge.decoding.roles import uniforms
from llm_bridge.policy.causal_policy import CausalPolicy
from llm_bridge.tasks import EnumerableTask
from llm_bridge.trainer import Sampled, Settings, Trainer
from llm_bridge.training.rollout import seed_of
from nashsim.cli.reproducing import BY_HAND, experiments_folder, find_experiments

torch.set_num_threads(1)
#: Double precision, so that no rounding moves a draw; some responses end early, some are cut off.
TASK = EnumerableTask(vocabulary=5, length=3, tau=0.1, dtype=torch.float64)
ITERATIONS, BATCH, LR, SEED = 12, 8, 0.1, 3


@pytest.fixture
def page(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(str(experiments_folder()))
    sys.modules.pop("nash_md_one_file", None)
    import nash_md_one_file

    return nash_md_one_file


def by_trainer(mixture):
    """The weights that the trainer ends in, one duel a response."""
    policy = CausalPolicy(TASK.build_model(), eos=0, pad=0)
    settings = Settings(optimiser="sgd", lr=LR, schedule="linear", iterations=ITERATIONS)
    trainer = Trainer(
        policy,
        list(TASK.prompts) * BATCH,
        get_algorithm("nash-md-pg", mixture=mixture),
        Sampled(TASK.judge, TASK.length, duels=True),
        tau=TASK.tau,
        settings=settings,
        seed=SEED,
    )
    trainer.run(ITERATIONS, ITERATIONS)
    return parameters_to_vector(policy.model.parameters()).detach()


def by_page(page, mixture):
    """The weights that the script ends in, told the trainer's uniform numbers."""
    prompts = list(TASK.prompts) * BATCH

    def random(t, purpose, shape):
        assert shape[0] == len(prompts)
        return torch.from_numpy(uniforms(seed_of(SEED, t, 0), prompts, shape[1], purpose))

    model = page.train(TASK, ITERATIONS, BATCH, LR, mixture, random=random)
    return parameters_to_vector(model.parameters()).detach()


def furthest(a, b):
    return float((a - b).abs().max())


#: Every step adds roundings of order 1e-16 to weights of order 1, in sums of at most a few hundred terms, and twelve
#: steps of rate 0.1 at gradients of norm at most 1 do not amplify them: 12 * 300 * 1.1e-16 = 4e-13.
ROUNDING = 4e-13


@pytest.mark.parametrize("mixture", [0.0, 0.125, 1.0])
def test_it_ends_in_the_weights_of_the_trainer(page, mixture):
    start = parameters_to_vector(TASK.build_model().parameters()).detach()
    found, wanted = by_page(page, mixture), by_trainer(mixture)
    assert furthest(found, wanted) <= ROUNDING
    assert furthest(wanted, start) > 1e-2


def own_terms(kl, y):
    """Terms whose sums to the end are the KL of each token alone: what is left of reward-to-go without "to go"."""
    ended = (y == 0).long()
    kl = torch.where(ended.cumsum(1) - ended == 0, kl, 0.0)
    return kl - torch.nn.functional.pad(kl[:, 1:], (0, 1))


FAULTS = {
    "the opponent is the policy itself": ("sample", lambda old: lambda pi, w, *a: old(pi[:1], [1.0], *a)),
    "the opponent's weights are swapped": ("sample", lambda old: lambda pi, w, *a: old(pi, w[::-1], *a)),
    "no coin is tossed for a response against itself": (
        "duel",
        lambda old: lambda p, y, z, u: old(p, y, torch.where(y == z, -1, z), u),
    ),
    "the loser is credited": ("duel", lambda old: lambda *a: 1 - old(*a)),
    "the KL pushes away": ("policy_gradient_loss", lambda old: lambda *a: old(*a[:4], -a[4])),
    "a token is credited with its own KL alone": (
        "policy_gradient_loss",
        lambda old: (
            lambda log_pi, log_mu, y, w, tau: old(
                log_pi, log_pi.detach() - own_terms(log_pi.detach() - log_mu, y), y, w, tau
            )
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(page, monkeypatch, fault):
    name, change = FAULTS[fault]
    monkeypatch.setattr(page, name, change(getattr(page, name)))
    assert furthest(by_page(page, 0.125), by_trainer(0.125)) > 1e6 * ROUNDING


def test_it_comes_nearer_to_the_exact_nash(page):
    """In 100 steps of 64 duels the exact gap falls to less than half."""
    task = EnumerableTask(vocabulary=5, length=2, tau=0.1)
    measure = task.measure_against(task.log_probs(task.build_model()).detach().double().numpy())
    gaps = []

    def show(t, model):
        with torch.no_grad():
            gaps.append(measure(task.log_probs(model).double().numpy())["duality_gap"])

    page.train(task, 100, show=show)
    assert len(gaps) == 101 and gaps[-1] < gaps[0] / 2


def test_it_runs_alone_and_shows_how_it_goes(page, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["nash_md_one_file.py", "--iterations", "2", "--batch", "1", "--mixture", "1"]
    )
    page.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "exact duality gap" in lines[0] and lines[-1].startswith("exact Nash")
    monkeypatch.setattr(sys, "argv", ["nash_md_one_file.py", "--help"])
    with pytest.raises(SystemExit):
        page.main()
    assert "Example: python experiments/nash_md_one_file.py" in capsys.readouterr().out


def test_it_is_a_page_and_no_figure(page):
    text = (experiments_folder() / "nash_md_one_file.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    imported = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert imported == [
        "import argparse", "import numpy as np", "import torch", "from llm_bridge.tasks import EnumerableTask",
    ]  # fmt: skip
    assert "nash_md_one_file" in BY_HAND and "nash-md-one-file" not in find_experiments()
