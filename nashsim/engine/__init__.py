"""Compiled execution of rules, with records that hold every run against the exact equilibrium."""

from .check import Check, check_runs, runs_frame
from .execute import run, run_many
from .feedback import Feedback
from .metrics import METRICS, Metric
from .record import Run, record_steps
from .stack import first_policy, start_facts
from .sweeping import sweep

__all__ = [
    "METRICS", "Check", "Feedback", "Metric", "Run", "check_runs", "first_policy", "record_steps", "run", "run_many",
    "runs_frame", "start_facts", "sweep",
]  # fmt: skip
