"""check_learner passes the package's learners and those of users, and names what is wrong with planted faults."""

from importlib.util import find_spec

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.online.learners import LEARNERS
from nashsim.testing import LearnerCheckError, check_learner

#: What regret a learner is meant to keep low, where it is not the regularised one, and what breaks by necessity.
ARMS = {"double-thompson": "copeland_regret", "rucb": "condorcet_regret", "uniform": "regret"}


def ftrl(duels, seed=0, batch=20, charge=None, size=None, own=None):
    """The regularised best response to oneself on counted wins, in batches of duels of its own policy."""
    game = duels.game
    mu, tau = game.log_reference[0], game.tau
    n = len(mu)
    wins, theta, t = np.zeros((n, n)), np.zeros(n), 0
    while duels.left >= 1:
        log_policy = mu + theta / tau
        log_policy -= np.logaddexp.reduce(log_policy)
        played = log_policy if charge is None else charge(log_policy)
        got = duels.round(played, size=int(min(batch, duels.left)) if size is None else size(duels))
        np.add.at(
            wins, (np.where(got.won, got.first, got.second), np.where(got.won, got.second, got.first)), 1
        )
        skew = (wins + 0.5) / (wins + wins.T + 1) - 0.5
        if own is not None:
            skew = own(skew)
        t += 1
        for _ in range(20):
            policy = np.exp(mu + theta / tau - np.logaddexp.reduce(mu + theta / tau))
            theta += 0.3 * (skew @ policy - theta)
    return log_policy


def test_a_learner_of_ones_own_passes():
    report = check_learner(ftrl, exponent=0.6, rounds=2000)
    assert len(report.held) == 8 and report.unclaimed == ("contexts",)


def test_every_learner_of_the_package_is_tried():
    assert {cls.name for cls in LEARNERS} >= set(ARMS)


#: Tried always; the others are slow tests.
OFTEN = ("inpo-online", "minimax-self", "rucb", "uniform")


@pytest.mark.parametrize(
    "cls",
    [pytest.param(cls, id=cls.name, marks=() if cls.name in OFTEN else pytest.mark.slow) for cls in LEARNERS],
)
def test_the_learners_of_the_package_pass(cls):
    known = {
        "uniform": {
            f"sublinear regret on {game}": "it learns nothing" for game in ("a Condorcet game", "a cycle")
        },
        "sparring-exp3": {
            "sublinear regret on a Condorcet game": "its charge is that of a mixed arm, and 4000 rounds are its start",
            "sublinear regret on a cycle": "its law is sqrt(T) for the average of the play alone",
        },
    }.get(cls.name)
    report = check_learner(cls, regret=ARMS.get(cls.name, "regret"), known=known, raise_first=False)
    assert {"budget", "simplex", "reproducibility"} <= set(report.held)


def found(learner, **options):
    with pytest.raises(LearnerCheckError) as caught:
        check_learner(learner, raise_first=False, **{"rounds": 1000, **options})
    return {failure.property: failure for failure in caught.value.failures}


def test_extra_queries():
    def greedy(duels, seed):
        return ftrl(duels, size=lambda duels: 20)

    def hidden(duels, seed):
        ftrl(duels)
        duels.duel(0, 1)

    assert "more than its budget" in found(greedy)["budget"].finding
    assert "budget" in found(hidden)

    def idle(duels):
        return None

    assert "buys 0" in found(idle)["budget"].finding


def test_a_global_generator():
    def tossed(duels, seed):
        policy = np.random.dirichlet(np.ones(duels.game.actions))  # noqa: NPY002
        while duels.left:
            duels.round(policy)

    def torch_tossed(duels, seed):
        import torch

        policy = torch.rand(duels.game.actions, dtype=torch.float64).numpy()
        while duels.left:
            duels.round(policy / policy.sum())

    assert "global generator" in found(tossed)["reproducibility"].finding
    if find_spec("torch"):
        assert "global generator" in found(torch_tossed)["reproducibility"].finding

    def seeded(duels, seed):
        policy = np.random.default_rng(seed).dirichlet(np.ones(duels.game.actions))
        while duels.left:
            duels.round(policy)

    assert "reproducibility" not in found(seeded)


def test_an_error_is_told_by_every_property_that_needs_a_play():
    def breaks(duels, seed):
        raise RuntimeError("no such weights")

    def breaks_later(duels, seed):
        while duels.left > 3:
            duels.round(duels.game.log_reference)
        raise RuntimeError(f"no such weights, {np.random.uniform()}")  # noqa: NPY002

    for learner in (breaks, breaks_later):
        failures = found(learner)
        assert "it raised RuntimeError: no such weights" in failures["plays"].finding
        assert set(failures) >= {"sublinear regret on a cycle", "sublinear regret on a Condorcet game"}
        assert all("RuntimeError: no such weights" in failure.finding for failure in failures.values())
    assert "it raised RuntimeError" in found(breaks)["reproducibility"].finding


