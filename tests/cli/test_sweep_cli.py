"""`nashsim sweep` as a user meets it: its table, its JSON, its files, and its one-line errors."""

import numpy as np
import pandas as pd
import pytest

from nashsim.cli import call
from nashsim.engine.sweeps.units import run_unit
from tests.cli.called import nashsim

COLUMNS = ["game", "tau", "rule", "eta", "seed", "step", "queries", "metric", "value"]


def test_sweep(capsys, tmp_path):
    arguments = ["rps", "comal", "--rule", "omd", "--rule", "egpo", "--tau", 0.2, "--tau", 0.4, "--seeds", 2]
    text = nashsim(capsys, "sweep", *arguments, "--queries", "1e3", "--out", tmp_path / "one")
    assert text.count("egpo") == 4 and "median gap" in text
    final = pd.read_csv(tmp_path / "one" / "final.csv")
    assert list(final.columns) == COLUMNS and (final["queries"] == 1000).all()
    assert len(final.groupby(["game", "tau", "rule", "eta", "seed"])) == 16
    gaps = final[final["metric"] == "duality_gap"]["value"]
    assert (gaps < 1e-12).all()
    printed = nashsim(
        capsys, "sweep", *arguments, "--queries", 1000, "--out", tmp_path / "two", "--jobs", 2, "--json"
    )
    assert len(printed["runs"]) == len(final) and list(printed["runs"][0]) == COLUMNS
    np.testing.assert_array_equal([row["value"] for row in printed["runs"]], final["value"])
    for name in ("records.csv", "final.csv", "sweep.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_sweep_resumes(capsys, tmp_path, monkeypatch):
    """An interrupted sweep goes on with what is missing, and ends with the same files."""
    arguments = ["sweep", "rps", "tldr", "--rule", "omd", "--rule", "nash-mp", "--queries", 500]
    nashsim(capsys, *arguments, "--out", tmp_path / "whole")
    begun = []

    def interrupted(unit, *rest):
        begun.append(unit.number)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return run_unit(unit, *rest)

    monkeypatch.setattr("nashsim.engine.sweeps.sweep.run_unit", interrupted)
    broken = tmp_path / "broken"
    assert call([*map(str, arguments), "--out", str(broken)]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert len(list(broken.glob("units/*.csv"))) == 2 and not (broken / "final.csv").exists()
    nashsim(capsys, *arguments, "--out", broken, "--resume")
    assert begun == [0, 1, 2, 2, 3]
    for file in (tmp_path / "whole").rglob("*.csv"):
        assert file.read_bytes() == (broken / file.relative_to(tmp_path / "whole")).read_bytes()


def test_a_reference_that_goes_with_tau_does_so(capsys, tmp_path):
    """hard-b's reference is e^{-1/(4 tau)}: a sweep over tau gives the runs of each tau."""
    out = ["--queries", 300, "--rule", "omd", "--json"]
    swept = nashsim(capsys, "sweep", "hard-b", "--tau", 0.1, "--tau", 0.2, *out, "--out", tmp_path)["runs"]
    for tau in (0.1, 0.2):
        single = nashsim(capsys, "run", "hard-b", "--tau", tau, *out)
        [gap] = [r["value"] for r in swept if r["tau"] == tau and r["metric"] == "kl_to_equilibrium"]
        assert gap == single["kl_to_equilibrium"]


def test_games_of_one_name_take_that_of_their_source(capsys, tmp_path):
    sources = ["uniform:seed=1", "uniform:seed=2"]
    rows = nashsim(capsys, "sweep", *sources, "--queries", 50, "--json", "--out", tmp_path)["runs"]
    assert list(dict.fromkeys(row["game"] for row in rows)) == sources


BAD = {
    "no source": ([], "Missing argument"),
    "twice": (["rps", "rps"], "'rps' is there more than once"),
    "rule": (["rps", "--rule", "nash-pm"], "unknown rule 'nash-pm'; did you mean 'nash-mp'"),
    "game": (["rsp"], "unknown game 'rsp'; did you mean 'rps'"),
    "tau": (["rps", "--tau", 0], "tau: the regularisation must be"),
    "eta": (["rps", "--eta", -1], "eta: the forward step must be"),
    "seeds": (["rps", "--seeds", 0], "Invalid value for '--seeds'"),
    "jobs": (["rps", "--jobs", 0], "jobs: at least 1 is needed"),
    "backend": (["rps", "--backend", "dusk"], "Invalid value for '--backend'"),
    "scheduler": (["rps", "--scheduler", "tcp://127.0.0.1:1"], "only the backends dask and ray"),
    "no cluster": (["rps", "--backend", "dask"], "name the dask cluster by --scheduler"),
    "address": (
        ["rps", "--backend", "dask", "--scheduler", "nowhere"],
        "no dask scheduler answers at 'nowhere'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(capsys, case, tmp_path, monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    arguments, message = BAD[case]
    assert message in nashsim(capsys, "sweep", *arguments, "--out", tmp_path / "out", fails=True)


def test_a_folder_is_needed_and_another_sweep_is_not_mixed_in(capsys, tmp_path):
    assert "Missing option '--out'" in nashsim(capsys, "sweep", "rps", fails=True)
    nashsim(capsys, "sweep", "rps", "--queries", 50, "--out", tmp_path)
    again = ["sweep", "rps", "--queries", 60, "--out", tmp_path, "--resume"]
    assert "belongs to a sweep with other settings" in nashsim(capsys, *again, fails=True)


def test_help_has_examples(capsys):
    text = nashsim(capsys, "sweep", "--help")
    assert "Examples: nashsim sweep" in text and "--backend dask" in " ".join(text.split())


def test_run_takes_jobs(capsys):
    one = nashsim(capsys, "run", "rps", "--queries", 100, "--json")
    assert nashsim(capsys, "run", "rps", "--queries", 100, "--jobs", 2, "--json") == one
    assert "at least one thread" in nashsim(capsys, "run", "rps", "--jobs", 0, fails=True)
