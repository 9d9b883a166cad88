"""A reference policy from a file."""

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.data import load_reference
from tests.data.material import write

LAYOUTS = {
    "a row": "0.2 0.3 0.5",
    "a row of commas": "0.2,0.3,0.5",
    "a column": "# mine\n0.2\n0.3\n0.5\n",
    "labelled column": "c,0.5\na,0.2\nb,0.3\n",
    "with a header": "label,probability\nc,0.5\na,0.2\nb,0.3\n",
    "labelled rows": "b\tc\ta\n0.3\t0.5\t0.2\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    np.testing.assert_array_equal(
        load_reference(write(tmp_path, "mu.txt", LAYOUTS[layout]), "abc"), [0.2, 0.3, 0.5]
    )


def test_two_labels_above_two_numbers(tmp_path):
    path = write(tmp_path, "mu.csv", "b,a\n0.75,0.25\n")
    assert load_reference(path, ["a", "b"]).tolist() == [0.25, 0.75]
    assert load_reference(write(tmp_path, "mu.csv", "0,1\n0.75,0.25\n"), ["0", "1"]).tolist() == [0.75, 0.25]
    assert load_reference(write(tmp_path, "mu.csv", "a 1.0\n"), ["a"]).tolist() == [1.0]


BAD = {
    "too few": ("0.5 0.5", "3 probabilities are needed, one an action, found 2"),
    "text": ("0.5 0.5 x", "3 probabilities are needed, one an action, found 'x'"),
    "percent": ("20% 30% 50%", "3 probabilities are needed, one an action, found '20%'"),
    "matrix": ("1 2 3\n4 5 6\n7 8 9", "one row or one column are needed, labelled or not, found 3 rows"),
    "ragged": ("1 2\n4 5 6", "one row or one column are needed"),
    "missing": ("a,0.5\nb,0.5", "gives no probability for the action 'c'"),
    "blank": ("a,0.5\nb,0.5\nc,", "gives no probability for the action 'c'"),
    "unknown": ("a,0.5\nb,0.3\nc,0.1\nd,0.1", "names 'd', which is no action of the game"),
    "twice": ("a,0.5\nb,0.3\nc,0.1\na,0.1", "must name every action once, found 4 rows for 3 actions"),
    "empty": ("", "mu.txt: the file is empty"),
    "binary": (b"\x93NUMPY\x00\x01\x02\x00", "3 probabilities as text are needed, found a binary file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_references(tmp_path, case):
    content, message = BAD[case]
    with pytest.raises(NashsimError, match=message):
        load_reference(write(tmp_path, "mu.txt", content), "abc")


def test_no_file(tmp_path):
    with pytest.raises(NashsimError, match="there is no file '.*mu.txt'"):
        load_reference(tmp_path / "mu.txt", "abc")
