"""The whole state of a training as plain tensors and JSON-able numbers, and the way back to the same bits."""

from __future__ import annotations

from copy import deepcopy

import torch

from nashsim.errors import NashsimError
from nashsim.rules import REFERENCE

from ..data.prompts import as_prompt
from ..parallel.sharding import shared_state, whole_state
from .batch import Batch
from .optimisation import make_optimiser

#: The numbers and lists of a trainer's state.
_COUNTERS = ("iteration", "stage", "done", "queries", "comparisons", "records", "descent", "buffer")


def state_of(trainer) -> dict:
    """Return all that a resumed training needs; random numbers are functions of place and need no state.

    Parameters
    ----------
    trainer : Trainer
    """
    policy, batch = trainer.policy, trainer.batch
    measure = getattr(trainer.measure, "state_dict", dict)()
    return {name: deepcopy(getattr(trainer, name)) for name in _COUNTERS} | {
        "algorithm": repr(trainer.algorithm),
        "buffer_rows": [getattr(prompt, "row", None) for prompt, *_ in trainer.buffer],
        "live": trainer.iterates.live,
        "weights": policy.weights(),
        "past": {name: policy.weights(name) for name in policy.past_names},
        "optimisers": {name: whole_state(deepcopy(o.state_dict())) for name, o in trainer.optimisers.items()},
        "batch": None if batch is None else batch.state_dict(),
        "measure": deepcopy(measure),
        "explorer": None if trainer.explorer is None else torch.as_tensor(trainer.explorer.inverse.copy()),
    }


def restore(trainer, state: dict) -> None:
    """Put a state of the same algorithm on the same model into a trainer.

    Parameters
    ----------
    trainer : Trainer
    state : dict

    Raises
    ------
    NashsimError
        For the state of another algorithm, another model or another version.
    """
    if state["algorithm"] != repr(trainer.algorithm):
        raise NashsimError(f"state: it is of {state['algorithm']}, this trainer runs {trainer.algorithm!r}")
    if lacking := [name for name in _COUNTERS if name not in state]:
        raise NashsimError(
            f"state: another version wrote it, without {', '.join(lacking)}; start the run anew, or resume it there"
        )
    policy = trainer.policy
    policy.masters()  # before their numbers are loaded
    policy.load_weights(state["weights"])
    for name in set(policy.past_names) - {REFERENCE}:
        policy.forget(name)
    for name, weights in state["past"].items():
        policy.load_weights(weights, name)
    for name in _COUNTERS:
        setattr(trainer, name, deepcopy(state[name]))
    # JSON knows no tuples and no rows, and judges may hash what they are shown.
    rows = state.get("buffer_rows") or [None] * len(state["buffer"])
    trainer.buffer = [
        [as_prompt(x, row), *([tuple(y) for y in side] for side in sides)]
        for (x, *sides), row in zip(state["buffer"], rows, strict=True)
    ]
    trainer.iterates.live = state["live"]
    trainer.batch = None if state["batch"] is None else Batch.of(state["batch"], policy.device)
    trainer.optimisers = {}
    for name, found in state["optimisers"].items():
        trainer.optimisers[name] = make_optimiser(policy.masters(), trainer.settings)
        trainer.optimisers[name].load_state_dict(shared_state(deepcopy(found), policy.masters()))
    if state["explorer"] is not None:
        trainer.explorer.inverse = state["explorer"].cpu().numpy().copy()
    if state["measure"]:
        trainer.measure.load_state_dict(deepcopy(state["measure"]))
