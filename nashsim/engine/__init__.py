"""Compiled execution of rules, with records that hold every run against the exact equilibrium."""

from .feedback import Feedback
from .metrics import METRICS, Metric
from .record import Run, record_steps
from .run import run, run_many
from .stack import first_policy, start_facts
from .sweeps.sweep import sweep
from .witness_check import WitnessCheck, check_runs, runs_frame

__all__ = [
    "METRICS", "Feedback", "Metric", "Run", "WitnessCheck", "check_runs", "first_policy", "record_steps", "run",
    "run_many", "runs_frame", "start_facts", "sweep",
]  # fmt: skip
