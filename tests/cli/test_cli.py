"""The command line as a user meets it: in process, with its exit status, stdout and stderr."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from nashsim.cli import call
from nashsim.rules import RULES

SOLVE_KEYS = {
    "game",
    "labels",
    "tau",
    "method",
    "policy",
    "residual",
    "duality_gap",
    "value",
    "unique",
    "status",
}
RUN_KEYS = {
    "game",
    "rule",
    "tau",
    "eta",
    "queries",
    "policy",
    "duality_gap",
    "kl_to_equilibrium",
    "exploitability",
    "status",
}
INSPECT_KEYS = {
    "n", "labels", "observed_pairs", "pairs", "coverage", "asymmetry", "condorcet_winner", "smith_set", 
    "cyclic_triples", "cyclic_mass", "cyclic_mass_weighted", "lottery", "lottery_unique",
}  # fmt: skip


@pytest.fixture
def nashsim(capsys):
    """Call the command line; return its stdout (parsed where it is JSON), or its error line with ``fails``."""

    def run(*arguments, fails=False):
        status = call([str(a) for a in arguments])
        out, err = capsys.readouterr()
        if fails:
            assert status == 2 and out == ""
            assert err.startswith("nashsim: ") and err.count("\n") == 1 and "Traceback" not in err
            return err
        assert status == 0, err
        return json.loads(out) if "--json" in arguments else out

    return run


def test_games_lists_known_answers(nashsim):
    listed = {game["name"]: game for game in nashsim("games", "--json")}
    assert {"rps", "tldr", "hard-a", "hard-b"} <= set(listed)
    text = nashsim("games")
    assert "tldr" in text and "4/11" in text


def test_formats_lists_examples_that_run(nashsim, tmp_path):
    listed = nashsim("formats", "--json")
    assert set(listed) >= {"battles", "wins", "matrix", "preflib", "rankings"}
    text = nashsim("formats")
    assert all(f"{name}: " in text for name in listed)
    assert "nashsim inspect FILE --columns p,q --wins for,against" in text
    assert "nashsim inspect FILE --range -3 3" in text
    file = _write(tmp_path, listed["wins"]["examples"][1]["text"], "w.csv")
    assert nashsim("inspect", file, "--columns", "p,q", "--wins", "for,against", "--json")["n"] == 3


def test_solve_explains_how_a_file_was_read(nashsim, tmp_path):
    file = _write(tmp_path, "# source\nwinner;loser;draw;score\na;b;0;3\nb;a;1;2\n", "p.csv")
    found = nashsim("solve", file, "--method", "lottery", "--json")
    assert found["reading"].startswith(
        "pairs (winner, loser a line): the header names winner and loser; utf-8 text"
    )
    assert "separated by semicolons" in found["reading"] and "1 comment lines" in found["reading"]
    assert "not used: score" in found["notes"] and "half a win for each side: 1 of them" in found["notes"]
    text = nashsim("solve", file, "--method", "lottery")
    assert "reading" not in text and "notes" in text
    assert "reading" in nashsim("solve", file, "--method", "lottery", "--explain")
    assert nashsim("inspect", file, "--json")["reading"] == found["reading"]
    assert "semicolons" in nashsim("inspect", file)
    board = '[{"model_a": "x", "model_b": "y", "winner": "tie"}]'
    assert nashsim("inspect", _write(tmp_path, board, "arena.json"), "--json")["labels"] == ["x", "y"]
    assert nashsim(
        "inspect", file, "--header", "yes", "--separator", ";", "--encoding", "utf-8", "--decimal", "."
    )


def test_rules_lists_all(nashsim):
    assert [rule["name"] for rule in nashsim("rules", "--json")] == [rule.name for rule in RULES]
    text = nashsim("rules")
    assert all(rule.name in text for rule in RULES) and "eta_I" in text


@pytest.mark.parametrize("method", ["newton", "cvxpy"])
def test_solve(nashsim, method):
    found = nashsim("solve", "comal", "--tau", 0.1, "--method", method, "--json")
    assert set(found) == SOLVE_KEYS and found["tau"] == 0.1 and found["method"] == method
    assert sum(found["policy"].values()) == pytest.approx(1) and found["unique"] is True
    assert found["residual"] < (1e-13 if method == "newton" else 1e-6)
    assert found["value"] == pytest.approx(0.5)


def test_solve_lottery_needs_no_tau(nashsim):
    found = nashsim("solve", "comal", "--method", "lottery", "--json")
    assert found["tau"] is None and found["unique"] is True
    np.testing.assert_allclose(list(found["policy"].values()), [4 / 11, 3 / 11, 4 / 11], atol=1e-12)
    assert nashsim("solve", "rps", "--method", "lottery")


def test_solve_for_people(nashsim):
    text = nashsim("solve", "rps", "--tau", 0.1)
    assert "rock" in text and "0.333333" in text and "residual" in text


def test_hard_b_takes_its_reference_from_tau(nashsim):
    """mu(c) = e^{-a/tau} with a = 1/4: the regularised policy differs with tau through the reference too."""
    found = nashsim("solve", "hard-b", "--tau", 0.05, "--json")
    c = np.exp(-0.25 / 0.05)
    policy = found["policy"]
    ratio = np.log(policy["c"] / policy["b"]) - np.log(c / (1 - c))
    # log-odds of pi over mu are (P c - P b)/tau = 1/(2 tau) for P(c > b) = 1
    assert ratio == pytest.approx(0.5 / 0.05)


def test_reference_files(nashsim, tmp_path):
    expected = nashsim(
        "solve", "rps", "--tau", 0.3, "--reference", _write(tmp_path, "0.5,0.3,0.2"), "--json"
    )["policy"]
    for text in ("0.5\n0.3\n0.2\n", "0.5 0.3 0.2", "scissors,0.2\nrock,0.5\npaper,0.3", "rock,paper,scissors\n.5,.3,.2",
                 "label,probability\nrock,0.5\npaper,0.3\nscissors,0.2",
                 "# mu\nrock\t0.5\npaper\t0.3\nscissors\t0.2"):  # fmt: skip
        again = nashsim("solve", "rps", "--tau", 0.3, "--reference", _write(tmp_path, text), "--json")[
            "policy"
        ]
        assert again == expected, text
    assert nashsim("solve", "rps", "--tau", 0.3, "--reference", "uniform", "--json")["policy"][
        "rock"
    ] == pytest.approx(1 / 3)
    zero = nashsim("solve", "rps", "--tau", 0.3, "--reference", _write(tmp_path, "0.5 0.5 0"), "--json")
    assert zero["policy"]["scissors"] == 0 and "scissors" in zero["status"]


def _write(folder, text, name="reference.txt"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_run(nashsim, rule):
    found = nashsim(
        "run",
        "rps:strength=0.8",
        "--rule",
        rule,
        "--tau",
        0.2,
        "--queries",
        "2e3",
        "--start",
        "random",
        "--json",
    )
    assert set(found) == RUN_KEYS and found["rule"] == rule and found["queries"] == 2000
    assert found["kl_to_equilibrium"] < 1e-3 or rule not in CONVERGENT
    assert found["exploitability"] == pytest.approx(found["duality_gap"] / 2)
    assert (found["eta"] is None) == (rule in ("nash-md", "inpo"))


def test_run_with_a_forward_step_and_a_check(nashsim):
    found = nashsim("run", "tldr", "--rule", "inpo", "--tau", 0.2, "--eta", 0.25, "--check", "--json")
    assert found["eta"] == 0.25
    assert found["cvxpy_distance"] <= found["cvxpy_accuracy"] + 1e-9


def test_run_for_people_with_defaults(nashsim):
    text = nashsim("run", "rps")
    assert "converged" in text and "nash-mp" in text


def test_run_leaves_its_records(nashsim, tmp_path):
    import pandas as pd

    nashsim("run", "rps", "--queries", 100, "--out", tmp_path / "out")
    records = pd.read_csv(tmp_path / "out" / "records.csv")
    assert list(records.columns) == ["game", "rule", "seed", "step", "queries", "metric", "value"]
    policy = pd.read_csv(tmp_path / "out" / "policy.csv")
    assert list(policy.columns) == ["action", "probability"] and len(policy) == 3
    assert not (tmp_path / "out" / "checkpoint").exists()
    saved = json.loads((tmp_path / "out" / "run.json").read_text())
    assert set(saved) >= RUN_KEYS and {"source", "seed", "versions", "rule"} <= set(saved["configuration"])


def test_seed_draws_random_games(nashsim):
    one, other, again = (
        nashsim("run", "uniform", "--seed", s, "--queries", 100, "--json")["policy"] for s in (1, 2, 1)
    )
    assert one == again != other


def test_step_outside_its_condition_warns_and_runs(nashsim, capsys):
    status = call(["run", "rps", "--rule", "omd", "--tau", "0.1", "--eta", "4", "--queries", "100", "--json"])
    out, err = capsys.readouterr()
    assert status == 0 and json.loads(out)["eta"] == 4
    assert (
        err.startswith("warning: omd: eta = 4 is outside the condition eta <= 4 tau/(1 + 4 tau^2)")
        and err.count("\n") == 1
    )


def test_inspect(nashsim):
    found = nashsim("inspect", "tldr", "--json")
    assert set(found) >= INSPECT_KEYS
    assert (
        found["condorcet_winner"] == "MD1" and found["smith_set"] == ["MD1"] and found["lottery"]["MD1"] == 1
    )
    assert found["cyclic_mass"] == pytest.approx(0.026, abs=5e-4)
    text = nashsim("inspect", "rps")
    assert "smith set" in text and "rock, paper, scissors" in text


def test_inspect_a_file(nashsim, tmp_path):
    battles = _write(
        tmp_path, "model_a,model_b,winner\nx,y,model_a\ny,z,model_a\nz,x,tie\nx,y,model_b\n", "b.csv"
    )
    found = nashsim("inspect", battles, "--json")
    assert found["n"] == 3 and found["observed_pairs"] == found["pairs"] == 3 and found["coverage"] == 1
    text = nashsim("inspect", battles)
    assert "interval" in text and "cyclic mass" in text and "[" in text


CONVERGENT = {rule.name for rule in RULES if rule.target == "duality_gap" and rule.theorems}


def test_resume_goes_on_with_a_killed_run(nashsim, tmp_path, monkeypatch):
    whole = nashsim("run", "tldr", "--queries", 1000, "--out", tmp_path / "whole", "--json")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("nashsim.cli.running.save_run", killed)
        assert call(["run", "tldr", "--queries", "1000", "--out", str(tmp_path / "broken")]) == 130
    assert list((tmp_path / "broken" / "checkpoint").iterdir())
    again = nashsim("run", "tldr", "--queries", 1000, "--out", tmp_path / "broken", "--resume", "--json")
    assert again == whole
    assert (tmp_path / "whole" / "records.csv").read_bytes() == (
        tmp_path / "broken" / "records.csv"
    ).read_bytes()
    assert "--out DIR" in nashsim("run", "tldr", "--resume", fails=True)


BAD = {
    "unknown game": (["solve", "rsp", "--tau", 1], "unknown game 'rsp'; did you mean 'rps'"),
    "missing file": (["solve", "no/such.csv", "--tau", 1], "there is no file 'no/such.csv'"),
    "unknown rule": (["run", "rps", "--rule", "nash-pm"], "unknown rule 'nash-pm'; did you mean 'nash-mp'"),
    "no tau": (["solve", "rps"], "needs --tau T"),
    "tau zero": (
        ["solve", "rps", "--tau", 0],
        "tau: the regularisation must be a finite number > 0, found 0",
    ),
    "tau negative": (["run", "rps", "--tau", -1], "tau: the regularisation"),
    "tau nan": (["run", "rps", "--tau", "nan"], "tau: the regularisation"),
    "tau text": (["solve", "rps", "--tau", "small"], "Invalid value for '--tau'"),
    "eta": (["run", "rps", "--eta", -1], "eta: the forward step must be"),
    "queries": (["run", "rps", "--queries", "many"], "a whole number such as 10000 or 1e4"),
    "few queries": (["run", "rps", "--queries", 1], "one iteration of 'nash-mp' asks 2"),
    "unknown option": (["run", "rps", "--speed", 1], "--speed"),
    "unknown command": (["solv", "rps"], "Did you mean 'solve'"),
    "unknown method": (["solve", "rps", "--tau", 1, "--method", "lp"], "--method"),
    "no reference file": (["solve", "rps", "--tau", 1, "--reference", "none.txt"], "none.txt"),
    "a folder": (["inspect", "."], "directory"),
    "parameter": (["solve", "rps:m=3", "--tau", 1], "m"),
    "columns": (["inspect", "b.csv", "--columns", "a,,b"], "names separated by commas"),
    "figure": (["reproduce", "convergense"], "unknown figure 'convergense'; did you mean 'convergence'"),
    "benchmark": (["bench", "exakt"], "unknown benchmark 'exakt'; did you mean 'exact'"),
    "jobs": (["reproduce", "--jobs", 0], "jobs: at least 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(nashsim, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _write(tmp_path, "model_a,model_b,winner\nx,y,model_a\n", "b.csv")
    arguments, message = BAD[case]
    assert message in nashsim(*arguments, fails=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5 0.5 -0.1", "every entry must be a probability >= 0, found -0.1"),
        ("0.5 0.5", "3 probabilities are needed, one an action, found 2"),
        ("0.5 0.5 x", "3 probabilities are needed"),
        ("0.5 0.5 0.5", "must sum to 1, found a sum of 1.5"),
        ("", "is empty"),
        ("rock,0.5\npaper,0.5", "gives no probability for the action 'scissors'"),
        ("rock,0.5\npaper,0.3\nscissors,0.1\nlizard,0.1", "names 'lizard', which is no action"),
        ("1,2,3\n4,5,6\n7,8,9", "one row or one column"),
        ("1,2\n4,5,6", "one row or one column"),
    ],
)
def test_bad_reference_files(nashsim, tmp_path, text, message):
    assert message in nashsim("solve", "rps", "--tau", 1, "--reference", _write(tmp_path, text), fails=True)


def test_help_has_examples(capsys):
    for command in ("games", "rules", "inspect", "solve", "run", "reproduce", "bench"):
        assert call([command, "--help"]) == 0
        assert "Example" in capsys.readouterr().out
    assert call([]) == 0 and "Commands:" in capsys.readouterr().out
    assert call(["--version"]) == 0 and capsys.readouterr().out.startswith("nashsim ")


def test_bench_lists_runs_and_tells_what_was_reached(nashsim, tmp_path, monkeypatch):
    assert "exact" in nashsim("bench", "--list").split()
    assert nashsim("bench", "--list", "--json") == sorted(nashsim("bench", "--list", "--json"))
    script = tmp_path / "bench_made_up.py"
    finding = "{'finding': 'a work', 'measured': '2x', 'expected': '≥ 3x', 'holds': False}"
    script.write_text(
        "import json, os, sys; from pathlib import Path; assert os.environ['OPENBLAS_NUM_THREADS'] == '1'\n"
        "out = Path(sys.argv[sys.argv.index('--out') + 1])\n"
        f"(out / 'bench-made-up.json').write_text(json.dumps({{'findings': [{finding}]}}))\n"
    )
    monkeypatch.setattr("nashsim.cli.benchmarking.experiments_folder", lambda: tmp_path)
    (row,) = nashsim("bench", "made-up", "--out", tmp_path, "--json")
    assert row == {
        "benchmark": "made-up",
        "work": "a work",
        "measured": "2x",
        "target": "≥ 3x",
        "reached": False,
    }
    text = nashsim("bench", "--out", tmp_path)
    assert "a work" in text and "NO" in text
    script.write_text("raise RuntimeError('no such peer')")
    assert "bench_made_up.py ended with status 1: RuntimeError: no such peer" in nashsim(
        "bench", "--out", tmp_path, "--json", fails=True
    )


def test_interrupt_and_closed_pipe(monkeypatch, capsys):
    def broken(error):
        def raising(*_, **__):
            raise error

        return raising

    monkeypatch.setattr("nashsim.cli.app.print_json", broken(KeyboardInterrupt()))
    assert call(["rules", "--json"]) == 130 and "interrupted" in capsys.readouterr().err


def test_light_imports_and_start():
    """`import nashsim` and `nashsim --help` load none of the heavy packages, and are quick."""
    heavy = "{'numba', 'cvxpy', 'matplotlib', 'pandas', 'scipy'} & set(sys.modules)"
    check = f"assert not {heavy}, {heavy}"
    script = f"import sys, nashsim; {check}; from nashsim.cli import call; call(['--help']); {check}"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    for command, limit in (("import nashsim", 0.3), ("from nashsim.cli import main; main(['--help'])", 0.5)):
        times = []
        for _ in range(5):
            began = sum(os.times()[2:4])
            subprocess.run([sys.executable, "-c", command], check=True, capture_output=True)
            times.append(sum(os.times()[2:4]) - began)
        # processor time, the least of five: the limits are for the program, not for what else the machine does
        assert min(times) < limit, (command, times)


def test_solve_shows_that_it_is_at_work_where_somebody_reads(monkeypatch, capsys):
    shown = []

    @contextmanager
    def waiting(text):
        shown.append(text)
        yield

    monkeypatch.setattr("nashsim.cli.app.waiting", waiting)
    assert call(["solve", "rps", "--tau", "0.1", "--json"]) == 0 and not shown
    assert call(["solve", "rps", "--tau", "0.1"]) == 0 and shown == ["solving rps"]


def test_a_run_loads_what_it_needs_and_collects_no_garbage_meanwhile():
    script = """
