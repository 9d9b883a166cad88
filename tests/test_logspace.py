"""Log-space arithmetic against high precision and at the edges of the simplex."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nashsim.logspace import geometric_mixture, kl, log_normalise, span

logits = st.lists(st.floats(-30, 30), min_size=2, max_size=6)


@given(logits)
def test_normalised(values):
    log_p = log_normalise(np.array(values))
    assert abs(np.exp(log_p).sum() - 1) < 4e-16 * len(values)


@given(logits, st.data())
def test_kl_against_extended_precision(values, data):
    log_p = log_normalise(np.array(values))
    other = data.draw(st.lists(st.floats(-30, 30), min_size=len(values), max_size=len(values)))
    log_q = log_normalise(np.array(other))
    p, q = (np.exp(v.astype(np.longdouble)) for v in (log_p, log_q))
    p, q = p / p.sum(), q / q.sum()
    exact = float((p * np.log(p / q)).sum())
    # normalisation errs by eps in each log-probability, the sum by a few of its own roundings
    assert abs(kl(log_p, log_q) - exact) <= 1e-14 * (1 + exact)


def test_small_kl_keeps_its_digits():
    for d in (1e-4, 1e-8, 1e-12):
        log_p = np.log([0.5, 0.5])
        log_q = np.log1p([d, -d]) + np.log(0.5)
        np.testing.assert_allclose(kl(log_p, log_q), d * d / 2, rtol=3e-4)  # 2^-53/d at worst, and d itself


def test_kl_at_the_edges():
    a, b = np.log([0.5, 0.5]), np.array([0.0, -np.inf])
    assert kl(a, b) == np.inf
    np.testing.assert_allclose(kl(b, a), np.log(2), rtol=1e-15)
    assert kl(b, b) == 0
    # a mass of e^-800 against one half: d + expm1(-d) alone would overflow
    tiny = np.array([-800.0, 0.0])
    np.testing.assert_allclose(kl(tiny, a), np.log(2), rtol=1e-15)
    assert np.isfinite(kl(a, tiny))


def test_mixture_of_absent_actions():
    a, b = np.array([0.0, -np.inf]), np.log([0.5, 0.5])
    assert geometric_mixture([1.5, -0.5], [b, a])[1] == -np.inf
    np.testing.assert_array_equal(geometric_mixture([0.0, 1.0], [a, b]), b)


def test_span_ignores_nan():
    assert span(np.array([1.0, np.nan, -2.0])) == 3.0
