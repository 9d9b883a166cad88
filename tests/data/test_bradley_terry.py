"""Filling missing pairs from a Bradley-Terry fit."""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize

from nashsim import NashsimError
from nashsim.data import PreferenceData
from nashsim.data.bradley_terry import fit_strengths, one_sided_split
from nashsim.errors import ConvergenceError


def logistic(s):
    return 1 / (1 + np.exp(s[None, :] - s[:, None]))


def with_gaps(p, share, seed):
    """Leave pairs out but keep the chain 0-1-2-..., so that the rest stays connected."""
    gone = np.triu(np.random.default_rng(seed).random(p.shape) < share, 2)
    return np.where(gone | gone.T, np.nan, p)


@pytest.mark.parametrize("seed", range(5))
def test_a_bradley_terry_table_is_completed_exactly(seed):
    p = logistic(np.random.default_rng(seed).normal(0, 3, 8))
    data = PreferenceData([str(k) for k in range(8)], with_gaps(p, 0.6, seed))
    assert np.isnan(data.probability).any()
    np.testing.assert_allclose(data.filled("bradley-terry").probability, p, atol=1e-9)


def counted(seed, n=6, share=0.3):
    rng = np.random.default_rng(seed)
    wins = rng.integers(1, 20, (n, n)).astype(float)
    np.fill_diagonal(wins, 0)
    gone = np.triu(rng.random((n, n)) < share, 2)
    return np.where(gone | gone.T, 0.0, wins)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalised", [False, True])
def test_strengths_maximise_the_likelihood_written_out_here(seed, penalised):
    wins = counted(seed)
    n = len(wins)

    def loss(free):
        s = np.append(free, -free.sum())
        p = logistic(s)
        value = -(wins * np.log(p)).sum()
        if penalised:
            information = np.zeros((n, n))
            for i in range(n):
                for j in range(i):
                    e = np.eye(n)[i] - np.eye(n)[j]
                    information += (wins + wins.T)[i, j] * p[i, j] * p[j, i] * np.outer(e, e)
            # the information about n - 1 strengths, the last one held at 0
            value -= 0.5 * np.linalg.slogdet(information[:-1, :-1])[1]
        return value

    found = minimize(loss, np.zeros(n - 1), method="BFGS", options={"gtol": 1e-9}).x
    s = fit_strengths(wins, penalised=penalised)
    assert abs(s.sum()) < 1e-12
    np.testing.assert_allclose(s[:-1], found, atol=2e-5)


def test_a_pair_weighs_its_number_of_comparisons():
    """a-b and b-c fix s up to what a-c says; the pair with a thousand games decides, not the one with two."""
    wins = np.zeros((4, 4))
    wins[0, 1] = wins[1, 0] = wins[1, 2] = wins[2, 1] = wins[0, 3] = wins[3, 0] = 500
    wins[0, 2], wins[2, 0] = 2, 1
    data = PreferenceData.from_comparisons("abcd", wins).filled("bradley-terry")
    assert data.probability[1, 3] == pytest.approx(0.5, abs=0.01)
    unweighted = PreferenceData("abcd", PreferenceData.from_comparisons("abcd", wins).probability)
    assert unweighted.filled("bradley-terry").probability[2, 3] < data.probability[2, 3] - 0.02


def test_observed_pairs_stay_as_they_are():
    data = PreferenceData.from_comparisons([str(k) for k in range(6)], counted(7))
    filled = data.filled("bradley-terry")
    seen = ~np.isnan(data.probability)
    np.testing.assert_array_equal(filled.probability[seen], data.probability[seen])
    assert not np.isnan(filled.probability).any()
    np.testing.assert_allclose(filled.probability + filled.probability.T, 1, atol=1e-15)
    assert filled.counts[~seen].sum() == 0


def test_disconnected_comparisons_name_two_components():
    p = np.full((5, 5), np.nan)
    p[0, 1], p[2, 3] = 0.6, 0.7
    data = PreferenceData("abcde", p, name="m.csv")
    message = (
        r"m.csv: missing='bradley-terry' needs connected comparisons, found 3 components: .* from 'a' to 'c'"
    )
    with pytest.raises(NashsimError, match=message):
        data.game(missing="bradley-terry")
    assert data.game(missing="half").actions == 5


def test_no_finite_maximum_takes_the_penalised_fit_and_says_so():
    """c lost its only game, d its only one to c: no finite strengths, and yet nothing certain about d against a."""
    wins = np.zeros((4, 4))
    wins[0, 1] = wins[1, 0] = 3
    wins[0, 2] = wins[2, 3] = 1
    data = PreferenceData.from_comparisons("abcd", wins, name="m.csv")
    with pytest.warns(
        UserWarning, match="m.csv: .* no finite maximum likelihood, for one because 'd' never won"
    ):
        filled = data.filled("bradley-terry")
    # one lost game under Jeffreys' prior: (0 + 1/2)/(1 + 1) on that pair, odds of 1/3, and odds multiply
    assert filled.probability[2, 1] == pytest.approx(0.25, abs=0.02)
    assert filled.probability[3, 0] == pytest.approx(0.1, abs=0.02)
    wins[2, 3] = wins[3, 2] = 1
    with pytest.warns(UserWarning, match="because the group of 2 labels around 'c' never won"):
        PreferenceData.from_comparisons("abcd", wins).filled("bradley-terry")


def test_a_single_lost_game_is_a_quarter():
    """Jeffreys' prior on one binomial: (0 + 1/2)/(1 + 1)."""
    s = fit_strengths(np.array([[0.0, 1.0], [0.0, 0.0]]), penalised=True)
    assert logistic(s)[1, 0] == pytest.approx(0.25, abs=1e-12)


def test_one_sided_split():
    assert one_sided_split(np.array([[0, 1], [1, 0]])) is None
    assert one_sided_split(np.array([[0, 1, 1], [0, 0, 1], [0, 1, 0]])).tolist() == [False, True, True]


def test_without_a_finite_maximum_newton_does_not_pretend():
    with (
        pytest.raises(ConvergenceError, match="Bradley-Terry: the strengths do not settle"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        fit_strengths(np.array([[0.0, 1.0], [0.0, 0.0]]))
