"""PrefLib and BLT files as the libraries of their communities read them."""

import numpy as np
import pytest
from hypothesis import given, settings

from nashsim.data import load
from tests.data.generated import blt, preflib

FOLDER = "oracle"


def is_newer_with_orders_once(file):
    """Preflibtools reads the newer format alone, and the last of two lines with one order."""
    orders = [
        line.split(": ")[1] for line in file.text.splitlines() if not line.startswith("#") and ": " in line
    ]
    return file.text.startswith("#") and len(set(orders)) == len(orders)


def pairwise(data, names):
    at = [data.labels.index(name) for name in names]
    return data.wins[np.ix_(at, at)]


@settings(max_examples=50, deadline=None)
@given(file=preflib().filter(is_newer_with_orders_once))
def test_preflib_orders_as_preflibtools_counts_them(tmp_path_factory, file):
    instances = pytest.importorskip("preflibtools.instances")
    path = tmp_path_factory.mktemp(FOLDER) / "votes.toi"
    path.write_text(
        f"# DATA TYPE: toi\n# NUMBER ALTERNATIVES: {len(file.labels)}\n{file.text}", encoding="utf-8"
    )
    theirs = instances.OrdinalInstance()
    theirs.parse_file(str(path))
    ours = load(path)
    assert ours.labels == tuple(theirs.alternatives_name[k] for k in sorted(theirs.alternatives_name))
    wins = np.zeros((len(file.labels), len(file.labels)))
    for order, times in theirs.multiplicity.items():
        place = {k - 1: rank for rank, group in enumerate(order) for k in group}
        for i in range(len(wins)):
            for j in range(len(wins)):
                wins[i, j] += times * (place.get(i, 99) < place.get(j, 99))
    np.testing.assert_array_equal(ours.wins, wins)


@settings(max_examples=50, deadline=None)
@given(file=preflib().filter(is_newer_with_orders_once))
def test_pairwise_files_that_preflibtools_writes(tmp_path_factory, file):
    instances = pytest.importorskip("preflibtools.instances")
    convert = pytest.importorskip("preflibtools.instances.convert")
    folder = tmp_path_factory.mktemp(FOLDER)
    path, pwg = folder / "votes.toi", folder / "votes.pwg"
    path.write_text(
        f"# DATA TYPE: toi\n# NUMBER ALTERNATIVES: {len(file.labels)}\n{file.text}", encoding="utf-8"
    )
    theirs = instances.OrdinalInstance()
    theirs.parse_file(str(path))
    pwg.write_text(convert.order_to_pwg(theirs), encoding="utf-8")
    ours = load(pwg)
    # Their pairs count ballots that rank both; who is on none is no loser there.
    both = np.zeros_like(ours.wins)
    for order, times in theirs.multiplicity.items():
        place = {k - 1: rank for rank, group in enumerate(order) for k in group}
        for i in place:
            for j in place:
                both[i, j] += times * (place[i] < place[j])
    np.testing.assert_array_equal(ours.wins, both)


@settings(max_examples=50, deadline=None)
@given(file=blt().filter(lambda file: "#" not in file.text))
def test_blt_ballots_as_votelib_reads_them(tmp_path_factory, file):
    """It knows neither ties nor skips, nor a # in a name."""
    votelib = pytest.importorskip("votelib.io.blt")
    ballots, names = file.text.split("\n0\n")
    text = ballots.replace("=", " ").replace(" -", "") + "\n0\n" + names
    path = tmp_path_factory.mktemp(FOLDER) / "votes.blt"
    path.write_text(text, encoding="utf-8")
    ours = load(path)
    theirs, _, candidates, _ = votelib.loads(text)
    assert list(ours.labels) == [candidate.name for candidate in candidates]
    wins = np.zeros_like(ours.wins)
    for order, times in theirs.items():
        place = {candidate: rank for rank, candidate in enumerate(order)}
        for i, a in enumerate(candidates):
            for j, b in enumerate(candidates):
                wins[i, j] += float(times) * (place.get(a, 99) < place.get(b, 99))
    np.testing.assert_array_equal(ours.wins, wins)
