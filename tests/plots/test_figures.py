"""The figure machinery: files, determinism, geometry."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nashsim.errors import NashsimError
from nashsim.figures import Experiment, Finding
from nashsim.plots import bands, draw_simplex, to_plane


def draw(frame):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    bands(ax, frame, color="black")
    return figure


def experiment(value=1 / 3):
    def compute(quick):
        return pd.DataFrame({"queries": [0, 0, 1, 1], "value": [1.0, 3.0, value, 0.2 if quick else 0.1]})

    return Experiment(
        "tiny",
        "A tiny figure.",
        compute,
        draw,
        lambda f: [Finding("last", f"{f.value.iloc[-1]}", "0.1", True)],
    )


def test_reproduce_writes_all_three_and_the_same_bytes_twice(tmp_path):
    for folder in ("a", "b"):
        [finding] = experiment().reproduce(tmp_path / folder)
        assert finding.measured == "0.1"
    for name in ("tiny.csv", "tiny.png", "tiny.pdf", "tiny.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_the_figure_is_drawn_from_the_csv_without_loss(tmp_path):
    seen = []
    whole = experiment()
    Experiment("tiny", "", whole.compute, lambda f: (seen.append(f), draw(f))[1], whole.findings).reproduce(
        tmp_path, quick=True
    )
    assert seen[0].value.iloc[2] == 1 / 3 and seen[0].value.iloc[3] == 0.2


def test_script(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tiny.py", "--quick", "--out", str(tmp_path)])
    experiment().main()
    assert capsys.readouterr().out == "last: 0.2 (expected 0.1): holds\n"


def test_the_full_length_has_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = replace(experiment(), compute_full=lambda: experiment(7.0).compute(False))
    whole.reproduce()
    whole.reproduce(full=True)
    for folder, third in (("figures", 1 / 3), ("figures/full", 7.0)):
        assert pd.read_csv(f"{folder}/tiny.csv").value.iloc[2] == third
    assert json.loads(Path("figures/full/tiny.json").read_text())["full"] is True
    with pytest.raises(NashsimError, match="leave --full out"):
        experiment().reproduce(full=True)
    with pytest.raises(NashsimError, match="at most one"):
        whole.reproduce(quick=True, full=True)


def test_a_script_refuses_a_full_length_it_has_not(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["tiny.py", "--full"])
    with pytest.raises(SystemExit) as stopped:
        experiment().main()
    assert stopped.value.code == 2 and "leave --full out" in capsys.readouterr().err


def test_bands_show_median_and_range():
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    bands(ax, pd.DataFrame({"queries": [1, 1, 1, 2], "value": [1.0, 2.0, 9.0, 4.0]}), color="black")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [2.0, 4.0])
    vertices = ax.collections[0].get_paths()[0].vertices
    assert vertices[:, 1].min() == 1.0 and vertices[:, 1].max() == 9.0
    plt.close(figure)


def test_simplex_corners_and_middle():
    np.testing.assert_allclose(to_plane(np.eye(3)), [[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])
    np.testing.assert_allclose(to_plane([1 / 3] * 3), [0.5, np.sqrt(3) / 6])
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    draw_simplex(ax, ["a", "b", "c"])
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]
    plt.close(figure)
