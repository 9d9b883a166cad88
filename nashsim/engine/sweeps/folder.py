"""What a sweep leaves on disk: a manifest, one file of records a unit, and all of them joined at the end."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np

from ...errors import NashsimError
from ...files import atomic_path, to_json, versions, write_frame, write_text
from ..checkpoint import fingerprint
from .backends import calm
from .units import Unit


class SweepFolder:
    """The folder of one sweep.

    ``sweep.json`` holds the configuration and versions, ``units/NNNNNN.csv`` the records of every finished unit,
    ``checkpoints/`` the states of those that run; at the end ``records.csv`` holds all records and ``final.csv``
    the last of every run. Every file is replaced whole.

    Parameters
    ----------
    path : str or Path
    units : list of Unit
    options : dict
        What every unit is run with.
    resume : bool
        Keep what the same sweep has left here; else it is removed.

    Raises
    ------
    NashsimError
        If another sweep is to be resumed here.
    """

    def __init__(self, path: str | Path, units: list[Unit], options: dict, resume: bool):
        self.path = Path(path)
        manifest = self.path / "sweep.json"
        ours = _configuration(units, options)
        if resume and manifest.exists():
            if _read_fingerprint(manifest) != ours["fingerprint"]:
                raise NashsimError(
                    f"resume: {str(self.path)!r} belongs to a sweep with other settings; choose another folder"
                )
            self._tidy()
            return
        for name in ("units", "checkpoints"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in ("records.csv", "final.csv"):
            (self.path / name).unlink(missing_ok=True)
        write_text(manifest, to_json(ours, indent=2) + "\n")

    def state(self, unit: Unit) -> Path:
        """Return where a unit keeps its state while it runs."""
        return self.path / "checkpoints" / f"{unit.number:06d}"

    def write(self, unit: Unit, frame) -> None:
        """Write the records of a finished unit, which needs its state no longer."""
        write_frame(self._file(unit), frame)
        shutil.rmtree(self.state(unit), ignore_errors=True)

    def read(self, unit: Unit):
        """Return the records of a unit bit for bit, or None where it has not finished."""
        import pandas as pd

        if not self._file(unit).exists():
            return None
        with open(self._file(unit), encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        columns = dict(zip(header, zip(*rows, strict=True), strict=True))
        for name in ("seed", "step", "queries"):
            columns[name] = np.array(columns[name], dtype=np.int64)
        for name in ("tau", "eta", "value"):
            # Python's own reading of decimals is exact
            columns[name] = np.array([float(text or "nan") for text in columns[name]])
        return pd.DataFrame(columns)

    def join(self, units: list[Unit], final) -> None:
        """Write ``records.csv`` and ``final.csv``, once every unit has finished."""
        with atomic_path(self.path / "records.csv") as temporary, open(temporary, "wb") as joined:
            for unit in units:
                with open(self._file(unit), "rb") as file:
                    header = file.readline()
                    if unit is units[0]:
                        joined.write(header)
                    shutil.copyfileobj(file, joined)
        write_frame(self.path / "final.csv", final)
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def _tidy(self) -> None:
        """Remove what a killed process was just writing: ``atomic_path`` could not."""
        for pattern in (".sweep-*.json", ".records-*.csv", ".final-*.csv", "units/.??????-*.csv"):
            for stray in self.path.glob(pattern):
                stray.unlink()

    def _file(self, unit: Unit) -> Path:
        return self.path / "units" / f"{unit.number:06d}.csv"


def _configuration(units: list[Unit], options: dict) -> dict:
    games = {id(game): game for unit in units for game in unit.games}.values()
    with calm:
        parts = [part for game in games for part in _traits(game)]
    settings = {name: value for name, value in options.items() if name != "interval"}
    runs = [(unit.rule, unit.label, unit.seeds, unit.tau, [g.name for g in unit.games]) for unit in units]
    arrays = [value for value in settings.values() if isinstance(value, np.ndarray)]
    return {
        "games": list(dict.fromkeys(game.name for game in games)),
        "taus": list(dict.fromkeys(unit.tau for unit in units)),
        "rules": list(dict.fromkeys(repr(unit.rule) for unit in units)),
        "seeds": list(dict.fromkeys(seed for unit in units for seed in unit.seeds)),
        "options": {name: _readable(value) for name, value in settings.items()},
        "units": len(units),
        "versions": versions(),
        "fingerprint": fingerprint(*parts, runs, settings, *arrays),
    }


def _traits(game) -> list:
    """What tells a game from others, however its preference is stored: its payoffs against two fixed policies."""
    draws = np.random.default_rng(0).dirichlet(np.ones(game.actions), (2, game.contexts))
    payoffs = [np.asarray(game.preference.margin(policy)) for policy in draws]
    kind = [] if game.kl_regularised else [game.regulariser]
    return [game.name, game.labels, game.tau, game.log_reference, game.weights, *payoffs, *kind]


def _readable(value):
    return value if isinstance(value, int | float | str | list | tuple | np.ndarray | None) else repr(value)


def _read_fingerprint(manifest: Path) -> str | None:
    try:
        return json.loads(manifest.read_text(encoding="utf-8")).get("fingerprint")
    except (ValueError, AttributeError):
        raise NashsimError(f"resume: {str(manifest)!r} cannot be read; choose another folder") from None
