"""k samples to choose from, and several criteria: promises by enumeration and by linear programmes."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from nashsim import NashsimError, PreferenceGame, lottery
from nashsim.preferences import AnnotatorPreference
from nashsim.solutions import blackwell_winner, sample_nash

from ..zoo import random_game


def chosen(utilities, policy, y, samples):
    """P(a single y is chosen against k samples), by every ordered draw; nothing shared with the package."""
    total = 0.0
    for drawn in product(range(len(policy)), repeat=samples):
        weight = np.prod([policy[z] for z in drawn])
        for u in utilities:
            total += (
                weight * np.exp(u[y]) / (np.exp(u[y]) + sum(np.exp(u[z]) for z in drawn)) / len(utilities)
            )
    return total


@pytest.mark.parametrize("samples", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_no_response_beats_k_samples_by_more_than_its_share(seed, samples):
    utilities = np.random.default_rng(seed).normal(size=(3, 4)) * 2
    found = sample_nash(utilities, samples)
    wins = [chosen(utilities, found.probabilities, y, samples) for y in range(4)]
    assert max(wins) == pytest.approx(1 / (samples + 1), abs=1e-9)
    assert found.worst_win_rate == pytest.approx(1 - max(wins)) and found.promise == samples / (samples + 1)
    # the control: another policy keeps the promise no longer
    tilted = found.probabilities * [0.5, 1, 1, 1.5]
    tilted /= tilted.sum()
    if (found.probabilities > 1e-3).sum() > 1:
        assert max(chosen(utilities, tilted, y, samples) for y in range(4)) > max(wins) + 1e-4


def test_one_sample_is_the_maximal_lottery():
    utilities = np.array([[2.0, 1, 0], [0, 2, 1], [1, 0, 2.5]])
    game = PreferenceGame(AnnotatorPreference(utilities))
    assert np.abs(sample_nash(utilities, 1).probabilities - lottery(game).probabilities[0]).max() < 1e-8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(([[1.0, np.nan]], 1), "utilities"), (([[1.0, 0.0]], 0), "samples"), (([[1.0, 0.0]], 1, [0.5]), "shares"),
     ((np.zeros((1, 60)), 6), "too many")],
)  # fmt: skip
def test_bad_crowds_are_refused(arguments, said):
    with pytest.raises(NashsimError, match=said):
        sample_nash(*arguments)


def test_blackwell_winner_is_proved_and_tends_to_the_linear_programme():
    games = [random_game(s, actions=4, tau=0.1, reference="uniform") for s in range(3)]
    found = blackwell_winner(games)
    assert found.gap < 1e-7 and found.value == pytest.approx(found.by_criterion.min())
    rng = np.random.default_rng(0)
    for other in rng.dirichlet(np.ones(4), 200):
        soft = [-0.1 * np.log(np.mean(np.exp(-(other @ g.probabilities[0]) / 0.1))) for g in games]
        assert min(soft) <= found.value + found.gap
    # tau -> 0: max over pi of min over criteria and responses of P_i(pi ≻ y)
    columns = np.concatenate([g.probabilities[0].T for g in games])
    exact = linprog([0] * 4 + [-1], A_ub=np.c_[-columns, np.ones(12)], b_ub=np.zeros(12),
                    A_eq=[[1] * 4 + [0]], b_eq=[1], bounds=[(0, 1)] * 4 + [(None, None)])  # fmt: skip
    sharp = blackwell_winner(games, tau=1e-3)
    assert -exact.fun <= sharp.value <= -exact.fun + 1e-3 * np.log(4) + 1e-7
    with pytest.raises(NashsimError, match="same labels"):
        blackwell_winner([games[0], random_game(0, actions=3)])
    with pytest.raises(NashsimError, match="at least one"):
        blackwell_winner([])
