"""The benchmark's contestants do the same work: the C and the peers against NumPy; the files have all keys."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "experiments"
NAMES = ("_native", "_peers", "bench_engine", "benchmarking")


@pytest.fixture(scope="module")
def scripts():
    """The benchmark's modules, imported as a script next to them would."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in NAMES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def native(scripts):
    """The C's class, where it compiles."""
    if scripts["benchmarking"].compiler() is None:
        pytest.skip("no C compiler (cc, gcc or clang) on PATH: the benchmark's C is not tested")
    return scripts["_native"].Native


def problem(scripts, shape, calls, scale=1.0, seed=0):
    """Return a random game, reference and start, and a step, as the contestants take them."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.uniform(-0.5, 0.5, (*shape, shape[-1])), 1)
    normalise = scripts["_peers"].log_normalise
    reference, start = (normalise(size * rng.normal(size=shape)) for size in (1.0, scale))
    return upper - np.swapaxes(upper, -1, -2), reference, start, 0.95, 0.5, calls


def assert_same(scripts, own, arguments, steps):
    """Assert that ``own`` agrees with the NumPy loop in the last iterate and the sum of all."""
    loop = scripts["_peers"].NumpyLoop(*arguments)
    loop.advance(steps)
    own.advance(steps)
    np.testing.assert_allclose(own.log_policy, loop.log_policy, rtol=0, atol=1e-12)
    np.testing.assert_allclose(own.total / steps, loop.total / steps, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 9, 10, 13, 16, 17, 24, 31, 100])
def test_c_is_numpy(scripts, native, n, calls, lanes):
    arguments = problem(scripts, (n,), calls)
    for fixed in (False, True) if n in (3, 10) else (False,):
        assert_same(scripts, native(*arguments, lanes, fixed=fixed), arguments, 200)


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize(("n", "games"), [(2, 1), (3, 5), (10, 8), (10, 37), (16, 9)])
def test_c_side_by_side_is_numpy(scripts, native, n, games, calls, lanes):
    arguments = problem(scripts, (games, n), calls)
    for fixed in (False, True) if n == 10 else (False,):
        assert_same(scripts, native(*arguments, lanes, fixed=fixed), arguments, 200)


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("shape", [(3,), (10,), (40,), (9, 10)])
def test_c_recentres(scripts, native, shape, calls, lanes):
    """Policy and reference peak thousands of nats apart, so that every weight would underflow unless recentred."""
    skew, reference, start, *_ = problem(scripts, shape, calls, scale=3000.0)
    reference = np.roll(start, 1, axis=-1)
    arguments = (skew, reference, start, 0.5, 0.5, calls)
    own, loop = native(*arguments, lanes), scripts["_peers"].NumpyLoop(*arguments)
    for _ in range(8):
        own.advance(2)
        loop.advance(2)
        np.testing.assert_allclose(own.log_policy, loop.log_policy, rtol=1e-12, atol=1e-12)


def test_c_renormalises_over_a_long_run(scripts, native):
    arguments = problem(scripts, (10,), 1)
    assert_same(scripts, native(*arguments, 8), arguments, 2500)


def test_c_without_the_average(scripts, native):
    arguments = problem(scripts, (10,), 2)
    own, loop = native(*arguments, 4, average=False), scripts["_peers"].NumpyLoop(*arguments)
    own.advance(50)
    loop.advance(50)
    np.testing.assert_allclose(own.log_policy, loop.log_policy, rtol=0, atol=1e-12)
    assert not own.total.any()


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("shape", [(3,), (5, 4)])
def test_jax_is_numpy(scripts, shape, calls):
    pytest.importorskip("jax", reason="peer of the extra bench")
    arguments = problem(scripts, shape, calls)
    assert_same(scripts, scripts["_peers"].JaxScan(*arguments), arguments, 100)


def test_openspiel_takes_the_same_step(scripts):
    pytest.importorskip("pyspiel", reason="peer of the extra bench")
    skew, *_ = problem(scripts, (4,), 1)
    uniform, tau, eta = np.full(4, -np.log(4)), 0.1, 0.3
    loop = scripts["_peers"].NumpyLoop(skew, uniform, uniform, 1 - eta * tau, eta, 1)
    loop.advance(20)
    own = scripts["_peers"].OpenSpielMMD(skew, tau, eta)
    own.advance(20)
    np.testing.assert_allclose(own.log_policy, loop.log_policy, rtol=0, atol=1e-12)


def test_a_wrong_contestant_is_caught(scripts):
    bench = scripts["bench_engine"]
    work = bench.Work(3, 1, 1)
    skew, reference, start, rho, eta, calls = work.problem
    wrong = scripts["_peers"].NumpyLoop(skew, reference, start, rho, 1.001 * eta, calls)
    with pytest.raises(RuntimeError, match="wrong"):
        bench.verify(work, {"wrong": bench._stateful(wrong)})


def test_quick_run_writes_everything(scripts, tmp_path, monkeypatch):
    bench = scripts["bench_engine"]
    monkeypatch.setattr(bench, "TARGETS", {(3, 1): 1.2, (17, 1): 1.2, (10, 20): 1.15})
    findings = bench.main(tmp_path, quick=True)
    summary = json.loads((tmp_path / "bench-engine.json").read_text())
    assert {"quick", "versions", "findings", "machine", "skipped", "works"} <= summary.keys()
    assert {"processor", "cores", "vectors", "compiler", "versions"} <= summary["machine"].keys()
    assert len(summary["findings"]) == len(findings) > 0
    works = {(row["n"], row["games"], row["calls"], row["contestant"]) for row in summary["works"]}
    for n, games in bench.TARGETS:
        for calls in (1, 2):
            assert {(n, games, calls, name) for name in ("engine", "run_many", "numpy")} <= works
            if scripts["benchmarking"].compiler():
                assert (n, games, calls, "c") in works
    for row in summary["works"]:
        assert row["ns"] > 0 and row["ns_low"] <= row["ns"] <= row["ns_high"] and row["rounds"] == 3
        assert row["distance"] is None or row["distance"] <= bench.TOLERANCE
    for suffix in (".png", ".pdf", ".csv"):
        assert (tmp_path / f"bench-engine{suffix}").stat().st_size > 500


def test_rounds_give_every_work_one_turn_each(scripts):
    tools, order = scripts["benchmarking"], []
    taken = tools.rounds({name: lambda name=name: order.append(name) for name in "ab"}, 4, 1e-5)
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 4, "b": 4}
    assert order[-1] == "b" and set(order) == {"a", "b"}
    assert tools.ratio({"a": np.array([2.0, 4.0, 9.0]), "b": np.array([1.0, 2.0, 3.0])}, "a", "b") == 2.0


@pytest.mark.parametrize(
    ("load", "patience", "kept", "disturbance"),
    [
        ([1, 1.1, 1], 60, [0, 1, 2], 1.1),
        ([1, 3, 1, 1], 60, [0, 2, 3], 1),  # a busy round is run again
        ([3, 3, 1, 1, 1], 60, [2, 3, 4], 1),  # what seemed the rule turns out to have been a load
        ([1, 3, 2, 4, 5], 4.5, [0, 1, 2], 3),  # no more patience: the quietest of five
        ([3, 2, 1], 0, [0, 1, 2], 3),
    ],
)
def test_quiet_rounds_are_chosen_by_the_yardstick_alone(
    scripts, monkeypatch, load, patience, kept, disturbance
):
    """By a clock of our own; the work takes longer every time, which must not matter."""
    tools, state = scripts["benchmarking"], {"now": 0.0, "turns": 0, "marks": 0}

    def work():
        state["turns"] += 1
        state["now"] += 1.0 + 0.1 * state["turns"]
        return state["turns"] - 1

    def yardstick():
        # Five calls a mark, a mark before and after the one turn of a round.
        state["now"] += 1e-3 * load[state["marks"] // 10]
        state["marks"] += 1

    monkeypatch.setattr(tools, "_calls", lambda *_: 1)
    monkeypatch.setattr(tools.time, "perf_counter", lambda: float(state["turns"]))
    found = tools.quiet_rounds({"a": work}, 3, 1.0, yardstick, patience, clock=lambda: state["now"])
    assert found.returned["a"] == kept and found.run == len(load)
    assert found.disturbance == pytest.approx(disturbance) and found.least == pytest.approx(1e-3 * min(load))
    assert found.seconds["a"] == pytest.approx([1.1 + 0.1 * r for r in kept])
