"""Names with parameters, and every way of asking for a game that does not exist."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame, games


def test_get_reads_parameters_and_defaults():
    assert games.get("rps:n=5,strength=0.6").actions == 5
    assert games.get("rps: n = 5 , strength = 0.6").actions == 5
    assert games.get("rps:n=5", n=7).actions == 7
    assert games.get("rps:n=5.0").actions == 5
    assert games.get("hard-b", defaults={"tau": 0.3, "seed": 1}).tau == 0.3
    assert games.get("hard-b:tau=0.2", defaults={"tau": 0.3}).tau == 0.2
    assert games.get("hard-b", defaults={"tau": None}).tau == 0.1
    assert np.ptp(games.get("uniform:normal_reference=true").log_reference) > 0
    assert games.get("p-eps:eps=-1/3").probabilities[0, 1, 0] == pytest.approx(5 / 6, abs=1e-15)
    assert isinstance(games.get("uniform:n=3"), PreferenceGame)
    assert Fraction(4, 11) == next(e for e in games.entries() if e.name == "comal").lottery["a"]


@pytest.mark.parametrize("name", games.names())
def test_a_default_game_has_the_name_of_its_entry(name):
    assert games.get(name).name == name == games.get(name, defaults={"seed": 0, "tau": 0.4}).name


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("rps:strength=0.6,n=5", "rps:n=5,strength=0.6"),
        ("rps:n=3", "rps"),
        ("p-eps:eps=0.2", "p-eps:eps=0.2"),
        ("uniform:normal_reference=true", "uniform:normal_reference=True"),
        ("hard-b:tau=0.2,a=0.3", "hard-b:a=0.3"),  # a game carries its tau; the name need not
    ],
)
def test_a_game_is_named_by_what_gets_it_again(asked, name):
    game = games.get(asked)
    assert game.name == name
    again = games.get(name, defaults={"tau": game.tau})
    assert np.array_equal(again.preference.dense(), game.preference.dense())
    np.testing.assert_allclose(again.log_reference, game.log_reference, rtol=1e-14)


def test_a_seed_from_outside_shows_in_the_name():
    assert games.get("uniform:n=4", defaults={"seed": 7}).name == "uniform:n=4,seed=7"


def test_the_room_needs_numpy_only():
    code = "import sys, nashsim.games as g; g.get('tldr'); print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"scipy", "pandas", "numba", "cvxpy", "matplotlib"} & set(loaded)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("rpss", "unknown game 'rpss'; did you mean 'rps'"),
        ("RPS", "unknown game 'RPS'; did you mean 'rps'"),
        ("rps:m=3", r"game 'rps' has no parameter 'm' \(it has: n, strength\)"),
        ("comal:n=3", r"no parameter 'n' \(it has: none\)"),
        ("rps:n", "parameters are written key=value, found 'n'"),
        ("rps:n=many", "the value of 'n' must be a number, true or false, found 'many'"),
        ("p-eps:eps=1/0", "the value of 'eps' must be a number, true or false, found '1/0'"),
        ("rps:n=3,n=5", "'n' is given twice"),
        ("rps:n=4", "n: an odd number is needed, so that each action beats as many as beat it; found 4"),
        ("rps:n=1", "n: a whole number >= 3 is needed, found 1"),
        ("rps:n=2.5", "n: a whole number >= 3 is needed, found 2.5"),
        ("rps:n=nan", "n: a whole number >= 3 is needed, found nan"),
        ("rps:n=inf", "n: a whole number >= 3 is needed, found inf"),
        ("rps:n=true", "n: a whole number >= 3 is needed, found True"),
        ("rps:strength=0", r"strength: a number in \(0, 1\] is needed, found 0"),
        ("rps:strength=nan", r"strength: a number in \(0, 1\] is needed, found nan"),
        ("p-eps:eps=0.5", r"eps: a number in \[-1/3, 1/3\] is needed, found 0.5"),
        ("hard-a:c_beats_b=0.5", "c_beats_b: a number equal to 0 or 1 is needed, found 0.5"),
        ("hard-b:a=0.5", r"a: a number in \(0, 1/2\) is needed, found 0.5"),
        ("hard-b:tau=0", "tau: the regularisation must be a finite number > 0, found 0"),
        ("hard-c:tau=-1", "tau: the regularisation must be a finite number > 0, found -1"),
        ("sparse:density=2", r"density: a number in \[0, 1\] is needed, found 2"),
        ("dial:dial=-0.1", r"dial: a number in \[0, 1\] is needed, found -0.1"),
        ("dial:n=2", "n: a whole number >= 3 is needed, found 2"),
        ("dial:seed=nan", "seed: a whole number >= 0 is needed, found nan"),
        ("uniform:n=0", "n: a whole number >= 1 is needed, found 0"),
        ("uniform:normal_reference=2", "normal_reference: true or false is needed, found 2"),
        ("sign:seed=-1", "seed: a whole number >= 0 is needed, found -1"),
        ("low-rank:rank=0", "rank: a whole number >= 1 is needed, found 0"),
        ("low-rank:rank=1.5", "rank: a whole number >= 1 is needed, found 1.5"),
        ("condorcet-annotators:spread=0", "spread: a number > 0 and finite is needed, found 0"),
        ("annotators:spread=inf", "spread: a number > 0 and finite is needed, found inf"),
        ("annotators:n=0", "n: a whole number >= 1 is needed, found 0"),
        ("annotators:annotators=1.5", "annotators: a whole number >= 1 is needed, found 1.5"),
        ("annotators:seed=-1", "seed: a whole number >= 0 is needed, found -1"),
    ],
)
def test_bad_names_and_parameters(asked, message):
    with pytest.raises(NashsimError, match=message):
        games.get(asked)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: games.rps("5"), "n: a whole number >= 3 is needed, found '5'"),
        (lambda: games.rps(None), "n: a whole number >= 3 is needed, found None"),
        (lambda: games.dial(dial="half"), r"dial: a number in \[0, 1\] is needed, found 'half'"),
        (lambda: games.mixture([1.0, 2.0]), "rewards: a finite matrix"),
        (lambda: games.mixture([[1.0, np.nan]]), "rewards: a finite matrix"),
        (lambda: games.mixture([[1.0, 2.0]], [0.5]), "weights: 1 shares"),
        (lambda: games.mixture([[1.0, 2.0]], [np.nan]), "weights: 1 shares"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(NashsimError, match=message):
        call()
