"""The environment for learners of one's own: the kernels' duels, a log that replays, real votes used once each."""

import os
from pathlib import Path

import numpy as np
import pytest

from nashsim.data import PreferenceData, load
from nashsim.equilibrium import exploitability
from nashsim.errors import NashsimError
from nashsim.online import DuelLog, Duels, RecordedVotes, Replay, play_learner
from nashsim.online.play import iteration_grid
from tests.zoo import random_game, rock_paper_scissors


def ridge_learner(duels, game, rounds, ridge=10.0):
    """Online INPO in the terms of the environment alone: the policies played and theta at the end."""
    contexts, n = game.contexts, game.actions
    v, b = np.tile(ridge * np.eye(n), (contexts, 1, 1)), np.zeros((contexts, n))
    theta, played = np.zeros((contexts, n)), []
    for _ in range(rounds):
        log_policy = game.log_reference + theta / game.tau
        log_policy -= np.log(np.exp(log_policy).sum(axis=1, keepdims=True))
        played.append(log_policy)
        batch = duels.round(log_policy)
        c = batch.contexts[0]
        x = np.zeros(n)
        x[batch.first[0]] += 1
        x[batch.second[0]] -= 1
        v[c] += np.outer(x, x)
        b[c] += x * (batch.won[0] - 0.5)
        theta[c] = np.linalg.solve(v[c], b[c])
    return played, theta


@pytest.mark.parametrize("contexts, noise", [(1, 0.0), (3, 0.2)])
def test_the_duels_are_those_of_the_compiled_learners(contexts, noise):
    """A learner written on the environment is charged what the compiled one is, to rounding."""
    game = random_game(4, actions=4, tau=0.3, contexts=contexts)
    played, _ = ridge_learner(Duels(game, seed=9, noise=noise), game, 200)
    gaps = np.cumsum([game.weights @ exploitability(game, log_policy) for log_policy in played])
    play = play_learner(game, "inpo-online", rounds=200, seeds=[9], noise=noise)
    np.testing.assert_allclose(play.values["regret"][0], gaps[iteration_grid(200) - 1], rtol=1e-9)


def test_replay_from_a_file_goes_the_same_way(tmp_path):
    game = random_game(5, actions=5, tau=0.2, contexts=2)
    duels = Duels(game, seed=3)
    played, theta = ridge_learner(duels, game, 100)
    duels.log.save(tmp_path / "log.npz")
    again, same = ridge_learner(Replay(DuelLog.load(tmp_path / "log.npz")), game, 100)
    np.testing.assert_array_equal(theta, same)
    np.testing.assert_array_equal(played, again)


