"""Battles: who won by name, score or result; ties; weights; every bad row named."""

import numpy as np
import pandas as pd
import pytest

from nashsim import NashsimError
from nashsim.data import load
from tests.data.material import write

VOTES = """,model_a,model_b,winner
0,x,y,model_a
1,y,x,model_b
2,x,y,tie
3,y,z,tie (bothbad)
4,z,x,model_a
5,z,x,model_b
"""


def test_winner_strings_are_counted_from_the_side_they_name(tmp_path):
    data = load(write(tmp_path, "votes.csv", VOTES))
    assert data.labels == ("x", "y", "z") and data.name == "votes.csv"
    assert data.wins.tolist() == [[0, 2, 1], [0, 0, 0], [1, 0, 0]]
    assert data.ties.tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    np.testing.assert_array_equal(
        data.probability, [[0.5, 2.5 / 3, 0.5], [0.5 / 3, 0.5, 0.5], [0.5, 0.5, 0.5]]
    )


def test_dropped_ties_leave_wins_over_decisions(tmp_path):
    data = load(write(tmp_path, "votes.csv", VOTES), ties="drop")
    assert data.probability[0, 1] == 1 and data.probability[0, 2] == 0.5
    assert np.isnan(data.probability[1, 2])


def test_a_tie_is_an_error_naming_the_row_if_asked(tmp_path):
    with pytest.raises(
        NashsimError, match=r"votes.csv: row 3 \(line 4\) is a tie; choose ties='half' or 'drop'"
    ):
        load(write(tmp_path, "votes.csv", VOTES), ties="error")
    with pytest.raises(NashsimError, match="unknown value of ties 'halve'; did you mean 'half'"):
        load(write(tmp_path, "votes.csv", VOTES), ties="halve")


def test_other_columns(tmp_path):
    path = write(tmp_path, "v.csv", "who,left,right\nmodel_b,x,y\nmodel_b,x,y\n")
    assert load(path, columns=("left", "right", "who")).probability[0, 1] == 0
    path = write(tmp_path, "v.csv", "winner,left,right\nmodel_b,x,y\n")
    assert load(path, columns=["left", "right"]).probability[0, 1] == 0


def test_scores_and_results_agree_with_winners(tmp_path):
    path = write(
        tmp_path, "g.csv", "home,away,s1,s2,r\nx,y,3,1.5,1\nx,y,2,2,0.5\nx,y,-1,0,0\nx,y,1e1,9,1.0\n"
    )
    columns = ("home", "away")
    by_scores, by_result = (
        load(path, columns=columns, scores=("s1", "s2")),
        load(path, columns=columns, result="r"),
    )
    for data in (by_scores, by_result):
        assert data.wins.tolist() == [[0, 2], [1, 0]] and data.ties[0, 1] == 1
        assert data.probability[0, 1] == 2.5 / 4


def test_a_row_of_weight_w_counts_as_w_battles(tmp_path):
    head = "model_a,model_b,winner,times\n"
    path = write(tmp_path, "w.csv", head + "x,y,model_a,2.5\ny,x,model_a,0.5\nx,y,tie,1\nx,y,tie,0\n")
    data = load(path, weight="times")
    assert (
        data.wins.tolist() == [[0, 2.5], [0.5, 0]]
        and data.counts[0, 1] == 4
        and data.probability[0, 1] == 0.75
    )
    path = write(tmp_path, "w.csv", head + "x,y,model_a,1\nx,y,tie,0\n")
    assert load(path, weight="times", ties="error").probability[0, 1] == 1


def test_a_name_against_itself_is_left_out_and_noted(tmp_path):
    text = "model_a,model_b,winner\nx,x,model_a\nx,y,model_a\nx,x,tie\n"
    data = load(write(tmp_path, "v.csv", text), ties="error")
    assert data.wins.tolist() == [[0, 1], [0, 0]]
    assert data.notes == ("Comparisons of a name with itself say nothing of a preference; left out: 2.",)


