"""Every storage keeps the contract: one skew matrix, whichever way it is held."""

import tracemalloc

import numpy as np
import pytest

from nashsim import NashsimError, games
from nashsim.games.annotators import mixture
from nashsim.preferences import (
    PACKED_FROM,
    AnnotatorPreference,
    BradleyTerryPreference,
    DensePreference,
    LowRankPreference,
    PackedPreference,
    Preference,
    as_preference,
)

RNG = np.random.default_rng(0)
REWARDS = RNG.normal(size=(3, 30))
SHARES = [0.5, 0.3, 0.2]
POINTS = RNG.uniform(-0.3, 0.3, (2, 30, 2))

STORAGES = {
    "dense": DensePreference(LowRankPreference(*POINTS).dense()),
    "packed": PackedPreference.from_preference(LowRankPreference(*POINTS)),
    "packed32": PackedPreference.from_preference(LowRankPreference(*POINTS), np.float32),
    "low-rank": LowRankPreference(*POINTS),
    "bradley-terry": BradleyTerryPreference(REWARDS[0]),
    "annotators": AnnotatorPreference(REWARDS, SHARES),
}


@pytest.mark.parametrize("name", STORAGES)
def test_the_contract(name):
    preference = STORAGES[name]
    assert isinstance(preference, Preference)
    assert (preference.contexts, preference.actions) == (1, 30)
    skew = preference.dense()
    assert skew.shape == (1, 30, 30) and not skew.flags.writeable
    np.testing.assert_array_equal(skew, -skew.transpose(0, 2, 1))
    policy = np.random.default_rng(1).dirichlet(np.ones(30))[None]
    margin = preference.margin(policy)
    assert margin.shape == (1, 30) and margin.dtype == np.float64
    # 30 terms of sum at most 1/2, in any order, round by at most 30 eps/2
    np.testing.assert_allclose(margin[0], skew[0] @ policy[0], atol=30 * 1.2e-16)


def test_rewards_give_the_logistic_preference():
    r = REWARDS[0]
    p = 1 / (1 + np.exp(r[None, :] - r[:, None]))
    # a handful of roundings of numbers below 1
    np.testing.assert_allclose(BradleyTerryPreference(r).dense()[0], p - 0.5, atol=4e-16)
    built = mixture(REWARDS, SHARES).preference.dense()
    np.testing.assert_allclose(AnnotatorPreference(REWARDS, SHARES).dense(), built, atol=4e-16)
    assert repr(BradleyTerryPreference(r)) == "BradleyTerryPreference(actions=30)"
    assert repr(STORAGES["annotators"]) == "AnnotatorPreference(actions=30, annotators=3)"


def test_huge_rewards_saturate():
    np.testing.assert_array_equal(BradleyTerryPreference([1e308, -1e308]).dense()[0], [[0, 0.5], [-0.5, 0]])


def test_block_margins_are_the_same_across_several_blocks():
    rewards = np.random.default_rng(2).normal(size=(2, 1500))
    preference = AnnotatorPreference(rewards)
    policy = np.random.default_rng(3).dirichlet(np.ones(1500))[None]
    expected = preference.dense()[0] @ policy[0]
    np.testing.assert_allclose(preference.margin(policy)[0], expected, atol=1500 * 1.2e-16)


def test_block_margins_take_bounded_memory():
    preference = BradleyTerryPreference(np.random.default_rng(4).normal(size=6000))
    policy = np.full((1, 6000), 1 / 6000)
    tracemalloc.start()
    preference.margin(policy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 4 * 2**22  # a few blocks of 4 MB; the matrix has 288 MB


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AnnotatorPreference([1.0, 2.0]), r"rewards: .* found shape \(2,\)"),
        (lambda: AnnotatorPreference([[np.inf, 2.0]]), "rewards: a finite matrix"),
        (lambda: AnnotatorPreference([[0.0, 1.0]], [0.5]), "weights: 1 shares"),
        (lambda: AnnotatorPreference([[0.0, 1.0]], [np.nan]), "weights: 1 shares"),
        (lambda: BradleyTerryPreference([[0.0, 1.0]]), "AnnotatorPreference"),
        (lambda: BradleyTerryPreference([np.nan]), "rewards: a finite vector"),
        (lambda: as_preference([[0.5]], "sparse"), "unknown storage 'sparse'"),
        (lambda: as_preference(np.full((2, 2, 2), 0.5), "packed"), "square matrix"),
    ],
)
def test_bad_input(build, message):
    with pytest.raises(NashsimError, match=message):
        build()


def test_automatic_choice_is_safe():
    for preference in STORAGES.values():
        assert as_preference(preference) is preference
    small = as_preference([[0.5, 0.9], [0.1, 0.5]])
    assert isinstance(small, DensePreference)
    assert isinstance(as_preference(np.full((2, 3, 3), 0.5)), DensePreference)
    large = np.full((PACKED_FROM, PACKED_FROM), 0.5)
    large[0, 1], large[1, 0] = 0.75, 0.25
    packed = as_preference(large)
    assert isinstance(packed, PackedPreference) and packed.triangle.dtype == np.float64
    assert packed.triangle[0] == 0.25
    assert isinstance(as_preference(large, "dense"), DensePreference)


def test_a_storage_can_be_asked_for():
    dense = STORAGES["dense"]
    assert as_preference(dense, "dense") is dense
    np.testing.assert_array_equal(as_preference(STORAGES["packed"], "dense").dense(), dense.dense())
    np.testing.assert_array_equal(as_preference(dense, "packed").triangle, STORAGES["packed"].triangle)
    assert as_preference(dense, "packed32").triangle.dtype == np.float32
    p = [[0.5, 0.9], [0.3, 0.5]]
    assert as_preference(p, "packed", symmetrise=True).triangle[0] == pytest.approx(0.3)


def test_games_take_every_storage():
    game = games.get("rps").replace(tau=0.1)
    packed = game.replace(preference=as_preference(game.preference, "packed"))
    np.testing.assert_array_equal(packed.probabilities, game.probabilities)
