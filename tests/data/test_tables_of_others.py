"""Tables as other people write them, each with its right value or the refusal that names the way."""

import bz2
import gzip
import io
import lzma
import sqlite3
import sys
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from nashsim import NashsimError, solve
from nashsim.data import from_frame, load
from nashsim.inspection import inspect
from tests.data.material import write

NAN = np.nan


def lottery(data, **playing):
    return solve(data.game(**playing), method="lottery").to_series()


def wins_of(data, order):
    """Wins and ties with the labels in a given order."""
    at = [data.labels.index(label) for label in order]
    return data.wins[np.ix_(at, at)].tolist(), data.ties[np.ix_(at, at)].tolist()


COUNTS = ",101,205,307\n101,,3,4\n205,5,,2\n307,1,6,\n"
CASES = {
    "ids and a blank diagonal": (
        COUNTS,
        {"unit": "count"},
        {"101": 10 / 27, "205": 12 / 27, "307": 5 / 27},
    ),
    "years": (
        COUNTS.replace("101", "2019").replace("205", "2020").replace("307", "2021"),
        {"unit": "count"},
        {"2019": 10 / 27, "2020": 12 / 27, "2021": 5 / 27},
    ),
    "ids and dashes": (
        "id,101,205,307\n101,-,3,4\n205,5,-,2\n307,1,6,-\n",
        {"unit": "count"},
        {"101": 10 / 27, "205": 12 / 27, "307": 5 / 27},
    ),
    "floats for ids": (
        ",1.0,2.0,3.0\n1,,3,4\n2,5,,2\n3,1,6,\n",
        {"unit": "count"},
        {"1": 10 / 27, "2": 12 / 27, "3": 5 / 27},
    ),
    "chosen and rejected": (
        "chosen,rejected\na,b\nb,c\nc,a\na,b\n",
        {},
        {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3},
    ),
    "JSON lines of pairs": (
        '{"winner": "gpt-4o", "loser": "claude"}\n{"winner": "claude", "loser": "llama"}\n'
        '{"winner": "llama", "loser": "gpt-4o"}\n',
        {},
        {"gpt-4o": 1 / 3, "claude": 1 / 3, "llama": 1 / 3},
    ),
    "names that begin with a hash": (
        "model_a,model_b,winner\n" + "#zen,bard,model_a\n" * 3
        + "bard,#zen,model_a\nbard,coda,model_a\ncoda,#zen,model_a\n",
        {},
        {"#zen": 0.4, "bard": 0.4, "coda": 0.2},
    ),
    "a column of ties": (
        "winner,loser,draw\na,b,0\nb,c,0\nc,a,0\na,b,1\nb,c,1\n",
        {},
        {"a": 0.25, "b": 0.5, "c": 0.25},
    ),
    "ties beside ids, names and scores": (
        "gameid,tourneyid,tie,winnerid,winnername,winnerscore,loserid,losername,loserscore\n"
        "1,1,False,268,Ann,400,429,Bo,350\n2,1,True,268,Ann,390,429,Bo,390\n3,1,False,429,Bo,410,977,Cy,300\n"
        "4,1,True,429,Bo,333,977,Cy,333\n5,1,False,977,Cy,420,268,Ann,380\n",
        {},
        {"Ann": 0.25, "Bo": 0.5, "Cy": 0.25},
    ),
    "weights beyond 2^63": (
        "# ALTERNATIVE NAME 1: A\n# ALTERNATIVE NAME 2: B\n# ALTERNATIVE NAME 3: C\n12500000000000000000: 1,2,3\n"
        "9800000000000000000: 2,3,1\n7100000000000000000: 3,1,2\n",
        {},
        {"A": 152 / 294, "B": 44 / 294, "C": 98 / 294},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_cases_with_a_known_lottery(tmp_path, case):
    text, options, expected = CASES[case]
    found = lottery(load(write(tmp_path, "f.csv", text), **options))
    assert found.to_dict() == pytest.approx(expected, abs=1e-12)


def test_huge_weights_are_inspected_too(tmp_path):
    found = inspect(load(write(tmp_path, "wei.soc", CASES["weights beyond 2^63"][0])), bootstrap=5)
    assert found.lottery["A"] == pytest.approx(152 / 294) and found.intervals["cyclic_triples"] == [1, 1]


def test_ties_are_counted_and_what_was_not_used_is_named(tmp_path):
    text = CASES["ties beside ids, names and scores"][0]
    data = load(write(tmp_path, "g.csv", text), "pairs", columns=("winnername", "losername"))
    assert data.notes[0].endswith("not used: winnerscore, loserscore.")
    assert data.notes[1] == "Tied comparisons count as half a win for each side: 2 of them."
    assert load(write(tmp_path, "g.csv", text), ties="drop").wins.sum() == 3
    with pytest.raises(NashsimError, match=r"row 2 \(line 3\) is a tie"):
        load(write(tmp_path, "g.csv", text), ties="error")


SEASON = (
    "home,away,home_wins,away_wins\nAsh,Birch,7,3\nBirch,Cedar,8,2\nCedar,Ash,6,4\nBirch,Ash,1,9\nCedar,Birch,4,6\n"
    "Ash,Cedar,9,1\n"
)


def test_rows_of_several_games_count_them_all(tmp_path):
    path = write(tmp_path, "s.csv", SEASON)
    named = load(path)
    asked = load(path, columns=("home", "away"), wins=("home_wins", "away_wins"))
    for data in (named, asked):
        assert wins_of(data, ("Ash", "Birch", "Cedar"))[0] == [[0, 16, 13], [4, 0, 14], [7, 6, 0]]
    policy = solve(named.game(tau=0.1)).to_series()
    assert policy.to_dict() == pytest.approx(
        {"Ash": 0.793987, "Birch": 0.064800, "Cedar": 0.141213}, abs=5e-7
    )
    with pytest.raises(
        NashsimError, match=r"are numbers of wins: name them by wins \(--wins home_wins,away_wins\)"
    ):
        load(path, columns=("home", "away"), scores=("home_wins", "away_wins"))
    path = write(tmp_path, "s.csv", SEASON.replace("home_wins,away_wins", "h,a"))
    with pytest.warns(UserWarning, match="h,a sum to 10 in every row, as numbers of wins do"):
        load(path, columns=("home", "away"), scores=("h", "a"))


WINS = {
    "sides at the end": ("model_a,model_b,wins_a,wins_b,ties\nx,y,3,1,2\ny,x,0,2,1\n", {}),
    "sides in front": ("player_1,player_2,player_1_wins,player_2_wins,draws\nx,y,3,1,2\ny,x,0,2,1\n", {}),
    "wins and losses": ("player,opponent,wins,losses,draws\nx,y,3,1,2\ny,x,0,2,1\n", {}),
    "by options": (
        "p;q;for;against;even\nx;y;3;1;2\ny;x;0;2;1\n",
        {"columns": ("p", "q"), "wins": ("for", "against"), "draws": "even"},
    ),
}


@pytest.mark.parametrize("case", WINS)
def test_wins_and_draws(tmp_path, case):
    text, options = WINS[case]
    data = load(write(tmp_path, "w.csv", text), **options)
    assert data.wins.tolist() == [[0, 5], [1, 0]] and data.ties[0, 1] == 3


BATTLES = {
    "newer winner words": "model_a,model_b,winner\nx,y,model_a\ny,x,model_a\nx,y,both_bad\nx,y,tie (bothbad)\n",
    "other words": "Model_A,Model_B,Winner\nx,y,left\ny,x,A\nx,y,Draw\nx,y,both bad\n",
    "names": "model_a,model_b,winner\nx,y,x\ny,x,y\nx,y,tie\nx,y,tie\n",
    "one-hot": "model_a,model_b,winner_model_a,winner_model_b,winner_tie\nx,y,1,0,0\ny,x,1,0,0\nx,y,0,0,1\nx,y,0,0,1\n",
    "chess": "White,Black,Result\nx,y,1-0\ny,x,1-0\nx,y,1/2-1/2\nx,y,½-½\n",
    "half signs": "white|black|result\nx|y|1\ny|x|1\nx|y|½\nx|y|=\n",
    "true and false": "home,away,outcome\nx,y,True\ny,x,True\nx,y,draw\nx,y,tie\n",
    "minus one": "team1,team2,result\nx,y,1\nx,y,-1\nx,y,0\nx,y,0\n",
    "goals": "home;away;result\nx;y;3:1\ny;x;2:0\nx;y;1:1\nx;y;0:0\n",
    "a tie flag": "model_a,model_b,winner,tie\nx,y,x,0\ny,x,y,0\nx,y,,1\nx,y,,1\n",
    "weights": "model_a,model_b,winner,count\nx,y,model_a,1\ny,x,model_a,1\nx,y,tie,2\n",
    "JSON of an arena": (
        '[{"model_a": "x", "model_b": "y", "winner": "model_a", "conversation_a": [{"role": "user", "content": "Hi"}]},'
        '{"model_a": "y", "model_b": "x", "winner": "model_a", "conversation_a": []},'
        '{"model_a": "x", "model_b": "y", "winner": "tie"}, {"model_a": "x", "model_b": "y", "winner": "both_bad"}]'
    ),
    "nested turns": (
        '{"model_a": "x", "model_b": "y", "turns": [{"turn": 1, "winner": "model_a"}, {"turn": 2, "winner": "tie"}]}\n'
        '{"model_a": "y", "model_b": "x", "turns": [{"turn": 1, "winner": "model_a"}, {"turn": 2, "winner": "tie"}]}\n'
    ),
    "JSON by columns": (
        '{"model_a": ["x", "y", "x", "x"], "model_b": ["y", "x", "y", "y"],'
        ' "winner": ["model_a", "model_a", "tie", "tie"]}'
    ),
    "JSON of pandas": (
        '{"model_a":{"0":"x","1":"y","2":"x","3":"x"},"model_b":{"0":"y","1":"x","2":"y","3":"y"},'
        '"winner":{"0":"model_a","1":"model_a","2":"tie","3":"tie"}}'
    ),
    "a Markdown table": (
        "| model_a | model_b | winner |\n|---|:---:|---|\n| x | y | model_a |\n| y | x | model_a |\n"
        "| x | y | tie |\n| x | y | tie |\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BATTLES)
def test_battles_in_the_words_of_others(tmp_path, case):
    data = load(write(tmp_path, "b.dat", BATTLES[case]))
    assert wins_of(data, "xy") == ([[0, 1], [1, 0]], [[0, 2], [2, 0]])
    assert data.reading and data.notes[-1].startswith("Tied comparisons count as half")


def test_preference_rows_of_hugging_face(tmp_path):
    row = (
        '{"prompt": "p", "chosen": [{"role": "assistant", "content": "c"}], "rejected": "r", "chosen_model": "x",'
        ' "rejected_model": "y", "score_chosen": 8.5, "score_rejected": 7}\n'
    )
    data = load(write(tmp_path, "h.jsonl", row * 2))
    assert data.labels == ("x", "y") and data.wins[0, 1] == 2
    assert (
        "score_chosen, score_rejected" in data.notes[0] and "nested fields left out: chosen" in data.reading
    )
    with pytest.raises(
        NashsimError, match="format is not recognised.*first row 'prompt', 'chosen', 'rejected'"
    ):
        load(write(tmp_path, "h.csv", "prompt,chosen,rejected\np,good,bad\nq,fine,poor\n"))


MATRIX = [[0.5, 0.75, 0.4], [0.25, 0.5, 0.625], [0.6, 0.375, 0.5]]
SQUARES = {
    "zeros on the diagonal": ("0 .75 .4\n.25 0 .625\n.6 .375 0", {}),
    "ones on the diagonal": (",a,b,c\na,1,.75,.4\nb,.25,1,.625\nc,.6,.375,1", {}),
    "NaN on the diagonal": (",a,b,c\na,NaN,.75,.4\nb,.25,nan,.625\nc,.6,.375,NaN", {}),
    "stars on the diagonal": ("a b c\n* .75 .4\n.25 * .625\n.6 .375 *", {}),
    "an upper triangle of blanks": (",a,b,c\na,,.75,.4\nb,,,.625\nc,,,", {}),
    "an upper triangle of zeros": ("0 .75 .4\n0 0 .625\n0 0 0", {}),
    "a lower triangle of zeros": ("0.5 0 0\n.25 0.5 0\n.6 .375 0.5", {}),
    "a ragged lower triangle": (",a,b,c\na\nb,.25\nc,.6,.375", {}),
    "a ragged triangle of numbers": ("0.5\n.25 0.5\n.6 .375 0.5", {}),
    "decimal commas": (";a;b;c\na;;0,75;0,4\nb;0,25;;0,625\nc;0,6;0,375;", {}),
    "decimal commas between blanks": ("0,5 0,75 0,4\n0,25 0,5 0,625\n0,6 0,375 0,5", {}),
    "quoted decimal commas": (',a,b\na,,"0,75"\nb,"0,25",', {}),
    "bars": ("|a|b|c\na||.75|.4\nb|.25||.625\nc|.6|.375|", {}),
    "numbered headers": ("Name,1,2,3\na,,.75,.4\nb,.25,,.625\nc,.6,.375,", {}),
    "numbered rows and headers": ("#,Name,1,2,3\n1,a,,.75,.4\n2,b,.25,,.625\n3,c,.6,.375,", {}),
    "a column of totals": (",a,b,c,Total\na,,75,40,115\nb,25,,62.5,87.5\nc,60,37.5,,97.5", {"unit": "percent"}),
    "margins of votes": ("0 50 -20\n-50 0 25\n20 -25 0", {"range": (-100, 100)}),
    "margins of P": ("0 .25 -.1\n-.25 0 .125\n.1 -.125 0", {"range": (-0.5, 0.5)}),
    "minus signs": ("0 50 −20\n−50 0 25\n20 −25 0", {"range": (-100, 100)}),
    "savetxt": ("# a b c\n5e-01 7.5e-01 4e-01\n2.5e-01 5e-01 6.25e-01\n6e-01 3.75e-01 5e-01", {}),
    "split JSON": (
        '{"columns": ["a","b","c"], "index": ["a","b","c"],'
        ' "data": [[null,0.75,0.4],[0.25,null,0.625],[0.6,0.375,null]]}',
        {},
    ),
    "JSON rows": ("[[0.5, 0.75, 0.4], [0.25, 0.5, 0.625], [0.6, 0.375, 0.5]]", {}),
    "NA": (",a,b,c\na,NA,.75,.4\nb,.25,NA,.625\nc,.6,.375,NA", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", SQUARES)
def test_one_matrix_in_the_dresses_of_others(tmp_path, case):
    text, options = SQUARES[case]
    data = load(write(tmp_path, "m.txt", text), **options)
    n = data.n
    assert data.labels in (tuple("abc")[:n], ("0", "1", "2"))
    np.testing.assert_allclose(data.probability, np.array(MATRIX)[:n, :n], atol=1e-15)
    data.game()


def test_totals_of_pandas_go_if_they_are_sums(tmp_path):
    text = "winner,x,y,All\nx,0,3,3\ny,1,0,1\nAll,1,3,4\n"
    data = load(write(tmp_path, "m.csv", text), "counts")
    assert data.labels == ("x", "y") and data.wins[0, 1] == 3
    assert data.notes == ("Left out as totals: column 'All', row 'All'.",)
    kept = load(write(tmp_path, "m.csv", text.replace("All,1,3,4", "All,2,5,0")), "counts")
    assert kept.labels == ("x", "y", "All") and kept.wins[2, 1] == 5


def test_crosstables_of_games(tmp_path):
    text = ",Name,1,2,3,Points\n1,Ann,*,1=,01,2.5\n2,Bo,0½,*,11,2.5\n3,Cy,10,00,*,1\n"
    data = load(write(tmp_path, "c.csv", text))
    assert wins_of(data, ("Ann", "Bo", "Cy")) == (
        [[0, 1, 1], [0, 0, 2], [1, 0, 0]],
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],
    )
    with pytest.raises(
        NashsimError, match="the games of 'Ann' and 'Bo' must mirror each other, found '1=' and '1='"
    ):
        load(write(tmp_path, "c.csv", text.replace("0½", "1=")))


BALLOTS = (
    "ballot_id,Rank 1,Rank 2,Rank 3,count\n7,Ann,Bob,Write-in,2\n8,Bob,skipped,Ann,1\n9,overvote,Cy,,1\n"
    "10,Cy,Cy,-,1\n"
)


def test_cast_vote_records_in_rows(tmp_path):
    data = load(write(tmp_path, "cvr.csv", BALLOTS))
    assert set(data.labels) == {"Ann", "Bob", "Cy", "Write-in"}
    wins, ties = wins_of(data, ("Ann", "Bob", "Cy", "Write-in"))
    assert wins == [[0, 2, 3, 3], [1, 0, 3, 3], [2, 2, 0, 2], [0, 0, 2, 0]]
    assert ties == [[0, 2, 0, 2], [2, 0, 0, 2], [0, 0, 0, 1], [2, 2, 1, 0]]
    assert data.notes[0] == (
        "Left out of the ballots: 1 ranks skipped, 1 overvotes, which rank nobody, 1 candidates ranked again."
    )


OLD = "3\n1,Ann\n2,Bob\n3,Cy, Jr.\n10,10,4\n4,2,1,3\n3,{1,3}\n2,3,{1,2}\n1,1\n"
PWG = "3\n1,Ann\n2,Bob\n3,Cy\n9,27,6\n6,1,2\n3,2,1\n4,1,3\n5,3,1\n7,2,3\n2,3,2\n"


def test_preflib_files_of_the_older_format(tmp_path):
    data = load(write(tmp_path, "v.dat", OLD))
    assert data.labels == ("Ann", "Bob", "Cy, Jr.")
    assert data.wins.tolist() == [[0, 4, 5], [4, 0, 4], [2, 5, 0]]
    pairwise = load(write(tmp_path, "v.dat", PWG))
    assert pairwise.wins.tolist() == [[0, 6, 4], [3, 0, 7], [5, 2, 0]]
    orders = load(write(tmp_path, "v.soi", PWG.replace("9,27,6", "27,27,6")))
    assert orders.wins.tolist() == [[0, 15, 13], [12, 0, 16], [14, 11, 0]]
    with pytest.raises(
        NashsimError, match="ballots that rank two or pairs of a pwg file; .* name the file .soi or"
    ):
        load(write(tmp_path, "v.dat", PWG.replace("9,27,6", "9,28,6")))
    header = "# ALTERNATIVE NAME 1: Ann\n# ALTERNATIVE NAME 2: Bob\n# ALTERNATIVE NAME 3: Cy\n"
    body = PWG.split("9,27,6\n")[1]
    assert load(write(tmp_path, "v.pwg", header + body)).wins.tolist() == pairwise.wins.tolist()


VOTES = "model_a,model_b,winner\nMüller,Zoë,model_a\nZoë,Müller,model_a\nMüller,Zoë,tie\nMüller,Zoë,tie\n"
PLAIN = VOTES.encode()


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def zstd(content):
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(content)
    return out.getvalue().to_pybytes()


WRAPPED = {
    "gzip": (gzip.compress(PLAIN), "unpacked from gzip"),
    "bzip2": (bz2.compress(PLAIN), "unpacked from bzip2"),
    "xz": (lzma.compress(PLAIN), "unpacked from xz"),
    "zstd": (zstd(PLAIN), "unpacked from zstd"),
    "zip": (zipped(a=PLAIN), "unpacked from zip"),
    "utf-8 with a mark": (b"\xef\xbb\xbf" + PLAIN, "utf-8 text"),
    "utf-16": (VOTES.encode("utf-16"), "utf-16 text"),
    "utf-16 without a mark": (VOTES.encode("utf-16-le"), "utf-16-le text"),
    "Latin-1": (VOTES.encode("latin-1"), "cp1252 text"),
    "Latin-1 in gzip": (gzip.compress(VOTES.encode("latin-1")), "cp1252 text, unpacked from gzip"),
}


@pytest.mark.parametrize("case", WRAPPED)
def test_compressions_and_encodings(tmp_path, case):
    content, words = WRAPPED[case]
    data = load(write(tmp_path, "v.bin", content))
    assert (
        data.labels == ("Müller", "Zoë") and data.wins.tolist() == [[0, 1], [1, 0]] and words in data.reading
    )


def test_arrays_and_parquet_are_unpacked_too(tmp_path):
    out = io.BytesIO()
    array = np.array(MATRIX)
    np.fill_diagonal(array, NAN)
    np.save(out, array)
    np.testing.assert_array_equal(
        load(write(tmp_path, "m.npy.gz", gzip.compress(out.getvalue()))).probability, MATRIX
    )
    frame = pd.read_csv(io.StringIO(VOTES))
    feather.write_feather(frame, tmp_path / "v.arrow", compression="uncompressed")
    assert load(tmp_path / "v.arrow").wins.tolist() == [[0, 1], [1, 0]]


def test_other_encodings_are_asked_for(tmp_path):
    text = "model_a,model_b,winner\nИванов,Петров,model_a\nПетров,Сидоров,tie\nСидоров,Иванов,model_b\n"
    path = write(tmp_path, "v.csv", text.encode("cp1251"))
    with pytest.raises(
        NashsimError, match=r"the text is not UTF-8 \(byte 23\); it may be .*: name it by encoding"
    ):
        load(path)
    assert load(path, encoding="cp1251").labels == ("Иванов", "Петров", "Сидоров")
    with pytest.raises(NashsimError, match="the text is not utf-8: .*can't decode"):
        load(path, encoding="utf-8")
    with pytest.raises(NashsimError, match="unknown encoding 'cp9999'"):
        load(path, encoding="cp9999")


FRAME = pd.DataFrame(
    {"model_a": [1, 2, 1], "model_b": [2.0, 1.0, 2.0], "winner": ["model_a", "model_a", "tie"]}
)


def test_ids_of_mixed_types_are_one_label(tmp_path):
    data = from_frame(FRAME)
    assert data.labels == ("1", "2") and data.probability[0, 1] == 0.5
    data = load(write(tmp_path, "v.csv", FRAME.to_csv(index=False)))
    assert data.labels == ("1", "2") and data.probability[0, 1] == 0.5
    assert "2.0 and 2 are one label." in data.notes
    with pytest.raises(NashsimError, match="the labels '1' and '1.0' may be one or two"):
        load(write(tmp_path, "v.csv", "winner,loser\n1,v2\n1.0,v2\n"))


def test_counts_that_pandas_groups():
    games = (
        [(101, 205)] * 3
        + [(101, 307)] * 4
        + [(205, 101)] * 5
        + [(205, 307)] * 2
        + [(307, 101)]
        + [(307, 205)] * 6
    )
    frame = pd.DataFrame(games, columns=["winner", "loser"])
    counted = frame.groupby(["winner", "loser"]).size()
    expected = [[0, 3, 4], [5, 0, 2], [1, 6, 0]]
    assert from_frame(counted.unstack(), unit="count").wins.tolist() == expected
    assert from_frame(counted.unstack(fill_value=0), "counts").labels == ("101", "205", "307")
    assert wins_of(from_frame(counted.rename("count").reset_index()), ("101", "205", "307"))[0] == expected
    assert wins_of(from_frame(counted.to_frame("weight")), ("101", "205", "307"))[0] == expected
    assert (
        from_frame(pd.crosstab(frame["winner"], frame["loser"], margins=True), "counts").wins.tolist()
        == expected
    )
    with pytest.raises(NashsimError, match="the corner 'loser' says that rows lose to columns"):
        from_frame(counted.unstack().T, unit="count")
    never_lost = frame[frame["loser"] != 101]
    data = from_frame(never_lost.groupby(["winner", "loser"]).size().unstack(), unit="count")
    assert data.wins.tolist() == [[0, 3, 4], [0, 0, 2], [0, 6, 0]]
    assert data.notes == ("Labels with a row or a column alone, whose other counts are 0: 101.",)


def test_frames_of_polars_arrow_and_sql():
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame({"winner": ["x", "x", "y"], "loser": ["y", "y", "x"], "tie": [False, True, False]})
    with sqlite3.connect(":memory:") as connection:
        frame.to_sql("games", connection, index=False)
        queried = pd.read_sql("select * from games", connection)
    for same in (
        frame,
        polars.from_pandas(frame),
        pa.Table.from_pandas(frame),
        queried,
        frame.convert_dtypes(),
    ):
        data = from_frame(same)
        assert data.wins.tolist() == [[0, 1], [1, 0]] and data.ties[0, 1] == 1


PAYOFFS = ",a,b,c\na,0,3,1\nb,-3,0,2\nc,-1,-2,0\n"


@pytest.mark.parametrize("bound", [3, 1e3, 1e12])
def test_the_range_of_payoffs_makes_no_ties(tmp_path, bound):
    found = inspect(load(write(tmp_path, "p.csv", PAYOFFS), unit="payoff", range=(-bound, bound)))
    assert (
        found.condorcet_winner == "a" and found.smith_set == ["a"] and found.weak_condorcet_winners == ["a"]
    )
    uneven = PAYOFFS.replace("-3", "-2")
    with pytest.raises(NashsimError, match=r"P \+ P\^T must be 1"):
        load(write(tmp_path, "p.csv", uneven), range=(-bound, bound)).game()


REFUSED = {
    "a range that swallows payoffs": (PAYOFFS, {"range": (-1e16, 1e16)}, "payoffs such as 3 vanish in range"),
    "agents and scores of OpenSpiel": (
        'agents,scores\n"(\'A\', \'B\')","(1.0, -1.0)"\n"(\'B\', \'C\')","(0.0, 0.0)"\n',

        {},
        "not recognised.*found utf-8 text; separated by commas, first row 'agents', 'scores'",
    ),
    "metadata": ("key,value\nname,arena\ndate,2024-01-01\nauthor,ann\n", {}, "not recognised"),
    "one line": ("x,y\n", {}, "not recognised.*separated by commas, a single line, first row 'x', 'y'"),
    "one line of a number": ("x,y,0.7\n", {}, "not recognised.*a single line"),
    "one decimal comma": ("a b 0,7\n", {}, "not recognised.*a single line"),
    "sides and scores that nobody named": (
        "player_a,player_b,score_a,score_b\nx,y,3,1\ny,z,2,2\n",
        {},
        "names player_a and player_b, so say who won, perhaps by score_a, score_b: --scores A_COL,B_COL",
    ),
    "ballots without a header": ("Ann,Bob\nBob,skipped\nCy,Ann\n", {}, "not recognised"),
    "an edge list with a header": (
        "source,target\na,b\nb,c\nc,a\n",
        {},
        r"the first row \(source, target\) may be a header or a winner and a loser; say by header=",
    ),
    "winner and loser as columns": (
        "winner_1,loser_1\na,b\nb,c\n",
        {"columns": ("winner_1", "loser_1")},
        r"name a winner and a loser: format='pairs' \(--format pairs\)",
    ),
    "a name that is a side": (
        "model_a,model_b,winner\nb,a,a\na,b,a\n",
        {},
        "the winner 'a' in row 1 may be a side or a name|may be a side or a name",
    ),
    "thousands": (";a;b\na;;1,500\nb;2,500;\n", {"unit": "count"}, r"'1,500' has a comma that may be .* \(--decimal\)"),
    "margins": ("0 .5 -2\n-.5 0 1\n2 -1 0\n", {}, r"the values are margins .*\(-N, N\) for those of N votes \(--range"),
    "percents with draws": (
        ",a,b\na,50,45\nb,30,50\n",
        {"unit": "percent"},
        "no pair sums to more than 1, and where the rest are draws",
    ),
    "minus one beside a half": (
        "white,black,result\na,b,-1\nb,a,0.5\n",
        {},
        "found '0.5' in row 2 .* and '-1' elsewhere",
    ),
    "a winner that is a tie": (
        "model_a,model_b,winner,tie\nx,y,model_a,1\n",
        {},
        r"row 1 \(line 2\) has a winner, and the column 'tie' calls it a tie",
    ),
    "draws that count": (
        "winner,loser,draws\na,b,3\n",
        {},
        "the column 'draws' must say by 1 or 0 .* --wins A,B --draws D",
    ),
    "two ones": (
        "model_a,model_b,winner_model_a,winner_model_b\nx,y,1,1\n",
        {},
        "one of winner_model_a, winner_model_b must be 1 in every row, found 2",
    ),
    "a comment in the table": (
        "model_a,model_b,winner\nx,y,tie\n# done\n",
        {},
        r"row 2 \(line 3\) has 1 cells where the first row has 3 \(a comment stands before the table",
    ),
    "a hash before the first row": ("#a,b\nb,c\nc,#a\n", {}, "begins with '#a' and has as many cells as the table"),
    "a hash before the first row and a comment": ("#a,b\n# note\nb,c\nc,#a\n", {}, "begins with '#a' and has as many"),
    "rows of losers": ("loser,a,b\na,0,1\nb,2,0\n", {"unit": "count"}, "the corner 'loser' says that rows lose"),
    "broken JSON lines": ('{"winner": "a", "loser": "b"}\n{"winner": "b"\n', {}, "the JSON is broken in line 2"),
    "a dictionary of dictionaries": (
        '{"a": {"b": 0.7}, "b": {"a": 0.3}}',
        {},
        "a may stand for the row, as written by hand, or for the column",
    ),
    "a wide ballot of nobody": ("rank1,rank2\n,skipped\n", {}, "at least one ballot that ranks somebody"),
    "wins without names": ("x,y,w1,w2\na,b,1,2\n", {"wins": ("w1", "w2")}, "unknown column 'model_a'"),
    "negative wins": ("home,away,home_wins,away_wins\na,b,-1,2\n", {}, "must be at least 0, found -1 in row 1"),
    "an unknown separator": ("a,b\n", {"separator": "/"}, r"separator: one of tab , ; \| blank is needed"),
    "an unknown decimal mark": ("a,b\n", {"decimal": "'"}, "decimal: one of , . is needed"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_what_was_found_and_the_way(tmp_path, case):
    text, options, message = REFUSED[case]
    with pytest.raises(NashsimError, match=message) as caught:
        load(write(tmp_path, "f.csv", text), **options).game()
    assert "\n" not in str(caught.value)


BROKEN = {
    "a cut gzip": (gzip.compress(PLAIN)[:-12], "begins like gzip but cannot be unpacked"),
    "a cut zstd": (zstd(PLAIN * 50)[:-20], "begins like zstd but cannot be unpacked"),
    "a cut xz": (lzma.compress(PLAIN)[:-8], "begins like xz but cannot be unpacked"),
    "a broken zip": (b"PK\x03\x04" + bytes(range(100)), "begins like zip but cannot be unpacked"),
    "a zip of two": (zipped(a=PLAIN, b=PLAIN), "a zip of one file is needed, found 2: a, b; unpack it"),
    "a workbook": (
        zipped(**{"[Content_Types].xml": "", "xl/workbook.xml": ""}),
        "Excel or Office document; save",
    ),
    "a database": (
        b"SQLite format 3\0" + bytes(100),
        "an SQLite database; read your query by pandas.read_sql",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_files_that_need_something_else(tmp_path, case):
    content, message = BROKEN[case]
    with pytest.raises(NashsimError, match=f"f.bin: .*{message}"):
        load(write(tmp_path, "f.bin", content))


def test_options_that_decide(tmp_path):
    edges = write(tmp_path, "e.csv", "source,target\na,b\nb,c\nc,a\n")
    with pytest.raises(NashsimError, match="may be a header or a winner and a loser"):
        load(edges, "pairs")
    assert load(edges, "pairs", header=True).labels == ("a", "b", "c")
    assert load(edges, "pairs", header=False).n == 5
    thousands = write(tmp_path, "t.csv", ";a;b\na;;1,500\nb;2,500;\n")
    assert load(thousands, unit="count", decimal=".").wins[0, 1] == 1500
    assert load(thousands, unit="count", decimal=",").wins[0, 1] == 1.5
    names = write(tmp_path, "n.csv", "Doe, J;Roe, R\nRoe, R;Doe, J\nDoe, J;Roe, R\n")
    assert load(names, "pairs", separator=";").labels == ("Doe, J", "Roe, R")
    assert load(write(tmp_path, "d.txt", "a b 0,75\nb c 0,5\n")).probability[0, 1] == 0.75


def test_spreadsheets_state_their_separator(tmp_path):
    data = load(write(tmp_path, "s.csv", "sep=;\r\nwinner;loser\r\nDoe, J;Roe, R\r\nDoe, J;Roe, R\r\n"))
    assert data.labels == ("Doe, J", "Roe, R")


def test_comment_lines_before_the_table_are_counted(tmp_path):
    data = load(write(tmp_path, "b.csv", "# from\n# somewhere\nmodel_a,model_b,winner\nx,y,model_a\n"))
    assert "2 comment lines before the table left out" in data.reading
    named = load(write(tmp_path, "b.csv", "# winner,loser\nx,y\ny,x\nx,y\n"))
    assert named.wins.tolist() == [[0, 2], [1, 0]]


@pytest.mark.parametrize("source", ["parquet", "zstd", "polars"])
def test_what_needs_pyarrow_says_so_where_it_is_not_installed(tmp_path, monkeypatch, source):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"model_a": ["x"], "model_b": ["y"], "winner": ["model_a"]})
    frame.write_parquet(tmp_path / "parquet")
    (tmp_path / "zstd").write_bytes(zstd(PLAIN))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NashsimError, match=r"needs pyarrow; pip install 'nashsim\[arrow\]'$") as caught:
        from_frame(frame) if source == "polars" else load(tmp_path / source)
    assert "\n" not in str(caught.value)
