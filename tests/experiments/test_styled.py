"""What the styled figure adds of its own: a reward behind a judge, padding that is not paid, and its matrices."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from nashsim.cli.reproducing import find_experiments, load_experiment


@pytest.fixture(scope="module")
def figure():
    load_experiment(find_experiments()["llm-styled"])
    return sys.modules["nashsim_experiment_llm_styled"]


@pytest.fixture(scope="module")
def styled(figure):
    return sys.modules["_styled"]


def test_rewards_behind_a_judge_are_those_of_bradley_terry(styled):
    """Asked of a judge that has rewards, the route gives their differences; 1/10 of a comparison stays of the prior."""
    rewards = np.array([0.8, 0.0, -0.5])
    rng = np.random.default_rng(0)
    asked = [SimpleNamespace(prompt=None, a=a, b=b) for a, b in rng.integers(3, size=(2000, 2))]

    def judge(comparisons):
        return np.array([1 / (1 + np.exp(rewards[c.b] - rewards[c.a])) for c in comparisons])

    route = styled.BradleyTerryRoute(judge, lambda prompt, response: response, 3)
    payoff = route(asked)
    wanted = np.array([0.5 + (rewards[c.a] - rewards[c.b]) / (2 * styled.SPAN) for c in asked])
    # 440 comparisons or so a pair, and the prior's 0.1 each way: log-odds move by 0.1 (1 - 2p)/(440 p(1 - p)) < 0.001
    assert np.abs(payoff - wanted).max() < 0.001 / (2 * styled.SPAN)


def test_short_and_long_responses_apart_have_the_same_scores_and_gradients(styled):
    import torch

    from llm_bridge.policy import CausalPolicy
    from llm_bridge.policy.sequences import Sequences
    from llm_bridge.tasks import StyledTask

    torch.set_num_threads(1)
    task = StyledTask(size="tiny")
    plain = CausalPolicy.from_config(task.config(), seed=1)
    examples = task.grammar.examples(12, seed=2)
    batch = Sequences.of([x for x, _ in examples], [y for _, y in examples], plain.pad)
    trimmed = styled.trimmed_policy(plain.model)
    found = {}
    for name, policy in (("plain", plain), ("trimmed", trimmed)):
        policy.model.zero_grad()
        scores = policy.sequence_log_probs(batch)
        (scores * torch.arange(12.0)).sum().backward()
        found[name] = scores.detach(), next(policy.model.parameters()).grad.clone()
    for mine, other in zip(found["plain"], found["trimmed"], strict=True):
        assert torch.allclose(mine, other, rtol=1e-4, atol=1e-4)


def test_the_regularised_matrix_is_antisymmetric_and_the_nash_loses_to_nobody(figure):
    """A rock-paper-scissors that pays 1, at the frame's six figures."""
    from nashsim import PreferenceGame, solve

    preference = np.array([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]])
    mu = np.array([0.2, 0.3, 0.5])
    nash = np.exp(solve(PreferenceGame(preference, reference=mu[None], tau=figure.TAU)).log_policy[0])
    known = {"reference": mu, "exact Nash": nash, "x": np.array([0.7, 0.2, 0.1])}
    rows = [
        (name, "exact", 0, 0, f"mass {c}", 0, m)
        for name, row in known.items()
        for c, m in zip("abc", row, strict=True)
    ]
    rows += [(c, "judge", 0, 0, "preference", k, p) for c, line in zip("abc", preference, strict=True)
             for k, p in enumerate(line)]  # fmt: skip
    found = figure.matrices(pd.DataFrame(rows, columns=figure.COLUMNS))
    for a in known:
        assert found["exact Nash", a][1].item() >= 0.5 - 1e-9
        for b in known:
            for k in (0, 1):
                assert found[a, b][k].item() + found[b, a][k].item() == pytest.approx(1, abs=1e-12)
    # by hand: x against mu
    x, tau = known["x"], figure.TAU
    by_hand = x @ preference @ mu - tau * (x * np.log(x / mu)).sum()
    assert found["x", "reference"][1].item() == pytest.approx(by_hand, abs=1e-12)