def test_parquet_reads_only_what_it_needs(tmp_path):
    frame = pd.DataFrame(
        {
            "model_a": ["x", "y"],
            "model_b": ["y", "x"],
            "winner": ["model_a", "tie"],
            "text": [["long"], ["text"]],
        }
    )
    frame.to_parquet(tmp_path / "votes.parquet")
    data = load(tmp_path / "votes.parquet")
    assert data.probability[0, 1] == 0.75 and data.name == "votes.parquet"
    frame.rename(columns={"model_a": "A", "model_b": "B", "winner": "W"}).to_parquet(
        tmp_path / "other.parquet"
    )
    assert load(tmp_path / "other.parquet", columns=("A", "B", "W")).probability[0, 1] == 0.75
    scored = frame.assign(s=[1, 0], t=[0, 0]).drop(columns="winner")
    scored.to_parquet(tmp_path / "scores.parquet")
    assert load(tmp_path / "scores.parquet", scores=("s", "t")).probability[0, 1] == 0.75


def test_quotes_marks_and_line_ends(tmp_path):
    text = '\ufeffmodel_a,model_b,winner\r\n"x, the first",y,model_a\r\n\r\n"two\r\nlines",y,modell_a\r\n'
    with pytest.raises(NashsimError, match=r"unknown winner 'modell_a' in row 2 \(line 4\)"):
        load(write(tmp_path, "v.csv", text))
    data = load(write(tmp_path, "v.csv", text.replace("modell", "model")))
    assert data.labels == ("x, the first", "y", "two\r\nlines")


HEAD = "model_a,model_b,winner,w,s,t,r\n"
BAD = {
    "unknown winner": (
        "x,y,model_a,1,1,0,1\nx,y,model_c,1,1,0,1",
        {},
        r"v.csv: unknown winner 'model_c' in row 2 \(line 3\); accepted are 'model_a', 'model_b', 'tie', 'tie \(both",
    ),
    "blank winner": ("x,y,,1,1,0,1", {}, r"unknown winner '' in row 1 \(line 2\)"),
    "blank name": (
        "x,,model_a,1,1,0,1",
        {},
        r"both sides need a name, found a blank one in row 1 \(line 2\)",
    ),
    "negative weight": ("x,y,tie,-1,1,0,1", {"weight": "w"}, "weight must be at least 0, found -1 in row 1"),
    "weight": (
        "x,y,tie,two,1,0,1",
        {"weight": "w"},
        r"number is needed at row 1 \(line 2\), column 'w', found 'two'",
    ),
    "score nan": ("x,y,tie,1,nan,0,1", {"scores": ("s", "t")}, "number must be finite, found 'nan' at row 1"),
    "score blank": (
        "x,y,tie,1,1,,1",
        {"scores": ("s", "t")},
        r"number is needed at row 1 \(line 2\), column 't'",
    ),
    "result": (
        "x,y,tie,1,1,0,0.7",
        {"result": "r"},
        r"must be 1, 0.5 or 0 .*found '0.7' in row 1 \(line 2\)",
    ),
    "ragged": ("x,y,tie", {}, r"row 1 \(line 2\) has 3 cells where the first row has 7"),
    "no rows": ("", {}, "at least one comparison of two names is needed, found none"),
    "only itself": ("x,x,tie,1,1,0,1", {}, "needed, found only comparisons of a name with itself"),
    "no column": ("x,y,tie,1,1,0,1", {"weight": "v"}, r"weight \(--weight\): unknown column 'v'"),
    "one score": (
        "x,y,tie,1,1,0,1",
        {"scores": ("s",)},
        r"scores \(--scores\) needs two columns A_COL,B_COL, found 1",
    ),
    "both": ("x,y,tie,1,1,0,1", {"scores": ("s", "t"), "result": "r"}, r"scores .* or result .*, not both"),
    "four": (
        "x,y,tie,1,1,0,1",
        {"columns": list("abcd")},
        r"columns \(--columns\) needs A,B,WINNER, found 4 names",
    ),
    "same": (
        "x,y,tie,1,1,0,1",
        {"columns": ("model_a",) * 3},
        "needs different columns, found model_a,model_a,model_a",
    ),
    "text": (
        "x,y,tie,1,1,0,1",
        {"columns": "a,b,w"},
        "columns: a sequence of names is needed, found 'a,b,w'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_and_options_are_named(tmp_path, case):
    body, options, message = BAD[case]
    with pytest.raises(NashsimError, match=message):
        load(write(tmp_path, "v.csv", HEAD + body + "\n"), **options)


def test_a_column_that_is_there_twice_is_ambiguous(tmp_path):
    path = write(tmp_path, "v.csv", "model_a,model_b,winner,winner\nx,y,tie,tie\n")
    with pytest.raises(NashsimError, match="the column 'winner' is there 2 times; rename one"):
        load(path)
