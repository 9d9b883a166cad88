"""The vectors inside numba: every operation against NumPy, at every width, and the kernels built of them."""

from __future__ import annotations

import numba as nb
import numpy as np
import pytest

from nashsim.engine import run_many
from nashsim.engine.kernels import llvm_registers as registers
from nashsim.engine.kernels import llvm_vectors as v
from nashsim.engine.kernels.unrolled import step_games, sum_actions
from nashsim.engine.table import tabulate
from nashsim.rules import EGPO
from tests.zoo import random_game

#: Registers and lanes.
SHAPES = ((1, 4), (1, 8), (2, 4), (3, 4), (2, 8))
ONE, TWO, THREE = np.random.default_rng(0).normal(size=(3, 16))


@nb.njit
def _lanewise(shape, a, b, c, out):
    a, b, c, out = v.pointer(a), v.pointer(b), v.pointer(c), v.pointer(out)
    x, y, z = v.load(shape, a, 0), v.load(shape, b, 0), v.load(shape, c, 0)
    width = len(shape) * len(shape[0])
    v.store(out, 0, v.add(x, y))
    v.store(out, width, v.subtract(x, y))
    v.store(out, 2 * width, v.multiply(x, y))
    v.store(out, 3 * width, v.divide(x, y))
    v.store(out, 4 * width, v.larger(x, y))
    v.store(out, 5 * width, v.fma(x, y, z))
    v.store(out, 6 * width, v.minus_fma(x, y, z))
    v.store(out, 7 * width, v.broadcast(shape, 0.3))
    v.store(v.beyond(out, 8 * width), 0, v.where_between(x, -0.5, 0.5, y, z))
    return v.lane_sum(x), v.lane_max(x), v.all_between(x, -9.0, 9.0), v.all_between(x, -9.0, 0.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_operations_are_those_of_numpy(shape):
    width = shape[0] * shape[1]
    x, y, z = ONE[:width], TWO[:width], THREE[:width]
    out = np.empty((9, width))
    total, top, inside, below = _lanewise(v.shape_of(*shape), x.copy(), y.copy(), z.copy(), out)
    exact = [x + y, x - y, x * y, x / y, np.maximum(x, y)]
    np.testing.assert_array_equal(out[:5], exact)
    np.testing.assert_array_equal(out[7:], [np.full(width, 0.3), np.where(np.abs(x) < 0.5, y, z)])
    for found, sign in ((out[5], 1), (out[6], -1)):  # rounded once: within half a unit of long double
        wide = z.astype(np.longdouble) + sign * x.astype(np.longdouble) * y
        assert (np.abs(found - wide) <= np.spacing(np.abs(found)) * 0.5001).all()
    assert top == x.max() and inside and not below
    assert abs(total - x.sum()) <= width * np.finfo(float).eps * np.abs(x).sum()


@nb.njit
def _sums_of_eight(shape, numbers, out):
    a = v.pointer(numbers)
    ones = (
        v.pairs1(v.load(shape, a, 0), v.load(shape, a, 8)),
        v.pairs1(v.load(shape, a, 16), v.load(shape, a, 24)),
    )
    more = (
        v.pairs1(v.load(shape, a, 32), v.load(shape, a, 40)),
        v.pairs1(v.load(shape, a, 48), v.load(shape, a, 56)),
    )
    low, high = v.pairs2(ones[0], ones[1]), v.pairs2(more[0], more[1])
    v.store(v.pointer(out), 0, v.pairs4(low, high))


def test_eight_vectors_are_added_up_into_their_lanes():
    numbers = np.arange(64.0).reshape(8, 8) ** 2
    out = np.empty(8)
    _sums_of_eight(v.shape_of(1, 8), numbers, out)
    np.testing.assert_array_equal(out, numbers.sum(axis=1))


def _powers_kernel():
    """Compiled anew for every test: the code depends on what the processor is said to have."""

    @nb.njit
    def powers(shape, numbers, out):
        for i in range(0, numbers.size, len(shape) * len(shape[0])):
            v.store(v.pointer(out), i, v.exp2(v.load(shape, v.pointer(numbers), i)))

    return powers


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_powers_of_two(shape, scaled, monkeypatch):
    """Off by the polynomial's 2.1e-16 and by five roundings of half a unit, 1.1e-16, on the way: 7.6e-16 relative."""
    if not scaled:
        monkeypatch.setattr(registers, "has", lambda feature: False)
    powers = _powers_kernel()
    x = np.concatenate(
        [np.linspace(-999.9, 999.9, 192_000), np.linspace(-1, 1, 19_200), np.arange(-480.0, 480.0)]
    )
    found = np.empty_like(x)
    powers(v.shape_of(*shape), x, found)
    exact = np.exp2(x.astype(np.longdouble))
    assert np.abs(found / exact - 1).max() < 7.6e-16
    whole = x == np.round(x)
    np.testing.assert_array_equal(found[whole], exact[whole])
    edges = np.array([-1100.0, -1e6, -1e300, 1100.0, 1e6, 1e300, np.inf, np.nan] * 6)
    found = np.empty_like(edges)
    powers(v.shape_of(*shape), edges, found)
    np.testing.assert_array_equal(found[edges < 0], 0.0)
    assert not np.isfinite(found[~(edges < 0)]).any()


@nb.njit
def _unrolled(shape, actions, panel, entries, values, base, weights, rows, numbers):
    """Rows of ``rows``: the mean, the logits and the powers; of ``numbers``: the powers' sum, and the values'."""
    at, v_at, base_at, out = v.pointer(entries), v.pointer(values), v.pointer(base), v.pointer(rows)
    size = len(actions) * len(shape) * len(shape[0])
    mass = step_games(
        shape,
        actions,
        panel,
        (0,),
        at,
        v_at,
        v.broadcast(shape, weights[0]),
        v.broadcast(shape, weights[1]),
        base_at,
        v.broadcast(shape, weights[2]),
        v.beyond(base_at, size),
        v.broadcast(shape, weights[3]),
        out,
        v.broadcast(shape, weights[4]),
        v.beyond(out, size),
        v.beyond(out, 2 * size),
    )
    v.store(v.pointer(numbers), 0, mass)
    v.store(v.pointer(numbers), 8, sum_actions(shape, actions, panel, v_at))


@pytest.mark.parametrize("panel", [(4, 4), (2, 8)])
@pytest.mark.parametrize("actions", [2, 3, 7, 10, 16])
def test_a_step_of_eight_games(actions, panel):
    rng = np.random.default_rng(actions)
    upper = np.triu(rng.uniform(-0.5, 0.5, (8, actions, actions)), 1)
    skew, values = upper - upper.transpose(0, 2, 1), rng.dirichlet(np.ones(actions), 8)
    entries = np.ascontiguousarray(upper[:, *np.triu_indices(actions, 1)].T)
    base = rng.normal(size=(2, actions, 8))
    inverse, eta, share, rest, counted = weights = (0.7, 0.3, 0.9, 0.1, 0.4)
    rows, numbers = np.ones((3, actions, 8)), np.empty((2, 8))
    shapes = v.shape_of(1, 8), (0,) * actions, v.shape_of(*panel)
    _unrolled(*shapes, entries, np.ascontiguousarray(values.T), base, weights, rows, numbers)
    logits = share * base[0] + rest * base[1] + eta * inverse * np.einsum("gij,gj->ig", skew, values)
    # Sums of at most ``actions`` terms below 5, each with a rounding or two.
    bound = 2 * actions * 5 * np.finfo(float).eps
    assert np.abs(rows[0] - (1 + counted * values.T)).max() <= bound
    assert np.abs(rows[1] - logits).max() <= bound
    assert np.abs(rows[2] / np.exp2(logits) - 1).max() <= bound
    np.testing.assert_allclose(numbers, [np.exp2(logits).sum(axis=0), values.sum(axis=1)], rtol=bound)


def test_a_rule_that_is_run_again_is_not_tabulated_again(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "nashsim.engine.program.tabulate", lambda *given: asked.append(given[1]) or tabulate(*given)
    )
    rule, games = EGPO(), [random_game(1, tau=0.2), random_game(2, tau=0.2), random_game(3, tau=0.5)]
    first = run_many(games, rule, queries=40)
    assert asked == [0.2, 0.5]
    for again in (run_many(games[2:], rule, queries=40), run_many(games[2:], EGPO(), queries=40)):
        assert np.array_equal(again[0].log_policy, first[2].log_policy)
    assert asked == [0.2, 0.5, 0.5]  # the last by a rule of its own
