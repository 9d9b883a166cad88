"""Ranked pairs and their logistic fit: DNO's cross-entropy is the exact step, and many responses are the population."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from nashsim import PreferenceGame
from nashsim.engine import Feedback, run, run_many
from nashsim.engine.feedback import Stream
from nashsim.engine.kernels.ranking import fit_ranking as compiled_fit
from nashsim.engine.kernels.ranking import sampled_pairs as compiled_pairs
from nashsim.engine.ranking import fit_ranking, kept_pairs, sampled_pairs
from nashsim.rules import DNO, DNOPrct
from tests.zoo import random_game, rock_paper_scissors


def test_the_soft_labels_of_dno_give_its_exact_step():
    """sigma(r1-r2) log sigma(eta_I D) + sigma(r2-r1) log sigma(-eta_I D) is best at D(pi+/pi) = (r1 - r2)/eta_I."""
    game, eta_inverse = random_game(3, actions=6), 1.7
    pi = np.random.default_rng(0).dirichlet(np.ones(6))
    r = game.probabilities[0] @ pi
    soft = 2 * np.outer(pi, pi) / (1 + np.exp(r - r[:, None]))
    fitted = pi * np.exp(fit_ranking(soft, 1e-13) / eta_inverse)
    exact = run(game, DNO(eta_inverse=eta_inverse), queries=1, start=pi, metrics=[]).log_policy[0]
    # a ridge of 1e-13 against curvatures of 1e-4 and more moves the fit by 1e-9 at most
    np.testing.assert_allclose(fitted / fitted.sum(), np.exp(exact), atol=1e-9)


@pytest.mark.parametrize("ridge", [1e-6, 1e-3, 1.0])
def test_the_fit_is_the_maximum(ridge):
    """Against SciPy on the objective alone, and both paths against each other, from hard and from soft labels."""
    rng = np.random.default_rng(1)
    for hard in (False, True):
        weights = rng.dirichlet(np.ones(25)).reshape(5, 5)
        weights = np.triu(weights, 1) if hard else weights
        off = ~np.eye(5, dtype=bool)

        def loss(w, weights=weights, off=off):
            gaps = w - w[:, None]  # entry (y, z): how far z leads y
            return (weights * np.logaddexp(0, gaps))[off].sum() + ridge / 2 * w @ w

        found = fit_ranking(weights, ridge)
        best = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
        assert loss(found) <= best.fun + 1e-15
        compiled = np.empty(5)
        compiled_fit(weights, ridge, compiled)
        # rounding of 1e-16 over the smallest curvature, the ridge
        np.testing.assert_allclose(compiled, found, atol=1e-15 / ridge + 1e-14)


def test_many_responses_rank_like_the_population():
    """In batches of 600 a difference of win rates deviates by sqrt(2/4/600) = 0.029, 3.9 times less than the room."""
    skew = np.array([[0, 0.35, 0.35, 0.35], [0, 0, 0.02, 0.35], [0, 0, 0, 0.35], [0, 0, 0, 0]])
    skew, pi, margin = skew - skew.T, np.array([0.3, 0.3, 0.2, 0.2]), 0.125
    gaps = np.abs(np.subtract.outer(skew @ pi, skew @ pi))[np.triu_indices(4, 1)]
    assert (np.abs(gaps - margin) > 3.9 * 0.029).all()
    found = sampled_pairs(skew, pi, 4, 600, margin, Stream(1))
    expected = kept_pairs(pi, skew @ pi, margin)
    # shares of 2400 responses deviate by 0.0094 at most, twice a product of two by 2 sqrt(2) 0.3 times that
    off = ~np.eye(4, dtype=bool)
    np.testing.assert_allclose(found[off], expected[off], atol=5 * 0.008)
    assert (expected > 0).sum() == 5 and expected[1, 2] == 0


def test_small_batches_keep_the_enumerated_share_of_pairs():
    """Batches of 3 with all their duels, summed over every draw and outcome, against 100 000 compiled ones."""
    game, rounds = random_game(2, actions=3), 100_000
    P, pi = game.probabilities[0], np.random.default_rng(0).dirichlet(np.ones(3))
    duels, expected = [(0, 1), (0, 2), (1, 2)], np.zeros((3, 3))
    for batch in itertools.product(range(3), repeat=3):
        for winners in itertools.product((0, 1), repeat=3):
            chance, wins = np.prod(pi[list(batch)]), np.zeros(3)
            for (i, j), second in zip(duels, winners, strict=True):
                chance *= P[batch[j], batch[i]] if second else P[batch[i], batch[j]]
                wins[j if second else i] += 1
            for i, j in itertools.permutations(range(3), 2):
                if (wins[i] - wins[j]) / 2 > 0.7:  # two wins more: one response beat all, one lost all
                    expected[batch[i], batch[j]] += chance / 3
    found = np.empty((3, 3))
    compiled_pairs(P - 0.5, pi, rounds, 3, 0.7, np.array([7], dtype=np.uint64), found)
    # a share between 0 and 1 with mean p has a variance of p (1 - p) at most; five standard errors
    assert (np.abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / rounds)).all()


def test_pairs_that_differ_less_than_the_margin_teach_nothing():
    game = rock_paper_scissors(tau=None, reference=[0.4, 0.3, 0.3], strength=0.5)
    assert np.abs(np.ptp(game.preference.dense()[0] @ game.reference[0])) < 0.1
    still = run(game, DNOPrct(margin=0.1), queries=5, metrics=[])
    np.testing.assert_allclose(still.policy, [0.4, 0.3, 0.3], atol=1e-15)
    moved = run(game, DNOPrct(margin=0.01), queries=5, metrics=[])
    assert np.abs(moved.policy - [0.4, 0.3, 0.3]).max() > 1e-3


def test_a_pair_at_the_margin_is_kept_whatever_its_rounding():
    """P = 0.6 on two actions: the win rates differ by 0.1 under every policy, give or take a rounding."""
    game = PreferenceGame([[0.5, 0.6], [0.4, 0.5]])
    for first in np.linspace(0.05, 0.95, 19):
        for path in ("compiled", "numpy"):
            found = run(game, DNOPrct(margin=0.1), queries=1, start=[first, 1 - first], metrics=[], path=path)
            assert np.exp(found.log_policy[0, 0]) > first + 1e-3


def test_a_winner_of_all_takes_the_mass_also_from_samples():
    skew = np.array([[0, 0.4, 0.4], [-0.4, 0, 0.2], [-0.4, -0.2, 0]])
    game = rock_paper_scissors(tau=None).replace(preference=skew + 0.5)
    for feedback in (Feedback(), Feedback("pairs", 20), Feedback("duels", 20)):
        runs = run_many([game], DNOPrct(), queries=400, seeds=range(3), feedback=feedback, metrics=[])
        assert all(np.exp(found.log_policy[0, 0]) > 0.9 for found in runs)
