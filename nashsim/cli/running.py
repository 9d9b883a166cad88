"""What ``nashsim run`` does between parsing and printing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from ..engine import Run, check_runs
from ..engine import run as run_engine
from ..errors import NashsimError
from ..files import to_json, versions, write_frame, write_text
from ..rules import get_rule


def checkpoint_folder(out: str | None, resume: bool) -> Path | None:
    """Return where a run keeps its state, emptied unless it is to be resumed; None without an output folder."""
    if out is None:
        if resume:
            raise NashsimError("resume: name the folder of the run to go on with by --out DIR")
        return None
    folder = Path(out) / "checkpoint"
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    return folder


def run_rule(game, rule: str, eta: float | None, check: bool, **options):
    """Return the Run and its JSON object; with ``check`` the run is held against the CVXPY equilibrium.

    ``options`` are those of the engine's ``run``.

    Raises EquilibriumDisagreement where the witness and Newton do not agree.
    """
    chosen = get_rule(rule, eta=eta, tau=game.require_tau())
    finished = run_engine(game, chosen, **options)
    result = {
        "game": game.name,
        "rule": chosen.name,
        "tau": game.tau,
        "eta": chosen.eta(game.tau) if chosen.constant else None,
        "queries": int(finished.queries[-1]),
        "policy": _by_label(finished),
        "duality_gap": finished.metrics["duality_gap"][-1],
        "kl_to_equilibrium": finished.metrics["kl_to_equilibrium"][-1],
        "exploitability": finished.metrics["exploitability"][-1],
        "status": finished.status,
    }
    if not game.kl_regularised:
        result["regulariser"] = game.regulariser.word
        result["divergence_to_equilibrium"] = finished.metrics["divergence_to_equilibrium"][-1]
    if check:
        found = check_runs([finished])[0]
        result["cvxpy_distance"], result["cvxpy_accuracy"] = found.distance, found.accuracy
    return finished, result


def _by_label(finished: Run) -> dict:
    """Return the last policy by label, without pandas, which takes longer than a run, for one context."""
    if finished.game.contexts > 1:
        return finished.policy.to_dict()
    return dict(zip(finished.game.labels, np.exp(finished.log_policy[0]).tolist(), strict=True))


def records_file(out: str | None) -> Path | None:
    """Return the file that gets the records as they are made; None without an output folder."""
    return None if out is None else Path(out) / "records.csv"


def save_run(finished: Run, result: dict, out: str, source: str) -> None:
    """Write ``policy.csv`` and ``run.json`` (result, configuration, versions) into a folder, beside the records.

    The checkpoint has served its purpose then.
    """
    folder = Path(out)
    write_frame(folder / "policy.csv", finished.policy.rename_axis("action").reset_index())
    configuration = {
        "source": source,
        "rule": repr(finished.rule),
        "seed": finished.seed,
        "versions": versions(),
    }
    write_text(folder / "run.json", to_json({**result, "configuration": configuration}, indent=2) + "\n")
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
