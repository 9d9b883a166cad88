"""Regularisers: each function against its definition in 50 digits, and each word against its class."""

import dataclasses

import mpmath as mp
import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.regularisers import REGULARISERS, get_regulariser, normalise

mp.mp.dps = 50

WORDS = ("kl", "chi2", "mixed", "mixed:0.1", "mixed:30", "forward-kl", "tsallis:1.5", "tsallis:2", "tsallis:0.5",
         "tsallis:0", "tsallis:1", "tsallis:1.0001")  # fmt: skip
RATIOS = (1e-6, 0.03, 0.5, 0.97, 1.0, 1.0 + 1e-9, 1.04, 3.0, 250.0)


def generator(word, u):
    """f as papers print it, in mpmath: nothing of the package takes part."""
    u = mp.mpf(u)
    name, _, number = word.partition(":")
    kl = u * mp.log(u) - u + 1 if u else mp.mpf(1)
    chi2 = (u - 1) ** 2 / 2
    forward = u - 1 - mp.log(u) if u else mp.inf
    if name == "tsallis":
        q = mp.mpf(number)
        if q in (0, 1):
            return forward if q == 0 else kl
        return (u**q - 1 - q * (u - 1)) / (q * (q - 1))
    return {"kl": kl, "chi2": chi2, "forward-kl": forward}.get(name, kl + mp.mpf(number or 1) * chi2)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("u", RATIOS)
def test_functions_are_those_of_the_generator(word, u):
    r = get_regulariser(word)
    value = mp.diff(lambda x: generator(word, x), mp.mpf(u), h=mp.mpf(10) ** -20 * u)
    curvature = mp.diff(lambda x: generator(word, x), mp.mpf(u), 2, h=mp.mpf(10) ** -14 * u)
    # 1e-13: exp and log of arguments up to 14 lose that many digits' last ones
    assert float(r.generator(u)) == pytest.approx(float(generator(word, u)), rel=1e-12, abs=1e-28)
    assert float(r.link(u)) == pytest.approx(float(value), rel=1e-13, abs=1e-15)
    assert float(r.inverse_link(r.link(u))) == pytest.approx(u, rel=1e-12)
    assert float(r.slope(u)) == pytest.approx(float(1 / curvature), rel=1e-9)
    assert float(r.anchored_link(u)) + r.anchor == pytest.approx(float(value), rel=1e-13, abs=1e-15)
    assert float(r.anchored_inverse(r.anchored_link(u))) == pytest.approx(u, rel=1e-12)
    assert float(r.conjugate(r.link(u))) == pytest.approx(
        float(value * u - generator(word, u)), rel=1e-11, abs=1e-13
    )


@pytest.mark.parametrize("word", WORDS)
def test_divergence_is_the_bregman_divergence_also_where_it_is_tiny(word):
    r = get_regulariser(word)
    for u in RATIOS:
        for w in RATIOS:
            slope = mp.diff(lambda x: generator(word, x), mp.mpf(w), h=mp.mpf(10) ** -20 * w)
            exact = generator(word, u) - generator(word, w) - slope * (mp.mpf(u) - mp.mpf(w))
            # cancellation is left only in r^q - 1 - q (r - 1) from |r - 1| = .05 on: 2^-52/(.05^2/2) = 2e-13
            assert float(r.divergence(np.array(u), np.array(w))) == pytest.approx(
                float(exact), rel=3e-12, abs=1e-30
            )


@pytest.mark.parametrize("word", [w for w in WORDS if w not in ("kl", "forward-kl")])
def test_at_the_boundary(word):
    r = get_regulariser(word)
    assert float(r.divergence(np.array(0.0), np.array(1.3))) == pytest.approx(
        float(generator(word, 0) - generator(word, 1.3))
        + float(mp.diff(lambda x: generator(word, x), mp.mpf(1.3))) * 1.3
    ) or not np.isfinite(float(generator(word, mp.mpf(10) ** -40)) * 1e-3)
    if r.floor > -np.inf:
        assert float(r.link(0.0)) == pytest.approx(r.floor)
        assert float(r.inverse_link(r.floor - 0.1)) == 0 == float(r.slope(0.0))
        assert float(r.divergence(np.array(0.4), np.array(0.0))) == pytest.approx(
            float(generator(word, 0.4) - generator(word, 0)) - r.floor * 0.4
        )


