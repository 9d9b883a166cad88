"""``--regulariser`` of ``nashsim solve`` and ``nashsim run``."""

import json

import numpy as np
import pytest

from nashsim import games, solve
from nashsim.cli import call
from tests.cli.called import spoken

WORDS = ("chi2", "mixed", "mixed:2", "forward-kl", "tsallis:1.5")


@pytest.mark.parametrize("word", WORDS)
def test_solve_and_run_say_the_same_policy(capsys, word):
    common = ("biased-rps", "--tau", "0.2", "--regulariser", word, "--json")
    solved = spoken(capsys, "solve", *common)
    ran = spoken(capsys, "run", *common, "--rule", "egpo", "--check")
    exact = solve(games.get("biased-rps").replace(tau=0.2, regulariser=word))
    assert solved["policy"] == exact.policy.to_dict() and solved["regulariser"] == word == ran["regulariser"]
    assert np.allclose(list(ran["policy"].values()), list(solved["policy"].values()), atol=1e-12)
    assert ran["duality_gap"] < 1e-20 and solved["value"] == pytest.approx(0.5)
    assert ran["cvxpy_distance"] <= ran["cvxpy_accuracy"] + 1e-9


def test_kl_is_what_it_was(capsys):
    plain = spoken(capsys, "solve", "rps", "--tau", "0.1", "--json")
    named = spoken(capsys, "solve", "rps", "--tau", "0.1", "--regulariser", "kl", "--json")
    assert {k: named[k] for k in plain} == plain and "regulariser" not in plain
    assert "regulariser" not in spoken(capsys, "run", "rps", "--json")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("solve", "rps", "--tau", "0.1", "--regulariser", "chi"), "did you mean 'chi2'"),
        (("solve", "rps", "--tau", "0.1", "--regulariser", "tsallis"), "after a colon"),
        (("run", "rps", "--rule", "self-play-pg", "--regulariser", "chi2"), "KL alone"),
    ],
)
def test_refusals_are_one_line(capsys, arguments, said):
    assert call(arguments) == 2
    out = capsys.readouterr()
    assert said in out.err and out.err.count("\n") == 1 and not out.out


def test_learners_are_charged_the_regret_of_the_regulariser(capsys):
    common = ("regret", "rps", "--learner", "minimax-self", "--rounds", "500", "--seeds", "2", "--json")
    [plain], [other] = spoken(capsys, *common), spoken(capsys, *common, "--regulariser", "mixed:2")
    assert (
        "regulariser" not in plain
        and other["regulariser"] == "mixed:2"
        and "J(q, pi_t)" in other["definition"]
    )
    assert plain["regret_mean"] != other["regret_mean"]


def test_a_reference_with_zeros_is_no_warning(capsys, tmp_path):
    (tmp_path / "ref.csv").write_text("0.5\n0.5\n0\n")
    for word in (*WORDS, "tsallis:0.5", "kl"):
        common = (
            "rps",
            "--tau",
            "0.2",
            "--regulariser",
            word,
            "--json",
            "--reference",
            str(tmp_path / "ref.csv"),
        )
        for command in (("run", "--rule", "egpo"), ("solve",), ("solutions",)):
            assert call([command[0], *common, *command[1:]]) == 0
            out = capsys.readouterr()
            assert not out.err and json.loads(out.out)
