"""pandas frames of every shape."""

import numpy as np
import pandas as pd
import pytest

from nashsim import NashsimError
from nashsim.data import from_frame, load
from tests.data.material import CYCLE, LABELS


def test_a_square_frame_is_a_matrix_by_its_labels():
    frame = pd.DataFrame(CYCLE, index=LABELS, columns=LABELS)
    data = from_frame(frame, name="cycle")
    assert data.labels == LABELS and data.name == "cycle"
    np.testing.assert_array_equal(data.probability, CYCLE)
    shuffled = from_frame(frame[["c", "a", "b"]].astype(object))
    assert shuffled.labels == LABELS
    np.testing.assert_array_equal(shuffled.probability, CYCLE)


def test_frames_without_labels_and_with_numbers_for_labels():
    assert from_frame(pd.DataFrame(CYCLE)).labels == ("0", "1", "2")
    data = from_frame(pd.DataFrame(CYCLE, index=[7, 30, 4], columns=[7, 30, 4]))
    assert data.labels == ("7", "30", "4")
    assert from_frame(pd.DataFrame(CYCLE, columns=list("xyz"))).labels == ("x", "y", "z")


def test_missing_values_are_missing_pairs():
    p = CYCLE.copy()
    p[0, 1] = p[1, 0] = np.nan
    np.testing.assert_array_equal(from_frame(pd.DataFrame(p, LABELS, LABELS)).probability, p)
    counts = pd.DataFrame([[None, 3], [1, None]], index=["x", "y"], columns=["x", "y"])
    assert from_frame(counts, "counts").probability[0, 1] == 0.75


def test_battles_pairs_and_triples():
    votes = pd.DataFrame(
        {"model_a": ["x", "y"], "model_b": ["y", "x"], "winner": ["model_a", "tie"], "w": [1.0, 3]}
    )
    assert from_frame(votes).probability[0, 1] == 0.75
    assert from_frame(votes, weight="w").probability[0, 1] == 2.5 / 4
    assert from_frame(votes, ties="drop").probability[0, 1] == 1
    games = pd.DataFrame({"home": ["x", "y"], "away": ["y", "x"], "r": [1, 0.5]})
    assert from_frame(games, columns=["home", "away"], result="r").probability[0, 1] == 0.75
    pairs = pd.DataFrame({"loser": ["y", "y", "x"], "winner": ["x", "x", "y"]})
    assert from_frame(pairs).probability[0, 1] == 2 / 3 or from_frame(pairs).probability[1, 0] == 2 / 3
    unnamed = pd.DataFrame({"first": ["x", "x", "y"], "second": ["y", "y", "x"]})
    assert from_frame(unnamed, "pairs").probability[0, 1] == 2 / 3
    triples = pd.DataFrame({"a": ["x", "y"], "b": ["y", "z"], "p": [0.75, 0.25]}, index=["r", "s"])
    assert from_frame(triples).probability[0, 1] == 0.75
    assert from_frame(triples.assign(p=[3, 1]), "triples", unit="count").wins[0, 1] == 3


def test_rows_are_named_without_lines():
    votes = pd.DataFrame({"model_a": ["x", "y"], "model_b": ["y", "x"], "winner": ["model_a", None]})
    with pytest.raises(NashsimError, match="frame: unknown winner '' in row 2; accepted"):
        from_frame(votes)
    board = pd.DataFrame({"model": ["x", "y"], "win_rate": [0.6, 0.4], "n": [3, 4]})
    with pytest.raises(NashsimError, match="frame: scores of many labels against one baseline"):
        from_frame(board)


def test_what_is_no_frame(tmp_path):
    with pytest.raises(
        NashsimError,
        match=r"frame: a pandas DataFrame \(or .*\) is needed, found ndarray",
    ):
        from_frame(CYCLE)
    with pytest.raises(NashsimError, match=r"frame: the frame is empty, shape \(0, 2\)"):
        from_frame(pd.DataFrame({"a": [], "b": []}))
    with pytest.raises(
        NashsimError, match="format='preflib' does not fit, the content can be read as battles or"
    ):
        from_frame(pd.DataFrame(CYCLE), "preflib")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    with pytest.raises(NashsimError, match="x.parquet: cannot be read as parquet"):
        load(tmp_path / "x.parquet")


def test_a_matrix_in_parquet(tmp_path):
    pd.DataFrame(CYCLE, LABELS, LABELS).to_parquet(tmp_path / "m.parquet")
    np.testing.assert_array_equal(load(tmp_path / "m.parquet").probability, CYCLE)
