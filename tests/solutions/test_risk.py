"""CVaR against its dual over every vertex of the opponents' set, and against its two ends; then the command."""

import json
from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linprog

from nashsim import NashsimError, PreferenceGame, games, lottery
from nashsim.cli import call
from nashsim.preferences import AnnotatorPreference
from nashsim.solutions import blackwell_winner, cvar, cvar_policy, cvar_users, load_utilities, solutions

from ..zoo import random_game


def vertices(weights, alpha):
    """Every vertex of {q : 0 <= q <= weights/alpha, sum q = 1}: cases filled up one after the other."""
    found = set()
    for order in permutations(range(len(weights))):
        q, left = np.zeros(len(weights)), 1.0
        for j in order:
            q[j] = min(weights[j] / alpha, left)
            left -= q[j]
        found.add(tuple(q.round(12)))
    return np.array(sorted(found))


def maximin(columns):
    """max over the simplex of min over columns c of <pi, c>."""
    n = columns.shape[1]
    found = linprog(np.r_[np.zeros(n), -1], A_ub=np.c_[-columns, np.ones(len(columns))], b_ub=np.zeros(len(columns)),
                    A_eq=[np.r_[np.ones(n), 0]], b_eq=[1], bounds=[(0, 1)] * n + [(None, None)])  # fmt: skip
    return -found.fun


def users_of(utilities):
    """P_u(y ≻ y'), shape (users, y, y'), typed out."""
    u = np.asarray(utilities)
    return 1 / (1 + np.exp(u[:, None, :] - u[:, :, None]))


