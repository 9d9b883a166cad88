"""Preferences that are applied, not stored densely: the same rules, the same numbers, no matrix."""

import tracemalloc

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.engine import run, run_many
from nashsim.engine.checkpoint import fingerprint, identity
from nashsim.engine.drive import MOST_NOISY, PortableDrive, ReadableDrive, choose_drive
from nashsim.engine.feedback import Feedback
from nashsim.engine.kernels.structured import CHUNK, exponential, weights_of
from nashsim.engine.kernels.support import vectors_work
from nashsim.engine.metrics import get_metrics
from nashsim.engine.structured import StructuredDrive
from nashsim.engine.table import mirror_steps_only
from nashsim.engine.vector_drive import VectorDrive
from nashsim.equilibrium import lottery, solve_cvxpy
from nashsim.preferences import (
    AnnotatorPreference,
    BradleyTerryPreference,
    DensePreference,
    LowRankPreference,
    PackedPreference,
)
from nashsim.rules import OMD, RULES, SPO, NashMD, NashMP, get_rule

RNG = np.random.default_rng(0)
LOW = LowRankPreference(*RNG.uniform(-0.3, 0.3, (2, 300, 2)))
STORAGES = {
    "packed": PackedPreference.from_preference(LOW),
    "packed32": PackedPreference.from_preference(LOW, np.float32),
    "low-rank": LOW,
    "bradley-terry": BradleyTerryPreference(RNG.normal(size=2050)),
    "annotators": AnnotatorPreference(RNG.normal(size=(2, 2050)), [0.7, 0.3]),
    "annotators by rows": AnnotatorPreference(RNG.normal(size=(3, 100))),
}
#: Other steps take the portable kernel.
MIRROR = [rule for rule in RULES if mirror_steps_only(rule())]
every_rule = pytest.mark.parametrize("rule", MIRROR, ids=lambda rule: rule.name)
every_storage = pytest.mark.parametrize("storage", STORAGES)


def game_of(storage, tau=0.1, absent=True):
    """A game of a random reference, one of whose actions has no mass."""
    preference = STORAGES[storage]
    mu = np.random.default_rng(1).dirichlet(np.ones(preference.actions))
    mu[3] *= not absent
    return PreferenceGame(preference, mu / mu.sum(), tau=tau)


def starts_of(game, seeds):
    logits = np.random.default_rng(2).normal(size=(seeds, 1, game.actions)) + game.log_reference
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


@every_rule
@every_storage
def test_structured_equals_numpy(rule, storage):
    game = game_of(storage)
    starts = starts_of(game, 2)
    arguments = (game, rule(), starts, Feedback())
    fast = StructuredDrive(*arguments, None, jobs=2)
    readable = ReadableDrive(*arguments, [[0], [0]])
    for drive in (fast, readable):
        drive.advance(0, 5)
        drive.advance(5, 24)
    (log_policy, average), (expected, expected_average) = fast.state(), readable.state()
    np.testing.assert_array_equal(log_policy == -np.inf, expected == -np.inf)
    # Payoffs differ by 2e-14 at most, a Chebyshev series of 30 terms; 24 steps of eta <= 10 add up to 5e-12.
    np.testing.assert_allclose(log_policy, expected, atol=5e-12, rtol=0)
    np.testing.assert_allclose(average, expected_average, atol=5e-12, rtol=0)


@every_rule
def test_structured_equals_the_kernel_over_a_whole_run(rule):
    low = game_of("low-rank").replace(tau=0.2)
    dense = low.replace(preference=DensePreference(LOW.dense()))
    # A lottery of 300 actions is a second's linear program, the same for every rule: one has it measured.
    names = [m.name for m in get_metrics(None, rule(), low) if rule is SPO or m.name != "kl_to_lottery"]
    options = {"queries": 300, "start": "random", "seed": 3, "metrics": names}
    one, other = (run(g, rule(), **options) for g in (low, dense))
    assert one.metrics.keys() == other.metrics.keys() == set(names)
    assert rule is not SPO or "kl_to_lottery" in names
    # 300 steps of eta <= 5 on payoffs that differ by their rounding, 300 eps/2 at worst: 5e-11
    for name in one.metrics:
        np.testing.assert_allclose(
            one.metrics[name], other.metrics[name], atol=5e-11, rtol=1e-9, err_msg=name
        )


