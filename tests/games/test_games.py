"""The catalogue against answers worked out here, and its families against what defines them."""

from collections import Counter

import numpy as np
import pytest

from nashsim import games
from nashsim.equilibrium import check_agreement, lottery, solve_cvxpy, solve_newton

every_game = pytest.mark.parametrize("name", games.names())


def strengths_and_cyclic_mass(game):
    """Hodge by explicit least squares over all ordered pairs."""
    skew = game.preference.dense()[0]
    n = len(skew)
    rows = [(i, j) for i in range(n) for j in range(n) if i != j]
    design = np.zeros((len(rows), n))
    for k, (i, j) in enumerate(rows):
        design[k, i], design[k, j] = 1, -1
    values = np.array([skew[i, j] for i, j in rows])
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return fitted, ((values - fitted) ** 2).sum() / (values**2).sum()


@every_game
def test_every_entry_builds_a_game_and_says_what_it_is(name):
    game = games.get(name)
    p = game.probabilities[0]
    assert np.array_equal(p + p.T, np.ones_like(p)) or np.abs(p + p.T - 1).max() < 1e-15
    entry = next(e for e in games.entries() if e.name == name)
    described = entry.describe()
    assert described["actions"] == game.actions and described["summary"] and described["source"]
    assert set(entry.lottery) <= set(game.labels) and (not entry.lottery or sum(entry.lottery.values()) == 1)


@pytest.mark.parametrize("entry", [e for e in games.entries() if e.lottery], ids=lambda e: e.name)
def test_known_lotteries(entry):
    game = entry.build()
    found = lottery(game)
    expected = [float(entry.lottery.get(label, 0)) for label in game.labels]
    np.testing.assert_allclose(found.probabilities[0], expected, atol=1e-9)
    assert found.unique == (True,)


@pytest.mark.parametrize("tau", [0.02, 0.3, 2.0])
@pytest.mark.parametrize("entry", [e for e in games.entries() if e.equilibrium], ids=lambda e: e.name)
def test_known_equilibria(entry, tau):
    game = games.get(entry.name, defaults={"tau": tau}).replace(tau=tau)
    expected = entry.equilibrium(game)
    np.testing.assert_allclose(
        np.exp(solve_newton(game).log_policy[0]),
        [expected[label] for label in game.labels],
        rtol=0,
        atol=1e-12,
    )


@pytest.mark.parametrize("entry", [e for e in games.entries() if e.condorcet_winner], ids=lambda e: e.name)
def test_condorcet_winners_beat_everyone(entry):
    game = entry.build()
    winner = game.labels.index(entry.condorcet_winner)
    assert (np.delete(game.probabilities[0, winner], winner) > 0.5).all()


def test_condorcet_winners_by_name():
    found = {entry.name: entry.condorcet_winner for entry in games.entries() if entry.condorcet_winner}
    assert found == {
        "reward-preference": "y2",
        "two-opinions": "a",
        "hard-b": "c",
        "hard-c": "c",
        "tldr": "MD1",
    }


@every_game
def test_every_source_says_how_far_it_can_be_trusted(name):
    source = next(e.source for e in games.entries() if e.name == name)
    assert (
        any(tag in source for tag in ("[paper]", "[code]", "[derived]", "[recalled]"))
        or source == "random family"
    )


@every_game
@pytest.mark.parametrize("tau", [0.02, 0.1, 1.0])
def test_newton_and_cvxpy_agree_on_the_whole_catalogue(name, tau):
    game = games.get(name, defaults={"tau": tau}).replace(tau=tau)
    newton = solve_newton(game)
    assert newton.residual <= 1e-13
    check_agreement(newton, solve_cvxpy(game))  # raises beyond the certified accuracies


def test_known_answers_typed_from_the_papers():
    assert games.biased_rps().preference.dense()[0] * 100 == pytest.approx(
        np.array([[0, -25, 50], [25, 0, -5], [-50, 5, 0]])
    )
    third = np.full(3, 1 / 3)
    for name in ("dice", "three-humans", "rps", "hard-a"):
        np.testing.assert_allclose(lottery(games.get(name)).probabilities[0], third, atol=1e-12)
    for i in range(3):  # each die beats the next with 5/9, each response the next with 2/3
        assert games.dice().probabilities[0, i, (i + 1) % 3] == pytest.approx(5 / 9, abs=1e-15)
        assert games.three_humans().probabilities[0, i, (i + 1) % 3] == pytest.approx(2 / 3, abs=1e-15)
    for eps in (-1 / 3, -0.2, 0.0, 0.1, 1 / 3):
        expected = [1 / 3 + eps / 2, 1 / 3 + eps / 2, 1 / 3 - eps]
        np.testing.assert_allclose(lottery(games.p_eps(eps)).probabilities[0], expected, atol=1e-9)
    np.testing.assert_allclose(lottery(games.comal()).probabilities[0], np.array([4, 3, 4]) / 11, atol=1e-12)
    np.testing.assert_allclose(
        lottery(games.biased_rps()).probabilities[0], np.array([1, 10, 5]) / 16, atol=1e-12
    )


