"""Fits on curves with a known law."""

import numpy as np
import pytest

from nashsim.theory import fit_linear_rate, proved_rate, queries_to

N = np.arange(0, 2000, 2)


@pytest.mark.parametrize("rate", [1e-3, 0.02, 0.3])
def test_a_geometric_curve_gives_its_rate(rate):
    assert fit_linear_rate(N, 5 * np.exp(-rate * N)) == pytest.approx(rate, rel=1e-9)


def test_burn_in_and_floor_are_left_out():
    curve = np.exp(-0.05 * N) + 0.3 * np.exp(-0.5 * N)  # a fast start
    with_floor = np.maximum(curve, 1e-27)  # and rounding at the end
    assert fit_linear_rate(N, with_floor) == pytest.approx(0.05, rel=1e-3)


def test_too_short_a_curve_has_no_rate():
    assert np.isnan(fit_linear_rate([0, 1], [1.0, 0.5]))
    assert np.isnan(fit_linear_rate([0, 1, 2], [0.0, 0.0, 0.0]))


def test_queries_to():
    assert queries_to([0, 2, 4], [1.0, 0.1, 0.01], 0.1) == 2
    assert np.isnan(queries_to([0, 2], [1.0, 0.5], 0.1))


def test_a_proved_rate_is_one_a_query_and_not_a_step():
    """log(1 + 2 tau) an iteration of Nash-MP at s = 2 tau, which asks twice; -log(1 - eta tau) of one call."""
    for tau in (0.05, 0.7):
        assert proved_rate("nash-mp", tau) == pytest.approx(np.log1p(2 * tau) / 2, rel=1e-12)
        assert proved_rate("omd", tau) == pytest.approx(np.log1p(4 * tau**2), rel=1e-12)