@pytest.mark.parametrize("actions", [1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_any_number_of_actions_fills_the_chunks(actions):
    points = np.random.default_rng(4).uniform(-0.2, 0.2, (2, actions, 3))
    game = PreferenceGame(LowRankPreference(*points), tau=0.3)
    for rule in (OMD(), NashMD(), NashMP()):
        fast = StructuredDrive(game, rule, starts_of(game, 1), Feedback(), None)
        readable = ReadableDrive(game, rule, starts_of(game, 1), Feedback(), [[0]])
        fast.advance(0, 9)
        readable.advance(0, 9)
        np.testing.assert_allclose(fast.state()[0], readable.state()[0], atol=1e-13)


@every_storage
def test_steps_that_leave_the_safe_range_are_recentred(storage):
    """A forward step of 4000 moves logits by thousands: exp of them as they come is 0 or overflows."""
    game = game_of(storage)
    drives = [
        kind(game, SPO.with_eta(4000.0, game.tau), starts_of(game, 1), Feedback(), [[0]])
        for kind in (StructuredDrive, ReadableDrive)
    ]
    for drive in drives:
        drive.advance(0, 3)
    (fast, _), (readable, _) = (drive.state() for drive in drives)
    inside = np.isfinite(readable)
    assert np.ptp(readable[inside]) > 800  # exp(-800) is no float64
    # The payoffs' 2e-14 times 4000, three times, once more through the policy: relative to logits of thousands
    np.testing.assert_allclose(fast[inside], readable[inside], rtol=1e-9, atol=1e-9)


def test_exponential():
    x = np.concatenate([np.linspace(-708, 709, 100_001), [0.0, -1e-300, 1e-300]])
    found, exact = np.empty_like(x), np.exp(x.astype(np.longdouble))
    weights_of(x, found)
    # half an ulp of the result, the series' own rounding, and exp of the rounding of x - k log 2
    assert float(np.abs(found / exact - 1).max()) < 2.5e-16
    assert exponential(-708.5) == exponential(-1e300) == 0.0
    assert 8e307 < exponential(800.0) < np.inf
    assert all(np.isnan(exponential(bad)) for bad in (np.nan, np.inf, -np.inf))


def test_the_drive_is_chosen_by_storage_and_size():
    exact = Feedback()
    for storage in ("packed", "packed32", "low-rank", "bradley-terry", "annotators"):
        assert choose_drive(game_of(storage), OMD(), exact) is StructuredDrive
        assert choose_drive(game_of(storage), OMD(), exact, "numpy") is ReadableDrive
    for game in (
        game_of("annotators by rows"),
        PreferenceGame(PackedPreference([0.1, 0.2, 0.3])),
        PreferenceGame(DensePreference(LOW.dense())),
    ):
        assert choose_drive(game, OMD(), exact) is (VectorDrive if vectors_work() else PortableDrive)
    assert choose_drive(game_of("low-rank"), get_rule("self-play-pg"), exact) is PortableDrive


def test_noisy_feedback_forms_a_small_matrix_or_refuses():
    noisy = Feedback("opponents", 4)
    game = game_of("low-rank")
    assert choose_drive(game, OMD(), noisy) is PortableDrive
    found = run(game, OMD(), queries=30, feedback=noisy, metrics=["duality_gap"])
    assert np.isfinite(found.metrics["duality_gap"]).all()
    large = PreferenceGame(LowRankPreference(*np.zeros((2, MOST_NOISY + 1, 1))), tau=0.1)
    for path in ("compiled", "numpy"):
        with pytest.raises(NashsimError, match="feedback: .* reads single entries .* found 4097"):
            run(large, OMD(), feedback=noisy, path=path)


@every_storage
def test_a_restored_run_goes_on_to_the_same_bits(storage):
    game = game_of(storage)
    arguments = (game, NashMD(), starts_of(game, 2), Feedback(), None)
    whole, half, rest = (StructuredDrive(*arguments) for _ in range(3))
    whole.advance(0, 6)
    half.advance(0, 3)
    rest.restore({name: array.copy() for name, array in half.arrays().items()})
    rest.advance(3, 6)
    for one, other in zip(whole.state(), rest.state(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_checkpoint_knows_its_preference(tmp_path):
    game = game_of("low-rank")
    options = {"queries": 20, "metrics": ["duality_gap"], "checkpoint": tmp_path, "interval": 0.0}
    first = run(game, OMD(), **options)
    again = run(game, OMD(), **options)
    np.testing.assert_array_equal(first.log_policy, again.log_policy)
    other = game.replace(preference=LowRankPreference(LOW.left, LOW.right * (1 - 1e-15)))
    with pytest.raises(NashsimError, match="belongs to a run with other settings"):
        run(other, OMD(), **options)
    digests = {fingerprint(*identity(p)) for p in STORAGES.values()}
    assert len(digests) == len(STORAGES)


def test_the_number_of_jobs_changes_nothing():
    game = game_of("packed")
    one, two = (
        run_many([game], [OMD(), NashMP()], queries=40, seeds=(0, 1, 2), start="random", jobs=jobs)
        for jobs in (1, 2)
    )
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.log_policy, b.log_policy)


def test_a_million_actions_run_without_a_matrix():
    """Every default metric of a regularised rule, Newton's equilibrium too, on games whose matrix has 8 TB."""
    points = np.random.default_rng(5).uniform(-0.17, 0.17, (2, 10**6, 2))
    rewards = np.random.default_rng(6).uniform(-1, 1, 10**6)
    for preference in (LowRankPreference(*points), BradleyTerryPreference(rewards)):
        game = PreferenceGame(preference, tau=0.5)
        found = run(game, NashMP(), queries=60, record=10)
        assert found.metrics["duality_gap"][-1] < 1e-12 * found.metrics["duality_gap"][0] + 1e-25
        assert found.metrics["kl_to_equilibrium"][-1] < 1e-12
        assert "kl_to_lottery" not in {m.name for m in get_metrics(None, SPO(), game)}
        with pytest.raises(NashsimError, match="lottery: .* at most 5000 actions, found 1000000"):
            lottery(game)
        with pytest.raises(NashsimError, match="cvxpy: .* at most 5000 actions"):
            solve_cvxpy(game)
        with pytest.raises(NashsimError, match=r"preference: .* 20000 actions, found 1000000 \(8e\+03 GB\)"):
            _ = game.probabilities


def packed_run(actions):
    """Build a packed game from blocks and run 20 iterations of a rule on it."""
    strength = np.linspace(-0.4, 0.4, actions)
    packed = PackedPreference.from_blocks(
        lambda first, last: 0.5 * np.sin(strength[first:last, None] - strength[first:]), actions
    )
    game = PreferenceGame(packed, tau=0.1)
    return run(game, OMD(), queries=20, record=5, metrics=["duality_gap", "exploitability"])


@pytest.mark.parametrize("actions", [3000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_packed_run_takes_little_more_than_its_triangle(actions):
    packed_run(300)  # whatever is compiled or imported at a first run
    tracemalloc.start()
    found = packed_run(actions)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    triangle = found.game.preference.triangle.nbytes
    assert triangle == 4 * actions * (actions - 1)
    # One block of 4 MB of rows and its neighbours while it is built: more than a tenth of the smaller triangle.
    blocks = 4 * 2**22 if actions < 10_000 else 0
    assert peak < 1.1 * triangle + blocks
