"""What ``nashsim run`` does between parsing and printing."""

from __future__ import annotations

from pathlib import Path

from ..engine import Run, check_runs
from ..engine import run as run_engine
from ..files import to_json, versions, write_frame, write_text
from ..rules import get_rule


def run_rule(game, rule: str, eta: float | None, queries: int, seed: int, start: str, check: bool, tell):
    """Return the Run and its JSON object; with ``check`` the run is held against the CVXPY equilibrium.

    Raises EquilibriumDisagreement where the witness and Newton do not agree.
    """
    chosen = get_rule(rule, eta=eta, tau=game.require_tau())
    finished = run_engine(game, chosen, queries=queries, seed=seed, start=start, progress=tell)
    result = {
        "game": game.name,
        "rule": chosen.name,
        "tau": game.tau,
        "eta": chosen.eta(game.tau) if chosen.constant else None,
        "queries": int(finished.queries[-1]),
        "policy": finished.policy.to_dict(),
        "duality_gap": finished.metrics["duality_gap"][-1],
        "kl_to_equilibrium": finished.metrics["kl_to_equilibrium"][-1],
        "exploitability": finished.metrics["exploitability"][-1],
        "status": finished.status,
    }
    if check:
        found = check_runs([finished])[0]
        result["cvxpy_distance"], result["cvxpy_accuracy"] = found.distance, found.accuracy
    return finished, result


def save_run(finished: Run, result: dict, out: str, source: str) -> None:
    """Write ``records.csv``, ``policy.csv`` and ``run.json`` (result, configuration, versions) into a folder."""
    folder = Path(out)
    write_frame(folder / "records.csv", finished.frame())
    write_frame(folder / "policy.csv", finished.policy.rename_axis("action").reset_index())
    configuration = {
        "source": source,
        "rule": repr(finished.rule),
        "seed": finished.seed,
        "versions": versions(),
    }
    write_text(folder / "run.json", to_json({**result, "configuration": configuration}, indent=2) + "\n")
