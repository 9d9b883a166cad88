"""Crowds: games by loops, balls by an optimiser, guarantees, clusters that were planted, and the command."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from nashsim import NashsimError
from nashsim.cli import call
from nashsim.logspace import kl
from nashsim.solutions import (
    best_in_ball,
    cluster_users,
    crowd_game,
    distortion,
    guarantee,
    solutions,
    votes_by_user,
    welfare_by_group,
)  # fmt: skip

CROWD = np.array([[1.0, 0.0, 0.3], [0.1, 1.0, 0.4], [0.0, 0.9, 0.8], [0.2, 0.1, 1.0]])


def sigma(x):
    return 1 / (1 + np.exp(-x))


def test_the_game_of_a_crowd_by_loops():
    shares, p = np.array([0.4, 0.3, 0.2, 0.1]), crowd_game(CROWD, 7.0, [0.4, 0.3, 0.2, 0.1]).probabilities[0]
    for i in range(3):
        for j in range(3):
            assert p[i, j] == pytest.approx(
                sum(w * sigma(7 * (u[i] - u[j])) for w, u in zip(shares, CROWD, strict=True))
            )


@pytest.mark.parametrize("radius", [0.0, 0.05, 0.4, 3.0])
def test_best_in_ball_is_that_of_an_optimiser(radius):
    welfare, mu = np.array([0.2, 0.9, 0.5]), np.array([0.5, 0.2, 0.3])
    found = best_in_ball(welfare, np.log(mu), radius)
    assert kl(np.log(np.maximum(found, 1e-300)), np.log(mu)) <= radius + 1e-12
    inside = {"type": "ineq", "fun": lambda p: radius - (p * np.log(np.maximum(p, 1e-300) / mu)).sum()}
    total = {"type": "eq", "fun": lambda p: p.sum() - 1}
    best = minimize(
        lambda p: -welfare @ p,
        mu,
        bounds=[(1e-12, 1)] * 3,
        constraints=[inside, total],
        options={"ftol": 1e-14},
    )
    # SLSQP steps over its constraints by 1e-7 or so
    assert welfare @ found == pytest.approx(-best.fun, abs=1e-5)


def test_guarantee_and_its_limits():
    for beta in (0.1, 1.0, 5.0, 20.0):
        assert guarantee(beta) == pytest.approx(4 * (sigma(beta) - 0.5) / beta, rel=1e-12)
    for wrong in (0, -1, np.nan, "x"):
        with pytest.raises(NashsimError, match="beta"):
            guarantee(wrong)


@pytest.mark.parametrize("beta", [1.0, 6.0, 15.0])
def test_nash_keeps_the_guarantee_in_its_ball(beta):
    found = solutions(crowd_game(CROWD, beta, tau=0.05, reference=[0.7, 0.2, 0.1]), utilities=CROWD)
    table = distortion(found)
    assert table.loc["nash", "distortion_in_ball"] <= 1 / guarantee(beta) + 1e-9
    assert (table.distortion >= 1 - 1e-12).all() and (table.distortion_in_ball >= 1 - 1e-9).all()
    groups = welfare_by_group(found, ["x", "x", "y", "y"])
    assert np.allclose(groups.mean(), table.welfare[groups.columns])


def test_what_has_no_ratio_is_refused():
    game = crowd_game(CROWD, 2.0, tau=0.1)
    with pytest.raises(NashsimError, match=">= 0"):
        distortion(solutions(game, concepts=["borda"], utilities=CROWD - 1))
    plain = solutions(game.replace(preference=game.probabilities[0]), concepts=["borda"])
    for refused in (distortion, welfare_by_group):
        with pytest.raises(NashsimError, match="utilities"):
            refused(plain)
    with pytest.raises(NashsimError, match="groups"):
        welfare_by_group(solutions(game, concepts=["borda"]), ["x"])


@pytest.fixture(scope="module")
def planted():
    """60 users of two opinions, 2:1, 60 votes each on 4 responses."""
    rng, rewards = np.random.default_rng(0), np.array([[2.0, 1, -1, -2], [-2.0, -1, 1, 2]])
    rows, wins = [], np.zeros((60, 4, 4))
    for user in range(60):
        for _ in range(60):
            i, j = rng.choice(4, 2, replace=False)
            won = rng.uniform() < sigma(rewards[user % 3 // 2][i] - rewards[user % 3 // 2][j])
            wins[user][(i, j) if won else (j, i)] += 1
            rows.append((f"u{user:02d}", "abcd"[i], "abcd"[j], "model_a" if won else "model_b"))
    return rewards, wins, pd.DataFrame(rows, columns=["judge", "model_a", "model_b", "winner"])


def test_planted_clusters_are_found(planted):
    """60 votes separate the two by a mean log-likelihood ratio above 30; rewards are within 4 standard errors."""
    rewards, wins, _ = planted
    found = cluster_users(wins, 2)
    assert list(found.of_user.values()) == [user % 3 // 2 for user in range(60)]
    assert found.shares == pytest.approx([2 / 3, 1 / 3], abs=1e-6)
    # 1200 votes a reward of curvature >= p(1-p) = .018 at margins of 4 at most, half of them smaller
    assert np.abs(found.rewards - rewards).max() < 4 / np.sqrt(600 * 0.1)
    assert found.bic < cluster_users(wins, 1).bic
    mixture = found.game(tau=0.1).probabilities[0]
    truth = sum(w * sigma(r[:, None] - r) for w, r in zip((2 / 3, 1 / 3), rewards, strict=True))
    assert np.abs(mixture - truth).max() < 0.05


def test_votes_are_read_by_user_and_the_command_tells_whom_a_solution_serves(planted, tmp_path, capsys):
    _, wins, table = planted
    users, labels, read = votes_by_user(table, "judge")
    assert labels == ("a", "b", "c", "d") and users[7] == "u07" and np.array_equal(read, wins)
    table.to_csv(tmp_path / "votes.csv", index=False)
    common = ("crowd", str(tmp_path / "votes.csv"), "--tau", "0.1")
    assert call([*common, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["users"] == 60 and said["clusters"][0]["share"] == pytest.approx(2 / 3, abs=1e-6)
    many, few = said["solutions"]["lottery"]["welfare_by_cluster"]
    assert many > 1 and few < -1 and said["cluster_of"]["u02"] == 1
    assert call([*common, "--json", "--samples", "2", "--alpha", "0.3"]) == 0
    more = json.loads(capsys.readouterr().out)["solutions"]
    assert more["samples"]["promise"] == 2 / 3 <= more["samples"]["worst_choice_rate"] + 1e-9
    assert more["cvar-users"]["welfare_by_cluster"][1] > few + 1  # the smaller cluster is the worst-off 30 %
    assert call(common) == 0 and "likes best" in capsys.readouterr().out
    wrong = (("--user", "voter"), ("--clusters", "0"), ("--tau", "0"), ("--columns", "a,b,c"))
    for more in (*wrong, ()):
        assert call([*common, *more] if more else ["crowd", "none.csv", "--tau", "0.1"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("arguments", [([[1.0]], 1), (np.zeros((2, 2, 2)) - 1, 1), (np.zeros((2, 2, 2)), 3)])
def test_bad_votes_are_refused(arguments):
    with pytest.raises(NashsimError):
        cluster_users(*arguments)