def test_reward_against_preference_under_its_constraint():
    P = games.reward_preference().probabilities[0]
    assert [P[1, 0], P[2, 0], P[2, 1]] == pytest.approx([9 / 10, 2 / 3, 2 / 11])
    feasible = [np.array([2 * x, x, 1 - 3 * x]) for x in np.linspace(0, 1 / 3, 301)]
    # the reward optimum: Bradley-Terry rewards by hand, r = logit against y1, as every pair fits exactly
    rewards = np.log([1, 9, 2])
    assert np.log(P[2, 1] / P[1, 2]) == pytest.approx(rewards[2] - rewards[1])
    best = max(feasible, key=lambda pi: pi @ rewards)
    np.testing.assert_allclose(best, [2 / 3, 1 / 3, 0], atol=1e-12)
    # the preference optimum: the policy whose worst case against the others is best
    value = {i: min(pi @ P @ other for other in feasible) for i, pi in enumerate(feasible)}
    nash = feasible[max(value, key=value.get)]
    np.testing.assert_allclose(nash, [0, 0, 1], atol=1e-12)
    assert nash @ P @ best == pytest.approx(50 / 99)


def test_two_arm_equilibrium_in_closed_form():
    for tau in (0.05, 0.3):
        game = games.hard_b(tau=tau)
        log_policy, log_mu = solve_newton(game).log_policy[0], game.log_reference[0]
        assert log_mu[1] == pytest.approx(-0.25 / tau)
        # P(c > pi) - P(b > pi) = 1/2 whatever pi is
        assert (log_policy - log_mu)[1] - (log_policy - log_mu)[0] == pytest.approx(0.5 / tau, abs=1e-12)


