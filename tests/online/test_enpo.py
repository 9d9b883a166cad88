"""ENPO: the compiled rounds against the same text in NumPy, which of its conventions matter, and what it must reach."""

from __future__ import annotations

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.engine.feedback import Stream, streams
from nashsim.equilibrium import exploitability, solve_newton
from nashsim.games.hard import hard_b
from nashsim.online import play_learner
from nashsim.online.learners.enpo import ENPO, ENPOOracle
from nashsim.online.play import iteration_grid
from tests.online.same_bits import cut_in_threads
from tests.zoo import random_game, rock_paper_scissors

FLIPS = ("step a", "inverse step", "tilt", "base of the tilt", "opponent", "z", "half", "anchor", "order")


def width(pi, inverse):
    """(pi - e_y)^T V^-1 (pi - e_y) of every y."""
    apart = pi - np.eye(len(pi))
    return np.einsum("ij,jk,ik->i", apart, inverse, apart)


def opponent(learner, pi, tilted, collected, stream, flip):
    """y' of a collected pair."""
    if learner.explore == "vertex":
        found = width(pi, np.linalg.inv(collected))
        return int(np.argmin(found) if flip == "opponent" else np.argmax(found))
    if learner.explore == "soft":
        found = width(pi, np.linalg.inv(collected))
        weight = np.exp(found / (learner.temperature * found.max()))
        return stream.draw(weight / weight.sum())
    return stream.draw(tilted if learner.explore == "step-b" and flip != "opponent" else pi)


def written_out(game, learner, iterations, seed, flip=None):
    """Regret after every recorded iteration, from the equations alone, for one context.

    A ``flip`` turns one convention round.
    """
    tau, mu, skew = game.tau, game.reference[0], game.preference.dense()[0]
    stream, grid = (
        Stream(int(streams([seed], [0])[0, 0])),
        set(iteration_grid(iterations).tolist()),
    )
    n = len(mu)
    v, collected, theta = learner.ridge * np.eye(n), learner.ridge * np.eye(n), np.zeros(n)
    pi, tilted, buffer, regret, found = mu, mu, [], 0.0, []
    for t in range(1, iterations + 1):
        regret += 2 * exploitability(game, np.log(pi)[None])[0]
        y = fresh = stream.draw(pi)
        other = opponent(learner, pi, tilted, collected, stream, flip)
        x = np.eye(n)[y] - np.eye(n)[other]
        collected = collected + np.outer(x, x)
        buffer.append((y, other))
        if learner.replay:
            y, other = sorted(buffer)[int(stream.uniform() * t)]
        x = np.eye(n)[y] - np.eye(n)[other]
        z = stream.draw(mu if flip == "z" else pi)

        def label(arm, z=z):
            if arm == z and flip != "half":
                return 0.5
            return float(stream.uniform() < 0.5 + skew[arm, z])

        target = -label(other) + label(y) if flip == "order" else label(y) - label(other)
        target = -target if flip == "step a" else target
        share = {"decreasing": 1 / t, "root": t**-0.5, "constant": tau / (learner.eta_inverse or 3 * tau)}[
            learner.schedule
        ]
        gain = t * share if flip != "inverse step" else 2 * t * share
        push = learner.alpha * gain / (2 * tau) * (-1 if flip == "anchor" else 1)
        theta = theta + push * np.linalg.solve(v, np.eye(n)[fresh] - pi)
        if y != other:
            theta = np.linalg.solve(v + gain * np.outer(x, x), v @ theta + gain * target * x)
            v = v + np.outer(x, x)
        new = mu * np.exp(theta / tau)
        new /= new.sum()
        lean = learner.sign / learner.beta * (-1 if flip == "tilt" else 1)
        tilted = (new if flip == "base of the tilt" else pi) * (new / pi) ** lean
        tilted /= tilted.sum()
        pi = new
        if t in grid:
            found.append(regret)
    return np.array(found)


GAME = random_game(1, actions=4, tau=0.3)


