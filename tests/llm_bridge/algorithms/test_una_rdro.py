"""UNA and RDRO against their minimisers: on tables by L-BFGS, and by a transformer on every response of a task."""

import numpy as np
import pytest
import torch

from llm_bridge.algorithms import get_algorithm
from llm_bridge.algorithms.fits.offline.rdro import RDRO, rdro_loss
from llm_bridge.algorithms.fits.offline.una import UNA, una_loss
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.exact import train
from llm_bridge.training.settings import Settings
from nashsim.errors import NashsimError

from .tables import fitted, gradient

torch.set_num_threads(1)
MU = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64).log()
BETA = 0.5


@pytest.mark.parametrize("kind", ["mse", "bce"])
def test_una_puts_the_implied_reward_at_the_score(kind):
    """Scores sigmoid(beta log pi/mu) of a policy: that policy is found, by either loss."""
    target = torch.tensor([0.3, 0.1, 0.5, 0.1], dtype=torch.float64).log()
    score = torch.sigmoid(BETA * (target - MU))
    found = fitted(lambda log_pi: una_loss(log_pi, MU, score, BETA, kind=kind, weights=MU.exp()), MU)
    assert torch.allclose(found, target, atol=1e-5)
    flipped = fitted(lambda log_pi: una_loss(log_pi, MU, 1 - score, BETA, kind=kind, weights=MU.exp()), MU)
    assert (flipped - target).abs().max() > 0.3


def test_una_on_scores_that_no_policy_implies_is_the_constrained_minimum():
    """All scores .8: no policy is above mu everywhere; by symmetry under weights mu it stays at mu."""
    score = torch.full((4,), 0.8, dtype=torch.float64)
    found = fitted(lambda log_pi: una_loss(log_pi, MU, score, BETA, weights=MU.exp()), MU)
    assert torch.allclose(found, MU, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.5, 0.2, 0.7])
def test_rdro_is_the_relative_density_ratio(alpha):
    """p+ and p- of full support, data alpha p+ + (1 - alpha) p- from mu itself: pi = p+, as the ratio sums to one."""
    desirable = torch.tensor([0.9, 0.4, 0.6, 0.2], dtype=torch.float64)
    desirable = desirable * alpha / float(MU.exp() @ desirable)
    desirable = desirable.clamp(max=1.0)
    share = float(MU.exp() @ desirable)
    plus = MU.exp() * desirable / share
    minus = MU.exp() * (1 - desirable) / (1 - share)
    found = fitted(lambda log_pi: rdro_loss(log_pi, MU, desirable, share, weights=MU.exp()), MU)
    ratio = plus / (share * plus + (1 - share) * minus)
    assert torch.allclose(found.exp(), MU.exp() * ratio, atol=1e-6)
    assert torch.allclose(found.exp(), plus, atol=1e-6) and float(ratio.max()) <= 1 / share + 1e-12


def test_rdro_at_one_half_is_the_authors_loss():
    """(1 + alpha) softplus(l) - l of desirable and (1 - alpha) softplus(l) of undesirable marks, up to the factor 2."""
    marks = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    at = MU + torch.tensor([0.3, -0.2, 0.1, 0.4], dtype=torch.float64)

    def authors(log_pi):
        ratio = log_pi - MU
        soft = torch.nn.functional.softplus(ratio)
        return (marks * (1.5 * soft - ratio) + (1 - marks) * 0.5 * soft).mean()

    mine = gradient(lambda log_pi: rdro_loss(log_pi, MU, marks, 0.5), at)
    assert torch.allclose(mine, 2 * gradient(authors, at), atol=1e-12)


def trained(algorithm):
    """Class masses of a long fit on every response of a task, at the start and at the end."""
    task = EnumerableTask(vocabulary=4, length=1, tau=0.2)
    done = train(task, algorithm, queries=1, settings=Settings(fit_steps=400, lr=1e-2))
    start, end = (
        np.array([row[f"mass {c}"] for c in task.names]) for row in (done.records[0], done.records[-1])
    )
    return task, start, end


def test_rdro_ends_at_the_best_of_two():
    """From the reference's own draws pi = 2 mu P(. ≻ mu), whatever tau: by enumeration, prompt by prompt."""
    task, start, end = trained("rdro")
    with torch.no_grad():
        mu = task.log_probs(task.build_model()).double().log_softmax(-1)
    from llm_bridge.tasks.enumerated_source import Enumerated

    source = Enumerated(task)
    wins = source.payoff(mu)
    best = (2 * mu.exp() * wins).numpy()
    exact = np.zeros(len(task.names))
    np.add.at(exact, np.asarray(task.classes), best.mean(axis=0))
    assert np.allclose(best.sum(axis=1), 1)
    # a hundredth of the way: what a fit of hundreds of optimiser steps leaves
    assert np.abs(end - exact).max() < 0.02 * np.abs(exact - start).max()


@pytest.mark.slow
def test_una_is_stationary_where_it_ends():
    """The class masses of a transformer are those of the tabular minimiser under the same weights."""
    task, start, end = trained("una")
    with torch.no_grad():
        mu = task.log_probs(task.build_model()).double().log_softmax(-1)
    from llm_bridge.tasks.enumerated_source import Enumerated

    wins = Enumerated(task).payoff(mu)
    exact = np.zeros(len(task.names))
    for row, payoff in zip(mu, wins, strict=True):
        at = fitted(lambda t, row=row, payoff=payoff: una_loss(t, row, payoff, 0.8, weights=row.exp()), row)
        np.add.at(exact, np.asarray(task.classes), at.exp().numpy() / len(mu))
    assert np.abs(end - exact).max() < 0.02 * np.abs(exact - start).max()


def test_parameters_are_the_fits_and_refused_by_name():
    assert get_algorithm("una", loss="bce").fit == UNA("bce") != get_algorithm("una").fit
    assert get_algorithm("rdro", alpha=0.3).fit == RDRO(0.3)
    for name, wrong in (("una", {"loss": "hinge"}), ("rdro", {"alpha": 1.0})):
        with pytest.raises(NashsimError, match=next(iter(wrong))):
            get_algorithm(name, **wrong)
