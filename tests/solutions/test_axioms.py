"""Axioms by search: textbook answers, counterexamples measured again from their JSON, refusals."""

import json

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.cli import call
from nashsim.solutions import AXIOMS, CONCEPTS, axioms, solutions


@pytest.fixture(scope="module")
def found():
    return axioms(["lottery", "nash", "rlhf", "borda", "copeland", "minimax"], evaluations=30)


# Fishburn 1984; Brandt, Handbook of Computational Social Choice, 2016 [recalled]; monotonicity of scores [derived]
OBEYED = {
    "lottery": ("condorcet", "condorcet-mode", "smith", "clones", "pareto", "pareto-order"),
    "borda": ("monotonicity", "pareto", "pareto-order"),
    "copeland": ("condorcet", "condorcet-mode", "smith", "monotonicity", "pareto-order"),
    "minimax": ("condorcet", "condorcet-mode", "monotonicity"),
}
BROKEN = {
    "lottery": ("monotonicity",),
    "borda": ("condorcet", "condorcet-mode", "smith", "clones"),
    "copeland": ("clones",),
    "minimax": ("smith",),
    "nash": ("condorcet", "smith", "pareto"),
    "rlhf": ("condorcet", "condorcet-mode", "smith", "strategy-proofness"),
}


def test_what_the_textbooks_say(found):
    assert all(found.holds(axiom, name) for name, obeyed in OBEYED.items() for axiom in obeyed)
    assert not any(found.holds(axiom, name) for name, broken in BROKEN.items() for axiom in broken)


def test_counterexamples_can_be_measured_again(found):
    """From the JSON alone, by loops: the policies of both games, and the axiom in its own words."""
    said = json.loads(json.dumps(found.to_dict()))

    def policy(name, game):
        again = PreferenceGame(np.array(game["preference"]), reference=game["reference"], tau=said["tau"])
        return solutions(again, concepts=[name]).probabilities[name][0]

    for name, by_axiom in said["solutions"].items():
        for axiom in ("condorcet", "clones", "monotonicity"):
            one = by_axiom[axiom]
            if not one["counterexample_found"]:
                continue
            before, p = policy(name, one["game"]), np.array(one["game"]["preference"])
            if axiom == "condorcet":
                assert (p[0, 1:] > 0.5).all() and 1 - before[0] == pytest.approx(one["violation"], abs=1e-9)
                continue
            after, q = policy(name, one["changed"]), np.array(one["changed"]["preference"])
            if axiom == "clones":
                y = next(k for k in range(len(p)) if np.array_equal(np.delete(q[-1], -1), p[k]))
                after = np.append(after[:-1], 0)[: len(p)] + np.eye(len(p))[y] * after[-1]
                assert np.abs(after - before).sum() / 2 == pytest.approx(one["violation"], abs=1e-9)
            else:
                ((y, z),) = [(i, j) for i, j in np.argwhere(q != p) if q[i, j] > p[i, j]]
                assert np.argwhere(q != p).tolist() == sorted([[y, z], [z, y]])
                assert before[y] - after[y] == pytest.approx(one["violation"], abs=1e-9)


def test_smaller_tau_brings_nash_nearer_to_the_axioms_of_the_lottery():
    for name in ("smith", "pareto"):
        sizes = [
            axioms(["nash"], [name], tau=tau, evaluations=20).worst[name, "nash"].size for tau in (1.0, 0.01)
        ]
        assert sizes[1] < sizes[0]


def test_everything_has_a_line_and_the_same_seed_the_same_table():
    one, other = (axioms(evaluations=2, seed=3) for _ in range(2))
    assert one.to_dict() == other.to_dict()
    assert one.violations.shape == (len(CONCEPTS), len(AXIOMS)) and one.violations.min(axis=None) >= 0
    assert "lottery" in one._repr_html_()


def test_the_command_prints_the_table_and_refuses_in_a_line(capsys):
    common = ("axioms", "--evaluations", "5", "--concept", "borda", "--axiom", "smith")
    assert call([*common, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert set(said["solutions"]) == {"borda"} and set(said["axioms"]) == {"smith"}
    assert call(common) == 0 and "borda" in capsys.readouterr().out
    for wrong in (("--tau", "0"), ("--evaluations", "0"), ("--concept", "bord"), ("--axiom", "smit")):
        assert call(["axioms", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [{"tau": -1}, {"evaluations": 1.5}, {"names": ["x"]}, {"solutions": ["x"]}]
)
def test_wrong_arguments_are_named(arguments):
    with pytest.raises(NashsimError):
        axioms(**arguments)
