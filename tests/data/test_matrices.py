"""Square matrices in every dress, their units, and what is wrong with the others."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nashsim import NashsimError
from nashsim.data import load, values
from nashsim.data.cells import read_table
from nashsim.data.latex import read_latex
from nashsim.data.matrices import read_matrix
from nashsim.data.triples import read_triples, read_tuples
from tests.data.material import CYCLE, LABELS, labels, matrices, write


def as_csv(p, names, dialect="excel", **options):
    out = io.StringIO()
    writer = csv.writer(out, dialect, **options)
    writer.writerow(["", *names])
    for name, row in zip(names, p, strict=True):
        writer.writerow([name, *("" if np.isnan(x) else repr(float(x)) for x in row)])
    return out.getvalue()


def as_text(p):
    return "\n".join(" ".join("-" if np.isnan(x) else repr(float(x)) for x in row) for row in p)


def as_latex(p, names):
    rows = [
        ["", *names],
        *(
            [name, *("" if np.isnan(x) else f"${x}$" for x in row)]
            for name, row in zip(names, p, strict=True)
        ),
    ]
    return (
        "\\begin{tabular}{l|c}\n"
        + "\\\\ \\hline\n".join(" & ".join(row) for row in rows)
        + "\n\\end{tabular}"
    )


def as_triples(p, names):
    n = range(len(p))
    return "\n".join(repr((names[i], names[j], float(p[i, j]))) for i in n for j in n if p[i, j] == p[i, j])


@given(st.data(), matrices(missing=True), st.sampled_from([",", ";", "\t"]))
def test_labelled_csv_keeps_labels_values_and_blanks(data, p, delimiter):
    names = data.draw(labels(len(p)))
    read = read_matrix(read_table(as_csv(p, names, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC), "m"))
    assert list(read.labels) == names
    np.testing.assert_array_equal(read.probability, p)


@given(matrices(missing=True))
def test_headerless_text_with_and_without_its_size(p):
    for text in (
        as_text(p),
        f"{len(p)}\n{as_text(p)}",
        as_text(p).replace(" ", ","),
        f"# made\n {as_text(p)}",
    ):
        read = read_matrix(read_table(text, "m"))
        assert read.labels == tuple(map(str, range(len(p))))
        np.testing.assert_array_equal(read.probability, p)


@given(matrices(missing=True))
def test_latex_keeps_labels_values_and_blanks(p):
    names = [f"model {k}" for k in range(len(p))]
    read = read_latex(as_latex(p, names), "m")
    assert list(read.labels) == names
    np.testing.assert_array_equal(read.probability, p)


@given(st.data(), matrices(missing=True))
def test_triples_keep_every_pair(data, p):
    names = data.draw(labels(len(p)))
    read = read_triples(read_tuples(as_triples(p, names), "m"))
    order = [read.labels.index(name) for name in names]
    np.testing.assert_array_equal(read.probability[np.ix_(order, order)], p)


@given(matrices())
def test_npy(tmp_path_factory, p):
    path = tmp_path_factory.getbasetemp() / "round-trip.npy"
    np.save(path, p)
    np.testing.assert_array_equal(load(path).probability, p)


def test_relabelled_rows_and_columns_say_the_same(tmp_path):
    text = "vs,c,a,b\na,0.25,0.5,0.625\nb,0.875,0.375,0.5\nc,0.5,0.75,0.125\n"
    data = load(write(tmp_path, "m.csv", text))
    assert data.labels == LABELS
    np.testing.assert_array_equal(data.probability, CYCLE)


DRESSES = {
    "header only": ("x,y\n0.5,0.75\n0.25,0.5", "xy"),
    "rows only": ("x 0.5 0.75\ny 0.25 0.5", "xy"),
    "R style, no corner": ("x y\nx 0.5 0.75\ny 0.25 0.5", "xy"),
    "numbers as labels": (",7,3\n7,0.5,0.75\n3,0.25,0.5", "73"),
    "counting labels": (",0,1\n0,,0.75\n1,0.25,", "01"),
    "a corner with a name": ("id,7,3\n7,,0.75\n3,0.25,", "73"),
    "an index beside a header": (",x,y\n0,0.5,0.75\n1,0.25,0.5", "xy"),
    "blank diagonal": (",0.75\n0.25,", "01"),
    "percent signs": ("x,y\n50%,75 %\n25%,50%", "xy"),
    "upper triangle": ("x,y\n,0.75\n,", "xy"),
    "comments": ("# a\n\n## b\n#\nx,y\n0.5,0.75\n0.25,0.5", "xy"),
    "a comment for a header": ("# a\n# x y\n0.5 0.75\n0.25 0.5", "xy"),
    "size before commas": ("2\n0.5,0.75\n0.25,0.5", "01"),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_dresses_of_one_matrix(tmp_path, dress):
    text, names = DRESSES[dress]
    data = load(write(tmp_path, "m.txt", text))
    assert data.labels == tuple(names)
    np.testing.assert_array_equal(data.probability, [[0.5, 0.75], [0.25, 0.5]])


def test_a_blank_diagonal_is_no_row_of_labels(tmp_path):
    """First row and first column hold the same numbers here, and still they are entries."""
    data = load(write(tmp_path, "m.csv", ",0.5,0.25\n0.5,,0.75\n0.75,0.25,\n"))
    assert data.labels == ("0", "1", "2") and data.probability[2, 0] == 0.75
    path = write(tmp_path, "m.csv", ",6,4\n6,,1\n4,3,\n")
    with pytest.raises(NashsimError, match=r"may be labels \(6, 4\) or entries; say by header=True or False"):
        load(path, unit="count")
    data = load(path, unit="count", header=False)
    assert data.labels == ("0", "1", "2") and data.probability[1, 2] == 0.25
    assert load(path, unit="count", header=True).labels == ("6", "4")


def test_a_first_row_of_blanks_is_a_row_whatever_separates_them(tmp_path):
    for mark in ",;\t":
        for p in (
            [["", "", ""], [0.3, "", ""], [0.2, 0.4, ""]],
            [["", 0.7, 0.8], ["", "", 0.6], ["", "", ""]],
        ):
            text = "".join(mark.join(map(str, row)) + "\n" for row in p)
            data = load(write(tmp_path, "triangle.dat", text))
            assert data.labels == ("0", "1", "2")
            np.testing.assert_allclose(data.probability, [[0.5, 0.7, 0.8], [0.3, 0.5, 0.6], [0.2, 0.4, 0.5]])
    padded = load(write(tmp_path, "padded.dat", "\t\t\na\tb\t.3\nb\tc\t.2\n"), format="triples")
    assert padded.labels == ("a", "b", "c")


def test_one_label():
    assert read_matrix(read_table("0.5\n", "m")).labels == ("0",)
    assert read_matrix(read_table("x\n0.5\n", "m")).labels == ("x",)


def test_units(tmp_path):
    expected = [[0.5, 0.75], [0.25, 0.5]]
    for text, options in (
        ("50 75\n25 50", {"unit": "percent"}),
        ("0 30\n10 0", {"unit": "count"}),
        ("0 30\n10 0", {"format": "counts"}),
        ("- 30\n10 -", {"format": "counts", "unit": "count"}),
        ("0 500\n-500 0", {"unit": "payoff", "range": (-1000, 1000)}),
        ("0 500\n-500 0", {"range": (-1000, 1000)}),
        ("2 3\n1 2", {"unit": "payoff", "range": (0, 4)}),
        ("0.5 0.75\n0.25 0.5", {"unit": "probability"}),
    ):
        data = load(write(tmp_path, "m.txt", text), **options)
        np.testing.assert_array_equal(data.probability, expected)
    np.save(tmp_path / "m.npy", np.array([[0, 30], [10, 0]]))
    data = load(tmp_path / "m.npy", unit="count")
    np.testing.assert_array_equal(data.probability, expected)
    assert data.wins.tolist() == [[0, 30], [10, 0]] and data.counts[0, 1] == 40


def test_pairs_without_counts_are_missing(tmp_path):
    data = load(write(tmp_path, "m.csv", "a,b,c\n0,3,0\n1,0,2\n0,0,0\n"), format="counts")
    assert np.isnan(data.probability[0, 2]) and data.probability[1, 2] == 1


BAD = {
    "nan": (
        "x,y\n0.5,nan\n0.2,0.5",
        {},
        r"m.csv: every number must be finite, found 'nan' at \('x', 'y'\); leave the",
    ),
    "inf": ("x,y\n0.5,inf\n0.2,0.5", {}, "must be finite, found 'inf'"),
    "text": (
        "x,y,z\n0.5,one,0.3\n0.2,0.5,1\n0.7,0,0.5",
        {},
        r"number is needed at \('x', 'y'\), found 'one'",
    ),
    "outside": (
        "x,y\n0.5,1.2\n-0.2,0.5",
        {},
        r"a probability must lie in \[0, 1\], found 1.2 at \('x', 'y'\); for other",
    ),
    "percent outside": (
        "50 120\n-20 50",
        {"unit": "percent"},
        r"a percent must lie in \[0, 100\], found 120 at \('0', '1'\)",
    ),
    "payoff outside": (
        "0 3\n-3 0",
        {"range": (-1, 1)},
        r"a payoff must lie in \[-1, 1\], found 3 .* --range LO HI|range=",
    ),
    "no range": (
        "0 3\n-3 0",
        {"unit": "payoff"},
        r"unit='payoff' needs the range of payoffs, range=\(lo, hi\)",
    ),
    "empty range": (
        "0 3\n-3 0",
        {"range": (1, 1)},
        r"range: two finite numbers lo < hi are needed .* found \(1, 1\)",
    ),
    "odd range": ("0 3\n-3 0", {"range": (1, 2, 3)}, "two finite numbers lo < hi"),
    "range and unit": (
        "0 3\n-3 0",
        {"range": (0, 1), "unit": "percent"},
        r"belongs to unit='payoff', found it beside",
    ),
    "negative count": (
        "0 3\n-3 0",
        {"unit": "count"},
        r"a count must be at least 0, found -3 at \('1', '0'\)",
    ),
    "own count": (
        "1 3\n3 0",
        {"unit": "count"},
        r"nobody beats itself; the diagonal .* found 1 at \('0', '0'\)",
    ),
    "signs and unit": (
        "50% 60%\n40% 50%",
        {"unit": "payoff"},
        "carry percent signs, so unit='percent' is needed",
    ),
    "some signs": ("50% 60\n40 50%", {}, r"percent sign, found one at \('0', '0'\) and none at \('0', '1'\)"),
    "unknown unit": ("1", {"unit": "percents"}, "unknown unit 'percents'; did you mean 'percent'"),
    "counts with unit": (
        "0 1\n1 0",
        {"format": "counts", "unit": "percent"},
        "the format 'counts' has the unit 'count'",
    ),
    "rectangle": ("0.5 0.6 0.7\n0.4 0.5 0.6", {}, "must be square, found 2 rows of 3 cells"),
    "missing row": (",a,b,c\na,0.5,0.6,0.7\nb,0.4,0.5,0.6", {}, "must be square, found 2 rows of 3 cells"),
    "ragged": (
        "a,b,c\n0.5,0.6,0.7\n0.4,0.5\n0.3,0.4,0.5",
        {},
        "must be square, found 3 rows of 2 or 3 cells",
    ),
    "announced": ("3\n0.5 0.6\n0.4 0.5", {}, "the first line announces 3 rows, found 2"),
    "duplicate": (
        ",a,a\na,0.5,0.6\na,0.4,0.5",
        {},
        "every label must be given once, found 'a' more than once",
    ),
    "duplicate column": (",a,b,a\na,0.5,0.6,0\nb,0.4,0.5,0\nb,0,0,0", {}, "found 'a' more than once"),
    "other labels": (",a,b\na,0.5,0.6\nc,0.4,0.5", {}, "same labels, found 'c' with a row but no column"),
    "other columns": (",a,b\na,0.5,0.6\na,0.4,0.5", {}, "same labels, found 'b' with a column but no row"),
    "quotes": ('x,y\n"0.5,0.5\n0.5,0.5', {"format": "matrix"}, "must be square, found 1 rows"),
    "zeros in both triangles": (
        ",a,b,c\na,0.5,0,0\nb,0,0.5,0\nc,0,0,0.5",
        {},
        "either triangle may be the filled one",
    ),
    "percents of zero": ("0,0,0\n0,0,0\n0,0,0", {"unit": "percent"}, "either triangle may be the filled one"),
    "only a comment": ("# nothing\n", {}, "m.csv: the file is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_matrices(tmp_path, case):
    text, options, message = BAD[case]
    with pytest.raises(NashsimError, match=message) as caught:
        load(write(tmp_path, "m.csv", text), **options)
    assert "\n" not in str(caught.value)


ARRAYS = {
    "nan": (np.array([[0.5, np.nan], [0.5, 0.5]]), r"every entry must be finite, found nan at \(0, 1\)"),
    "rectangle": (np.ones((2, 3)), r"must be square, found shape \(2, 3\)"),
    "stack": (np.ones((4, 3, 3)), r"found a stack of shape \(4, 3, 3\); build a game of contexts"),
    "empty": (np.ones((0, 0)), r"must be square, found shape \(0, 0\)"),
    "text": (np.array([["a"]]), "an array of numbers is needed, found dtype <U1"),
    "objects": (
        np.array([[{}]], dtype=object),
        "cannot be read as an array of numbers .* allow_pickle=False",
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_bad_arrays(tmp_path, case):
    array, message = ARRAYS[case]
    np.save(tmp_path / "m.npy", array, allow_pickle=True)
    with pytest.raises(NashsimError, match=f"m.npy: .*{message}"):
        load(tmp_path / "m.npy")


def test_a_cut_array_is_no_array(tmp_path):
    np.save(tmp_path / "m.npy", CYCLE)
    whole = (tmp_path / "m.npy").read_bytes()
    with pytest.raises(NashsimError, match="cut.npy: cannot be read as an array of numbers"):
        load(write(tmp_path, "cut.npy", whole[:-8]))


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "—",
        "NA",
        "1e3",
        " .3",
        "-",
        "1_0",
        "nan",
        "inf",
        "1e999",
        "50%",
        "0,5",
        "1,000",
        "−0.2",
        "１",
        "x",
        "_",
    ],
)
def test_a_row_read_at_once_is_read_as_cell_by_cell(cell, monkeypatch):
    def read(cells):
        try:
            found, percent = values.parse_values(cells, "t", lambda i, j: f"({i}, {j})")
            return found.tobytes(), percent, values.has_text(cells)
        except NashsimError as error:
            return str(error), values.has_text(cells)

    tables = [[[cell]], [["0.5", cell], [cell, ""]], [["0.5", "1"], [cell, cell]]]
    at_once = list(map(read, tables))
    monkeypatch.setattr(values, "_floats", lambda cells: None)
    assert at_once == list(map(read, tables))
