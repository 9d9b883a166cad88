"""Studies of several learners: one tidy frame, the same for any number of jobs, and nothing lost by a stop."""

import numpy as np
import pandas as pd
import pytest

from nashsim import games
from nashsim.equilibrium import solve
from nashsim.errors import NashsimError
from nashsim.online import play_learner, run_regret
from nashsim.online.learners.iterative import OnlineINPO, OnlineNashMD
from tests.zoo import random_game

PAIR = [OnlineINPO(), OnlineINPO(schedule="root")]


def test_every_play_is_there():
    played = [random_game(1), random_game(2, actions=3)]
    frame = run_regret(played, PAIR, taus=[0.2, 0.3], rounds=200, seeds=[4, 7])
    keys = frame[["game", "setting", "tau", "seed"]].drop_duplicates()
    assert len(keys) == 2 * 2 * 2 * 2 and frame.value.notna().all()
    one = play_learner(played[1].replace(tau=0.3), PAIR[1], rounds=200, seeds=[4, 7]).frame()
    mine = frame[(frame.game == "random-2") & (frame.tau == 0.3) & (frame.setting == repr(PAIR[1]))]
    pd.testing.assert_frame_equal(mine.drop(columns="setting").reset_index(drop=True), one)


def test_the_same_bits_for_any_jobs():
    frames = [run_regret(random_game(3), PAIR, rounds=500, seeds=5, jobs=jobs) for jobs in (1, 2, 7)]
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0], check_exact=True)


def test_a_game_for_each_tau():
    """The reference of hard-b goes with tau where a callable gives the game."""
    frame = run_regret(
        lambda tau: games.get("hard-b", tau=tau), "inpo-online", taus=[0.1, 0.2], rounds=50, seeds=2
    )
    single = play_learner(games.get("hard-b", tau=0.1), "inpo-online", rounds=50, seeds=2).frame()
    mine = frame[frame.tau == 0.1].drop(columns="setting").reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, single)


def test_a_study_goes_on(tmp_path):
    """Stopped in its second play and started again: the whole study's frame, progress up to its end."""
    told = []
    whole = run_regret(random_game(3), PAIR, rounds=400, seeds=3, progress=lambda *at: told.append(at))
    assert told[-1] == (800, 800) and [done for done, _ in told] == sorted(done for done, _ in told)

    def stop(done, total):
        if done > 500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_regret(random_game(3), PAIR, rounds=400, seeds=3, checkpoints=tmp_path, interval=0, progress=stop)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    begun = []
    again = run_regret(
        random_game(3), PAIR, rounds=400, seeds=3, checkpoints=tmp_path, progress=lambda *at: begun.append(at)
    )
    assert begun[0][0] > 500
    pd.testing.assert_frame_equal(again, whole, check_exact=True)


def test_the_witness_measures_the_last_policy():
    game = random_game(4, tau=0.5)
    frame = run_regret(game, "inpo-online", rounds=20_000, seeds=3, check=True)
    apart = frame[frame.metric == "cvxpy_distance"]
    pi = np.exp(solve(game).log_policy)
    last = np.exp(play_learner(game, "inpo-online", rounds=20_000, seeds=3).log_policy)
    np.testing.assert_allclose(apart.value, np.abs(last - pi).sum(axis=(1, 2)), atol=1e-6)
    assert (apart.rounds == 20_000).all() and (apart.value < 0.2).all()
    assert (frame[frame.metric == "cvxpy_accuracy"].value < 1e-6).all()


def test_bad_studies(monkeypatch):
    with pytest.raises(NashsimError, match="taus"):
        run_regret(lambda tau: random_game(1, tau=tau), "inpo-online")
    with pytest.raises(NashsimError, match="at least one of each"):
        run_regret([], "inpo-online")
    with pytest.raises(NashsimError, match="at least one of each"):
        run_regret(random_game(1), [])
    with pytest.raises(NashsimError, match="unknown learner"):
        run_regret(random_game(1), ["inpo-online", "nobody"])

    def refuse(self, game):
        raise NashsimError("game: refused")

    monkeypatch.setattr(OnlineNashMD, "check", refuse)
    monkeypatch.setattr("nashsim.online.study.play_learner", None)
    with pytest.raises(NashsimError, match="refused"):
        run_regret(random_game(1), ["inpo-online", "nash-md-online"])
