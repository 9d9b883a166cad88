"""Generated files are read rightly or refused in one line, and never read as another game."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from nashsim import NashsimError
from nashsim.data import load
from tests.data.generated import FORMATS, files

# What a whole file may be refused for: it can be read in two ways, or compares nobody.
DOUBT = re.compile(
    "may be|begins with|can be read as|write them differently|at least one comparison|not recognised"
)


def held_against_its_truth(file, path):
    """Return whether the file was read, having checked that what was read is what was written."""
    path.write_bytes(file.content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            data = load(path, **file.options)
    except NashsimError as error:
        assert "\n" not in str(error) and str(error).strip()
        blank = not file.content.strip() and str(error).endswith("the file is empty")
        assert file.damage or blank or DOUBT.search(str(error)), str(error)
        return False
    expected = file.expected()
    found = {
        (a, b): data.probability[i, j]
        for i, a in enumerate(data.labels)
        for j, b in enumerate(data.labels)
        if i != j and not np.isnan(data.probability[i, j])
    }
    if data.is_asymmetric:
        with pytest.raises(NashsimError, match="must be 1"):
            data.game()
        return False
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, abs=1e-9)
    if file.p is None and data.wins is not None:
        total = sum(file.wins.values()) + sum(file.ties.values())
        assert np.triu(data.counts).sum() == pytest.approx(total)
    return True


def every_file(name, examples, folder):
    path, read = folder / "file.dat", {False: 0, True: 0}

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=examples < 100,
    )
    @given(files(name))
    def check(file):
        if not file.damage:
            read[held_against_its_truth(file, path)] += 1
        else:
            held_against_its_truth(file, path)

    check()
    # A reader that refuses would pass all of the above: most whole files are read.
    assert read[True] > 2 * read[False], read


@pytest.mark.parametrize("name", FORMATS)
def test_files_are_read_rightly_or_refused(name, tmp_path):
    every_file(name, 50, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_thousand_files_are_read_rightly_or_refused(name, tmp_path):
    every_file(name, 1000, tmp_path)
