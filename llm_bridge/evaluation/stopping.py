"""When a training ends before its last iteration, and which of its records is the best: functions of the records alone.

A resumed run has the same records, and so ends at the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nashsim.errors import NashsimError

#: Half-width of a 95% interval in standard errors.
WIDTH = 1.96


@dataclass(frozen=True)
class EvaluationConfig:
    """How often a policy is measured, on how many prompts and with how many responses to each; what ends a training.

    The prompts are the first of ``prompts_file``, or of those trained on where there is none. A training ends once
    ``kl`` of a record is above ``stop_kl``, or once ``patience`` records in a row show no gain: the 95% interval of
    none's win rate lies above that of the last record that did. ``keep_best`` writes ``best/`` too: the model of the
    largest win rate, within ``stop_kl`` where there is one.
    """

    every: int = 1
    prompts: int = 64
    samples: int = 4
    prompts_file: str | None = None
    stop_kl: float | None = None
    patience: int | None = None
    keep_best: bool = False

    def __post_init__(self):
        for name in ("stop_kl", "patience"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise NashsimError(f"{name}: a number > 0 is needed, found {value!r}")


def reason_to_stop(config: EvaluationConfig, records: Sequence[Mapping]) -> str | None:
    """Return why a training ends after its last record, or None where it goes on.

    Parameters
    ----------
    config : EvaluationConfig
        Limits, of which either may be None.
    records : sequence of mapping
        Records with ``kl``, ``win_rate`` and ``win_rate_error``.

    Raises
    ------
    NashsimError
        Where the records do not have what a limit is about.

    Examples
    --------
    >>> rates = [{"step": k, "win_rate": rate, "win_rate_error": 0.01} for k, rate in enumerate((0.5, 0.6, 0.61, 0.6))]
    >>> reason_to_stop(EvaluationConfig(patience=2), rates)
    'no gain: 2 records since step 1 have win rates whose 95% intervals reach down to its 0.6'
    """
    if not records:
        return None
    if config.stop_kl is not None:
        kl = _value(records[-1], "kl", "stop_kl")
        if kl > config.stop_kl:
            return f"KL to the reference is {kl:.3g}, above evaluation.stop_kl {config.stop_kl:g}"
    if config.patience is None:
        return None
    last = 0
    for k, record in enumerate(records):
        rate, error = (_value(record, name, "patience") for name in ("win_rate", "win_rate_error"))
        if rate - WIDTH * error > records[last]["win_rate"]:
            last = k
    since = len(records) - 1 - last
    if since < config.patience:
        return None
    return (
        f"no gain: {since} records since step {records[last]['step']} have win rates whose 95% intervals reach down to"
        f" its {records[last]['win_rate']:.3g}"
    )


def is_best(config: EvaluationConfig, records: Sequence[Mapping]) -> bool:
    """Return whether the last record has the largest win rate so far, of those within the KL budget.

    Parameters
    ----------
    config : EvaluationConfig
        Limits; of ``stop_kl`` None every record counts.
    records : sequence of mapping
        Records with ``win_rate``, and ``kl`` where there is a limit to it.

    Raises
    ------
    NashsimError
        Where the records do not have them.

    Examples
    --------
    >>> rates = [{"win_rate": 0.5, "kl": 0.0}, {"win_rate": 0.7, "kl": 2.0}, {"win_rate": 0.6, "kl": 0.9}]
    >>> is_best(EvaluationConfig(stop_kl=1.0), rates), is_best(EvaluationConfig(), rates)
    (True, False)
    """
    limit = config.stop_kl
    within = [r for r in records if limit is None or _value(r, "kl", "stop_kl") <= limit]
    rates = [_value(record, "win_rate", "keep_best") for record in within]
    return bool(within) and within[-1] is records[-1] and rates[-1] > max(rates[:-1], default=-1.0)


def _value(record: Mapping, name: str, key: str) -> float:
    if name not in record:
        raise NashsimError(
            f"evaluation.{key}: it needs {name} in the records, which this run does not measure; found"
            f" {', '.join(record)}"
        )
    return record[name]
