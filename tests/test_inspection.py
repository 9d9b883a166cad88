"""What `inspect` says: known answers, what it leaves open, what its intervals mean."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nashsim import NashsimError, PreferenceGame
from nashsim.data import PreferenceData, hodge
from nashsim.errors import ConvergenceError
from nashsim.inspection import Inspection, inspect
from tests.data.material import CYCLE, LABELS, matrices
from tests.zoo import random_game

KEYS = (
    "n", "labels", "observed_pairs", "pairs", "coverage", "asymmetry", "condorcet_winner", "smith_set",
    "cyclic_triples", "cyclic_mass", "cyclic_mass_weighted", "lottery", "lottery_unique",
)  # fmt: skip

# NLHF Table 1: win rate of the column against the row.
TLDR = """.500 .990 .983 .982 .989 .987 .985 .982 .965 .943 .970 .961 .977 .980
.010 .500 .489 .598 .519 .561 .501 .436 .284 .148 .468 .320 .477 .510
.017 .511 .500 .592 .504 .545 .499 .451 .310 .211 .445 .362 .464 .488
.018 .402 .408 .500 .425 .470 .369 .362 .238 .163 .391 .270 .400 .447
.011 .481 .496 .575 .500 .513 .491 .434 .298 .196 .460 .351 .430 .496
.013 .439 .455 .530 .487 .500 .484 .408 .273 .187 .429 .323 .413 .472
.015 .499 .501 .631 .509 .516 .500 .428 .265 .161 .468 .358 .437 .503
.018 .564 .549 .638 .566 .592 .572 .500 .329 .210 .532 .389 .518 .539
.035 .716 .690 .762 .702 .727 .735 .671 .500 .342 .652 .548 .651 .691
.057 .852 .789 .837 .804 .813 .839 .790 .658 .500 .743 .640 .752 .774
.030 .532 .555 .609 .540 .571 .532 .468 .348 .257 .500 .381 .480 .556
.039 .680 .638 .730 .649 .677 .642 .611 .452 .360 .619 .500 .585 .659
.023 .523 .536 .600 .570 .587 .563 .482 .349 .248 .520 .415 .500 .555
.020 .490 .512 .553 .504 .528 .497 .461 .309 .226 .444 .341 .445 .500"""
POLICIES = [
    "SFT",
    "RLHF",
    "SP",
    "MD1",
    "MD2",
    "MD3",
    "MD4",
    "MD5",
    "MD6",
    "BR",
    "EMA1",
    "EMA2",
    "EMA1*",
    "EMA2*",
]


def test_the_fourteen_policies_of_nlhf():
    p = np.array([row.split() for row in TLDR.splitlines()], dtype=float).T
    found = inspect(PreferenceData(POLICIES, p))
    assert found.condorcet_winner == "MD1" and found.smith_set == found.weak_condorcet_winners == ["MD1"]
    assert found.cyclic_mass == pytest.approx(0.026, abs=5e-4) and found.cyclic_mass_weighted is None
    assert found.lottery == {label: float(label == "MD1") for label in POLICIES} and found.lottery_unique
    assert found.asymmetry < 1e-12 and found.coverage == 1 and found.intervals is None


def test_the_json_has_the_agreed_keys_and_plain_values():
    wins = np.array([[0, 6, 2], [4, 0, 9], [8, 1, 0]])
    for data in (PreferenceData.from_comparisons(LABELS, wins), PreferenceData(LABELS, CYCLE)):
        found = inspect(data, bootstrap=5).to_dict()
        assert set(KEYS) <= set(found)
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert set(found["lottery"]) == set(LABELS)


@given(matrices())
def test_the_lottery_is_the_symmetric_nash_of_the_margins(p):
    found = inspect(PreferenceGame(p))
    policy = np.array(list(found.lottery.values()))
    assert policy.sum() == pytest.approx(1) and (policy >= 0).all()
    assert ((p - 0.5) @ policy).max() < 1e-9


def test_a_game_is_inspected_without_its_reference():
    found = inspect(PreferenceGame(CYCLE, reference=[1, 0, 0], tau=0.1, labels=LABELS, name="g"))
    assert found == inspect(PreferenceData(LABELS, CYCLE))
    weights = np.array([0.375, 0.25, 0.125])  # on a 3-cycle: the margin between the other two
    np.testing.assert_allclose(list(found.lottery.values()), weights / weights.sum(), atol=1e-12)
    assert isinstance(found, Inspection) and found.smith_set == list(LABELS) and found.cyclic_triples == 1


def test_one_label_wins_all_its_no_comparisons():
    found = inspect(PreferenceGame([[0.5]], labels=["a"]))
    assert (found.condorcet_winner, found.smith_set, found.lottery) == ("a", ["a"], {"a": 1.0})
    assert (found.pairs, found.coverage, found.cyclic_mass, found.cyclic_triples) == (0, 1.0, 0.0, 0)


def test_a_tie_makes_weak_winners_and_a_lottery_that_is_not_unique():
    p = np.array([[0.5, 0.5, 0.75], [0.5, 0.5, 0.75], [0.25, 0.25, 0.5]])
    found = inspect(PreferenceData(LABELS, p))
    assert found.condorcet_winner is None and found.weak_condorcet_winners == ["a", "b"] == found.smith_set
    assert found.lottery_unique is False and "Several maximal lotteries" in found.status


def gapped(counts=True):
    """Four labels round a cycle of three, d compared with a alone."""
    wins = np.zeros((4, 4))
    wins[:3, :3] = [[0, 6, 2], [4, 0, 9], [8, 1, 0]]
    wins[0, 3], wins[3, 0] = 9, 1
    data = PreferenceData.from_comparisons("abcd", wins, name="gapped")
    return data if counts else PreferenceData("abcd", data.probability, name="gapped")


def test_missing_pairs_leave_open_what_needs_them():
    found = inspect(gapped(), bootstrap=10)
    assert (found.observed_pairs, found.pairs, found.coverage) == (4, 6, 4 / 6)
    needs_all = (
        found.condorcet_winner,
        found.weak_condorcet_winners,
        found.smith_set,
        found.lottery,
        found.lottery_unique,
    )
    assert needs_all == (None,) * 5
    assert found.cyclic_triples == 1 and 0 < found.cyclic_mass < 1 and 0 < found.cyclic_mass_weighted < 1
    assert found.intervals["lottery"] is None and len(found.intervals["cyclic_mass"]) == 2
    assert (
        "2 of 6 pairs were never compared, the first ('b', 'd'): Condorcet winners, Smith set" in found.status
    )


@pytest.mark.parametrize(
    ("missing", "said"), [("half", "filled in with 1/2"), ("bradley-terry", "from a Bradley-Terry fit")]
)
def test_filled_pairs_decide_winners_but_are_no_evidence_of_cycles(missing, said):
    found, bare = inspect(gapped(), missing=missing, bootstrap=5), inspect(gapped(), bootstrap=0)
    assert said in found.status and found.coverage == 4 / 6
    assert found.cyclic_mass == bare.cyclic_mass and found.cyclic_mass_weighted == bare.cyclic_mass_weighted
    assert set(found.intervals["lottery"]) == set("abcd")
    # half a win against b and c makes d a rival; a fit that has seen it lose 9 of 10 to a does not
    assert found.smith_set == (list("abcd") if missing == "half" else list("abc"))
    assert sum(found.lottery.values()) == pytest.approx(1)


def test_asymmetry_is_reported_and_refused_unless_symmetrised():
    p = CYCLE.copy()
    p[0, 1] += 0.05
    data = PreferenceData(LABELS, p)
    with pytest.raises(NashsimError, match=r"max\|P \+ P\^T - 1\| = 0.05"):
        inspect(data)
    found = inspect(data, symmetrise=True)
    assert found.asymmetry == pytest.approx(0.05) and "differ by up to 0.05 and are averaged" in found.status


def test_intervals_are_reproducible_and_move_with_the_seed():
    data = gapped()
    one, again, other = (inspect(data, missing="half", bootstrap=30, seed=s).intervals for s in (1, 1, 2))
    assert one == again != other and one["resamples"] == 30 and one["confidence"] == 0.95
    narrow = inspect(data, missing="half", bootstrap=30, seed=1, confidence=0.5).intervals
    assert narrow["cyclic_triples"][1] <= one["cyclic_triples"][1]
    assert inspect(data, bootstrap=0).intervals is None
    assert inspect(gapped(counts=False)).intervals is None


def test_progress_is_told():
    told = []
    inspect(gapped(), bootstrap=4, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("games", [50, 5000])
def test_the_interval_of_the_cyclic_mass_takes_the_noise_off(games):
    """Of 30 samples of one cyclic table most intervals hold the true mass, though the observed mass lies above it.

    At a true coverage of 80% fewer than 16 of 30 has probability 9e-4.
    """
    s = np.array([1.0, 0.5, 0.2, 0.0, -0.6, -1.0])
    cycle = 0.04 * np.sign((np.arange(6)[:, None] - np.arange(6)) % 6 - 3)
    p = 1 / (1 + np.exp(s[None, :] - s[:, None])) + (cycle - cycle.T) / 2
    i, j = np.triu_indices(6, 1)
    rng = np.random.default_rng(games)
    true, held, above = hodge(p).cyclic_mass, 0, 0
    for seed in range(30):
        wins = np.zeros((6, 6))
        wins[i, j] = rng.binomial(games, p[i, j])
        wins[j, i] = games - wins[i, j]
        # With a pair missing no lottery is solved, which keeps this test quick.
        data = PreferenceData.from_comparisons("abcdef", wins)
        low, high = _mass_interval(data, seed)
        held += low <= true <= high
        above += hodge(data.probability).cyclic_mass > true
    assert held >= 16
    assert above > 25 or games > 1000


def _mass_interval(data, seed):
    wins, ties = np.zeros((7, 7)), np.zeros((7, 7))
    wins[:6, :6] = data.wins
    lonely = PreferenceData.from_comparisons("abcdefg", wins, ties)
    return inspect(lonely, bootstrap=40, seed=seed).intervals["cyclic_mass"]


def test_a_resampled_lottery_that_cannot_be_confirmed_is_left_out(monkeypatch):
    from nashsim import inspection

    real, calls = inspection._lottery, []

    def sometimes(filled):
        calls.append(filled)
        if len(calls) % 2 == 0:
            raise ConvergenceError("not today")
        return real(filled)

    monkeypatch.setattr(inspection, "_lottery", sometimes)
    wins = np.array([[0, 6, 2], [4, 0, 9], [8, 1, 0]])
    found = inspect(PreferenceData.from_comparisons(LABELS, wins), bootstrap=6)
    assert "3 resampled lotteries could not be confirmed and are left out." in found.status
    assert found.intervals["resamples"] == 6


def test_what_cannot_be_inspected():
    with pytest.raises(NashsimError, match="found a stack of 3 contexts; inspect PreferenceGame"):
        inspect(random_game(0, contexts=3))
    with pytest.raises(
        NashsimError, match="data: PreferenceData or a PreferenceGame is needed, found ndarray"
    ):
        inspect(CYCLE)
    for wrong in (0, 1, float("nan")):
        with pytest.raises(NashsimError, match="confidence: a number between 0 and 1 is needed"):
            inspect(gapped(), confidence=wrong)
    with pytest.raises(NashsimError, match="bootstrap: a number of resamples >= 0 is needed, found -1"):
        inspect(gapped(), bootstrap=-1)
    with pytest.raises(NashsimError, match="unknown value of missing"):
        inspect(gapped(), missing="none")


@given(st.permutations(range(4)))
def test_relabelling_changes_nothing_but_the_names(order):
    data = gapped()
    turned = PreferenceData.from_comparisons([data.labels[i] for i in order], data.wins[np.ix_(order, order)])
    one, other = (inspect(d, missing="bradley-terry", bootstrap=0) for d in (data, turned))
    assert sorted(one.smith_set) == sorted(other.smith_set) and one.cyclic_triples == other.cyclic_triples
    assert {k: round(v, 9) for k, v in one.lottery.items()} == {
        k: round(v, 9) for k, v in other.lottery.items()
    }
