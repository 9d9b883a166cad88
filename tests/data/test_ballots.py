"""Ballots from PrefLib and BLT files, held against pairs counted one by one."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nashsim import NashsimError
from nashsim.data import ballots as ballots_room
from nashsim.data import load
from nashsim.data.ballots import Ballot, count_ballots
from tests.data.material import write

NAMES = "".join(f"# ALTERNATIVE NAME {k}: {name}\n" for k, name in enumerate(["Ann", "Bob", "Cy, Jr."], 1))
PREFLIB = "# FILE NAME: x.soi\n# NUMBER VOTERS: 10\n" + NAMES + "4: 2,1,3\n3: {1,3}\n2: 3,{1,2}\n1: 1\n"
BLT = (
    '3 1\n# comment\n4 2 1 3 0\n3 1=3 0\n2 3 - 1=2 0 # late\n1 1 0\n0\n"Ann"\n"Bob"\n"Cy, Jr."\n"Title # 1"\n'
)


@st.composite
def ballot_boxes(draw):
    n = draw(st.integers(1, 5))
    boxes = []
    for k in range(draw(st.integers(1, 6))):
        order = draw(st.permutations(range(n)))[: draw(st.integers(0, n))]
        groups: list[list[int]] = []
        for candidate in order:
            groups[-1].append(candidate) if groups and draw(st.booleans()) else groups.append([candidate])
        boxes.append(Ballot(draw(st.integers(1, 9)), groups, f"line {k}"))
    return n, boxes


@given(ballot_boxes(), st.sampled_from(["half", "drop"]), st.integers(1, 100))
def test_every_pair_is_counted_as_by_hand(box, ties, block):
    n, boxes = box
    ballots_room._BLOCK, usual = block, ballots_room._BLOCK
    try:
        data = count_ballots([str(k) for k in range(n)], boxes, ties=ties)
    finally:
        ballots_room._BLOCK = usual
    for a, b in combinations(range(n), 2):
        wins = losses = tied = 0
        for ballot in boxes:
            place = {c: k for k, group in enumerate(ballot.ranking) for c in group}
            first, second = place.get(a, n), place.get(b, n)
            wins += ballot.weight * (first < second)
            losses += ballot.weight * (first > second)
            tied += ballot.weight * (first == second)
        assert (data.wins[a, b], data.wins[b, a]) == (wins, losses)
        total = wins + losses + (tied if ties == "half" else 0)
        if total:
            assert data.probability[a, b] == (wins + (tied / 2 if ties == "half" else 0)) / total
        else:
            assert np.isnan(data.probability[a, b])


@pytest.mark.parametrize(("name", "text"), [("v.toc", PREFLIB), ("v.blt", BLT)])
def test_small_elections(tmp_path, name, text):
    data = load(write(tmp_path, name, text))
    assert data.labels == ("Ann", "Bob", "Cy, Jr.")
    assert data.wins.tolist() == [[0, 4, 5], [4, 0, 4], [2, 5, 0]]
    assert data.ties.tolist() == [[0, 2, 3], [2, 0, 1], [3, 1, 0]]
    dropped = load(write(tmp_path, name, text), ties="drop")
    assert dropped.probability[0, 2] == 5 / 7 and dropped.ties.sum() == 0
    assert load(write(tmp_path, name, text), name.split(".")[1].replace("toc", "preflib")).counts[0, 1] == 10


def test_a_pair_that_is_not_separated_is_an_error_if_asked(tmp_path):
    with pytest.raises(NashsimError, match="a pair that the ballot in line 7 does not separate is a tie"):
        load(write(tmp_path, "v.soi", PREFLIB), ties="error")
    complete = NAMES + "2: 1,2,3\n1: 2,3\n"
    assert load(write(tmp_path, "v.soi", complete), ties="error").probability[0, 1] == 2 / 3


def test_the_body_decides_whatever_the_header_says(tmp_path):
    data = load(write(tmp_path, "v.soi", PREFLIB.replace("VOTERS: 10", "VOTERS: 12")))
    assert data.notes[0] == "The header states 12 voters, the ballots sum to 10; the ballots are used."
    assert data.counts[0, 1] == 10


def test_an_empty_ballot_ties_everybody(tmp_path):
    data = load(write(tmp_path, "v.toi", NAMES + "2: 1,2,3\n2: {}\n2:\n"))
    assert data.ties[0, 1] == 4 and data.wins[0, 1] == 2


def test_withdrawn_candidates_are_left_out_and_noted(tmp_path):
    data = load(write(tmp_path, "v.blt", BLT.replace("3 1\n", "3 1\n-2\n", 1)))
    assert data.labels == ("Ann", "Cy, Jr.") and data.notes[0] == "Withdrawn candidates are left out: Bob."
    assert data.wins.tolist() == [[0, 5], [2, 0]]


BAD_PREFLIB = {
    "no names": ("3: 1,2\n", r"names its alternatives \(# ALTERNATIVE NAME 1: ...\), found none"),
    "no ballots": (NAMES, "at least one ballot is needed, found none"),
    "no ballot": (
        NAMES + "3: 1,2\n1,2\n",
        r"a ballot such as '12: 3,\{1,2\},4' is needed in line 5, found '1,2'",
    ),
    "braces": (NAMES + "3: {1,2\n", r"is needed in line 4, found '3: \{1,2'"),
    "unknown": (NAMES + "3: 1,4\n", "line 4 ranks alternative 4, the header names 3 others"),
    "twice": (NAMES + "3: 1,2,1\n", "the ballot in line 4 ranks 'Ann' twice"),
    "same name": (
        NAMES.replace("Bob", "Ann") + "3: 1,2\n",
        "every label must be given once, found 'Ann' more than",
    ),
}
BAD_BLT = {
    "header": (BLT.replace("3 1\n", "3\n", 1), "starts with two numbers, candidates and seats, found '3'"),
    "end": (BLT.replace("\n0\n", "\n"), "end with a line '0', found none"),
    "names": (
        BLT.replace('"Bob"\n', "").replace('"Title # 1"\n', ""),
        "3 candidates need 3 names after the ballots, found 2",
    ),
    "no ballot": (
        BLT.replace("4 2 1 3 0", "4 2 1 3"),
        "a ballot such as '1 3 1=2 0' is needed in line 3, found '4 2 1 3'",
    ),
    "unknown": (BLT.replace("1 1 0", "1 4 0"), "candidates are numbered 1 to 3, found 4 in line 6"),
    "twice": (BLT.replace("1 1 0", "1 1 1 0"), "the ballot in line 6 ranks 'Ann' twice"),
}


@pytest.mark.parametrize("case", BAD_PREFLIB)
def test_bad_preflib(tmp_path, case):
    text, message = BAD_PREFLIB[case]
    with pytest.raises(NashsimError, match=f"v.soi: .*{message}"):
        load(write(tmp_path, "v.soi", text), "preflib")


@pytest.mark.parametrize("case", BAD_BLT)
def test_bad_blt(tmp_path, case):
    text, message = BAD_BLT[case]
    with pytest.raises(NashsimError, match=f"v.blt: .*{message}"):
        load(write(tmp_path, "v.blt", text), "blt")


def test_a_negative_ballot():
    with pytest.raises(NashsimError, match="weight must be at least 0, found -1 in line 1"):
        count_ballots("ab", [Ballot(-1, [[0]], "line 1")])
