"""What is inside a matrix, held against the definitions written out."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nashsim.data import (
    PreferenceData,
    beats,
    condorcet_winner,
    coverage,
    cyclic_triples,
    hodge,
    smith_set,
    weak_condorcet_winners,
)
from nashsim.data.resample import resample
from nashsim.errors import NashsimError
from tests.data.material import CYCLE, matrices, random_matrix


@st.composite
def coarse(draw, missing=False):
    """P of 0, 1/2 and 1 only, so that ties and sweeps are common."""
    p = draw(matrices(missing=missing))
    return np.where(np.isnan(p), np.nan, np.round(2 * p) / 2)


def smith_by_definition(p):
    n = len(p)
    for size in range(1, n + 1):
        for members in combinations(range(n), size):
            if all(p[a, b] > 0.5 for a in members for b in set(range(n)) - set(members)):
                return list(members)


@given(st.one_of(matrices(), coarse()))
def test_winners_and_smith_set_by_definition(p):
    n = len(p)
    others = [[b for b in range(n) if b != a] for a in range(n)]
    strict = [a for a in range(n) if all(p[a, b] > 0.5 for b in others[a])]
    assert condorcet_winner(p) == (strict[0] if strict else None)
    assert weak_condorcet_winners(p) == [a for a in range(n) if all(p[a, b] >= 0.5 for b in others[a])]
    assert smith_set(p) == smith_by_definition(p)


@given(st.one_of(matrices(missing=True), coarse(missing=True)))
def test_coverage_and_cycles_by_definition(p):
    n = len(p)
    pairs = list(combinations(range(n), 2))
    assert coverage(p) == (sum(not np.isnan(p[a, b]) for a, b in pairs), len(pairs))
    cycles = [t for t in permutations(range(n), 3) if all(p[t[k], t[(k + 1) % 3]] > 0.5 for k in range(3))]
    assert cyclic_triples(p) == len(cycles) // 3


def hodge_by_lstsq(p, w):
    pairs = [(i, j) for i, j in combinations(range(len(p)), 2) if w[i, j] > 0 and not np.isnan(p[i, j])]
    if not pairs:
        return np.zeros(len(p)), 0.0
    rows = np.zeros((len(pairs), len(p)))
    root = np.sqrt([w[i, j] for i, j in pairs])
    for k, (i, j) in enumerate(pairs):
        rows[k, i], rows[k, j] = 1, -1
    y = root * np.array([p[i, j] - 0.5 for i, j in pairs])
    s = np.linalg.lstsq(root[:, None] * rows, y, rcond=None)[0]
    return s, 0.0 if not y.any() else ((y - root * (rows @ s)) ** 2).sum() / (y**2).sum()


@given(st.one_of(matrices(missing=True), coarse(missing=True)), st.integers(0, 2**32 - 1), st.booleans())
def test_hodge_is_the_least_squares_fit(p, seed, weighted):
    w = np.triu(np.random.default_rng(seed).integers(1, 1000, p.shape), 1) if weighted else np.ones(p.shape)
    w = w + w.T
    s, mass = hodge_by_lstsq(p, w)
    found = hodge(p, w if weighted else None)
    assert found.cyclic_mass == pytest.approx(mass, abs=1e-12)
    # within a component the strengths agree up to a shift
    seen = ~np.isnan(p)
    difference = lambda x: (x[:, None] - x)[seen]  # noqa: E731
    np.testing.assert_allclose(difference(found.strengths), difference(s), atol=1e-10)


def test_hodge_knows_both_ends():
    s = np.array([0.3, 0.1, -0.15])
    assert hodge(0.5 + 0.5 * (s[:, None] - s)).cyclic_mass < 1e-30
    np.testing.assert_allclose(hodge(0.5 + (s[:, None] - s)).strengths, s - s.mean(), atol=1e-15)
    rps = 0.5 + 0.3 * np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])
    assert hodge(rps).cyclic_mass == pytest.approx(1)
    assert hodge(np.full((4, 4), 0.5)).cyclic_mass == 0
    assert hodge(np.full((2, 2), np.nan)).cyclic_mass == 0
    assert hodge(np.array([[0.5]])).strengths.tolist() == [0]


def test_weights_of_zero_take_no_part():
    weights = np.array([[0, 2, 0], [2, 0, 3], [0, 3, 0]])
    assert hodge(CYCLE).cyclic_mass > 0.1
    assert hodge(CYCLE, weights).cyclic_mass < 1e-30


@given(matrices(), st.randoms())
def test_relabelling_changes_nothing_but_the_names(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    q = p[np.ix_(order, order)]
    assert [order[i] for i in smith_set(q)] == sorted(smith_set(p), key=order.index)
    assert cyclic_triples(q) == cyclic_triples(p)
    assert hodge(q).cyclic_mass == pytest.approx(hodge(p).cyclic_mass, abs=1e-12)
    np.testing.assert_allclose(hodge(q).strengths, hodge(p).strengths[order], atol=1e-12)
    np.testing.assert_array_equal(beats(q), beats(p)[np.ix_(order, order)])


def test_rounding_is_a_tie_and_a_single_vote_is_none():
    tie = 0.1 + 0.2 + 0.2
    assert not beats(np.array([[0.5, tie + 1e-15], [1 - tie, 0.5]])).any()
    wins = np.array([[0, 500_000_001], [499_999_999, 0]])
    assert beats(PreferenceData.from_comparisons("ab", wins).probability)[0, 1]


def test_a_thousand_labels():
    p = random_matrix(np.random.default_rng(0), 1000)
    assert len(smith_set(p)) > 900 and cyclic_triples(p) > 10**7
    assert 0.99 < hodge(p).cyclic_mass < 1


def test_a_transitive_order_has_a_smith_set_of_one_wherever_it_stands():
    for winner in range(5):
        s = -np.abs(np.arange(5) - winner) * 1.0
        assert smith_set(1 / (1 + np.exp(s[None, :] - s[:, None]))) == [winner] or winner in (1, 2, 3)
        s[winner] += 1
        assert smith_set(1 / (1 + np.exp(s[None, :] - s[:, None]))) == [winner]


def test_resampling_holds_totals_and_has_the_multinomial_s_mean():
    wins, ties = np.zeros((3, 3)), np.zeros((3, 3))
    wins[0, 1], wins[1, 0] = 30, 50
    ties[0, 1] = ties[1, 0] = 20
    wins[1, 2] = 0.4
    data = PreferenceData.from_comparisons("abc", wins, ties)
    generator = np.random.default_rng(0)
    draws = [resample(data, generator) for _ in range(400)]
    for one in draws:
        np.testing.assert_allclose(one.counts, data.counts, atol=1e-12)
        np.testing.assert_array_equal(one.ties, one.ties.T)
        assert np.isnan(one.probability[0, 2]) and one.probability[1, 2] == 1 and one.labels == data.labels
    # standard errors of the mean over 400 draws: sqrt(100 p (1 - p)/400) <= .25; five of them allowed
    means = np.mean([[one.wins[0, 1], one.wins[1, 0], one.ties[0, 1]] for one in draws], axis=0)
    np.testing.assert_allclose(means, [30, 50, 20], atol=1.25)
    assert np.std([one.wins[0, 1] for one in draws]) == pytest.approx(np.sqrt(100 * 0.3 * 0.7), rel=0.2)


def test_resampling_needs_counts():
    with pytest.raises(
        NashsimError, match="m: resampling needs numbers of comparisons, found probabilities alone"
    ):
        resample(PreferenceData("abc", CYCLE, name="m"), np.random.default_rng(0))
