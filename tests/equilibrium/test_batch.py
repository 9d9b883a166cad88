"""Many games solved at once: the bits of each solved alone."""

import numpy as np
import pytest

from nashsim import PreferenceGame
from nashsim.equilibrium import solve_newton
from nashsim.equilibrium.batch import equilibria_at_once
from nashsim.equilibrium.fixed_point import regularised_equilibrium

from ..zoo import random_game


@pytest.mark.parametrize("actions", [2, 3, 10, 17])
@pytest.mark.parametrize("tau", [2.0, 0.1, 0.016])
def test_every_game_gets_the_bits_and_steps_of_its_own_solve(actions, tau):
    game = random_game(actions, actions, tau, contexts=40)
    found = equilibria_at_once(game.preference.dense(), game.log_reference, tau)
    for point, skew, log_reference in zip(found, game.preference.dense(), game.log_reference, strict=True):
        alone = regularised_equilibrium(skew, log_reference, tau)
        assert np.array_equal(point.log_policy, alone.log_policy)
        assert (point.residual, point.steps) == (alone.residual, alone.steps)


def test_games_that_need_a_solve_of_their_own_are_left_out_and_solved():
    plain, cut = random_game(1, 6, 0.05, contexts=3), np.array([[0.0, 0.2, 0.2, 0.2, 0.2, 0.2]])
    game = PreferenceGame(plain.probabilities, np.concatenate([plain.reference[:2], cut]), tau=0.05)
    found = equilibria_at_once(game.preference.dense(), game.log_reference, 0.05)
    assert [point is None for point in found] == [False, False, True]
    assert not any(equilibria_at_once(game.preference.dense(), game.log_reference, 0.005))
    for tau in (0.05, 0.005):
        whole = solve_newton(game.replace(tau=tau))
        assert whole.certificate.residual <= 1e-13
        for c, skew in enumerate(game.preference.dense()):
            alone = regularised_equilibrium(skew, game.log_reference[c], tau)
            assert np.array_equal(whole.log_policy[c], alone.log_policy)
