"""One triangle holds the game: the same entries, the same products, half the memory."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nashsim import NashsimError
from nashsim.preferences import DensePreference, LowRankPreference, PackedPreference, Preference


def skew(n, seed=0):
    upper = np.triu(np.random.default_rng(seed).uniform(-0.5, 0.5, (n, n)), 1)
    return upper - upper.T


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 70), seed=st.integers(0, 10**6), dtype=st.sampled_from([np.float64, np.float32]))
def test_it_applies_the_matrix_it_was_built_from(n, seed, dtype):
    matrix = skew(n, seed).astype(dtype).astype(float)
    packed = PackedPreference.from_preference(DensePreference(matrix), dtype)
    np.testing.assert_array_equal(packed.dense()[0], matrix)
    assert packed.perturbation == 0 and isinstance(packed, Preference)
    policy = np.random.default_rng(seed).dirichlet(np.ones(n))[None]
    # |A| <= 1/2 and sum pi = 1: n terms in any order round by at most n eps/2
    np.testing.assert_allclose(packed.margin(policy)[0], matrix @ policy[0], atol=n * 1.2e-16 + 1e-17)
    assert (packed.contexts, packed.actions) == (1, n)


def test_all_constructors_agree():
    matrix = skew(9)
    p = matrix + 0.5
    exact = p - 0.5 * np.ones_like(p)
    reference = PackedPreference(matrix[np.triu_indices(9, 1)])
    np.testing.assert_array_equal(reference.dense()[0], matrix)
    np.testing.assert_array_equal(
        PackedPreference.from_probabilities(p).dense(), DensePreference.from_probabilities(p).dense()
    )
    np.testing.assert_allclose(PackedPreference.from_probabilities(p).dense()[0], exact, atol=1e-16)
    again = PackedPreference.from_preference(reference)
    np.testing.assert_array_equal(again.triangle, reference.triangle)
    low = LowRankPreference(np.array([[0.5], [0.0]]), np.array([[0.0], [0.8]]))
    np.testing.assert_array_equal(PackedPreference.from_preference(low).triangle, [0.4])
    assert repr(reference) == "PackedPreference(actions=9, dtype=float64)"


def test_rows_of_any_range():
    packed, matrix = PackedPreference.from_preference(DensePreference(skew(11))), skew(11)
    for first in range(11):
        for last in range(first, 12):
            np.testing.assert_array_equal(packed.rows(first, last), matrix[first:last])


def test_probabilities_across_several_blocks():
    n = 1100  # more than one block of rows
    p = skew(n) + 0.5
    packed = PackedPreference.from_probabilities(p)
    np.testing.assert_array_equal(packed.dense(), DensePreference.from_probabilities(p).dense())
    p[700, 650] = np.nan
    with pytest.raises(NashsimError, match=r"found nan at \(700, 650\)"):
        PackedPreference.from_probabilities(p)


def test_symmetrise_averages():
    packed = PackedPreference.from_probabilities([[0.5, 0.9], [0.3, 0.5]], symmetrise=True)
    np.testing.assert_allclose(packed.triangle, [0.3])


def test_float32_reports_its_perturbation():
    matrix = skew(40)
    packed = PackedPreference.from_preference(DensePreference(matrix), np.float32)
    assert packed.triangle.dtype == np.float32
    assert packed.perturbation == np.abs(packed.dense()[0] - matrix).max()
    # half a unit in the last place of a float32 in [1/4, 1/2)
    assert 0 < packed.perturbation <= 2.0**-26


def test_the_triangle_is_its_own_and_read_only():
    source = np.array([0.1, 0.2, 0.3])
    packed = PackedPreference(source)
    source[0] = 0.4
    assert packed.triangle[0] == 0.1
    with pytest.raises(ValueError, match="read-only"):
        packed.triangle[0] = 1.0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PackedPreference([0.1, 0.2]), r"triangle: .* found shape \(2,\)"),
        (lambda: PackedPreference([[0.1]]), r"triangle: .* found shape \(1, 1\)"),
        (lambda: PackedPreference([0.6]), "found 0.6"),
        (lambda: PackedPreference([np.nan]), "found nan"),
        (lambda: PackedPreference([0.1], dtype=np.int64), "float64 or float32 is needed, found int64"),
        (lambda: PackedPreference.from_blocks(lambda a, b: np.zeros((2, 2)), 3), r"\(3, 3\) is needed"),
        (lambda: PackedPreference.from_blocks(lambda a, b: np.zeros((0, 0)), 0), "at least one action"),
        (lambda: PackedPreference.from_preference(DensePreference(np.zeros((2, 3, 3)))), "one game, found 2"),
        (lambda: PackedPreference.from_probabilities([[0.5, 0.9], [0.3, 0.5]]), "= 0.2"),
        (lambda: PackedPreference.from_probabilities([[0.5, 1.2], [-0.2, 0.5]]), r"found 1.2 at \(0, 1\)"),
        (lambda: PackedPreference.from_probabilities([0.5, 0.5]), "square matrix"),
        (lambda: PackedPreference.from_probabilities(np.empty((0, 0))), "empty"),
    ],
)
def test_bad_input(build, message):
    with pytest.raises(NashsimError, match=message):
        build()


def test_ten_thousand_actions_never_take_more_than_their_triangle():
    n = 10_000
    strength = np.linspace(-0.25, 0.25, n)
    policy = np.full((1, n), 1 / n)
    PackedPreference([0.1]).margin(np.array([[0.5, 0.5]]))  # compiles, outside the measurement
    tracemalloc.start()
    packed = PackedPreference.from_blocks(lambda a, b: strength[a:b, None] - strength[a:], n)
    margin = packed.margin(policy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 1.1 * 8 * n * (n - 1) / 2
    # the exact payoff against uniform is strength - mean strength; n terms round by n eps/2
    np.testing.assert_allclose(margin[0], strength, atol=n * 1.2e-16)


def test_import_stays_light():
    code = "import sys, nashsim.preferences; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
