"""Growth laws on synthetic curves whose law is known, and intervals that cover as often as they say."""

import numpy as np
import pytest

from nashsim.errors import NashsimError
from nashsim.theory import law_of_rounds, mean_band, power_of_rounds, slope_in_inverse_tau

ROUNDS = np.unique(np.round(np.geomspace(1, 1e6, 240)))


def scattered(curve, seeds, spread, seed):
    """Curves that are a common law times a factor of mean 1 a seed."""
    factors = np.random.default_rng(seed).gamma(1 / spread**2, spread**2, (seeds, 1))
    return factors * curve


@pytest.mark.parametrize("power", [0.1, 0.5, 1.0])
def test_powers(power):
    """A common factor a seed moves the curve and not its power: exact, with an interval of no width."""
    values = scattered(3 * ROUNDS**power, 20, 0.5, 1)
    found = power_of_rounds(ROUNDS, values)
    np.testing.assert_allclose(found, power, rtol=0, atol=1e-12)


def test_only_the_last_decades_count():
    """Linear to T/100 and flat beyond: 0 over two decades, 1 before; a third decade shows."""
    values = np.minimum(ROUNDS, 1e4)[None]
    assert power_of_rounds(ROUNDS, values).value == pytest.approx(0, abs=1e-12)
    assert power_of_rounds(ROUNDS, values, decades=3).value > 0.1
    early = ROUNDS <= 1e4
    assert power_of_rounds(ROUNDS[early], values[:, early]).value == pytest.approx(1)


def test_seeds_of_two_powers_have_an_interval_between_them():
    """Half the seeds go as T^.2, half as T^.8: the mean of curves of equal size at T lies between."""
    values = np.concatenate([scattered((ROUNDS / 1e6) ** p, 10, 0.2, 2) for p in (0.2, 0.8)])
    found = power_of_rounds(ROUNDS, values)
    assert 0.2 < found.low < found.value < found.high < 0.8


def test_laws_are_told_apart():
    log = scattered(7 * np.log(ROUNDS) + 1, 20, 0.3, 3)
    root = scattered(2 * np.sqrt(ROUNDS), 20, 0.3, 4)
    for values, law, other, slope in ((log, "log", "root", 7), (root, "root", "log", 2)):
        right, wrong = (law_of_rounds(ROUNDS, values, name, since=1e2) for name in (law, other))
        assert right.r_squared > 1 - 1e-12 and wrong.r_squared < 0.95
        scale = values[:, -1].mean() / (7 * np.log(1e6) + 1 if law == "log" else 2e3)
        assert right.slope.value == pytest.approx(slope * scale, rel=1e-9)
        # The interval is of the factors' mean, of standard error .3/sqrt(20) = .067: 5 of them.
        assert slope * (1 - 0.34) < right.slope.low < right.slope.high < slope * (1 + 0.34)
    assert law_of_rounds(ROUNDS, log, "log").intercept == pytest.approx(log[:, 0].mean(), rel=1e-9)


def test_the_exponential_in_one_over_tau():
    taus = 1 / np.linspace(12, 33, 8)
    rng = np.random.default_rng(5)
    regrets = 0.1 * np.exp(0.25 / taus) * rng.exponential(size=(64, 8))
    found = slope_in_inverse_tau(taus, regrets)
    # Means of 64 exponentials have logarithms of standard error 1/8; over 8 taus of spread 6.9 the slope's is
    # .125/(6.9 sqrt 8) = .0065: 4 of them.
    assert abs(found.value - 0.25) < 0.026 and found.low < 0.25 < found.high
    flat = slope_in_inverse_tau(taus, np.ones((4, 8)))
    np.testing.assert_allclose(flat, 0, atol=1e-12)


REPEATS = 4000


@pytest.mark.parametrize("seeds", [2, 3, 5, 12, 100])
def test_intervals_cover(seeds):
    """Of normal seeds exactly 95%: over 4000 repetitions with a standard error of .34%, four of which are allowed.

    Slopes of the mean itself are means of slopes, and as exact.
    """
    rng = np.random.default_rng(seeds)
    values = rng.normal(1, 0.5, (seeds, REPEATS))
    _, low, high = mean_band(values)
    off = 4 * np.sqrt(0.95 * 0.05 / REPEATS)
    assert abs(((low < 1) & (high > 1)).mean() - 0.95) < off
    x, hits = np.linspace(0, 1, 5), 0
    for _ in range(REPEATS // 4):
        curves = rng.normal(1, 0.5, (seeds, 1)) * x + rng.normal(0, 0.2, (seeds, 5))
        found = law_of_rounds(np.exp(x), curves, "log").slope
        hits += found.low < 1 < found.high
    assert abs(hits / (REPEATS // 4) - 0.95) < 2 * off


@pytest.mark.parametrize("seeds", [3, 12, 100])
def test_intervals_of_powers_cover(seeds):
    """The power of a mean of curves T^p, p normal about 1/2 with deviation s: E T^p = T^{1/2} e^{s^2 log^2 T/2}.

    1000 repetitions have a standard error of .7%, four of which are allowed: the logarithm of a mean is nearly linear
    in so small a spread.
    """
    rng, rounds = np.random.default_rng(seeds), np.geomspace(1, 100, 9)
    x = np.log(rounds)
    truth = np.polyfit(x, 0.5 * x + 0.02**2 * x**2 / 2, 1)[0]
    hits = 0
    for _ in range(1000):
        found = power_of_rounds(rounds, rounds[None] ** rng.normal(0.5, 0.02, (seeds, 1)))
        hits += found.low < truth < found.high
    assert abs(hits - 950) <= 28


def test_bands():
    values = np.random.default_rng(7).gamma(2, 1, (9, 5))
    mean, low, high = mean_band(values)
    np.testing.assert_allclose(mean, values.mean(axis=0))
    assert (low < mean).all() and (mean < high).all()
    assert (mean_band(values, least=mean.max())[1] == mean.max()).all()
    narrow = mean_band(values, confidence=0.5)
    assert (narrow[1] > low).all() and (narrow[2] < high).all()
    assert np.isnan(mean_band(values[:1])[1]).all()


def test_nothing_to_fit():
    assert np.isnan(power_of_rounds([1, 10, 100], np.zeros((3, 3)))).all()
    one = power_of_rounds([1, 10, 100], [[1, 10, 100]])
    assert one.value == pytest.approx(1) and np.isnan(one.low)


@pytest.mark.parametrize(
    "bad, says",
    [
        (lambda: law_of_rounds([1, 2, 3], [[1, 2, 3]], "cube"), "log, root"),
        (lambda: law_of_rounds([1, 2, 3], [[1, 2, 3]], "log", since=2), "three records"),
        (lambda: power_of_rounds([1, 2], [[1, 2, 3]]), "shape"),
        (lambda: slope_in_inverse_tau([0.1, 0.1], [[1, 2]]), "two different"),
        (lambda: slope_in_inverse_tau([0.1, 0.2], [[1, 0]]), "above 0"),
        (lambda: mean_band(np.zeros((0, 3))), "shape"),
        (lambda: mean_band([1, 2], confidence=95), "confidence"),
    ],
)
def test_bad_input(bad, says):
    with pytest.raises(NashsimError, match=says):
        bad()