@pytest.mark.parametrize(
    "learner",
    [
        ENPO(alpha=0.2),
        ENPO(sign=-1, replay=False),
        ENPO(explore="none", schedule="root"),
        ENPO(alpha=0.0, schedule="constant", eta_inverse=1.5),
        ENPOOracle(),
        ENPOOracle(explore="soft", replay=False),
    ],
    ids=repr,
)
def test_compiled_rounds_are_the_written_ones(learner):
    """To the rounding of 200 iterations, which the fits do not amplify."""
    play = play_learner(GAME, learner, rounds=400, seeds=[5])
    np.testing.assert_allclose(play.values["regret"][0], written_out(GAME, learner, 200, 5), rtol=1e-8)


@pytest.mark.parametrize("flip", FLIPS)
def test_every_convention_shows(flip):
    """The comparison above would fail with any one convention turned round."""
    learner = ENPO(alpha=0.2)
    play = play_learner(GAME, learner, rounds=400, seeds=[5])
    other = written_out(GAME, learner, 200, 5, flip)
    assert np.abs(play.values["regret"][0] / other - 1).max() > 1e-3


def test_the_oracle_does_not_look_where_it_knows():
    learner = ENPOOracle()
    play = play_learner(GAME, learner, rounds=400, seeds=[5])
    other = written_out(GAME, learner, 200, 5, "opponent")
    assert np.abs(play.values["regret"][0] / other - 1).max() > 1e-3


@pytest.mark.parametrize("learner", [ENPO(), ENPO(replay=False), ENPO(sign=-1), ENPOOracle()], ids=repr)
def test_label_differences_find_the_equilibrium_from_any_pairs(learner):
    """The pairs are off-policy, the fixed point is pi* nevertheless.

    theta is a mean of T = 50,000 label differences, each of variance <= 1/2, over some n pairs: the error of theta is
    about sqrt(n/(2T)) = .0055 for n = 3, that of log pi .0055/tau = .027; five of these are allowed.
    """
    game = rock_paper_scissors(tau=0.2, strength=0.6, reference=[0.6, 0.3, 0.1])
    play = play_learner(game, learner, rounds=100_000, seeds=8)
    expected = np.asarray(solve_newton(game).log_policy)[0]
    assert np.abs(play.log_policy[:, 0] - expected).max() < 0.14


@pytest.mark.parametrize("learner", [ENPO(), ENPOOracle()], ids=repr)
def test_contexts_do_not_mix(learner):
    """Two contexts of opposite cycles: each finds its own pi*, within the bound above for half as many pairs."""
    cycle = 0.3 * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    mu = [[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]]
    game = PreferenceGame(0.5 + np.array([cycle, -cycle]), mu, tau=0.2)
    play = play_learner(game, learner, rounds=100_000, seeds=8)
    expected = np.asarray(solve_newton(game).log_policy)
    assert np.abs(play.log_policy - expected).max() < 0.14 * 2**0.5


def test_the_oracle_asks_first_for_what_the_policy_never_plays():
    """mu(c) = exp(-25): no draw meets c, and the vertex adversary does in the first iteration."""
    game = hard_b(tau=0.01)
    explicit = play_learner(game, ENPOOracle(), rounds=4000, seeds=4)
    implicit = play_learner(game, ENPO(), rounds=4000, seeds=4)
    assert explicit.values["regret"].max() < 10
    np.testing.assert_allclose(implicit.values["regret"][:, -1], 4000 * 0.25, rtol=0.01)


def test_threads_and_cuts_change_no_bit(tmp_path):
    for name in ("enpo", "enpo-oracle"):
        cut_in_threads(name, 5000, tmp_path / f"{name}.npz")


@pytest.mark.parametrize(
    "wrong", [{"explore": "widest"}, {"sign": 2}, {"beta": 0.0}, {"schedule": "fast"}, {"alpha": -1.0}]
)
def test_bad_parameters_are_named(wrong):
    with pytest.raises(NashsimError, match=next(iter(wrong))):
        ENPO(**wrong)
