"""Recognition by content, options that do not fit, files that are none of this."""

import subprocess
import sys

import pytest

from nashsim import NashsimError
from nashsim.data import FORMATS, load
from tests.data.material import write

RECOGNISED = {
    "battles": ("id,model_a,model_b,winner\nk1,x,y,tie\n", ("x", "y")),
    "matrix": ("0.5 0.6\n0.4 0.5\n", ("0", "1")),
    "matrix with labels": (",x,y\nx,0.5,0.6\ny,0.4,0.5\n", ("x", "y")),
    "latex": (r"\begin{array}{cc} & b\\ a & .6\\ b & \end{array}", ("a", "b")),
    "pairs": ("x y\ny z\n", ("x", "y", "z")),
    "triples": ("x\ty\t0.5\ny\tz\t0.5\n", ("x", "y", "z")),
    "triples called scores": ("a,b,score\nx,y,0.6\ny,z,0.7\n", ("x", "y", "z")),
    "tuples": ("# scores\n('x', 'y', 0.5)\n('y', 'z', 0.5)\n", ("x", "y", "z")),
    "preflib": ("# ALTERNATIVE NAME 1: x\n# ALTERNATIVE NAME 2: y\n1: 2\n", ("x", "y")),
    "blt": ('2 1\n1 1 0\n0\n"x"\n"y"\n"t"\n', ("x", "y")),
}


@pytest.mark.parametrize("case", RECOGNISED)
def test_content_is_recognised_whatever_the_file_is_called(tmp_path, case):
    text, labels = RECOGNISED[case]
    for name in ("data.dat", "data.csv", "data.tex"):
        for dressed in (text, "\ufeff" + text.replace("\n", "\r\n")):
            assert load(write(tmp_path, name, dressed)).labels == labels


STRANGE = {
    "prose": "This is a readme.\nIt says nothing of preferences, really.\n",
    "binary": bytes(range(256)),
    "zeros": b"a,b\0c\n",
}


@pytest.mark.parametrize("case", STRANGE)
def test_an_unknown_format_lists_the_known_ones(tmp_path, case):
    with pytest.raises(NashsimError, match="s.dat: the format is not recognised; accepted are") as caught:
        load(write(tmp_path, "s.dat", STRANGE[case]))
    assert all(format in str(caught.value) for format in FORMATS) and "\n" not in str(caught.value)


BOARD = "model,win_rate,votes\nx,0.9,10\ny,0.7,20\nz,0.2,30\n"
BOARD_OF_TRIPLES = "model,org,score\nx,acme,0.9\ny,acme,0.7\n"


@pytest.mark.parametrize("text", [BOARD, BOARD_OF_TRIPLES])
@pytest.mark.parametrize("format", ["auto", "battles", "matrix", "triples"])
def test_scores_against_one_baseline_are_refused(tmp_path, text, format):
    message = "board.csv: scores of many labels against one baseline are no pairwise preferences: no row compares two"
    with pytest.raises(NashsimError, match=message):
        load(write(tmp_path, "board.csv", text), format)


def test_battles_with_ratings_are_no_leaderboard(tmp_path):
    text = "id,model_a,model_b,winner,elo\nk1,x,y,tie,1000\nk2,x,y,tie,1001\n"
    assert load(write(tmp_path, "b.csv", text)).labels == ("x", "y")
    text = "id,winner,loser,elo\nk1,x,y,1000\nk2,x,y,1001\n"
    assert load(write(tmp_path, "b.csv", text)).labels == ("x", "y")


def test_no_file_an_empty_one_and_a_folder(tmp_path):
    with pytest.raises(NashsimError, match=r"there is no file '.*nothing.csv'"):
        load(tmp_path / "nothing.csv")
    with pytest.raises(NashsimError, match="is a directory; a file is needed"):
        load(str(tmp_path))
    for content in ("", " \n\n", "\ufeff\n"):
        with pytest.raises(NashsimError, match="e.csv: the file is empty"):
            load(write(tmp_path, "e.csv", content))


MISFITS = {
    "unknown format": ("matrix", {"format": "martix"}, "unknown format 'martix'; did you mean 'matrix'"),
    "latex as battles": (
        "latex",
        {"format": "battles"},
        "format='battles' does not fit, .* read as matrix or counts",
    ),
    "blt as matrix": (
        "blt",
        {"format": "matrix"},
        "format='matrix' does not fit, the content can be read as blt",
    ),
    "tuples as counts": (
        "tuples",
        {"format": "counts"},
        "does not fit, the content can be read as triples or pairs",
    ),
    "matrix as preflib": ("matrix", {"format": "preflib"}, "a PrefLib file names its alternatives"),
    "weight": (
        "matrix",
        {"weight": "w"},
        r"weight \(--weight\) has no meaning for the format 'matrix', only for battles",
    ),
    "unit": (
        "battles",
        {"unit": "count"},
        r"unit \(--unit\) has no meaning for the format 'battles', only for matrix",
    ),
    "range": ("pairs", {"range": (0, 1)}, r"range \(--range\) has no meaning for the format 'pairs'"),
    "columns": (
        "matrix",
        {"columns": ("a", "b"), "format": "matrix"},
        r"columns \(--columns\) has no meaning for the",
    ),
    "columns of none": ("matrix", {"columns": ("a", "b")}, r"columns \(--columns\): unknown column 'a'"),
    "scores": (
        "blt",
        {"scores": ("a", "b")},
        r"scores \(--scores\) has no meaning for the format 'blt', only for battles",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_options_that_do_not_fit(tmp_path, case):
    content, options, message = MISFITS[case]
    with pytest.raises(NashsimError, match=message):
        load(write(tmp_path, "f.dat", RECOGNISED[content][0]), **options)


def test_a_broken_quote_names_its_line(tmp_path):
    text = 'model_a,model_b,winner\nx,y,tie\n"' + "x" * 140_000
    with pytest.raises(NashsimError, match="b.csv: line 3 cannot be split into cells: field larger than"):
        load(write(tmp_path, "b.csv", text))


def test_importing_the_room_loads_no_heavy_package():
    heavy = "[m for m in ('pandas', 'scipy', 'pyarrow') if m in sys.modules]"
    code = f"import sys, nashsim.data, nashsim.inspection; print({heavy})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
