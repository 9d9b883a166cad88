"""One comparison or one entry a line."""

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.data import load
from tests.data.material import write

PAIRS = {
    "comma": "x,y\nx,y\ny,x\nx,z\n",
    "blanks": "x y\n  x   y\n\ny x\nx\tz\n",
    "header": "Winner,Loser\nx,y\nx,y\ny,x\nx,z\n",
    "other order": "loser;id;winner\ny;1;x\ny;2;x\nx;3;y\nz;4;x\n",
    "tuples": "('x', 'y')\n('x', 'y'),\n# twice\n('y', 'x')\n('x', 'z')\n",
    "weights": "x,y,2\ny,x,1\nx,z,1\n",
    "named weights": "winner,loser,weight\nx,y,2\ny,x,1\nx,z,1\n",
}


@pytest.mark.parametrize("dress", PAIRS)
def test_pairs(tmp_path, dress):
    data = load(write(tmp_path, "p.txt", PAIRS[dress]), "pairs")
    assert data.labels == ("x", "y", "z")
    assert data.wins.tolist() == [[0, 2, 1], [1, 0, 0], [0, 0, 0]] and not data.ties.any()
    assert data.probability[0, 1] == 2 / 3 and np.isnan(data.probability[1, 2])


@pytest.mark.parametrize("dress", [dress for dress in PAIRS if dress != "weights"])
def test_pairs_are_recognised(tmp_path, dress):
    assert load(write(tmp_path, "p.txt", PAIRS[dress])).wins.tolist() == [[0, 2, 1], [1, 0, 0], [0, 0, 0]]


def test_pairs_by_the_names_of_their_columns(tmp_path):
    path = write(tmp_path, "p.csv", "a,b,n\nx,y,3\ny,x,1\n")
    assert load(path, "pairs", columns=("a", "b")).probability[0, 1] == 0.5
    assert load(path, "pairs", columns=("b", "a"), weight="n").probability[0, 1] == 0.75
    assert load(path, "pairs", weight="n").probability[0, 1] == 0.75
    path = write(tmp_path, "p.csv", "winner,loser,n\nx,y,3\ny,x,1\n")
    assert load(path, weight="n").probability[0, 1] == 0.75


def test_bad_pairs(tmp_path):
    for text, options, message in (
        ("x,y,3\ny,x,many\n", {}, r"number is needed at the weight of row 2 \(line 2\), found 'many'"),
        ("x,y,3\ny,x,-1\n", {}, r"weight must be at least 0, found -1 in row 2 \(line 2\)"),
        ("x,y,1,2\n", {}, "holds winner, loser and perhaps a weight, found 4 cells"),
        ("x,y\ny\n", {}, r"row 2 \(line 2\) has 1 cells where the first row has 2"),
        ("a,b\nx,y\n", {"columns": ("a", "b", "c")}, "columns .* needs WINNER,LOSER, found 3 names"),
        ("a,b\nx,y\n", {"columns": ("a", "c")}, "unknown column 'c'"),
        ("winner,loser\n", {}, "at least one comparison of two names is needed, found none"),
        ("x,\n", {}, r"found a blank one in row 1 \(line 1\)"),
    ):
        with pytest.raises(NashsimError, match=f"p.csv: .*{message}"):
            load(write(tmp_path, "p.csv", text), "pairs", **options)


TRIPLES = {
    "comma": "a,b,0.75\nb,c,0.25\nc,a,0.5\n",
    "header": "first,second,p\na,b,0.75\nb,c,0.25\nc,a,0.5\n",
    "blanks": "a b 0.75\nb c 0.25\nc a 0.5\n",
    "tuples": "('a', 'b', 0.75)\n('b', 'c', 0.25)\n('c', 'a', 5e-1)\n",
    "both directions": "a,b,0.75\nb,a,.25\nb,c,0.25\nc,a,0.5\nb,b,0.5\n",
    "percent": "a,b,75%\nb,c,25%\nc,a,50 %\n",
}


@pytest.mark.parametrize("dress", TRIPLES)
@pytest.mark.parametrize("format", ["auto", "triples"])
def test_triples(tmp_path, dress, format):
    data = load(write(tmp_path, "t.txt", TRIPLES[dress]), format)
    assert data.labels == ("a", "b", "c")
    np.testing.assert_array_equal(data.probability, [[0.5, 0.75, 0.5], [0.25, 0.5, 0.25], [0.5, 0.75, 0.5]])


def test_triples_of_other_units_and_columns(tmp_path):
    path = write(tmp_path, "t.csv", "n,a,b\n3,x,y\n2,y,x\n3,x,y\n")
    data = load(path, "triples", columns=("a", "b", "n"), unit="count")
    assert data.wins.tolist() == [[0, 6], [2, 0]] and data.probability[0, 1] == 0.75
    path = write(tmp_path, "t.txt", "('x', 'y', 500)\n('x', 'x', 10.5)")
    data = load(path, range=(-1000, 1000))
    assert data.probability[0, 1] == 0.75
    # A program's score against itself is measured with noise: that is asymmetry and not swept away.
    assert data.asymmetry == pytest.approx(0.0105) and data.asymmetry_at == ("x", "x")


def test_whole_numbers_can_be_labels(tmp_path):
    assert load(write(tmp_path, "t.txt", "0 1 0.75\n1 2 0.5\n")).probability[0, 1] == 0.75
    assert load(write(tmp_path, "t.txt", "(0, 1)\n(0, 1)\n(1, 0)\n")).labels == ("0", "1")


def test_bad_triples(tmp_path):
    for text, options, message in (
        ("a,b,0.5\na,b,0.6\n", {}, r"once in each direction, found \('a', 'b'\) again in row 2 \(line 2\)"),
        (
            "a,b,0.5\na,c,\n",
            {},
            r"a triple needs a value, found a blank in row 2 \(line 2\); leave the row out",
        ),
        ("a,b,0.5\na,c,nan\n", {}, r"must be finite, found 'nan' at the value of row 2 \(line 2\)$"),
        ("a,b,0.5\na,c,high\n", {}, r"number is needed at the value of row 2 \(line 2\), found 'high'"),
        ("a,b,1.5\n", {}, r"a probability must lie in \[0, 1\], found 1.5 at \('a', 'b'\)"),
        ("a,b\n", {}, "a triple holds a, b and a value, found 2 cells"),
        ("a,b,p\n", {}, "at least one triple a, b, value is needed, found none"),
        ("a,b,p\nx,y,1\n", {"columns": ("a", "b")}, "columns .* needs A,B,VALUE, found 2 names"),
        ("a,b,0.5\n,c,0.5\n", {}, "every label must have a name, label 3 of 4 is blank"),
        (
            "('a', 'b', 0.5)\n('a', 'c', max)\n",
            {},
            r"a tuple such as \('a', 'b', 0.6\) is needed in line 2, found",
        ),
        ("('a', 'b', 0.5)\n['a', 'c']\n", {}, r"is needed in line 2, found \"\['a', 'c'\]\""),
        ("('a', 'b', 0.5)\n('a', __import__('os'), 1)\n", {}, "is needed in line 2"),
    ):
        with pytest.raises(NashsimError, match=f"t.txt: .*{message}"):
            load(write(tmp_path, "t.txt", text), "triples", **options)
