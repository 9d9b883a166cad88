"""Step B's tilt by its definition, the elliptical oracle by brute force, and its two ways to decode."""

import numpy as np
import pytest
import torch

from llm_bridge.exploration import EllipticalExplorer, draw_class, one_hot, pooled_hidden, tilt
from llm_bridge.sampling import pure
from llm_bridge.sequences import Sequences
from nashsim import NashsimError

from .enumerated import PROMPT, counts, enumerated, responses, sequence_level, surprise
from .models import policy, shake


@pytest.fixture(scope="module")
def made():
    found = policy(vocabulary=4)
    found.snapshot("previous")
    shake(found, 0.2, 11)
    return found


@pytest.mark.parametrize("sign", [1, -1])
def test_tilt_maximises_the_objective_of_step_b(made, sign):
    """No other distribution has more of s E_q[log new - log old] - beta KL(q || old); the other sign has less."""
    batch, beta = enumerated(made, 3), 0.6
    new, old = (made.sequence_log_probs(batch, name).detach() for name in ("policy", "previous"))

    def objective(log_q):
        q = log_q.exp()
        return float((q * (sign * (new - old) - beta * (log_q - old))).sum())

    best = objective(sequence_level(made, batch, tilt(beta, sign)))
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        noise = 0.1 * torch.randn(len(batch), generator=generator, dtype=torch.float64)
        assert best > objective((sequence_level(made, batch, tilt(beta, sign)) + noise).log_softmax(0))
    assert best > objective(sequence_level(made, batch, tilt(beta, -sign))) + 1e-3


def test_bonus_is_the_definition():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 30, 4))
    explorer = EllipticalExplorer(4, ridge=0.7)
    explorer.observe(first[:20], second[:20])
    explorer.observe(first[20:], second[20:])
    V = 0.7 * np.eye(4) + sum(np.outer(d, d) for d in first - second)
    features, mean = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 4))
    brute = [[(mean[i] - f) @ np.linalg.inv(V) @ (mean[i] - f) for f in features[i]] for i in range(3)]
    assert np.abs(explorer.bonus(features, mean[:, None]) - brute).max() < 1e-12
    assert (explorer.best_of(features, mean) == np.argmax(brute, axis=1)).all()


def test_the_least_compared_class_is_picked():
    explorer, classes = EllipticalExplorer(3), one_hot(range(3), 3)
    pi = np.array([0.6, 0.39, 0.01])
    for first, second, times in ((0, 1, 50), (0, 2, 1)):
        explorer.observe(np.repeat(classes[[first]], times, 0), np.repeat(classes[[second]], times, 0))
    assert explorer.bonus(classes, pi).argmax() == 2
    explorer.observe(np.repeat(classes[[0]], 500, 0), np.repeat(classes[[2]], 500, 0))
    assert explorer.bonus(classes, pi).argmax() == 1


def test_constrained_decoding_draws_from_the_class(made):
    every, batch = responses(4, 3), enumerated(made, 3)
    inside = torch.tensor([response[0] in (1, 3) for response in every])
    exact = made.sequence_log_probs(batch).detach().masked_fill(~inside, -torch.inf).log_softmax(0)
    found = draw_class(made, [PROMPT] * 3000, [1] * 3000, [[2], [1, 3]], 3, role=pure())
    assert all(response[0] in (1, 3) for response in found.sequences.responses())
    assert surprise(counts(found.sequences, every), exact) < 1


def test_pooled_states_are_of_the_response_alone_and_do_not_see_padding(made):
    rows = Sequences.of([(1, 2, 3), (2,)], [(3, 0), (1, 1, 2)])
    found = pooled_hidden(made, rows)
    alone = pooled_hidden(made, Sequences.of([(2,)], [(1, 1, 2)]))
    assert np.abs(found[1] - alone[0]).max() < 1e-5
    before = found.copy()
    with torch.no_grad():
        assert np.array_equal(pooled_hidden(made, rows), before)
    assert np.abs(found[0] - pooled_hidden(made, rows, "policy")[0]).max() > 1e-3


def test_bad_numbers_are_named():
    with pytest.raises(NashsimError, match="beta"):
        tilt(0.0)
    with pytest.raises(NashsimError, match="ridge"):
        EllipticalExplorer(3, ridge=0)
