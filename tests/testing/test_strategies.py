"""The strategies draw what their names say."""

import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nashsim import run, solve
from nashsim.testing import games, policies, references, rules


@settings(max_examples=25, deadline=None)
@given(games(actions=(2, 4), tau=(0.2, 1.0)))
def test_games_are_solvable(game):
    assert 2 <= game.actions <= 4 and 0.2 <= game.tau <= 1.0
    assert np.array_equal(
        game.probabilities + game.probabilities.transpose(0, 2, 1), np.ones((1, *2 * (game.actions,)))
    )
    assert solve(game).duality_gap < 1e-12


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5).flatmap(lambda n: st.tuples(policies(n), references(n))))
def test_policies_lie_on_the_simplex(drawn):
    for policy in drawn:
        assert (policy > 0).all() and abs(policy.sum() - 1) < 1e-12


@settings(max_examples=15, deadline=None)
@given(rules(fixed_point=True), games(actions=(2, 3), tau=(0.5, 1.0)))
def test_rules_run(rule, game):
    assert rule.fixed_point
    found = run(game, rule, queries=rule.queries_per_step, path="numpy", metrics=[])
    assert np.isfinite(found.log_policy).all()


def test_hypothesis_is_not_needed_until_a_strategy_is_drawn():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from nashsim import NashsimError\nfrom nashsim.testing import check_rule, games\n"
        "try: games()\nexcept NashsimError as error: print(error)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nashsim[test]" in found.stdout
