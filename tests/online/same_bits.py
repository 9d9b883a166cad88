"""Plays that must be the same to the last bit."""

import numpy as np

from nashsim.online import play_learner
from tests.zoo import random_game


def same_bits(one, other):
    """Assert that two plays have the same records and the same last policies."""
    for metric, value in one.values.items():
        np.testing.assert_array_equal(value, other.values[metric])
    np.testing.assert_array_equal(one.log_policy, other.log_policy)


def cut_in_threads(learner, rounds, file):
    """Assert that three threads and a checkpoint as often as can be change no bit of a play."""
    game = random_game(3, actions=5, tau=0.2, contexts=3)
    one = play_learner(game, learner, rounds=rounds, seeds=4)
    same_bits(one, play_learner(game, learner, rounds=rounds, seeds=4, jobs=3, checkpoint=file, interval=0))
