"""The storages of P: what they accept, and that they apply the same matrix."""

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.preferences import DensePreference, LowRankPreference, Preference


def factors(n=7, rank=2, seed=0):
    rng = np.random.default_rng(seed)
    left, right = rng.uniform(-1, 1, (2, n, rank))
    scale = np.sqrt(0.5 / np.abs(left @ right.T - right @ left.T).max())
    return left * scale, right * scale


def test_both_storages_fulfil_the_contract():
    for preference in (DensePreference(np.zeros((2, 2))), LowRankPreference(*factors())):
        assert isinstance(preference, Preference)
    assert not isinstance(np.eye(2), Preference)


def test_low_rank_applies_its_dense_matrix():
    low = LowRankPreference(*factors())
    dense = DensePreference(low.dense())
    policy = np.random.default_rng(1).dirichlet(np.ones(7))[None]
    np.testing.assert_allclose(low.margin(policy), dense.margin(policy), atol=1e-15)
    np.testing.assert_allclose(low.margin(policy)[0], low.dense()[0] @ policy[0], atol=1e-15)
    assert (low.contexts, low.actions, repr(low)) == (1, 7, "LowRankPreference(actions=7, rank=2)")


def test_low_rank_range_is_checked_both_ways():
    left, right = factors()
    LowRankPreference(0.1 * left, 0.1 * right)  # Cauchy and Schwarz suffice
    with pytest.raises(NashsimError, match=r"must lie in \[-1/2, 1/2\], found 0.605"):
        LowRankPreference(1.1 * left, 1.1 * right)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (np.ones((2, 1)), np.ones((3, 1)), "same shape"),
        (np.ones((0, 1)), np.ones((0, 1)), "same shape"),
        (np.full((2, 1), np.nan), np.ones((2, 1)), "finite"),
    ],
)
def test_low_rank_bad_input(left, right, message):
    with pytest.raises(NashsimError, match=message):
        LowRankPreference(left, right)


def test_dense_margin_is_row_against_column():
    preference = DensePreference.from_probabilities([[0.5, 0.9], [0.1, 0.5]])
    np.testing.assert_allclose(preference.margin(np.array([[0.0, 1.0]])), [[0.4, 0.0]])
    assert repr(preference) == "DensePreference(contexts=1, actions=2)"


def test_dense_keeps_the_skew_part_exactly():
    p = np.array([[0.5, 0.3 + 2e-10, 0.2], [0.7, 0.5, 0.6], [0.8, 0.4, 0.5]])
    skew = DensePreference.from_probabilities(p).dense()[0]
    assert np.array_equal(skew, -skew.T)
    with pytest.raises(ValueError, match="read-only"):
        skew[0, 0] = 1.0


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.5, np.nan], [0.5, 0.5]], r"finite number, found nan at \(0, 1\)"),
        ([[0.5, 1.2], [-0.2, 0.5]], r"must lie in \[0, 1\], found 1.2 at \(0, 1\)"),
        ([[0.5, 0.6, 0.5], [0.4, 0.5, 0.5]], r"square matrix .* found shape \(2, 3\)"),
        ([[0.5, 0.9], [0.3, 0.5]], r"max\|P \+ P\^T - 1\| = 0.2"),
        (np.empty((0, 0)), "empty"),
    ],
)
def test_dense_bad_input(matrix, message):
    with pytest.raises(NashsimError, match=message):
        DensePreference.from_probabilities(matrix)


def test_symmetrise_averages():
    skew = DensePreference.from_probabilities([[0.5, 0.9], [0.3, 0.5]], symmetrise=True).dense()
    np.testing.assert_allclose(skew[0, 0, 1], 0.3)


def test_skew_constructor_is_strict():
    with pytest.raises(NashsimError, match="exactly 0"):
        DensePreference(np.array([[0.0, 0.1], [0.1, 0.0]]))
    with pytest.raises(NashsimError, match="found 0.6"):
        DensePreference(np.array([[0.0, 0.6], [-0.6, 0.0]]))
