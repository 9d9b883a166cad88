"""Gradient learners: the compiled rounds against the equations in NumPy, their expectation, and how regret grows."""

from __future__ import annotations

import numpy as np
import pytest

from nashsim.engine.feedback import Stream, streams
from nashsim.equilibrium import exploitability
from nashsim.errors import NashsimError
from nashsim.online import play_learner
from nashsim.online.learners import get_learner
from nashsim.online.learners.gradient import OnlineNashMDPG, _weights
from nashsim.online.learners.gradient_kernel import gradient_update
from nashsim.online.play import iteration_grid
from nashsim.rules import get_rule
from tests.online.same_bits import same_bits
from tests.zoo import random_game, rock_paper_scissors

NAMES = ("nash-mp-sgd", "nash-prox-sgd", "online-ipo", "nash-md-pg")


def normalised(log_policy):
    policy = np.exp(log_policy - log_policy.max())
    return policy / policy.sum()


def opponent_of(name, pi, mu, goal, b=0.125):
    """The policy that answers, from the papers' equations; a flipped mixture is ``b`` = 0.875."""
    if name == "nash-md-pg":
        return normalised((1 - b) * np.log(pi) + b * np.log(mu))
    return goal if name == "nash-mp-sgd" else pi


def sampled_step(name, pi, mu, goal, tau, y, z, won, sign=1):
    """Step on the logits, eta = 1, of one duel; ``sign`` -1 flips that of the KL terms."""
    n, s = len(mu), 2 * tau
    if name == "online-ipo":
        w, loser = (y, z) if won else (z, y)
        margin = np.log(pi[w] / pi[loser]) - np.log(mu[w] / mu[loser])
        gradient = 2 * (sign * margin - 1 / (2 * tau)) * (np.eye(n)[w] - np.eye(n)[loser])
        return -tau / 4 * gradient
    value = won - 0.5 - sign * tau * np.log(pi[y] / mu[y])
    if name != "nash-md-pg":
        value -= sign * tau / s * np.log(pi[y] / goal[y])
    return value * (np.eye(n)[y] - pi)


def written_out(game, name, rounds, seed, *, b=0.125, sign=1, opponent=None):
    """Regret after every recorded round, from the equations alone, for one context."""
    tau, mu, skew = game.tau, game.reference[0], game.preference.dense()[0]
    stream = Stream(int(streams([seed], [0])[0, 0]))
    grid = set(iteration_grid(rounds).tolist())
    logits, goal, regret, found = np.zeros(len(mu)), mu, 0.0, []
    for t in range(rounds):
        pi = normalised(np.log(mu) + logits)
        regret += exploitability(game, np.log(pi)[None])[0]
        y = stream.draw(pi)
        z = stream.draw(opponent_of(opponent or name, pi, mu, goal, b))
        won = float(stream.uniform() < 0.5 + skew[y, z])
        logits = logits + sampled_step(name, pi, mu, goal, tau, y, z, won, sign) / np.sqrt(t + 1)
        goal = normalised(0.9 * np.log(goal) + 0.1 * (np.log(mu) + logits))
        if t + 1 in grid:
            found.append(regret)
    return np.array(found)


@pytest.mark.parametrize("name", NAMES)
def test_compiled_rounds_are_the_written_ones(name):
    """To the rounding of 300 rounds; every flipped convention is another path altogether."""
    game = random_game(1, actions=4, tau=0.3)
    regret = play_learner(game, name, rounds=300, seeds=[5]).values["regret"][0]
    np.testing.assert_allclose(regret, written_out(game, name, 300, 5), rtol=1e-9)
    flips = [
        {"sign": -1},
        {"opponent": "online-ipo" if name in ("nash-mp-sgd", "nash-md-pg") else "nash-mp-sgd"},
    ]
    if name == "nash-md-pg":
        flips.append({"b": 0.875})
    for flip in flips:
        assert abs(written_out(game, name, 300, 5, **flip)[-1] / regret[-1] - 1) > 1e-3, flip


@pytest.mark.parametrize("name", NAMES)
def test_expected_step_is_the_rules_gradient(name):
    """All pairs and outcomes enumerated: q ⊙ (v - <q, v>), v = P(. ≻ opponent) + score, of the rule's first step."""
    game = random_game(2, actions=5, tau=0.2)
    tau, mu, preference = game.tau, game.reference[0], 0.5 + game.preference.dense()[0]
    rng = np.random.default_rng(0)
    pi, goal = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5))
    rule = get_rule(name).steps(tau, 0)[0]
    learner = get_learner(name).gradient(tau)
    total = np.zeros(5)
    asked = opponent_of(name, pi, mu, goal)
    for y in range(5):
        for z in range(5):
            for won, chance in ((1.0, preference[y, z]), (0.0, 1 - preference[y, z])):
                logits = np.zeros(5)
                arrays = (logits, pi, np.log(pi), np.log(mu), np.log(goal), _weights(learner.score))
                gradient_update(*arrays, learner.pairwise, 1.0, y, z, won)
                total += pi[y] * asked[z] * chance * logits
    logs = {"policy": np.log(pi), "half": np.log(pi), "reference": np.log(mu), "target": np.log(goal)}
    against = normalised(sum(weight * logs[k] for k, weight in rule.opponent.items()))
    v = preference @ against + sum(weight * logs[k] for k, weight in rule.score.items())
    np.testing.assert_allclose(total, pi * (v - pi @ v), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_regret_grows_sublinearly_on_a_cycle(name):
    """Noise of steps 1/sqrt t costs about sqrt T; the bias of Nash-MD-PG is below it at this horizon."""
    game = rock_paper_scissors(tau=0.2, strength=0.6, reference=[0.6, 0.3, 0.1])
    play = play_learner(game, name, rounds=30_000, seeds=20)
    late = play.rounds >= 300
    regret = play.values["regret"].mean(axis=0)[late]
    assert np.polyfit(np.log(play.rounds[late]), np.log(regret), 1)[0] < 0.65


@pytest.mark.parametrize("name", NAMES)
def test_threads_and_cuts_change_no_bit(name, tmp_path):
    game = random_game(3, actions=5, tau=0.2, contexts=3)
    one = play_learner(game, name, rounds=3000, seeds=4)
    file = tmp_path / "state.npz"

    def kill(done, total):
        if done >= 1000:
            raise KeyboardInterrupt

    options = {"rounds": 3000, "seeds": 4, "jobs": 3, "checkpoint": file, "interval": 0}
    with pytest.raises(KeyboardInterrupt):
        play_learner(game, name, progress=kill, **options)
    other = play_learner(game, name, **options)
    same_bits(one, other)


def test_a_step_of_zero_is_refused():
    with pytest.raises(NashsimError, match="step: a number > 0"):
        OnlineNashMDPG(step=0.0)


@pytest.mark.parametrize("name", NAMES)
def test_strong_regularisation_does_not_overflow(name):
    """At tau = 50 a step of 1 would overshoot fifty-fold; the default stays near pi*, which is within 1/tau of mu."""
    play = play_learner(random_game(4, actions=6, tau=50.0), name, rounds=2000, seeds=5)
    assert np.isfinite(play.log_policy).all()
    assert np.abs(play.log_policy - play.game.log_reference).max() < 0.5
