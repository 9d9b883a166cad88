"""Real files, read from the folder that NASHSIM_DATA names: what each needs, and what is known of it."""

import os
from pathlib import Path

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.data import load, smith_set
from nashsim.inspection import inspect

FOLDER = os.environ.get("NASHSIM_DATA")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="NASHSIM_DATA names no folder of real data files")

NFL = {"columns": ("team1", "team2"), "result": "result1"}
FILES = {
    "arena33k_human_battles.csv": ({}, {}, 20),
    "nfl_games_538.csv": (NFL, {"missing": "half"}, 123),
    "preflib_00008-00000009_govan2007.soi": ({}, {}, 11),
    "preflib_00008-00000009_govan2007.toc": ({}, {}, 11),
    "preflib_00005-00000002_burlington2009.toi": ({}, {}, 6),
    "votelib_gnome_26.blt": ({}, {}, 11),
    "komiyama_pref_arithmetic.txt": ({}, {}, 8),
    "komiyama_pref_arxiv.txt": ({}, {}, 6),
    "komiyama_pref_cyclic.txt": ({}, {}, 4),
    "rrps43_bot_table.txt": ({"unit": "payoff", "range": (-1000, 1000)}, {"symmetrise": True}, 43),
    "soccer10_winrates.txt": ({}, {}, 10),
    "egpo_qwen_winrate_table.tex": ({}, {"missing": "bradley-terry"}, 11),
}


def real(name, **options):
    path = Path(FOLDER) / name
    if not path.exists():
        pytest.skip(f"NASHSIM_DATA has no file {name}")
    return load(path, **options)


@pytest.mark.parametrize("name", FILES)
def test_every_file_becomes_a_game(name):
    reading, playing, n = FILES[name]
    game = real(name, **reading).game(**playing)
    assert game.actions == n and game.name == name
    assert not np.isnan(game.probabilities).any()


@pytest.mark.parametrize("name", ["arena_hard_leaderboard_20240731.csv", "alpacaeval2_leaderboard.csv"])
def test_leaderboards_are_refused(name):
    with pytest.raises(
        NashsimError, match=f"{name}: scores of many labels against one baseline are no pairwise"
    ):
        real(name)


@pytest.mark.parametrize("suffix", ["soi", "toc"])
def test_govan_counts_are_those_of_theory_section_2(suffix):
    data = real(f"preflib_00008-00000009_govan2007.{suffix}", ties="drop")
    index = {label.split()[-1]: k for k, label in enumerate(data.labels)}
    for first, second, wins, losses in (
        ("Dornan", "Flanagan", 2992, 2390),
        ("Flanagan", "Hunter", 3654, 3568),
        ("Hunter", "Dornan", 3578, 3557),
    ):
        i, j = index[first], index[second]
        assert (data.wins[i, j], data.wins[j, i]) == (wins, losses)
        assert data.probability[i, j] == wins / (wins + losses)
    assert {data.labels[i].split()[-1] for i in smith_set(data.probability)} == {
        "Dornan",
        "Flanagan",
        "Hunter",
    }


def test_the_govan_lottery_mixes_the_cycle_by_its_margins():
    """On a 3-cycle the lottery gives each candidate the margin between the other two [derived]."""
    data = real("preflib_00008-00000009_govan2007.soi", ties="drop")
    found = inspect(data, bootstrap=0)
    margin = {
        "Stephen Dornan": 3654 / (3654 + 3568) - 0.5,
        "John Flanagan": 3578 / (3578 + 3557) - 0.5,
        "Allison Hunter": 2992 / (2992 + 2390) - 0.5,
    }
    for label, p in found.lottery.items():
        assert p == pytest.approx(margin.get(label, 0) / sum(margin.values()), abs=1e-9)
    assert found.lottery_unique and found.condorcet_winner is None and found.cyclic_triples == 1
    assert set(found.smith_set) == set(margin)


def test_arena_votes():
    data = real("arena33k_human_battles.csv")
    assert np.triu(data.counts).sum() == 25_938 and np.triu(data.ties).sum() == 4_772 + 2_846
    found = inspect(data, bootstrap=20)
    assert found.condorcet_winner == "gpt-4" and found.coverage == 1 and found.intervals["resamples"] == 20
    dropped = real("arena33k_human_battles.csv", ties="drop")
    assert np.triu(dropped.counts).sum() == 9_252 + 9_068
    with pytest.raises(NashsimError, match=r"row 2 \(line 3\) is a tie"):
        real("arena33k_human_battles.csv", ties="error")


