"""The compiled paths: vector kernels in their three layouts, and the portable kernel."""

from __future__ import annotations

import numpy as np
import pytest

from nashsim import PreferenceGame, run, run_many
from nashsim.engine import drive, layouts
from nashsim.engine.feedback import Feedback
from nashsim.engine.kernels.support import vectors_work
from nashsim.engine.vector_drive import VectorDrive
from nashsim.rules import RULES, get_rule
from tests.zoo import random_game

#: Sizes on both sides of every change of layout, of vector width and of tile padding.
SIZES = (1, 2, 3, 4, 5, 8, 9, 16, 17, 24, 31, 33)

needs_vectors = pytest.mark.skipif(
    not vectors_work(), reason="the vector kernels do not compile on this machine"
)


def same(one, other):
    """Whether two runs ended at the same bits."""
    return np.array_equal(one.log_policy, other.log_policy) and np.array_equal(
        one.average_policy, other.average_policy
    )


def close(one, other, tolerance):
    """Whether two runs agree in every probability of the last and of the average policy."""
    return (
        np.abs(one.policy.to_numpy() - other.policy.to_numpy()).max() <= tolerance
        and np.abs(one.average_policy - other.average_policy).max() <= tolerance
    )


@needs_vectors
@pytest.mark.parametrize("actions", SIZES)
@pytest.mark.parametrize("name", ["omd", "nash-md", "nash-mp", "onpo", "comal"])
def test_vectors_and_portable_kernel_agree_at_every_size(name, actions):
    """To 300 steps' worth of roundings, each at most a few units and contracted or not at all."""
    game = random_game(actions, actions=actions, tau=0.3)
    options = {"queries": 300, "start": "random", "metrics": (), "record": [300]}
    runs = [run(game, name, path=path, **options) for path in ("compiled", "portable")]
    assert close(*runs, 300 * 8 * np.finfo(float).eps)


@needs_vectors
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_one_game_a_lane_gives_the_bits_of_one_game_alone(rule):
    games = [random_game(seed, actions=5, tau=0.4) for seed in range(layouts.MANY + 3)]
    options = {"queries": 200, "metrics": (), "start": "random"}
    together = run_many(games, rule(), **options)
    assert all(same(run(g, rule(), **options), r) for g, r in zip(games, together, strict=True))


@needs_vectors
def test_layouts_are_chosen_by_size_and_number():
    kinds = {
        (3, 1): "Panels",
        (16, 7): "Panels",
        (16, 8): "Games",
        (17, 1): "Tiles",
        (17, 50): "Tiles",
        (1, 9): "Panels",
    }
    for (actions, problems), kind in kinds.items():
        assert type(layouts.choose_layout(np.zeros((1, actions, actions)), problems)).__name__ == kind


@needs_vectors
@pytest.mark.parametrize("side", [4, 8])
def test_tiles_of_both_widths(side, monkeypatch):
    """Machines without AVX-512 cut tiles of four; both widths run on all machines."""
    monkeypatch.setattr(layouts, "lanes", lambda: side)
    game = random_game(2, actions=37, tau=0.2)
    runs = [run(game, "egpo", queries=200, metrics=(), path=path) for path in ("compiled", "numpy")]
    assert close(*runs, 200 * 8 * np.finfo(float).eps)


@needs_vectors
@pytest.mark.parametrize("actions", [3, 20])
@pytest.mark.parametrize("problems", [1, 9])
def test_cuts_and_threads_change_no_bit(actions, problems):
    """Across the renormalisation every 1024 steps, too."""
    games = [random_game(seed, actions=actions, tau=0.2) for seed in range(problems)]
    whole, cut, threads = (
        run_many(games, "nash-md", queries=3000, metrics=(), **options)
        for options in ({"record": [3000]}, {"record": 7}, {"record": 1000, "jobs": 3})
    )
    assert all(same(a, b) and same(a, c) for a, b, c in zip(whole, cut, threads, strict=True))


@needs_vectors
@pytest.mark.parametrize("actions", [3, 20])
@pytest.mark.parametrize("games", [1, 8])
def test_steps_far_beyond_any_range_are_caught(actions, games):
    """eta = 1e5 moves logits by 1e4 at once: the sum of powers leaves its range at every step and is set right."""
    stack = [random_game(seed, actions=actions, tau=1e-5) for seed in range(games)]
    rule = get_rule("omd").with_eta(5e4, 1e-5)
    with pytest.warns(UserWarning, match="outside"):
        fast = run_many(stack, rule, queries=50, metrics=(), record=[50])
    with pytest.warns(UserWarning, match="outside"):
        slow = run_many(stack, rule, queries=50, metrics=(), record=[50], path="portable")
    for one, other in zip(fast, slow, strict=True):
        scale = np.abs(other.log_policy).max()
        assert scale > 1000
        # Pure policies up to rounding of logits of that size; chaos does not set in as best responses are robust.
        assert np.abs(one.log_policy - other.log_policy).max() <= 1e-9 * scale


@needs_vectors
def test_overflow_is_told():
    game = random_game(0, actions=3, tau=0.5)
    rule = get_rule("omd").with_eta(1e9, 0.5)
    with pytest.warns(UserWarning, match="outside"):
        finished = run(game, rule, queries=2000, metrics=())
    assert finished.status.startswith("overflowed")


def test_actions_without_reference_mass_stay_out():
    game = PreferenceGame(
        [[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]], reference=[0.5, 0, 0.5], tau=0.1
    )
    for path in drive.PATHS:
        finished = run(game, "egpo", queries=100, path=path, metrics=())
        assert finished.log_policy[0, 1] == -np.inf and finished.average_policy[0, 1] == 0


def test_noise_and_missing_vectors_take_the_portable_kernel(monkeypatch):
    game = random_game(0, actions=3, tau=0.5)
    rule = get_rule("omd")
    assert drive.choose_drive(game, rule, Feedback("duels", 2)) is drive.PortableDrive
    assert drive.choose_drive(game, get_rule("nash-md-pg"), Feedback()) is drive.PortableDrive
    assert drive.choose_drive(game, rule, Feedback()) is (
        VectorDrive if vectors_work() else drive.PortableDrive
    )
    monkeypatch.setenv("NASHSIM_PORTABLE", "1")
    vectors_work.cache_clear()
    try:
        assert drive.choose_drive(game, rule, Feedback()) is drive.PortableDrive
    finally:
        monkeypatch.undo()
        vectors_work.cache_clear()


def test_vectors_that_fail_to_compile_are_noticed(monkeypatch):
    from nashsim.engine.kernels import probe

    def broken(*arguments):
        raise RuntimeError("LLVM ERROR")

    monkeypatch.setattr(probe, "probe", broken)
    vectors_work.cache_clear()
    try:
        assert not vectors_work()
    finally:
        monkeypatch.undo()
        vectors_work.cache_clear()