@pytest.mark.parametrize("n", [3, 5, 11])
def test_rps_of_any_odd_size(n):
    game = games.rps(n, strength=0.4)
    p = game.probabilities[0]
    assert (
        set(np.round(p[~np.eye(n, dtype=bool)], 12)) == {0.3, 0.7}
        and (p > 0.5).sum(axis=1).tolist() == [n // 2] * n
    )
    np.testing.assert_allclose(np.exp(solve_newton(game.replace(tau=0.05)).log_policy), 1 / n, atol=1e-13)
    assert games.rps().label_policy(games.rps().log_reference).index.tolist() == ["rock", "paper", "scissors"]
    assert games.rps().probabilities[0, 1, 0] == 1  # paper beats rock


def test_five_way_rps_is_the_one_people_play():
    p, at = games.rps(5).probabilities[0], {label: i for i, label in enumerate(games.rps(5).labels)}
    beats = {
        "rock": ("scissors", "lizard"),
        "spock": ("rock", "scissors"),
        "paper": ("rock", "spock"),
        "lizard": ("paper", "spock"),
        "scissors": ("paper", "lizard"),
    }
    assert all(p[at[winner], at[loser]] == 1 for winner, losers in beats.items() for loser in losers)


def test_tldr_is_the_table_read_column_against_row():
    game = games.tldr()
    p, at = game.probabilities[0], {label: i for i, label in enumerate(game.labels)}
    # printed in row SFT, column RLHF and in row MD1, column BR
    assert p[at["RLHF"], at["SFT"]] == pytest.approx(0.990) and p[at["BR"], at["MD1"]] == pytest.approx(0.163)
    others = np.arange(14)
    assert (p[at["MD1"], others != at["MD1"]] > 0.5).all() and (p[at["SFT"], others != at["SFT"]] < 0.5).all()
    _, printed = games.tables.read_table("tldr")
    assert np.abs(printed + printed.T - 1).max() < 1e-15  # nothing to symmetrise but the last bit
    assert strengths_and_cyclic_mass(game)[1] == pytest.approx(0.026, abs=5e-4)


def test_elections_are_the_public_counts():
    game = games.glasgow()
    at = {label: i for i, label in enumerate(game.labels)}
    p = game.probabilities[0]
    assert p[at["Dornan"], at["Flanagan"]] == pytest.approx(2992 / 5382, abs=1e-15)
    assert p[at["Flanagan"], at["Hunter"]] == pytest.approx(3654 / 7222, abs=1e-15)
    assert p[at["Hunter"], at["Dornan"]] == pytest.approx(3578 / 7135, abs=1e-15)
    game = games.minneapolis()
    at = {label: i for i, label in enumerate(game.labels)}
    p = game.probabilities[0]
    assert p[at["Worlobah"], at["Arab"]] == pytest.approx(4056 / 8093, abs=1e-15)
    assert p[at["Arab"], at["Gordon"]] == pytest.approx(4324 / 8423, abs=1e-15)
    assert p[at["Gordon"], at["Worlobah"]] == pytest.approx(3708 / 7343, abs=1e-15)
    # ballots reduced to the three: election-methods mailing list, 15 September 2022, from the city's records
    ballots = {
        "A": 1572, "AG": 775, "AGW": 133, "AW": 592, "AWG": 164,
        "G": 822, "GA": 596, "GAW": 205, "GW": 843, "GWA": 334,
        "W": 492, "WA": 750, "WAG": 338, "WG": 852, "WGA": 447,
    }  # fmt: skip
    wins = Counter()
    for ballot, votes in ballots.items():
        ranks = {c: ballot.find(c) % 4 for c in "WAG"}  # absent: -1 becomes 3, tied last
        for pair in ("WA", "AW", "AG", "GA", "GW", "WG"):
            wins[pair] += votes * (ranks[pair[0]] < ranks[pair[1]])
    _, counted = games.tables.read_table("minneapolis")
    assert counted.tolist() == [[wins[a + b] for b in "WAG"] for a in "WAG"]
    for name in ("glasgow", "minneapolis"):
        assert (lottery(games.get(name)).policy > 0).all()


def test_hard_a_and_its_other_answer():
    np.testing.assert_allclose(lottery(games.hard_a(c_beats_b=0)).probabilities[0], [0, 1, 0], atol=1e-12)
    assert games.hard_c(0.2).probabilities[0, 0, 1] == 0.6
    mu = games.hard_c(0.2).reference[0]
    np.testing.assert_allclose(mu / mu[0], [1, 1, 2 * np.exp(-2.5)], rtol=1e-12)


@pytest.mark.parametrize("n", [3, 4, 9])
def test_the_dial_runs_from_bradley_terry_to_fully_cyclic(n):
    for seed in range(5):
        first, last = games.dial(n, 0.0, seed), games.dial(n, 1.0, seed)
        logits = np.log(first.probabilities[0] / first.probabilities[0].T)
        np.testing.assert_allclose(
            logits, logits[:, :1] - logits[:, :1].T, atol=1e-12
        )  # log-odds are differences
        fitted, mass = strengths_and_cyclic_mass(last)
        assert mass == pytest.approx(1, abs=1e-12) and np.abs(fitted).max() < 1e-12
        assert np.abs(last.preference.dense()).max() == 0.5
        masses = [strengths_and_cyclic_mass(games.dial(n, d, seed))[1] for d in np.linspace(0, 1, 11)]
        assert (np.diff(masses) > 0).all() and masses[0] < 0.1
        equilibrium = np.exp(solve_newton(last.replace(tau=0.1)).log_policy)
        np.testing.assert_allclose(equilibrium, 1 / n, atol=1e-12)


def test_families():
    assert np.isin(games.sign(8, 1).probabilities[0], [0, 0.5, 1]).all()
    assert lottery(games.sign(8, 1)).unique == (True,)
    off = ~np.eye(40, dtype=bool)
    share = (games.sparse(40, 0.3, 2).probabilities[0][off] != 0.5).mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 780)  # four standard deviations of 780 draws
    upper = games.uniform(60, 3).probabilities[0][np.triu_indices(60, 1)]
    assert abs(upper.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 1770) and abs(upper.var() - 1 / 12) < 0.01
    normal = games.uniform(5, 3, normal_reference=True)
    assert np.ptp(normal.log_reference) > 0.1 and np.array_equal(
        normal.preference.dense(), games.uniform(5, 3).preference.dense()
    )
    assert np.linalg.matrix_rank(games.low_rank(30, 3).preference.dense()[0]) == 6


@pytest.mark.parametrize("name", ["uniform", "sign", "sparse", "dial", "low-rank", "annotators"])
def test_a_seed_gives_the_same_bits(name):
    one, same, other = (games.get(name, seed=s).preference.dense() for s in (4, 4, 5))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_annotators_mix_bradley_terry():
    rewards, shares = np.array([[1.0, 0.0, -0.5], [-2.0, 0.3, 0.0]]), [0.25, 0.75]
    p = games.mixture(rewards, shares).probabilities[0]
    expected = sum(w / (1 + np.exp(-(r[0] - r[2]))) for w, r in zip(shares, rewards, strict=True))
    assert p[0, 2] == pytest.approx(expected, abs=1e-15)
    for spread in (0.1, 2.0, 60.0):
        cycle = games.condorcet_annotators(spread).probabilities[0]
        assert cycle[0, 1] == pytest.approx(cycle[1, 2]) == pytest.approx(cycle[2, 0]) and cycle[0, 1] > 0.5
    assert cycle[0, 1] == pytest.approx(2 / 3, abs=1e-12)
    assert games.random_annotators(5).actions == 5
