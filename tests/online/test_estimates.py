"""Estimates of preferences: batches against closed forms, and how often their widths hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from nashsim import NashsimError
from nashsim.online.estimates import BilinearEstimate, BradleyTerryEstimate, CountEstimate

RNG = np.random.default_rng(3)
FEATURES = RNG.normal(size=(5, 3))
SKEW = np.array([[0, 0.4, -0.2], [-0.4, 0, 0.3], [0.2, -0.3, 0]])
FEATURES *= np.sqrt(0.4 / np.abs(FEATURES @ SKEW @ FEATURES.T).max())  # probabilities from .1 to .9
MARGIN = FEATURES @ SKEW @ FEATURES.T
BILINEAR = 0.5 + (MARGIN - MARGIN.T) / 2  # 1/2 on the diagonal to the last bit, where widths are 0
REWARDS = np.array([0.8, 0.3, 0.0, -0.4, -0.7])
TRANSITIVE = expit(REWARDS[:, None] - REWARDS)


def duels(truth, rng, number):
    first, second = rng.integers(0, len(truth), (2, number))
    return first, second, rng.random(number) < truth[first, second]


def make(kind):
    if kind == "counts":
        return CountEstimate(5)
    return BilinearEstimate(FEATURES) if kind == "bilinear" else BradleyTerryEstimate(5)


@pytest.mark.parametrize("kind", ["counts", "bilinear", "bradley-terry"])
def test_batches_are_single_duels(kind):
    """Up to rounding, and Newton's tolerance of 1e-10 in rewards."""
    first, second, won = duels(BILINEAR, np.random.default_rng(0), 200)
    whole, single = make(kind), make(kind)
    whole.add(first, second, won)
    for y, z, one in zip(first.tolist(), second.tolist(), won.tolist(), strict=True):
        single.add(y, z, one)
    np.testing.assert_allclose(single.matrix(), whole.matrix(), atol=1e-9)
    np.testing.assert_allclose(single.width(), whole.width(), atol=1e-9)
    swapped = make(kind)
    swapped.add(second, first, ~won)
    np.testing.assert_allclose(swapped.matrix(), whole.matrix(), atol=1e-9)
    np.testing.assert_allclose(whole.matrix() + whole.matrix().T, 1, atol=1e-15)
    np.testing.assert_allclose(whole.width(), whole.width().T, atol=1e-15)
    assert (np.diag(whole.width()) == 0).all() and (whole.width(0.99) >= whole.width(0.9)).all()


