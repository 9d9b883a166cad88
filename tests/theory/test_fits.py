"""Fits on curves with known laws and noise: the law, its interval's coverage, burn-in and floor."""

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.theory import fit_rate
from nashsim.theory.fits import block_length, floor_index

X = {"linear": np.linspace(1, 400, 120), "power": np.geomspace(1, 1e5, 120), "log": np.geomspace(1, 1e5, 120)}
CURVES = {
    "linear": lambda x: 3 * np.exp(-0.02 * x),
    "power": lambda x: 5 * x**-0.5,
    "log": lambda x: 2 + 3 * np.log(x),
}
RATES = {"linear": 0.02, "power": 0.5, "log": 3.0}


def noise(rng, n, correlation, size):
    """AR(1) in the logarithm, of standard deviation ``size``."""
    shocks = rng.normal(size=n) * np.sqrt(1 - correlation**2)
    shocks[0] /= np.sqrt(1 - correlation**2)
    for i in range(1, n):
        shocks[i] += correlation * shocks[i - 1]
    return np.exp(size * shocks)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("law", CURVES)
def test_intervals_of_95_percent_cover_between_90_and_99(law, correlation):
    """On 400 curves with noise of 5%; the sample's own error is 1.1 points at 95%."""
    rng = np.random.default_rng(7)
    x, curve = X[law], CURVES[law](X[law])
    found = [fit_rate(x, curve * noise(rng, len(x), correlation, 0.05), seed=k) for k in range(400)]
    given = [fit for fit in found if fit.law == law]
    coverage = np.mean([fit.low <= RATES[law] <= fit.high for fit in given])
    assert 0.90 <= coverage <= 0.99, coverage


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("law", CURVES)
def test_laws_are_told_apart(law, correlation):
    """In 100 curves with noise of 2%: beyond that log x and a small power of x look alike over five decades."""
    rng = np.random.default_rng(8)
    x, curve = X[law], CURVES[law](X[law])
    found = [fit_rate(x, curve * noise(rng, len(x), correlation, 0.02), resamples=2) for _ in range(100)]
    assert np.mean([fit.law == law for fit in found]) > 0.95


def test_a_fast_start_is_burnt_in_and_the_floor_is_cut():
    x = np.arange(1, 1001.0)
    curve = np.exp(-0.06 * x) + 5 * np.exp(-0.5 * x)
    with_floor = np.maximum(curve, 1e-19 * (1 + 0.5 * np.sin(x)))
    found = fit_rate(x, with_floor, laws=["linear"], floor=0.0)
    assert found.rate == pytest.approx(0.06, rel=1e-3)
    # 100 times the least of the floor, 5e-20, is reached at log(1/5e-18)/.06
    assert found.last == pytest.approx(np.log(1 / 5e-18) / 0.06, abs=2)


def test_an_exact_curve_has_a_narrow_interval_around_its_rate():
    for law, x in X.items():
        found = fit_rate(x, CURVES[law](x))
        assert found.law == law and found.low <= RATES[law] <= found.high
        assert found.high - found.low < 1e-6 * RATES[law]


def test_too_few_records_give_no_rate():
    assert np.isnan(fit_rate([1, 2, 3], [1.0, 0.5, 0.2]).rate)
    assert np.isnan(fit_rate(np.arange(1, 50), np.zeros(49)).rate)


def test_blocks_are_as_long_as_the_noise_is_correlated():
    rng = np.random.default_rng(0)
    lengths = [block_length(np.log(noise(rng, 500, r, 1.0))) for r in (0.0, 0.5, 0.9)]
    # an r of 0.1, twice its standard error under white noise, would give 7
    assert lengths[0] <= 7 < lengths[1] < lengths[2]
    assert block_length(np.zeros(10)) == 1


def test_floor_index_needs_a_fall_of_ten_orders():
    assert floor_index(np.full(50, 0.3)) == 50


def test_errors_name_the_argument():
    with pytest.raises(NashsimError, match="law"):
        fit_rate([1, 2], [1, 2], laws=["cubic"])
    with pytest.raises(NashsimError, match="values"):
        fit_rate([1, 2], [1, 2, 3])


def test_an_interval_has_two_degrees_of_freedom_less_than_blocks():
    """Alternating residuals make blocks of one record: two quantiles tell the degrees of freedom."""
    from scipy.stats import t as student

    x = np.arange(1.0, 13.0)
    values = np.exp(-0.1 * x + 0.05 * (-1.0) ** np.arange(12))
    found = fit_rate(x, values, laws=["linear"], floor=0.0, burn_in=0.0)
    ratio = (found.most - found.rate) / (found.high - found.rate)
    told = student.ppf([0.975, 1 - 0.025 / 1000], len(x) - 2)
    # rounding widens both by some 1e-10 of a slope
    assert ratio == pytest.approx(told[1] / told[0], rel=1e-6)
