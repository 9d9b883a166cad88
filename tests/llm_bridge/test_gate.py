"""Every last-iterate rule brings the transformer's exact gap below a tenth of the reference's."""

import numpy as np
import pytest
import torch

from llm_bridge.tasks import EnumerableTask
from llm_bridge.trainer import train
from nashsim import run

torch.set_num_threads(1)
#: Queries that the tabular run of the rule needs to get there, with room.
QUERIES = {"nash-md": 30, "inpo": 30, "omd": 60, "mmd": 60, "nash-mp": 40, "egpo": 20, "nash-prox": 200}


@pytest.mark.slow
@pytest.mark.parametrize("rule", QUERIES)
def test_last_iterate_rules_close_the_gap(rule):
    task = EnumerableTask(vocabulary=5, length=2, tau=0.1)
    done = train(task, rule, queries=QUERIES[rule], record=QUERIES[rule])
    with torch.no_grad():
        reference = task.log_probs(task.build_model()).double().log_softmax(-1).numpy()
    twin = run(task.measure_against(reference).game.game, rule, queries=QUERIES[rule])
    first, last = done.records[0]["duality_gap"], done.records[-1]["duality_gap"]
    assert twin.metrics["duality_gap"][-1] < 0.1 * first
    assert last < 0.1 * first
    assert np.abs(last - twin.metrics["duality_gap"][-1]) < 0.05 * first
