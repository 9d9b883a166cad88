"""What a training leaves on disk: records as JSONL and CSV, samples, checkpoints, the configuration, the last model.

    OUT/config.yaml  metrics.jsonl  metrics.csv  samples/step-*.jsonl  checkpoints/step-*/  final/  best/

A record is on disk as soon as it is made. What was killed in the middle of a line, or went on past its last
checkpoint, is cut back to that checkpoint when the run resumes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from nashsim.errors import NashsimError
from nashsim.files import to_json, write_frame, write_text

from .checkpoint import Checkpoints

#: Files of a run.
CONFIG, RECORDS, TABLE, SAMPLES, STATES, FINAL, BEST = (
    "config.yaml", "metrics.jsonl", "metrics.csv", "samples", "checkpoints", "final", "best",
)  # fmt: skip


def config_of(run: str | Path) -> Path:
    """Return where a run has its configuration.

    Parameters
    ----------
    run : str or Path
        Folder of the run.

    Raises
    ------
    NashsimError
        For a folder that holds no run.
    """
    file = Path(run) / CONFIG
    if not file.exists() and (Path(run) / "member-0" / CONFIG).exists():
        raise NashsimError(
            f"run: {str(run)!r} holds an ensemble; name the folders of its members, {run}/member-*"
        )
    if not file.exists():
        raise NashsimError(f"run: {str(run)!r} holds no {CONFIG}; name the folder of a run")
    return file


class RunFolder:
    """One run's folder.

    Parameters
    ----------
    path : str or Path
        Folder of the run.
    keep : int
        Number of checkpoints that stay.
    resume : bool
        Whether to go on with what stands there; otherwise a folder that holds a run is refused.
    trackers : iterable of accelerate.tracking.GeneralTracker
        Trackers that are told every record too.

    Raises
    ------
    NashsimError
        For a folder that holds another run, or nothing to resume.
    """

    def __init__(self, path: str | Path, *, keep: int = 2, resume: bool = False, trackers: Iterable = ()):
        self.path, self.trackers = Path(path), tuple(trackers)
        self.checkpoints = Checkpoints(self.path / STATES, keep)
        # What failed before its first record left nothing to lose.
        self._started = bool(self.records()) or bool(self.checkpoints.steps())
        if self._started and not resume:
            raise NashsimError(
                f"out: {str(path)!r} holds a run already; add --resume to go on with it, or choose another folder"
            )
        if resume and not (self.path / CONFIG).exists():
            raise NashsimError(f"resume: {str(path)!r} holds no run; leave --resume out to start one")

    def begin(self, config: str, free: Sequence[str] = ()) -> None:
        """Write the resolved configuration; of a run that resumes it must be the same.

        Parameters
        ----------
        config : str
            Configuration as YAML.
        free : sequence of str
            Keys whose values may be others when a run resumes.

        Raises
        ------
        NashsimError
            Where the run on disk had another configuration; the first line that differs is named.
        """
        file = self.path / CONFIG
        if not self._started:
            write_text(file, config)
            return
        before = file.read_text(encoding="utf-8")
        if before != config:
            # A line that was only added or taken away differs from None.
            old, new = (
                [line for line in text.splitlines() if line.split(":")[0].strip(" -") not in free]
                for text in (before, config)
            )
            pairs = [(a, b) for a, b in zip_longest(old, new) if a != b]
            if not pairs:
                return write_text(file, config)
            was, now = pairs[0]
            raise NashsimError(
                f"resume: {str(self.path)!r} was started with another configuration: {_shown(was)} there,"
                f" {_shown(now)} now; resume with the same, or choose another folder"
            )

    def records(self) -> list[dict]:
        """Return the records on disk, whole lines only."""
        file = self.path / RECORDS
        if not file.exists():
            return []
        found = []
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                break  # the line that a kill cut short is the last one
        return found

    def restart(self, records: Iterable[Mapping]) -> None:
        """Begin again from the records of a checkpoint: later ones, and later samples, go.

        Parameters
        ----------
        records : iterable of mapping
            Records that the checkpoint holds.
        """
        records = list(records)
        last = records[-1]["step"] if records else -1
        write_text(self.path / RECORDS, "".join(to_json(dict(record)) + "\n" for record in records))
        for file in (self.path / SAMPLES).glob("step-*.jsonl"):
            if int(file.stem.removeprefix("step-")) > last:
                file.unlink()

    def record(self, record: Mapping) -> None:
        """Append one record and tell the trackers.

        Parameters
        ----------
        record : mapping
            Record with ``step`` and every metric.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with open(self.path / RECORDS, "a", encoding="utf-8") as file:
                file.write(to_json(dict(record)) + "\n")
        except OSError as error:
            raise NashsimError(
                f"out: {str(self.path)!r} cannot be written ({error.strerror}); what was written before stands,"
                " make room and resume"
            ) from error
        for tracker in self.trackers:
            tracker.log({k: v for k, v in record.items() if k != "step"}, step=record["step"])

    def samples(self, step: int, rows: Iterable[Mapping]) -> None:
        """Write the responses shown at a step, one JSON object each.

        Parameters
        ----------
        step : int
            Iteration of the training.
        rows : iterable of mapping
            Responses with their prompts.
        """
        write_text(
            self.path / SAMPLES / f"step-{step:08d}.jsonl", "".join(to_json(dict(row)) + "\n" for row in rows)
        )

    def frame(self):
        """Return the records as a tidy DataFrame: step, queries, metric, value."""
        return tidy_records(self.records())

    def close(self) -> None:
        """Write the table of all records and let the trackers finish."""
        if self.records():
            write_frame(self.path / TABLE, self.frame())
        for tracker in self.trackers:
            tracker.finish()


class ReadOnlyRunFolder:
    """The folder of a run for a process that does not write: the checkpoints to read, and no files.

    Parameters
    ----------
    path : str or Path
        Folder of the run.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.checkpoints = _ReadOnlyCheckpoints(self.path / STATES)

    def _write_nothing(self, *_) -> None:
        """Write nothing, whatever a ``RunFolder`` would write."""

    begin = restart = record = samples = close = _write_nothing


class _ReadOnlyCheckpoints(Checkpoints):
    def save(self, step: int, state) -> None:
        pass


def tidy_records(records: Iterable[Mapping]):
    """Return records as a DataFrame of step, queries, metric, value; what a record lacks has no row.

    Parameters
    ----------
    records : iterable of mapping
        Records, each with ``step``, ``queries`` and metrics.
    """
    import pandas as pd

    wide = pd.DataFrame(list(records)).melt(["step", "queries"], var_name="metric", value_name="value")
    return wide.dropna(subset="value").reset_index(drop=True)


def _shown(line: str | None) -> str:
    return "nothing" if line is None else repr(line.strip())
