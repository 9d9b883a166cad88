import subprocess
import sys

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.equilibrium import METHODS, Equilibrium, Lottery, solve

from .families import COMAL


def test_the_three_methods():
    game = PreferenceGame(COMAL, tau=0.1)
    newton, cvxpy, maximal = (solve(game, method) for method in METHODS)
    assert isinstance(newton, Equilibrium) and newton.method == "newton"
    assert isinstance(cvxpy, Equilibrium) and cvxpy.method == "cvxpy"
    assert isinstance(maximal, Lottery) and maximal.method == "lottery"
    np.testing.assert_allclose(newton.policy, cvxpy.policy, atol=1e-6)
    assert solve(game).method == "newton"


def test_only_the_lottery_does_without_tau():
    assert solve(PreferenceGame(COMAL), "lottery").unique == (True,)
    for method in ("newton", "cvxpy"):
        with pytest.raises(NashsimError, match="tau"):
            solve(PreferenceGame(COMAL), method)


def test_an_unknown_method_suggests_the_nearest():
    with pytest.raises(NashsimError, match="unknown method 'newtn'; did you mean 'newton'"):
        solve(PreferenceGame(COMAL, tau=1.0), "newtn")


def test_importing_the_room_is_light():
    heavy = ("scipy", "cvxpy", "pandas")
    code = f"import sys, nashsim.equilibrium; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
