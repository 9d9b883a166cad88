"""Every figure script runs, alone and through the command line, and its findings hold."""

import json
import subprocess
import sys

import pytest

from nashsim.cli import call
from nashsim.cli.reproducing import find_experiments, load_experiment

NAMES = (
    "actions",
    "all-rules",
    "axioms",
    "contracts",
    "convergence",
    "cyclic-mass",
    "distortion",
    "dno-pairs",
    "llm-gap",
    "llm-length",
    "llm-mixture",
    "llm-rare",
    "llm-simplex",
    "llm-styled",
    "llm-unstable",
    "noise",
    "offline",
    "original",
    "policy-gradient",
    "rate-tau",
    "regularisers",
    "regret-ablation",
    "regret-actions",
    "regret-bandits",
    "regret-cost",
    "regret-growth",
    "regret-guess",
    "regret-log",
    "regret-regularisers",
    "regret-rewards",
    "regret-rounds",
    "regret-tau",
    "response-times",
    "reward",
    "simplex",
    "smollm",
    "solutions",
    "threshold",
)

#: Their short runs take 11 to 17 seconds of a core each: a third of the time of all.
DEAR = ("llm-simplex", "llm-styled", "regret-bandits", "regret-log", "regret-rewards", "regret-tau")
CHEAP = tuple(name for name in NAMES if name not in DEAR)


def test_all_figures_are_found_under_their_names():
    found = find_experiments()
    assert set(found) == set(NAMES)
    for name, path in found.items():
        assert load_experiment(path).name == name


def test_figures_of_language_models_are_skipped_where_the_extra_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("nashsim.cli.reproducing._has_llm_extra", lambda: False)
    assert call(["reproduce", "llm-gap", "--quick", "--out", str(tmp_path)]) == 0
    assert "llm-gap: skipped" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_full_length_is_refused_where_it_is_drawn_anyway(tmp_path, capsys):
    for arguments, says in (
        (["simplex", "--full"], "simplex"),
        (["regret-tau", "--full", "--quick"], "at most"),
    ):
        assert call(["reproduce", *arguments, "--out", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("figures")
    assert call(["reproduce", *CHEAP, "--quick", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def dear(tmp_path_factory):
    out = tmp_path_factory.mktemp("dear")
    assert call(["reproduce", *DEAR, "--quick", "--out", str(out)]) == 0
    return out


def _check_figure(drawn, name):
    for suffix in (".png", ".pdf", ".csv"):
        assert (drawn / f"{name}{suffix}").stat().st_size > 500
    findings = json.loads((drawn / f"{name}.json").read_text())["findings"]
    assert findings
    for finding in findings:
        assert finding["holds"], finding


def _check_witness(drawn, names):
    import pandas as pd

    for name in names:
        frame = pd.read_csv(drawn / f"{name}.csv")
        distances = frame[frame.metric == "cvxpy_distance"].value
        assert len(distances) and distances.notna().all(), name


@pytest.mark.parametrize("name", CHEAP)
def test_figure(drawn, name):
    _check_figure(drawn, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEAR)
def test_dear_figure(dear, name):
    _check_figure(dear, name)
    _check_witness(dear, [name])


def test_every_curve_was_held_against_cvxpy(drawn):
    # Mixtures are held against their own enumeration, and of real text no equilibrium is known.
    _check_witness(drawn, set(CHEAP) - {"llm-mixture", "smollm"})


def test_a_script_runs_alone(tmp_path):
    path = find_experiments()["simplex"]
    done = subprocess.run(
        [sys.executable, path, "--quick", "--out", tmp_path], capture_output=True, text=True, check=True
    )
    assert "holds" in done.stdout and (tmp_path / "simplex.pdf").exists()


def test_the_same_files_for_any_number_of_jobs(drawn, tmp_path):
    """Those that were drawn two at once, and the same one after the other."""
    words = ["reproduce", "simplex", "reward", "--quick", "--out", str(tmp_path), "--jobs", "1", "--json"]
    assert call(words) == 0
    for name in ("simplex.csv", "simplex.png", "reward.csv", "reward.png"):
        assert (tmp_path / name).read_bytes() == (drawn / name).read_bytes()