import gc, sys
from nashsim.cli import main
passes = []
gc.callbacks.append(lambda phase, info: passes.append(phase))
usual = gc.get_threshold()
sys.argv = ["nashsim", "run", "rps", "--json"]
try:
    main()
except SystemExit as end:
    assert not end.code and not passes
unused = {"scipy.linalg", "numpy.f2py", "pandas", "matplotlib", "rich", "cvxpy", "torch"} & set(sys.modules)
assert not unused, unused
gc.collect()
assert gc.get_threshold() == usual and gc.get_freeze_count() > 100_000  # nor at the end

import numba, numpy as np
dot = numba.njit(lambda a, b: np.dot(a, b))
assert dot(np.arange(3.0), np.ones(3)) == 3.0  # and numba finds its BLAS when there is a use for it
assert "scipy.linalg.cython_blas" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_one_rule_and_one_learner_by_name(nashsim):
    [rule] = nashsim("rules", "egpo", "--json")
    assert rule["name"] == "egpo" and "egpo" in nashsim("rules", "egpo")
    [learner] = nashsim("learners", "rucb", "--json")
    assert learner["name"] == "rucb"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rules", "inpo-online"), "use it by `nashsim regret SOURCE --learner inpo-online`, or the rule 'inpo'"),
        (("learners", "inpo"), "is a rule; use it by `nashsim run SOURCE --rule inpo`, or the learner 'inpo-online'"),
        (("regret", "rps", "--learner", "inpo"), "or the learner 'inpo-online'"),
        (("run", "rps", "--rule", "enpo"), "is a learner; use it by `nashsim regret SOURCE --learner enpo`"),
        (("sweep", "rps", "--rule", "rucb", "--out", "x"), "is a learner"),
        (("rules", "nash-pro"), "did you mean 'nash-prox'"),
    ],
)  # fmt: skip
def test_a_rule_asked_for_as_a_learner_is_told_apart(nashsim, arguments, said):
    assert said in nashsim(*arguments, fails=True)


def test_figures_are_listed_without_drawing(nashsim):
    from nashsim.cli.reproducing import find_experiments

    listed = nashsim("reproduce", "--list", "--json")
    assert [row["figure"] for row in listed] == list(find_experiments())
    assert all(row["title"] for row in listed)


def test_short_help_module_and_completion():
    def told(*command, **environment):
        found = subprocess.run(
            [sys.executable, "-m", *command],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    assert told("nashsim", "-h") == told("nashsim", "--help")
    assert "Examples" in told("nashsim", "solve", "-h")
    asked = {
        "_NASHSIM_COMPLETE": "complete_bash",
        "COMP_WORDS": "nashsim run rps --rule nash-mp",
        "COMP_CWORD": "4",
    }
    assert told("nashsim", **asked).split() == ["nash-mp", "nash-mp-sgd"]
    asked |= {"COMP_WORDS": "nashsim solve tl", "COMP_CWORD": "2"}
    assert told("nashsim", **asked).split() == ["tldr"]