def test_nfl_scores_and_results_say_the_same():
    by_result = real("nfl_games_538.csv", **NFL)
    by_score = real("nfl_games_538.csv", columns=("team1", "team2"), scores=("score1", "score2"))
    np.testing.assert_array_equal(by_result.wins, by_score.wins)
    np.testing.assert_array_equal(by_result.ties, by_score.ties)
    assert np.triu(by_result.counts).sum() == 16_810 and np.triu(by_result.ties).sum() == 316
    with pytest.raises(NashsimError, match="6549 of 7503 pairs were never compared, the first"):
        by_result.game()


def test_nfl_by_bradley_terry_says_which_fit_it_took():
    """Some teams of the 1920s never won; the strengths stay finite, and strong teams are expected to beat them."""
    data = real("nfl_games_538.csv", **NFL)
    with pytest.warns(UserWarning, match="no finite maximum likelihood"):
        game = data.game(missing="bradley-terry")
    index = game.labels.index
    assert 0.8 < game.probabilities[0, index("KC"), index("CRP")] < 1
    seen = ~np.isnan(data.probability)
    np.testing.assert_allclose(game.probabilities[0][seen], data.probability[seen], atol=1e-12)


def test_rock_paper_scissors_programs_need_their_range_and_are_not_quite_antisymmetric():
    with pytest.raises(
        NashsimError, match=r"a probability must lie in \[0, 1\], found 74.986 at \('inocencio', 'adds"
    ):
        real("rrps43_bot_table.txt")
    data = real("rrps43_bot_table.txt", range=(-1000, 1000))
    assert data.asymmetry == pytest.approx(0.017601, abs=1e-6)
    with pytest.raises(NashsimError, match=r"max\|P \+ P\^T - 1\| = 0.017601"):
        data.game()
    with pytest.raises(NashsimError, match=r"max\|P \+ P\^T - 1\| = 0.017601"):
        inspect(data)
    assert inspect(data, symmetrise=True).asymmetry == data.asymmetry


def test_the_egpo_table_has_its_two_level_labels_and_blank_blocks():
    data = real("egpo_qwen_winrate_table.tex")
    assert data.labels == (
        "pi_tref", "OIPO1 7", "OIPO1 9", "OIPO2 5", "OIPO2 8", "NMD 6", "NMD 7", "NMDPG 2", "NMDPG 4",
        "EGPO 8", "EGPO 10",
    )  # fmt: skip
    at = {label: k for k, label in enumerate(data.labels)}
    for row, column, percent in (
        ("OIPO1 7", "pi_tref", 50.5),
        ("pi_tref", "EGPO 10", 100 - 54.2),
        ("EGPO 8", "NMDPG 4", 56.4),
        ("NMD 7", "OIPO2 8", 50.5),
    ):
        assert data.probability[at[row], at[column]] == pytest.approx(percent / 100, abs=1e-12)
    found = inspect(data)
    assert (found.observed_pairs, found.pairs) == (50, 55) and found.lottery is None
    assert found.condorcet_winner is None and found.smith_set is None and found.cyclic_mass < 0.05
    assert set(inspect(data, missing="half").smith_set) == {"EGPO 8", "EGPO 10"}


def test_matrices_hold_what_numpy_reads():
    for name in ("komiyama_pref_arithmetic.txt", "komiyama_pref_cyclic.txt", "soccer10_winrates.txt"):
        np.testing.assert_array_equal(real(name).probability, np.loadtxt(Path(FOLDER) / name))
    assert inspect(real("soccer10_winrates.txt")).lottery_unique
    assert inspect(real("komiyama_pref_arithmetic.txt")).cyclic_mass < 1e-30


def test_burlington_and_gnome():
    burlington = inspect(real("preflib_00005-00000002_burlington2009.toi"), bootstrap=0)
    assert burlington.condorcet_winner == "Andy Montroll" and burlington.smith_set == ["Andy Montroll"]
    gnome = real("votelib_gnome_26.blt")
    assert gnome.labels[0] == "Allan Day" and inspect(gnome, bootstrap=0).condorcet_winner == "Allan Day"
    assert gnome.counts[0, 1] == gnome.counts[3, 7] > 100