@pytest.mark.parametrize("alpha", [0.15, 0.4, 0.8])
@pytest.mark.parametrize("seed", range(3))
def test_the_value_is_that_of_the_game_against_every_worst_share(seed, alpha):
    game = random_game(seed, actions=4)
    p, mu = game.probabilities[0], game.reference[0]
    found = cvar_policy(game, alpha)
    columns = vertices(mu, alpha) @ p.T
    assert found.value == pytest.approx(maximin(columns), abs=1e-9) and found.gap < 1e-9
    assert (columns @ found.probabilities).min() == pytest.approx(found.value, abs=1e-9)
    assert cvar(found.probabilities @ p, mu, alpha) == pytest.approx(found.value, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_two_ends_are_the_best_response_and_the_lottery(seed):
    game = random_game(seed, actions=4)
    p, mu = game.probabilities[0], game.reference[0]
    mean = cvar_policy(game, 1.0)
    assert mean.value == pytest.approx((p @ mu).max()) and mean.probabilities[(p @ mu).argmax()] == 1
    worst = cvar_policy(game, mu.min())
    assert worst.value == pytest.approx(0.5, abs=1e-12)
    assert np.abs(worst.probabilities - lottery(game).probabilities[0]).max() < 1e-9
    assert worst.value < cvar_policy(game, 0.5).value < mean.value  # the control: alpha counts


@pytest.mark.parametrize("seed", range(3))
def test_over_users_the_ends_are_the_lottery_and_the_worst_off(seed):
    cycle = np.array([[2.0, 1, 0, 0], [0, 2, 1, 0], [1, 0, 2, 0]])  # no response that nobody minds
    utilities, shares = cycle + np.random.default_rng(seed).normal(size=(3, 4)) / 4, np.array([0.5, 0.3, 0.2])
    wins = users_of(utilities)
    game = PreferenceGame(AnnotatorPreference(utilities, shares))
    mean = cvar_users(utilities, 1.0, shares)
    assert mean.value == pytest.approx(0.5, abs=1e-12)
    assert np.abs(mean.probabilities - lottery(game).probabilities[0]).max() < 1e-9
    worst = cvar_users(utilities, 0.2, shares)
    assert worst.value == pytest.approx(maximin(wins.swapaxes(1, 2).reshape(-1, 4)), abs=1e-9)
    between = cvar_users(utilities, 0.6, shares)
    columns = np.einsum("vu,uyz->vzy", vertices(shares, 0.6), wins).reshape(-1, 4)
    assert between.value == pytest.approx(maximin(columns), abs=1e-9)
    assert worst.value < between.value < mean.value


def test_where_several_policies_are_best_that_is_said():
    rps = games.get("rps")
    assert not cvar_policy(rps, 1.0).unique and np.allclose(cvar_policy(rps, 1.0).probabilities, 1 / 3)
    assert cvar_policy(rps, 0.5).unique
    assert "Several policies are best" in solutions(rps, 0.1, alpha=1.0).notes["cvar"]
    stack = random_game(1, actions=3, contexts=2)
    both = solutions(stack, concepts=[], alpha=0.3)
    for c in range(2):
        alone = cvar_policy(PreferenceGame(stack.probabilities[c], stack.reference[c]), 0.3)
        assert np.abs(both.probabilities["cvar"][c] - alone.probabilities).max() < 1e-9


@pytest.mark.parametrize("alpha", [0, -0.1, 1.5, float("nan"), "half"])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    for solve in (lambda: cvar_policy(games.get("rps"), alpha), lambda: cvar_users([[1.0, 0.0]], alpha)):
        with pytest.raises(NashsimError, match="alpha: a share in"):
            solve()


def test_a_game_too_large_is_refused():
    with pytest.raises(NashsimError, match="at most 500 responses"):
        cvar_policy(random_game(0, actions=501), 0.5)
    with pytest.raises(NashsimError, match="users x responses"):
        cvar_users(np.zeros((200, 100)), 0.5)


def said_by(capsys, *arguments):
    assert call(["solutions", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["solutions"]


def test_the_command_has_samples_and_risk_of_a_crowd(capsys):
    said = said_by(capsys, "condorcet-annotators", "--tau", 0.1, "--samples", 3, "--alpha", 0.5)
    for name in ("samples", "cvar", "cvar-users", "nash"):
        assert list(said[name]["policy"].values()) == pytest.approx([1 / 3] * 3, abs=1e-9)
        assert said[name]["worst_win_rate"] == pytest.approx(0.5) and said[name]["welfare"] == pytest.approx(
            1.0
        )
    assert said["samples"]["promise"] == 0.75 and said["samples"]["worst_choice_rate"] >= 0.75 - 1e-9
    # a, b, c against a by what the three users think of them beside a
    win = (1 / (1 + np.exp(-np.array([[0.0, -1, -2], [0, 2, 1], [0, -1, 1]])))).mean(axis=1)
    assert said["cvar-users"]["value"] == pytest.approx(cvar(win, [1 / 3] * 3, 0.5))
    alone = said_by(capsys, "condorcet-annotators", "--tau", 0.1, "--concept", "samples", "--samples", 2)
    assert list(alone) == ["samples"]
    plain = said_by(capsys, "condorcet-annotators", "--tau", 0.1)
    assert not {"samples", "cvar", "cvar-users", "blackwell"} & set(plain)


def test_the_command_has_the_blackwell_winner_of_two_tables(capsys, tmp_path):
    (tmp_path / "helpful.csv").write_text(",a,b\na,0.5,0.9\nb,0.1,0.5\n")
    (tmp_path / "short.csv").write_text(",b,a\nb,0.5,0.9\na,0.1,0.5\n")  # the labels in another order
    files = (tmp_path / "helpful.csv", "--criterion", tmp_path / "short.csv")
    found = said_by(capsys, *files, "--tau", 0.1)["blackwell"]
    assert list(found["policy"].values()) == pytest.approx([0.5, 0.5], abs=1e-6)
    value = -0.1 * np.log((np.exp(-3) + np.exp(-7)) / 2)
    assert found["value"] == pytest.approx(value, abs=1e-7)
    assert found["by_criterion"] == pytest.approx({"helpful.csv": value, "short.csv": value}, abs=1e-6)
    assert call(["solutions", *map(str, files), "--tau", "0.1"]) == 0
    assert "by_criterion: helpful.csv: " in " ".join(capsys.readouterr().out.split())
    twice = [games.get("comal"), games.get("comal")]
    assert (
        np.abs(blackwell_winner(twice, 0.1).by_criterion - blackwell_winner(twice[:1], 0.1).value).max()
        < 1e-7
    )


def test_a_table_of_utilities_is_a_crowd(capsys, tmp_path):
    path = tmp_path / "crowd.csv"
    path.write_text("user,share,a,b,c\nann,0.5,2,0,1\nbob,0.3,0,2,1\ncy,0.2,1,0,2\n")
    labels, known, shares = load_utilities(path)
    game = PreferenceGame(AnnotatorPreference(known, shares), labels=labels, tau=0.1)
    said = said_by(capsys, path, "--utilities", "--tau", 0.1, "--samples", 2, "--reference", "uniform")
    exact = solutions(game, samples=2).to_dict()["solutions"]
    assert said.keys() == exact.keys()
    for name, part in exact.items():
        assert said[name]["policy"] == pytest.approx(part["policy"], abs=1e-12)
        assert said[name]["welfare"] == pytest.approx(part["welfare"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rps", "--samples", "2"), "samples: a choice among k + 1 responses needs users"),
        (("condorcet-annotators", "--samples", "0"), "samples: a whole number k >= 1"),
        (("annotators:n=20", "--samples", "9"), "too many"),
        (
            ("rps", "--concept", "samples"),
            "samples: the solution 'samples' needs this argument (--samples K)",
        ),
        (("rps", "--concept", "cvar-user"), "did you mean 'cvar-users'"),
        (
            ("rps", "--reference", "{labels}"),
            "names 'x', which is no action of the game (rock, paper, scissors)",
        ),
        (("rps", "--alpha", "0"), "alpha: a share in (0, 1]"),
        (("rps", "--criterion", "comal"), "criterion: 'comal' must have the responses of SOURCE"),
        (("rps", "--criterion", "nothing.csv"), "there is no file 'nothing.csv'"),
        (("nothing.csv", "--utilities"), "nothing.csv"),
        (("{bad}", "--utilities"), "column 'b'"),
        (("{bare}", "--utilities"), "a header of labels and a row a user"),
    ],
)
def test_refusals_are_one_line(capsys, tmp_path, arguments, said):
    (tmp_path / "bad.csv").write_text("a,b\n1,x\n")
    (tmp_path / "bare.csv").write_text("1,2\n3,4\n")
    (tmp_path / "labels.csv").write_text("x,0.5\ny,0.5\n")
    files = {name: str(tmp_path / f"{name}.csv") for name in ("bad", "bare", "labels")}
    assert call(["solutions", *(one.format(**files) for one in arguments), "--tau", "0.1"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
