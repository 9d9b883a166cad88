"""Games side by side on a torch device: held to the compiled engine in every rule of mirror steps."""

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.engine import Feedback, run_many
from nashsim.engine.table import mirror_steps_only
from nashsim.rules import EGPO, RULES

from ..zoo import random_game

pytest.importorskip("torch", reason="torch is not installed: pip install 'nashsim[llm]'")

GAMES = [random_game(0, 3), random_game(1, 10, contexts=3), random_game(2, 10), random_game(3, 20)]
CUT = PreferenceGame(random_game(4, 6).probabilities, [0.0, 0.2, 0.2, 0.2, 0.2, 0.2], tau=0.2)


@pytest.mark.parametrize("rule", [rule for rule in RULES if mirror_steps_only(rule())], ids=lambda r: r.name)
@pytest.mark.filterwarnings("ignore::nashsim.StepSizeWarning")
def test_a_device_does_the_steps_of_the_engine(rule):
    options = {"queries": 120, "start": "random", "seeds": [1, 2], "record": 25, "keep_policies": True}
    kernels, device = (run_many([*GAMES, CUT], rule(), device=name, **options) for name in (None, "cpu"))
    for one, other in zip(kernels, device, strict=True):
        played = one.log_policies > -np.inf
        assert np.array_equal(played, other.log_policies > -np.inf)
        # of size: logits of -100, as fast rules reach, hold 1e-14 of themselves
        np.testing.assert_allclose(
            other.log_policies[played], one.log_policies[played], rtol=1e-12, atol=1e-12
        )
        np.testing.assert_allclose(other.average_policy, one.average_policy, rtol=0, atol=1e-12)
        assert (one.rule, one.seed, one.game) == (other.rule, other.seed, other.game)


def test_a_killed_run_on_a_device_goes_on_to_the_same_bits(tmp_path):
    options = {"queries": 400, "start": "random", "device": "cpu"}
    whole = run_many(GAMES[:1], "egpo", **options)

    def kill(done, total):
        if done == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_many(GAMES[:1], "egpo", **options, checkpoint=tmp_path, interval=0, record=20, progress=kill)
    again = run_many(GAMES[:1], "egpo", **options, checkpoint=tmp_path, record=20)
    assert np.array_equal(whole[0].log_policy, again[0].log_policy)
    assert np.array_equal(whole[0].average_policy, again[0].average_policy)
    with pytest.raises(NashsimError, match="other settings"):
        run_many(GAMES[:1], "egpo", queries=400, start="random", checkpoint=tmp_path, record=20)


def test_what_no_device_does_is_refused_in_one_line():
    game = GAMES[0]
    cases = {
        "device: 'nowhere' cannot be used": {"device": "nowhere"},
        "device: path 'numpy' has no device": {"path": "numpy"},
        "found 'duels' feedback": {"feedback": Feedback("duels", 2)},
        "found 'nash-md-pg'": {"rules": "nash-md-pg"},
        "does the steps of KL alone": {"games": [game.replace(regulariser="chi2")]},
    }
    for message, changed in cases.items():
        with pytest.raises(NashsimError, match=message) as refused:
            run_many(**{"games": [game], "rules": EGPO(), "queries": 10, "device": "cpu", **changed})
        assert "\n" not in str(refused.value)