def test_batches_are_single_rounds():
    """One call for 50 duels, or 50 calls for one: the same duels; another seed meets others."""
    game = random_game(6, actions=4, contexts=3)
    whole, single, other = (Duels(game, seed=s) for s in (1, 1, 2))
    whole.round(game.log_reference, size=50)
    for _ in range(50):
        single.round(game.log_reference)
    for a, b in zip(whole.log, single.log, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (other.round(game.log_reference, size=50).won != whole.log.won).any()


def test_frequencies():
    """100,000 duels: contexts, arms and outcomes within 5 standard errors of their probabilities."""
    game = random_game(7, actions=3, contexts=2)
    opponent = np.log(np.full((2, 3), 1 / 3))
    duels = Duels(game, seed=0, noise=0.1)
    log = duels.round(game.log_reference, opponent, size=100_000)
    total = 0
    for c in range(2):
        for y in range(3):
            for z in range(3):
                here = (log.contexts == c) & (log.first == y) & (log.second == z)
                share = game.weights[c] * game.reference[c, y] / 3
                assert abs(here.mean() - share) <= 5 * np.sqrt(share / 1e5)
                chance = 0.1 + 0.8 * game.probabilities[c, y, z]
                total += here.sum()
                assert abs(log.won[here].mean() - chance) <= 5 * 0.5 / np.sqrt(here.sum())
    assert total == 100_000


def test_arms_of_ones_own():
    """Chosen duels in seen contexts: sure outcomes are sure, on either side."""
    game = rock_paper_scissors(strength=1.0)
    duels = Duels(game)
    np.testing.assert_array_equal(duels.draw_contexts(3), 0)
    np.testing.assert_array_equal(duels.duel([0, 1, 2], [1, 2, 0]), [False] * 3)
    np.testing.assert_array_equal(duels.duel([1, 2, 0], [0, 1, 2]), [True] * 3)
    again = Replay(duels.log)
    np.testing.assert_array_equal(again.draw_contexts(2), [0, 0])
    again.duel([0, 1, 2], [1, 2, 0])
    with pytest.raises(NashsimError, match="duel 3 was recorded"):
        again.duel([0], [1])
    again.round(size=3)
    with pytest.raises(NashsimError, match="budget: 0 duels are left"):
        again.round()


def test_contexts_are_drawn_by_weight():
    game = random_game(8, actions=3, contexts=3)
    seen = Duels(game, seed=4).draw_contexts(30_000)
    shares = np.bincount(seen, minlength=3) / 30_000
    assert (np.abs(shares - game.weights) <= 5 * np.sqrt(game.weights / 30_000)).all()


@pytest.mark.parametrize(
    "ask, says",
    [
        (lambda d: d.duel(0, 3), "second: numbers from 0 to 2"),
        (lambda d: d.duel(0, 1, 1), "contexts"),
        (lambda d: d.duel(0.5, 1), "whole numbers"),
        (lambda d: d.duel([0, 1], [0, 1, 2]), "one length"),
        (lambda d: d.duel([0] * 11, [1] * 11), "budget: 10 duels are left of 10, asked for 11"),
        (lambda d: d.round([[0.2, 0.3, 0.6]]), "policy must sum to 1"),
        (lambda d: d.round(np.log([0.2, 0.3, 0.6])), r"exp\(policy\) must sum to 1"),
        (lambda d: d.round(d.game.reference, [0.1, 0.2, 0.3]), "opponent must sum to 1"),
        (lambda d: d.round([0.0, 0.0]), r"\(1, 3\) is needed, found \(1, 2\)"),
        (lambda d: d.round(d.game.log_reference, size=0), "size"),
    ],
)
def test_bad_questions(ask, says):
    duels = Duels(rock_paper_scissors(), budget=10)
    with pytest.raises(NashsimError, match=says):
        ask(duels)
    assert duels.left == 10 and len(duels.log.won) == 0


@pytest.mark.parametrize("budget", [0, -1, 1.5])
def test_bad_budgets(budget):
    with pytest.raises(NashsimError, match="budget"):
        Duels(rock_paper_scissors(), budget=budget)


def test_files_that_are_no_logs(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", won=np.ones(3, bool))
    np.savez(
        tmp_path / "uneven.npz", **dict.fromkeys(("contexts", "first", "second"), np.arange(2)), won=[True]
    )
    np.savez(tmp_path / "pickle.npz", **dict.fromkeys(DuelLog._fields, np.array([{}], object)))
    for name in ("text", "other", "uneven", "pickle"):
        with pytest.raises(NashsimError, match="no log of duels"):
            DuelLog.load(tmp_path / f"{name}.npz")


def votes(wins, ties=None):
    ties = np.zeros_like(wins) if ties is None else ties
    return PreferenceData.from_comparisons([f"m{i}" for i in range(len(wins))], wins, ties, name="votes")


def test_every_vote_is_used_once():
    """Each pair asked until nothing is left: the outcomes are the recorded counts, ties apart as coins."""
    wins, ties = np.array([[0, 7, 2], [5, 0, 1], [0, 4, 0]]), np.array([[0, 2, 0], [2, 0, 0], [0, 0, 0]])
    env = RecordedVotes(votes(wins, ties), seed=1)
    assert env.votes_left == 21
    won = env.duel([0] * 14, [1] * 14)
    assert 7 <= won.sum() <= 9
    assert env.duel([2] * 5, [1] * 5).sum() == 4 and env.duel([0, 2], [2, 0]).tolist() == [True, False]
    assert env.votes_left == 0
    with pytest.raises(NashsimError, match="no vote between 'm0' and 'm2'"):
        env.duel(0, 2)
    assert env.fought == 21 and len(env.log.won) == 21 and not env.log.contexts.any()


def test_rejected_pairs_are_counted_and_an_empty_record_is_told():
    env = RecordedVotes(votes(np.array([[0, 30, 0], [10, 0, 0], [0, 0, 0]])), seed=2)
    batch = env.round(np.log(np.full(3, 1 / 3)), size=60)
    assert env.rejected > 0 and not ((batch.first == 2) ^ (batch.second == 2)).any()
    with pytest.raises(NashsimError, match="used up"):
        env.round(np.log([0.5, 1e-300, 0.5]), np.log([1e-300, 1 - 1e-12, 1e-12]), size=100)


def test_the_order_of_votes_is_random():
    """The share of wins among the first 20 of 200 votes on a pair: hypergeometric, over 400 seeds."""
    data = votes(np.array([[0, 120], [80, 0]]))
    counts = np.array([RecordedVotes(data, seed).duel([0] * 20, [1] * 20).sum() for seed in range(400)])
    variance = 20 * 0.6 * 0.4 * (180 / 199)
    assert abs(counts.mean() - 12) < 5 * np.sqrt(variance / 400)
    assert 0.75 < counts.var() / variance < 1.25  # 3.5 standard errors of a variance over 400


def test_votes_need_whole_counts():
    with pytest.raises(NashsimError, match="without counts"):
        RecordedVotes(PreferenceData(["x", "y"], [[0.5, 0.6], [0.4, 0.5]], name="matrix"))
    with pytest.raises(NashsimError, match="whole numbers of votes"):
        RecordedVotes(votes(np.array([[0, 0.5], [1, 0]])))


@pytest.mark.skipif("NASHSIM_DATA" not in os.environ, reason="NASHSIM_DATA names no folder of real data")
def test_real_battles():
    """Chatbot Arena's votes: asked whole on one pair, the environment gives back exactly its counts."""
    data = load(Path(os.environ["NASHSIM_DATA"]) / "arena33k_human_battles.csv", ties="drop")
    env = RecordedVotes(data)
    y, z = np.unravel_index(np.argmax(data.wins), data.wins.shape)
    total = int(data.wins[y, z] + data.wins[z, y])
    assert env.duel([y] * total, [z] * total).sum() == data.wins[y, z]
    batch = env.round(np.log(np.full(len(data.labels), 1 / len(data.labels))), size=500)
    assert len(batch.won) == 500 and env.votes_left < data.wins.sum() - total
