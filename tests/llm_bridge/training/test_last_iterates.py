"""Every last-iterate rule brings the transformer's exact gap to where its tabular run goes."""

import numpy as np
import pytest
import torch

from llm_bridge.algorithms import get_algorithm
from llm_bridge.policy import CausalPolicy
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.enumerated_source import Enumerated
from llm_bridge.tasks.exact import train
from nashsim import run

torch.set_num_threads(1)
#: Queries that the tabular run of the rule needs to get there, with room.
MIRROR = {
    **{"nash-md": 30, "inpo": 30, "omd": 60, "mmd": 60, "nash-mp": 40, "nash-prox": 200},
    **{"enpo": 30, "comal": 60, "mpo": 60},
}
GRADIENT = {
    **{"nash-md-pg": 200, "self-play-pg": 200, "online-ipo": 200, "ipo-md": 200, "nash-ema-pg": 200},
    **{"egpo": 200, "nash-prox-pg": 200, "nash-mp-pg": 400},
}


@pytest.fixture(scope="module")
def task():
    return EnumerableTask(vocabulary=5, length=2, tau=0.1)


def policy_of(task):
    return CausalPolicy(task.build_model(), eos=0, pad=0)


def log_reference(task):
    return Enumerated(task).table(policy_of(task), "reference").log_softmax(-1).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", MIRROR | GRADIENT)
def test_last_iterate_rules_close_the_gap(task, name):
    queries = (MIRROR | GRADIENT)[name]
    done = train(task, name, queries=queries, record=queries)
    game = task.measure_against(log_reference(task)).game.game
    twin = run(game, get_algorithm(name).rule, queries=queries).metrics["duality_gap"][-1]
    first, last = done.records[0]["duality_gap"], done.records[-1]["duality_gap"]
    assert last < 0.1 * first
    if name in MIRROR:
        # A fit ends within a few per cent of the step; gradient steps move weights, and have no such twin.
        assert np.abs(last - twin) < 0.05 * first
