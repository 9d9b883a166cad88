"""PreferenceData: completion, asymmetry, missing pairs, the way into a game."""

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.data import PreferenceData
from tests.data.material import CYCLE, LABELS

NAN = np.nan


def test_one_direction_is_completed_and_the_diagonal_is_a_half():
    data = PreferenceData(LABELS, [[NAN, 0.6, NAN], [NAN, NAN, NAN], [NAN, 0.3, NAN]])
    np.testing.assert_array_equal(data.probability, [[0.5, 0.6, NAN], [0.4, 0.5, 0.7], [NAN, 0.3, 0.5]])
    assert data.asymmetry == 0 and data.counts is None
    assert data.observed.sum() == 4 and not data.observed.diagonal().any()
    assert repr(data) == "PreferenceData('data', n=3, pairs=2 of 3)"


def test_game_carries_labels_name_and_arguments():
    game = PreferenceData(LABELS, CYCLE, name="cycle.csv").game(tau=0.5, reference=[0.2, 0.3, 0.5])
    assert isinstance(game, PreferenceGame)
    assert (game.labels, game.name, game.tau) == (LABELS, "cycle.csv", 0.5)
    np.testing.assert_array_equal(game.probabilities[0], CYCLE)
    assert PreferenceData(LABELS, CYCLE).game(name="other").name == "other"


def test_arrays_cannot_be_changed_and_are_copies():
    source = CYCLE.copy()
    data = PreferenceData(LABELS, source)
    source[0, 1] = 0.0
    assert data.probability[0, 1] == 0.625
    with pytest.raises(ValueError, match="read-only"):
        data.probability[0, 1] = 0.0


def test_from_comparisons_halves_drops_or_refuses_ties():
    wins, ties = [[0, 6], [2, 0]], [[0, 2], [2, 0]]
    half = PreferenceData.from_comparisons("ab", wins, ties)
    assert half.probability[0, 1] == 0.7 and half.counts[0, 1] == half.counts[1, 0] == 10
    assert half.notes == ("Tied comparisons count as half a win for each side: 2 of them.",)
    drop = PreferenceData.from_comparisons("ab", wins, ties, tie_rule="drop")
    assert drop.probability[0, 1] == 0.75 and drop.counts[0, 1] == 8 and drop.ties.sum() == 0
    assert drop.notes == ("Tied comparisons are dropped: 2 of them.",)
    with pytest.raises(NashsimError, match=r"x: a comparison of 'a' and 'b' is a tie; choose ties='half'"):
        PreferenceData.from_comparisons("ab", wins, ties, tie_rule="error", name="x")
    assert PreferenceData.from_comparisons("ab", wins, tie_rule="error").probability[0, 1] == 0.75


def test_a_pair_with_nothing_but_dropped_ties_is_missing():
    wins, ties = np.zeros((3, 3)), np.zeros((3, 3))
    wins[0, 1] = 3
    ties[1, 2] = ties[2, 1] = 4
    data = PreferenceData.from_comparisons(LABELS, wins, ties, tie_rule="drop")
    assert np.isnan(data.probability[1, 2]) and data.counts[1, 2] == 0
    assert data.notes == (
        "Tied comparisons are dropped: 4 of them; 1 pairs have nothing else and so are missing.",
    )


def test_asymmetry_is_an_error_that_reports_it_unless_symmetrised():
    p = CYCLE.copy()
    p[0, 1] += 0.05
    data = PreferenceData(LABELS, p, name="m.csv")
    assert data.asymmetry == pytest.approx(0.05) and data.asymmetry_at == ("a", "b")
    with pytest.raises(
        NashsimError, match=r"m.csv: P \+ P\^T must be 1, found max\|P \+ P\^T - 1\| = 0.05 at"
    ):
        data.game()
    game = data.game(symmetrise=True)
    assert game.probabilities[0, 0, 1] == pytest.approx(0.65)
    assert game.probabilities[0, 1, 0] == pytest.approx(0.35)
    np.testing.assert_allclose(game.probabilities[0, 1:, 1:], CYCLE[1:, 1:], atol=1e-15)


def test_rounding_is_no_asymmetry_but_a_diagonal_off_a_half_is():
    p = CYCLE + np.triu(np.full((3, 3), 1e-12), 1)
    assert PreferenceData(LABELS, p).game().probabilities[0, 0, 1] == pytest.approx(0.625)
    p = CYCLE.copy()
    p[1, 1] = 0.0
    data = PreferenceData(LABELS, p)
    assert data.asymmetry == 1 and data.asymmetry_at == ("b", "b")
    with pytest.raises(NashsimError, match=r"= 1 at \('b', 'b'\)"):
        data.game()
    np.testing.assert_array_equal(data.game(symmetrise=True).probabilities[0], CYCLE)


def test_missing_pairs_are_an_error_that_counts_them_and_names_the_first():
    p = CYCLE.copy()
    p[1, 2] = p[2, 1] = NAN
    data = PreferenceData(LABELS, p, name="m.csv")
    message = r"m.csv: 1 of 3 pairs were never compared, the first \('b', 'c'\); choose missing='half' or"
    with pytest.raises(NashsimError, match=message):
        data.game()
    np.testing.assert_array_equal(data.game(missing="half").probabilities[0, 1, 1:], [0.5, 0.5])
    with pytest.raises(NashsimError, match="unknown value of missing 'hafl'; did you mean 'half'"):
        data.game(missing="hafl")


BAD = {
    "no labels": (((), np.empty((0, 0))), "d: nothing is compared; at least one label is needed"),
    "blank label": ((("a", " "), CYCLE[:2, :2]), "d: every label must have a name, label 2 of 2 is blank"),
    "duplicate": ((("a", "a"), CYCLE[:2, :2]), "d: every label must be given once, found 'a' more than once"),
    "shape": (("ab", CYCLE), r"d: 2 labels need a matrix of shape \(2, 2\), found \(3, 3\)"),
    "above one": (
        ("ab", [[0.5, 1.5], [0, 0.5]]),
        r"d: probabilities must lie in \[0, 1\], found 1.5 at \('a', 'b'\)",
    ),
    "negative": (("ab", [[0.5, 0], [-0.1, 0.5]]), r"found -0.1 at \('b', 'a'\)"),
    "wins": (("ab", CYCLE[:2, :2], [[0, -1], [0, 0]]), "d: wins: a matrix of numbers >= 0 like"),
    "ties": (("ab", CYCLE[:2, :2], [[0, 1], [0, 0]], [1.0]), "d: ties: a matrix of numbers >= 0 like"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_preference_data(case):
    arguments, message = BAD[case]
    with pytest.raises(NashsimError, match=message):
        PreferenceData(*arguments, name="d")


def test_wins_without_ties_count_no_ties():
    data = PreferenceData("ab", CYCLE[:2, :2], [[0, 5], [3, 0]])
    assert data.counts[0, 1] == 8 and data.ties.tolist() == [[0, 0], [0, 0]]
