"""The loop brings a transformer to the exact Nash, in the rule's own steps."""

import numpy as np
import pytest
import torch

from llm_bridge.tasks import EnumerableTask
from llm_bridge.trainer import Settings, _Loop, train
from nashsim import NashsimError, get_rule, run

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def small():
    return EnumerableTask(vocabulary=5, length=2, tau=0.1)


@pytest.fixture(scope="module")
def trained(small):
    return train(small, "nash-md", queries=12, record=1)


def test_gap_falls_below_a_tenth_of_the_reference(trained):
    first, last = trained.records[0]["duality_gap"], trained.records[-1]["duality_gap"]
    assert first > 0.05 and last < 0.1 * first


def test_first_fitted_step_is_the_tabular_step(small, trained):
    """One fit of Nash-MD against the engine's step; a sign or an inverse step flipped moves it by far more."""
    one = train(small, "nash-md", queries=1, settings=Settings(fit_steps=400))
    with torch.no_grad():
        reference = small.log_probs(small.build_model()).double().log_softmax(-1).numpy()
    game = small.measure_against(reference).game.game
    twin = run(game, "nash-md", queries=1)
    found = [one.records[-1][f"mass {name}"] for name in small.names]
    exact = np.exp(twin.log_policy).mean(axis=0)
    start = [one.records[0][f"mass {name}"] for name in small.names]
    assert np.abs(exact - start).max() > 0.1
    assert np.abs(np.array(found) - exact).max() < 0.01


def test_frame_is_tidy_and_of_the_shape_of_runs(small, trained):
    frame = trained.frame()
    assert list(frame.columns) == ["game", "rule", "seed", "step", "queries", "metric", "value"]
    assert {"duality_gap", "class_gap", "within_class_gap", "mass rock"} <= set(frame.metric)
    gaps = frame[frame.metric == "duality_gap"]
    assert list(gaps.step) == list(gaps.queries) == list(range(13))  # one call an iteration


def test_two_calls_cost_two_queries(small):
    done = train(small, "egpo", queries=5, settings=Settings(fit_steps=2))
    assert [row["queries"] for row in done.records] == [0, 2, 4]


def test_samples_are_drawn_from_the_seed_and_paid_for(small):
    settings = Settings(fit_steps=3, samples=8, opponents=2, duels=True)
    runs = [train(small, "inpo", queries=2, settings=settings, seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(runs[0].log_policy, runs[1].log_policy)
    assert not np.array_equal(runs[0].log_policy, runs[2].log_policy)
    assert runs[0].records[-1]["comparisons"] == 2 * len(small.prompts) * 8 * 2


def test_policy_gradient_is_the_gradient_of_the_regularised_objective(small, monkeypatch):
    """Against autograd through E_pi[P(y ≻ opp)] - tau KL(pi || mu), away from the reference."""
    task = EnumerableTask(vocabulary=5, length=2, tau=0.1, dtype=torch.float64)
    loop = _Loop(task, get_rule("self-play-pg"), Settings(), seed=0)
    reference = loop.current()
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        for weight in loop.model.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
    loop.policies["policy"] = loop.current()
    losses = []
    monkeypatch.setattr(loop, "_descend", lambda optimiser, loss: losses.append(loss))
    (step,) = loop_steps = get_rule("self-play-pg").steps(task.tau, 0)
    assert len(loop_steps) == 1
    loop.climb(step)
    found = torch.autograd.grad(losses[0], list(loop.model.parameters()))

    log_policy = task.log_probs(loop.model)
    full = torch.as_tensor(task.judge.preference)[loop.classes][:, loop.classes]
    payoff = log_policy.detach().exp() @ full.T
    objective = (log_policy.exp() * (payoff - task.tau * (log_policy - reference))).sum(1).mean()
    exact = torch.autograd.grad(-objective, list(loop.model.parameters()))
    scale = max(g.abs().max() for g in exact)
    assert scale > 1e-4
    for one, other in zip(found, exact, strict=True):
        # Llama's norms compute in float32 whatever the weights, so the two backward passes round to 6e-8
        assert (one - other).abs().max() < 1e-6 * scale


def test_ranking_rules_and_empty_budgets_are_refused(small):
    with pytest.raises(NashsimError, match="ranks its pairs"):
        train(small, "dno-prct", queries=4)
    with pytest.raises(NashsimError, match="at least 2 queries"):
        train(small, "egpo", queries=1)
    for bad in ({"fit_steps": 0}, {"samples": 1}, {"duels": True}):
        with pytest.raises(NashsimError):
            Settings(**bad)


def test_demo_ends_with_gap_masses_and_equilibrium():
    from typer.testing import CliRunner

    from llm_bridge.cli import app

    shown = CliRunner().invoke(app, ["demo", "--queries", "2"])
    assert shown.exit_code == 0, shown.output
    table = shown.output.strip().splitlines()[-6:]
    assert table[0].split() == ["class", "reference", "trained", "equilibrium"]
    assert [line.split()[0] for line in table[1:5]] == ["rock", "paper", "scissors", "other"]
    columns = np.array([[float(v) for v in line.split()[1:]] for line in table[1:5]])
    assert np.allclose(columns.sum(axis=0), 1, atol=3e-4)  # four figures, four decimals each