def test_rank_one_updates_are_the_ridge_solution():
    first, second, won = duels(BILINEAR, np.random.default_rng(1), 300)
    estimate = BilinearEstimate(FEATURES, ridge=0.5)
    estimate.add(first, second, won)
    rows = []
    for y, z in zip(first, second, strict=True):
        outer = np.outer(FEATURES[y], FEATURES[z])
        rows.append((outer - outer.T)[np.triu_indices(3, 1)])
    x = np.array(rows)
    v = 0.5 * np.eye(3) + x.T @ x
    s = np.linalg.solve(v, x.T @ (won - 0.5))
    np.testing.assert_allclose(estimate.skew[np.triu_indices(3, 1)], s, rtol=1e-10)
    radius = 0.5 * np.sqrt(np.log(np.linalg.det(v) / 0.5**3) + 2 * np.log(20)) + np.sqrt(0.5)
    outer = np.outer(FEATURES[0], FEATURES[1])
    one = (outer - outer.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(
        estimate.width()[0, 1], min(1, radius * np.sqrt(one @ np.linalg.solve(v, one))), rtol=1e-10
    )


def test_one_hot_features_are_counts_with_another_shrinkage():
    """(wins - losses)/2 over duels + ridge, and ridge 1 is the shrinkage of the counts."""
    first, second, won = duels(TRANSITIVE, np.random.default_rng(2), 300)
    counted, linear = CountEstimate(5), BilinearEstimate(np.eye(5))
    for estimate in (counted, linear):
        estimate.add(first, second, won)
    np.testing.assert_allclose(linear.matrix(), counted.matrix(), atol=1e-12)


def test_widths_of_counts_cover():
    """Each pair in at least 90% of 2000 data sets, less four standard errors of that share, .027; never vacuously."""
    rng, covered = np.random.default_rng(4), np.zeros((5, 5))
    for _ in range(2000):
        estimate = CountEstimate(5)
        estimate.add(*duels(TRANSITIVE, rng, 500))
        covered += np.abs(estimate.matrix() - TRANSITIVE) <= estimate.width(0.9)
    assert covered.min() / 2000 >= 0.9 - 4 * np.sqrt(0.9 * 0.1 / 2000)
    assert estimate.width(0.9)[0, 1] < 0.25


def test_widths_of_bilinear_preferences_cover_all_pairs_at_all_times():
    """In at least 80% of 300 data sets, less four standard errors, .092; duels are chosen by looking at the widths."""
    rng, held = np.random.default_rng(5), 0
    norm = np.linalg.norm(SKEW[np.triu_indices(3, 1)])
    for _ in range(300):
        estimate, always = BilinearEstimate(FEATURES, norm=norm), True
        for _ in range(60):
            y, z = np.unravel_index(np.argmax(estimate.width(0.8) + 1e-3 * rng.random((5, 5))), (5, 5))
            estimate.add(int(y), int(z), bool(rng.random() < BILINEAR[y, z]))
            always &= bool((np.abs(estimate.matrix() - BILINEAR) <= estimate.width(0.8)).all())
        held += always
    assert held / 300 >= 0.8 - 4 * np.sqrt(0.8 * 0.2 / 300)
    estimate.add(*duels(BILINEAR, rng, 3000))
    assert estimate.width(0.8).max() < 0.2


def test_widths_of_bradley_terry_are_calibrated_where_it_is_right():
    """Pairs cover 90% of 2000 data sets of 2000 duels, within four standard errors, .027, of which .0067 each."""
    rng, covered = np.random.default_rng(6), np.zeros((5, 5))
    for _ in range(2000):
        estimate = BradleyTerryEstimate(5, ridge=1e-3)
        estimate.add(*duels(TRANSITIVE, rng, 2000))
        covered += np.abs(estimate.matrix() - TRANSITIVE) <= estimate.width(0.9)
    apart = ~np.eye(5, dtype=bool)
    assert np.abs(covered[apart] / 2000 - 0.9).max() <= 4 * np.sqrt(0.9 * 0.1 / 2000)


def test_bradley_terry_is_sure_of_wrong_numbers_on_a_cycle():
    cycle = np.array([[0.5, 0.8, 0.2], [0.2, 0.5, 0.8], [0.8, 0.2, 0.5]])
    data = duels(cycle, np.random.default_rng(7), 5000)
    wrong, right = BradleyTerryEstimate(3), CountEstimate(3)
    for estimate in (wrong, right):
        estimate.add(*data)
    assert abs(wrong.matrix()[0, 1] - 0.8) > 4 * wrong.width(0.99)[0, 1]
    assert abs(right.matrix()[0, 1] - 0.8) < right.width(0.99)[0, 1]


@pytest.mark.parametrize(
    "first, second, won, named",
    [(0, 9, True, "second"), (0, 1, 0.5, "won"), (0.5, 1, True, "whole numbers"), ([0, 1], 1, [True], "won")],
)
def test_bad_duels_are_named(first, second, won, named):
    with pytest.raises(NashsimError, match=named):
        CountEstimate(3).add(first, second, won)


def test_bad_estimates_are_named():
    for call, named in (
        (lambda: CountEstimate(1), "actions"),
        (lambda: BilinearEstimate([1.0, 2.0]), "features"),
        (lambda: BilinearEstimate(FEATURES, ridge=0), "ridge"),
        (lambda: BilinearEstimate(FEATURES, norm=float("nan")), "norm"),
        (lambda: BradleyTerryEstimate(3, ridge=0), "ridge"),
        (lambda: CountEstimate(3).width(1.0), "confidence"),
    ):
        with pytest.raises(NashsimError, match=named):
            call()
