"""Iterative learners: the compiled rounds against the same text in NumPy, and what their schedules must give."""

from __future__ import annotations

import numpy as np
import pytest

from nashsim.engine.feedback import Stream, streams
from nashsim.equilibrium import exploitability
from nashsim.online import play_learner
from nashsim.online.learners.iterative import OnlineINPO, OnlineNashMD
from nashsim.online.play import iteration_grid
from tests.online.same_bits import cut_in_threads
from tests.zoo import random_game, rock_paper_scissors


def written_out(game, kind, rounds, seed, ridge=10.0, share=None):
    """Regret after every recorded round, from the equations alone, for one context."""
    tau, mu = game.tau, game.reference[0]
    skew = game.preference.dense()[0]
    stream = Stream(int(streams([seed], [0])[0, 0]))
    grid = set(iteration_grid(rounds).tolist())
    n = len(mu)
    v, b, theta, regret, found = ridge * np.eye(n), np.zeros(n), np.zeros(n), 0.0, []
    for t in range(rounds):
        pi = mu * np.exp(theta / tau)
        pi /= pi.sum()
        regret += exploitability(game, np.log(pi)[None])[0]
        sampler = pi
        if kind == "nash-md":
            keep = t / (t + 2)  # rho = 1 - eta_t tau with eta_t = 2/(tau (t + 2))
            sampler = pi**keep * mu ** (1 - keep)
            sampler /= sampler.sum()
        y, z = stream.draw(sampler), stream.draw(sampler)
        label = float(stream.uniform() < 0.5 + skew[y, z]) - 0.5
        if share is None:
            x = np.zeros(n)
            x[y] += 1
            x[z] -= 1
            v, b = v + np.outer(x, x), b + x * label
            theta = np.linalg.solve(v, b)
        else:
            theta = (1 - share(t)) * theta
            theta[y] += share(t) * label / (2 * sampler[y])
            theta[z] -= share(t) * label / (2 * sampler[z])
        if t + 1 in grid:
            found.append(regret)
    return np.array(found)


@pytest.mark.parametrize(
    "learner, kind, share",
    [
        (OnlineINPO(), "inpo", None),
        (OnlineNashMD(), "nash-md", None),
        (OnlineINPO(schedule="root"), "inpo", lambda t: 1 / np.sqrt(t + 4)),
        (OnlineINPO(schedule="constant", eta_inverse=2.0), "inpo", lambda t: 0.3 / 2.0),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_compiled_rounds_are_the_written_ones(learner, kind, share):
    """To the rounding of 300 rounds, which ridge fits do not amplify and fixed steps contract."""
    game = random_game(1, actions=4, tau=0.3)
    play = play_learner(game, learner, rounds=300, seeds=[5])
    np.testing.assert_allclose(
        play.values["regret"][0], written_out(game, kind, 300, 5, share=share), rtol=1e-9
    )


def test_growth_on_a_cycle():
    """Fixed steps keep a noise floor: linear. The fit of all pairs is far below sqrt T, and 1/sqrt t about it."""
    game = rock_paper_scissors(tau=0.2, strength=0.6, reference=[0.6, 0.3, 0.1])
    exponents = {}
    for schedule in ("decreasing", "root", "constant"):
        play = play_learner(game, OnlineINPO(schedule=schedule), rounds=30_000, seeds=20)
        late = play.rounds >= 300
        regret = play.values["regret"].mean(axis=0)[late]
        exponents[schedule] = np.polyfit(np.log(play.rounds[late]), np.log(regret), 1)[0]
    assert exponents["decreasing"] < 0.35 < exponents["root"] < 0.65 < 0.9 < exponents["constant"]


def test_threads_and_cuts_change_no_bit(tmp_path):
    cut_in_threads("inpo-online", 5000, tmp_path / "state.npz")
