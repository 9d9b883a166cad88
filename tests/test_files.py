"""Files go out whole or not at all."""

import json

import numpy as np
import pandas as pd
import pytest

from nashsim.files import atomic_path, to_json, versions, write_frame, write_text


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "deep" / "file.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("killed")
    assert target.read_text() == "old"
    assert [p.name for p in target.parent.iterdir()] == ["file.txt"]


def test_the_file_is_readable_by_others(tmp_path):
    write_text(tmp_path / "file.txt", "x")
    assert (tmp_path / "file.txt").stat().st_mode & 0o444 == 0o444


def test_frames_keep_every_digit(tmp_path):
    values = [1 / 3, np.pi, 1e-300]
    write_frame(tmp_path / "frame.csv", pd.DataFrame({"value": values}))
    _, *lines = (tmp_path / "frame.csv").read_text().split()
    assert [float(line) for line in lines] == values  # older pandas reads some of them a digit off


def test_json_is_strict():
    value = {
        "a": np.float64(np.nan),
        "b": [np.int64(1), np.bool_(True), np.inf],
        "c": np.array([0.5]),
        3: None,
    }
    assert json.loads(to_json(value)) == {"a": None, "b": [1, True, None], "c": [0.5], "3": None}


def test_versions():
    assert {"python", "nashsim", "numpy", "cvxpy"} <= set(versions())