def test_linear_regret():
    def stays(duels):
        while duels.left:
            duels.round(duels.game.log_reference, size=int(min(50, duels.left)))

    failures = found(stays)
    assert set(failures) == {"sublinear regret on a Condorcet game", "sublinear regret on a cycle"}
    assert "T^1.000" in failures["sublinear regret on a cycle"].finding

    def explores(duels, seed):
        ftrl(duels, charge=lambda log_policy: 0.5 * np.exp(log_policy) + 0.5 / len(log_policy))

    assert set(found(explores)) == set(failures)

    def transposed(duels):
        ftrl(duels, own=np.transpose)

    assert "sublinear regret on a Condorcet game" in found(transposed)


@pytest.mark.slow
def test_a_stated_exponent_that_is_too_low():
    def slow(duels):
        """Explores uniformly with probability t^(-1/2): regret of order sqrt(T), where log T is stated."""
        t = 0

        def charge(log_policy):
            nonlocal t
            t += 20
            share = t**-0.25
            return (1 - share) * np.exp(log_policy) + share / len(log_policy)

        ftrl(duels, charge=charge)

    check_learner(slow, exponent=0.8)
    assert {p.split(" on ")[0] for p in found(slow, rounds=4000, exponent=0.1)} == {"claimed exponent"}


def test_policies_that_are_none():
    def unnormalised(duels):
        ftrl(duels, charge=lambda log_policy: 1.01 * np.exp(log_policy))

    def returned(duels):
        return 2 * np.exp(ftrl(duels))

    def yielded(duels):
        while duels.left:
            duels.round(duels.game.log_reference)
            yield np.full(duels.game.actions, 0.5)

    for learner in (unnormalised, returned, yielded):
        assert "sum to 1" in found(learner)["simplex"].finding


def test_a_generator_yields_what_is_charged():
    def explores_but_commits(duels, seed):
        uniform = np.full(duels.game.actions, 1 / duels.game.actions)
        wins = np.zeros((duels.game.actions,) * 2)
        while duels.left:
            got = duels.round(uniform, size=int(min(20, duels.left)))
            np.add.at(
                wins, (np.where(got.won, got.first, got.second), np.where(got.won, got.second, got.first)), 1
            )
            skew, tau = (wins + 0.5) / (wins + wins.T + 1) - 0.5, duels.game.tau
            log_policy = duels.game.log_reference[0]
            for _ in range(40):
                aim = duels.game.log_reference[0] + skew @ np.exp(log_policy) / tau
                log_policy = 0.7 * log_policy + 0.3 * aim
                log_policy -= np.logaddexp.reduce(log_policy)
            yield log_policy

    check_learner(explores_but_commits, exponent=0.5, rounds=1500)


def test_preferences_cannot_be_read_off_the_game():
    def peeks(duels):
        policy = (
            duels.game.log_reference + duels.game.probabilities @ np.exp(duels.game.log_reference[0]) / 0.3
        )
        policy = policy - np.logaddexp.reduce(policy[0])
        while duels.left:
            duels.round(policy, size=int(min(50, duels.left)))

    assert "sublinear regret on a cycle" in found(peeks)


def contextual(duels, seed, ignore=False):
    game = duels.game
    rng, wins = np.random.default_rng(seed), np.zeros((game.contexts, game.actions, game.actions))
    while duels.left:
        size = int(min(50, duels.left))
        contexts = rng.integers(game.contexts, size=size) if ignore else duels.draw_contexts(size)
        first, second = rng.integers(game.actions, size=(2, size))
        won = duels.duel(first, second, contexts)
        np.add.at(wins, (contexts, np.where(won, first, second), np.where(won, second, first)), 1)


def test_contexts_are_met_by_their_weights():
    def ignores(duels, seed):
        contextual(duels, seed, ignore=True)

    linear = {f"sublinear regret on {game}": "it learns nothing" for game in ("a Condorcet game", "a cycle")}
    check_learner(contextual, contexts=True, known=linear, rounds=1000)
    assert "weight is 0.8" in found(ignores, contexts=True)["contexts"].finding


def test_wrong_input():
    with pytest.raises(NashsimError, match="regret 'rgret'"):
        check_learner(ftrl, regret="rgret")
    with pytest.raises(NashsimError, match="rounds: a whole number >= 100"):
        check_learner(ftrl, rounds=10)
    with pytest.raises(NashsimError, match="learner: a callable"):
        check_learner(3)
    with pytest.raises(NashsimError, match="inpo-online"):
        check_learner("inpo")
