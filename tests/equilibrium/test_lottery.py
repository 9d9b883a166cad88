import numpy as np
import pytest
import scipy.optimize
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nashsim import ConvergenceError, PreferenceGame
from nashsim.equilibrium import exact, lottery, pivoting, skew
from nashsim.preferences import DensePreference

from .families import COMAL, FAMILIES, RPS, make_game, skew_from_upper
from .rational import vertices


def game_of(margins, **fields):
    """A game from margins of any size, scaled into [-1/2, 1/2]."""
    margins = np.array(margins, dtype=float)
    return PreferenceGame(DensePreference(margins / max(2 * np.abs(margins).max(), 1e-300)), **fields)


BIASED_RPS = ((0, -25, 50), (25, 0, -5), (-50, 5, 0))
THREE_HUMANS = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]]) / 6
CONDORCET = skew_from_upper(np.array([[0, -0.4, -1 / 6], [0, 0, 0.5 - 2 / 11], [0, 0, 0]]))


def p_eps(eps):
    beats = {(1, 0): 2 / 3 - eps / 2, (2, 0): 1 / 3 - eps / 4, (2, 1): 2 / 3 + eps / 4}
    p = np.full((3, 3), 0.5)
    for (i, j), value in beats.items():
        p[i, j], p[j, i] = value, 1 - value
    return p


KNOWN = [
    ("comal", PreferenceGame(COMAL), (4 / 11, 3 / 11, 4 / 11)),
    ("biased rps", game_of(BIASED_RPS), (1 / 16, 5 / 8, 5 / 16)),
    ("rps", PreferenceGame(RPS), (1 / 3, 1 / 3, 1 / 3)),
    ("three humans", PreferenceGame(THREE_HUMANS + 0.5), (1 / 3, 1 / 3, 1 / 3)),
    ("condorcet winner", PreferenceGame(CONDORCET + 0.5), (0, 1, 0)),
    *((f"p_eps {eps}", PreferenceGame(p_eps(eps)), (1 / 3 + eps / 2, 1 / 3 + eps / 2, 1 / 3 - eps))
      for eps in (0.01, 0.1, 0.2, -0.1, -0.3)),
]  # fmt: skip


@pytest.mark.parametrize(("game", "expected"), [case[1:] for case in KNOWN], ids=[case[0] for case in KNOWN])
def test_known_answers(game, expected):
    found = lottery(game)
    # P is rounded to 1e-16 and the null vector of a 3 x 3 game moves by a few times that
    np.testing.assert_allclose(found.probabilities[0], expected, atol=2e-15)
    assert found.unique == (True,)
    assert "unique" in found.status
    assert found.value == pytest.approx(0.5, abs=1e-15) and found.residual <= 1e-15


def election(*counts):
    """Margins of a cycle from (wins, losses) of 0 over 1, 1 over 2, 2 over 0."""
    p = np.full((3, 3), 0.5)
    for (i, j), (wins, losses) in zip(((0, 1), (1, 2), (2, 0)), counts, strict=True):
        p[i, j], p[j, i] = wins / (wins + losses), losses / (wins + losses)
    return PreferenceGame(p)


@pytest.mark.parametrize(
    "counts",
    [((2992, 2390), (3654, 3568), (3578, 3557)), ((4056, 4037), (4324, 4099), (3708, 3635))],
    ids=["glasgow-govan", "minneapolis"],
)
def test_real_cycles_mix_all_three(counts):
    # A 3-cycle's lottery plays each action in proportion to the margin between the other two.
    found = lottery(election(*counts))
    m01, m12, m20 = (w / (w + l) - 0.5 for w, l in counts)
    np.testing.assert_allclose(
        found.probabilities[0], np.array([m12, m20, m01]) / (m01 + m12 + m20), atol=1e-13
    )
    assert found.unique == (True,) and (found.policy > 0).all()


@st.composite
def integer_games(draw):
    n = draw(st.integers(1, 5))
    size = draw(st.sampled_from([1, 2, 20]))
    entries = draw(st.lists(st.integers(-size, size), min_size=n * n, max_size=n * n))
    return skew_from_upper(np.array(entries).reshape(n, n))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(integer_games())
