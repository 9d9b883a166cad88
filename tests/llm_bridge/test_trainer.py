"""The loop brings a transformer to the exact Nash, in the rule's own steps."""

import numpy as np
import pytest
import torch

from llm_bridge.tasks import EnumerableTask
from llm_bridge.trainer import Settings, train
from nashsim import NashsimError, run

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def small():
    return EnumerableTask(vocabulary=5, length=2, tau=0.1)


@pytest.fixture(scope="module")
def trained(small):
    return train(small, "nash-md", queries=12, settings=Settings(fit_steps=60), record=1)


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


def test_policy_gradient_climbs(small):
    done = train(small, "self-play-pg", queries=60, settings=Settings(lr=1e-2), record=60)
    assert done.records[-1]["duality_gap"] < 0.5 * done.records[0]["duality_gap"]


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