@pytest.mark.parametrize("word", WORDS)
def test_compiled_functions_are_the_same(word):
    r = get_regulariser(word)
    for u in RATIOS:
        value = float(r.anchored_link(u))
        assert r.scalar_inverse(value, r.parameter) == pytest.approx(u, rel=1e-12)
        assert r.scalar_slope(u, r.parameter) == pytest.approx(float(r.slope(u)), rel=1e-14)
        # near u = 1 the plain formula cancels to eps
        assert r.scalar_generator(u, r.parameter) == pytest.approx(
            float(r.generator(u)), rel=1e-12, abs=1e-14
        )


@pytest.mark.parametrize("word", WORDS)
def test_strong_convexity_holds_and_is_not_loose_near_mu(word):
    """R(p) - R(q) - <grad, p - q> >= (m/2)|p - q|_1^2 on random policies; the modulus of KL and chi2 is attained."""
    r, rng = get_regulariser(word), np.random.default_rng(3)
    least = np.inf
    for _ in range(400):
        n = rng.integers(2, 6)
        mu, p, q = rng.dirichlet(np.ones(n) * rng.choice([0.4, 3]), 3) + 1e-9
        p, q = p / p.sum(), q / q.sum()
        divergence = (mu * r.divergence(p / mu, q / mu)).sum()
        least = min(least, 2 * divergence / np.abs(p - q).sum() ** 2 / r.strong_convexity(mu.min()))
    assert least >= 1 - 1e-12
    p, mu = np.array([0.5 + 1e-4, 0.5 - 1e-4]), np.array([0.5, 0.5])
    close = 2 * (mu * r.divergence(p / mu, np.ones(2))).sum() / np.abs(p - mu).sum() ** 2
    if r.strong_convexity(0.5) >= 1:
        assert close / r.strong_convexity(0.5) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_normalise_is_the_maximiser(word, scale):
    """sum mu h = 1, and the Karush-Kuhn-Tucker conditions of max <p, values> - R(p) hold."""
    r, rng = get_regulariser(word), np.random.default_rng(5)
    mu = rng.dirichlet(np.ones(6), 4)
    mu[:, 2] = 0.0
    mu /= mu.sum(axis=1, keepdims=True)
    values = scale * rng.normal(size=(4, 6))
    z = normalise(r, mu, values)
    p = mu * r.anchored_inverse(z)
    assert np.abs(p.sum(axis=1) - 1).max() < 64 * 2**-52 * (1 + 4 * scale)
    assert (p[:, 2] == 0).all() and (p >= 0).all()
    shifts = values - z
    for row in range(4):
        inside = p[row] > 0
        assert np.ptp(shifts[row][inside]) < 1e-12 * (1 + scale)
        dropped = (p[row] == 0) & (mu[row] > 0)
        assert (values[row][dropped] - shifts[row][inside][0] <= r.floor + 1e-12 * scale).all()


def test_words():
    assert [cls.name for cls in REGULARISERS] == ["kl", "chi2", "mixed", "forward-kl", "tsallis"]
    assert [get_regulariser(w).word for w in ("kl", "mixed", "mixed:1", "mixed:2.5", "tsallis:1.5")] == [
        "kl", "mixed", "mixed", "mixed:2.5", "tsallis:1.5"
    ]  # fmt: skip
    game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5, regulariser="tsallis:1.5")
    assert game.replace(tau=0.1).regulariser == get_regulariser("tsallis:1.5")
    assert "tsallis:1.5" in repr(game) and "kl" not in repr(game.replace(regulariser="kl"))
    assert PreferenceGame([[0.5]]).kl_regularised
    with pytest.raises(dataclasses.FrozenInstanceError):
        game.regulariser.q = 2


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("chi", "did you mean 'chi2'"),
        ("tsallis", "needs its q after a colon"),
        ("tsallis:x", "a number is needed"),
        ("tsallis:3", "in \\[0, 2\\]"),
        ("mixed:0", "> 0"),
        ("mixed:nan", "finite number > 0"),
        ("kl:2", "takes no number"),
    ],
)
def test_bad_words_are_refused_in_one_line(word, said):
    with pytest.raises(NashsimError, match=said) as refused:
        PreferenceGame([[0.5]], regulariser=word)
    assert "\n" not in str(refused.value)