def test_uniqueness_and_policy_match_exact_rational_arithmetic(margins):
    found = lottery(game_of(margins))
    corners = vertices(margins)
    assert found.unique == (len(corners) == 1,)
    corners = np.array([[float(x) for x in corner] for corner in corners])
    policy = found.probabilities[0]
    if found.unique[0]:
        np.testing.assert_allclose(policy, corners[0], atol=1e-14)
    # the point of least norm of a polytope: optimal, and no vertex lies beyond its supporting plane
    assert (margins @ policy).max() <= 1e-13 * max(np.abs(margins).max(), 1)
    assert (policy @ policy - corners @ policy).max() <= 1e-13


@st.composite
def nearly_degenerate_games(draw):
    """Margins of 0 and ±1/4, each off by a few ten-millionths or powers of two."""
    unit = draw(st.sampled_from([4 * 10**7, 2**23, 2**26, 2**29]))
    base = draw(st.lists(st.integers(-1, 1), min_size=16, max_size=16))
    off = draw(st.lists(st.integers(-2, 2), min_size=16, max_size=16))
    margins = [[0] * 4 for _ in range(4)]
    for i in range(4):
        for j in range(i):
            margins[i][j] = base[4 * i + j] * (unit // 4) + off[4 * i + j]
            margins[j][i] = -margins[i][j]
    return margins, unit


# Found among 1200 of them: floats alone say that several lotteries exist.
@example(
    (
        [
            [0, -10000000, 8, -10000008],
            [10000000, 0, -9999992, -10000004],
            [-8, 9999992, 0, 10000008],
            [10000008, 10000004, -10000008, 0],
        ],
        4 * 10**7,
    )
)
@example((
    [[0, -16777216, 16777216, -2], [16777216, 0, 16777214, -16777217],
     [-16777216, -16777214, 0, 16777215], [2, 16777217, -16777215, 0]], 2**26,
))  # fmt: skip
@settings(max_examples=150, deadline=None, derandomize=True)
@given(nearly_degenerate_games())
def test_uniqueness_that_hangs_on_products_of_margins_matches_rational_arithmetic(drawn):
    margins, unit = drawn
    found = lottery(PreferenceGame(np.array(margins) / unit + 0.5))
    corners = vertices(margins)
    assert found.unique == (len(corners) == 1,)
    if found.unique[0]:
        # P is rounded, and margins of 1e-7 in a ratio carry 1e-16 of it to 1e-9.
        np.testing.assert_allclose(found.probabilities[0], [float(x) for x in corners.pop()], atol=1e-9)


def test_ties_by_rounding_stay_ties():
    # A game of rank 2: of ten actions most are mixtures of others, and floats of the product are off by 1e-17.
    rng = np.random.default_rng(10)
    left, right = rng.standard_normal((2, 10, 2))
    margins = left @ right.T - right @ left.T
    assert lottery(game_of(margins)).unique == (False,)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_solved_to_rounding(family):
    for n in (1, 2, 3, 10, 60):
        for seed in range(3):
            game = make_game(family, n, seed=seed)
            found = lottery(game)
            # a plain check A p <= 0 rounds at n eps max|A|
            assert (game.preference.dense()[0] @ found.probabilities[0]).max() <= n * 2.3e-16
            assert found.policy.min() >= 0 and found.policy.sum() == pytest.approx(1, abs=1e-14)
            assert found.duality_gap <= 2 * n * 2.3e-16


@pytest.mark.parametrize("family", ["uniform", "signs", "sparse"])
def test_300_actions(family):
    found = lottery(make_game(family, 300))
    assert found.residual <= 300 * 2.3e-16
    assert found.unique == ((family != "sparse"),)


@pytest.mark.slow
def test_1000_actions():
    found = lottery(make_game("signs", 1000))
    assert found.unique == (True,) and found.residual <= 1000 * 2.3e-16


def test_all_half_is_uniform_and_not_unique_unless_alone():
    assert lottery(make_game("all-half", 1)).unique == (True,)
    found = lottery(make_game("all-half", 1000))
    np.testing.assert_array_equal(found.policy, 1e-3)
    assert found.unique == (False,) and "least Euclidean norm" in found.status


def test_duplicate_actions_share_equally():
    order = np.array([0, 1, 2, 0, 1])
    found = lottery(PreferenceGame(np.array(COMAL)[np.ix_(order, order)]))
    np.testing.assert_allclose(found.probabilities[0], np.array([2, 1.5, 4, 2, 1.5]) / 11, atol=1e-14)
    assert found.unique == (False,)


def test_a_weak_condorcet_winner_is_not_unique_but_a_strict_one_is():
    # a ties with b and both beat c: every mixture of a and b is optimal
    tied = lottery(game_of([[0, 0, 1], [0, 0, 1], [-1, -1, 0]]))
    np.testing.assert_allclose(tied.probabilities[0], [0.5, 0.5, 0], atol=1e-15)
    assert tied.unique == (False,)
    assert lottery(game_of([[0, 1e-6, 1], [-1e-6, 0, 1], [-1, -1, 0]])).unique == (True,)
    # a ties with b and beats c, which beats b: (q, 1 - q, 0) is optimal for q >= 1/2
    half = lottery(game_of([[0, 0, 1], [0, 0, -1], [-1, 1, 0]]))
    np.testing.assert_allclose(half.probabilities[0], [0.5, 0.5, 0], atol=1e-15)
    assert half.unique == (False,)


def test_relabelling_actions_relabels_the_lottery():
    rng = np.random.default_rng(0)
    for family in ("ties", "duplicates", "sparse", "uniform"):
        game = make_game(family, 9, seed=2)
        order = rng.permutation(9)
        moved = lottery(PreferenceGame(game.probabilities[0][np.ix_(order, order)]))
        np.testing.assert_allclose(moved.probabilities[0], lottery(game).probabilities[0][order], atol=1e-13)
        assert moved.unique == lottery(game).unique


@pytest.mark.parametrize("scale", [1e-3, 1e-9, 1e-300])
def test_weak_games_are_classified_like_strong_ones(scale):
    for family in ("near-transitive", "uniform", "ties"):
        strong = make_game(family, 8, seed=1).preference.dense()
        whole = lottery(PreferenceGame(DensePreference(strong)))
        weak = lottery(PreferenceGame(DensePreference(scale * strong)))
        np.testing.assert_allclose(weak.policy, whole.policy, atol=1e-13)
        assert weak.unique == whole.unique


def test_a_stack_is_averaged_by_weight_and_decided_by_context():
    stack = PreferenceGame(np.stack([np.array(COMAL), np.full((3, 3), 0.5)]), weights=[0.3, 0.7])
    found = lottery(stack)
    assert found.unique == (True, False)
    np.testing.assert_allclose(found.probabilities[0], np.array([4, 3, 4]) / 11, atol=1e-15)
    np.testing.assert_allclose(found.probabilities[1], 1 / 3, atol=1e-15)
    assert "in 1 of 2 contexts" in found.status
    assert found.policy.unstack().shape == (2, 3)


def test_labels_and_reference_in_the_answer():
    found = lottery(PreferenceGame(CONDORCET + 0.5, [0.5, 0, 0.5], labels=["a", "b", "c"]))
    assert found.to_series()["b"] == 1 and found.to_series()["a"] == 0
    assert found.log_policy[0].tolist() == [-np.inf, 0, -np.inf]
    assert "reference mass 0" in found.status and found.method == "lottery"


@pytest.fixture
def without_pivoting(monkeypatch):
    """As where rounding stops the pivoting: the vertex has to come from a linear programme."""
    monkeypatch.setattr(skew, "pivoted_vertex", lambda *_: None)


@pytest.fixture
def floats_alone(monkeypatch):
    monkeypatch.setattr(exact, "MOST_ACTIONS", {True: 0, False: 0})


@pytest.mark.parametrize("family", FAMILIES)
def test_pivoting_and_linear_programming_agree(family, monkeypatch):
    games = [make_game(family, n, seed=seed) for n in (2, 5, 17, 60) for seed in range(3)]
    pivoted = [lottery(game) for game in games]
    monkeypatch.setattr(skew, "pivoted_vertex", lambda *_: None)
    for game, found in zip(games, pivoted, strict=True):
        programmed = lottery(game)
        assert found.unique == programmed.unique
        # both are optimal to 1e-16, which moves a policy by that over the least singular value of a random block
        np.testing.assert_allclose(found.policy, programmed.policy, atol=1e-11)


def test_pivoting_that_gives_up_leaves_the_answer_to_the_programme(monkeypatch):
    game = make_game("signs", 31)
    expected = lottery(game)
    monkeypatch.setattr(pivoting, "_EXCHANGES", -20)
    assert pivoting.pivoted_vertex(game.preference.dense()[0], 0.5) is None
    np.testing.assert_allclose(lottery(game).policy, expected.policy, atol=1e-13)


def test_a_failing_programme_names_its_methods(monkeypatch, without_pivoting, floats_alone):
    result = scipy.optimize.OptimizeResult(status=4, message="numerical trouble", x=None)
    monkeypatch.setattr(scipy.optimize, "linprog", lambda *_, **__: result)
    with pytest.raises(ConvergenceError, match="highs-ds: numerical trouble; highs-ipm: numerical trouble"):
        lottery(PreferenceGame(COMAL))


def test_a_vertex_that_is_not_optimal_is_refused(monkeypatch, without_pivoting, floats_alone):
    monkeypatch.setattr(skew, "_solve_lp", lambda *_, **__: np.array([0.9, 0.1, 0.0]))
    with pytest.raises(ConvergenceError, match="could not be polished"):
        lottery(PreferenceGame(COMAL))


#: a beats b by 2, c beats a by 1, b and c tie: (0, q, 1 - q) is optimal for q <= 1/3, where a stops gaining.
BOUNDED_TIE = [[0, 2, -1], [-2, 0, 0], [1, 0, 0]]


def test_the_least_norm_point_may_lie_on_a_bound():
    found = lottery(game_of(BOUNDED_TIE))
    np.testing.assert_allclose(found.probabilities[0], [0, 1 / 3, 2 / 3], atol=1e-15)
    assert found.unique == (False,)


def test_a_wrong_least_norm_point_is_refused(monkeypatch):
    monkeypatch.setattr(scipy.optimize, "nnls", lambda matrix, _: (np.zeros(matrix.shape[1]), 0.0))
    with pytest.raises(ConvergenceError, match="least norm misses"):
        lottery(game_of(BOUNDED_TIE))


def with_tiny_cycle(share):
    """Action 0 meets 1/2 everywhere; the others cycle, with one margin of ``share``."""
    margins = np.zeros((4, 4))
    margins[1, 2], margins[2, 3], margins[3, 1] = share, 0.5, 0.5
    return PreferenceGame(margins - margins.T + 0.5)


@pytest.mark.parametrize("share", [1e-3, 1e-5])
def test_uniqueness_is_decided_on_the_simplex_where_the_cone_fails(share, monkeypatch, floats_alone):
    expected = lottery(with_tiny_cycle(share))
    assert expected.unique == (False,) and expected.residual <= 1e-13

    def infeasible(*_):
        raise ConvergenceError("as HiGHS says of cones with entries of 1e5")

    monkeypatch.setattr(skew, "_in_cone", infeasible)
    found = lottery(with_tiny_cycle(share))
    assert found.unique == (False,)
    np.testing.assert_array_equal(found.policy, expected.policy)


def test_uniqueness_that_hangs_on_rounding_is_an_error(monkeypatch):
    columns = with_tiny_cycle(1e-9).preference.dense()[0] * 2
    with pytest.raises(ConvergenceError, match="whether it is unique hangs on margins of"):
        skew._in_simplex(columns[1:], columns[1:] - np.eye(4)[1:], columns[:1])
