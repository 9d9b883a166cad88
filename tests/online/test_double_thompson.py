"""Agreement with the community: compiled Double Thompson Sampling against an independent NumPy text.

Mean cumulative regrets over seeds must agree within 4 standard errors of their difference,
4 sqrt(var/seeds + var'/seeds'): by the normal law one comparison in 16,000 lies outside by chance, and a test makes at
most a few dozen of them, at fixed seeds.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from nashsim import PreferenceGame, games
from nashsim.cli.reproducing import find_experiments, load_experiment
from nashsim.online import play_learner
from tests.online.double_thompson_reference import (
    borda_loss,
    condorcet_loss,
    copeland_loss,
    cumulative_regret,
    duelled_arms,
)

FOLDER = os.environ.get("NASHSIM_DATA")
FILES = (
    "komiyama_pref_arithmetic.txt",
    "komiyama_pref_arxiv.txt",
    "komiyama_pref_cyclic.txt",
    "soccer10_winrates.txt",
)
BUNDLED = ("tldr", "uniform:n=8,seed=1")


def matrix_of(name):
    """Return a dueling matrix: bundled with the package, or of the folder of real files."""
    if name in BUNDLED:
        return games.get(name).probabilities[0]
    if FOLDER is None or not (Path(FOLDER) / name).exists():
        pytest.skip(f"NASHSIM_DATA names no folder with {name}")
    return np.loadtxt(Path(FOLDER) / name)


def standardised(p, rounds, seeds, mistake=None):
    """Differences of mean regret in standard errors, by definition, after a tenth, a third and all of the rounds."""
    play = play_learner(PreferenceGame(p, tau=0.1), "double-thompson", rounds=rounds, seeds=seeds)
    at = [int(np.argmin(abs(play.rounds - rounds * share))) for share in (0.1, 1 / 3, 1)]
    arms = duelled_arms(p, rounds, seeds, np.random.default_rng(7), mistake=mistake)
    found = {}
    losses = {"copeland": copeland_loss(p), "borda": borda_loss(p), "condorcet": condorcet_loss(p)}
    for name, loss in losses.items():
        if loss is None:
            assert f"{name}_regret" not in play.values
            continue
        ours = play.values[f"{name}_regret"][:, at]
        theirs = cumulative_regret(loss, arms, play.rounds[at])
        error = np.sqrt((ours.var(axis=0, ddof=1) + theirs.var(axis=0, ddof=1)) / seeds)
        found[name] = (ours.mean(axis=0) - theirs.mean(axis=0)) / error
    return found


@pytest.mark.parametrize("name", (*BUNDLED, *FILES))
def test_regret_is_that_of_the_numpy_text(name):
    for differences in standardised(matrix_of(name), rounds=1000, seeds=60).values():
        assert np.abs(differences).max() < 4


@pytest.mark.slow
@pytest.mark.parametrize("name", (*BUNDLED, *FILES))
def test_regret_is_that_of_the_numpy_text_at_length(name):
    for differences in standardised(matrix_of(name), rounds=20_000, seeds=200).values():
        assert np.abs(differences).max() < 4


@pytest.mark.slow
def test_the_committed_regret_of_the_numpy_text_is_what_it_gives():
    """The means beside the figure's curve, at another seed: within 4 standard errors of the difference."""
    figure = load_experiment(find_experiments()["regret-bandits"])
    committed = sys.modules[figure.compute.__module__].INDEPENDENT
    p, rounds = matrix_of("tldr"), list(committed)
    arms = duelled_arms(p, rounds[-1], 200, np.random.default_rng(8))
    found = cumulative_regret(copeland_loss(p), arms, rounds)
    mean, error = np.array(list(committed.values())).T
    apart = (found.mean(axis=0) - mean) / np.hypot(error, found.std(axis=0, ddof=1) / np.sqrt(200))
    assert np.abs(apart).max() < 4


@pytest.mark.parametrize("mistake", ["losses", "argmin", "upper", "rival"])
def test_the_comparison_notices_a_mistake(mistake):
    """Wins for losses, argmin for argmax, the upper bound for the lower one, the weakest rival for the strongest."""
    differences = standardised(matrix_of("tldr"), rounds=1000, seeds=60, mistake=mistake)
    assert np.abs(differences["copeland"]).max() > 8
