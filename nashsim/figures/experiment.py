"""What a figure script is: compute a tidy frame, draw it, say what it shows; files out, atomically."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import NashsimError
from ..files import atomic_path, to_json, versions, write_frame, write_text
from ..plots.style import style


@dataclass(frozen=True)
class Finding:
    """One number that a figure shows, beside what theory expects.

    Attributes
    ----------
    finding : str
    measured, expected : str
        Values with units, as they would stand in a caption.
    holds : bool
    """

    finding: str
    measured: str
    expected: str
    holds: bool


@dataclass(frozen=True)
class Experiment:
    """A figure: how its numbers are computed, drawn and summed up.

    Attributes
    ----------
    name : str
        File name of the figure, lower case with hyphens.
    title : str
        One line for lists and help.
    compute : callable
        ``compute(quick)`` returns the tidy DataFrame that the figure is drawn
        from; ``quick`` asks for settings that take seconds.
    draw : callable
        ``draw(frame)`` returns a matplotlib Figure, from nothing but the frame.
    findings : callable
        ``findings(frame)`` returns a list of Finding.
    compute_full : callable or None
        ``compute_full()`` returns the same frame at the paper's length, where
        that takes minutes; ``None`` where ``compute(False)`` has that length.
    """

    name: str
    title: str
    compute: Callable
    draw: Callable
    findings: Callable
    compute_full: Callable | None = None

    def reproduce(
        self, out: str | Path | None = None, quick: bool = False, full: bool = False, redraw: bool = False
    ) -> list[Finding]:
        """Write NAME.csv, NAME.png, NAME.pdf and NAME.json (findings, versions) into ``out``; return the findings.

        The figure is drawn from the CSV as read back, so that the file is the
        whole truth about it.

        Parameters
        ----------
        out : str, Path or None
            ``None`` is the folder ``figures``, or ``figures/full``, so that neither length overwrites the other.
        quick, full : bool
            Settings that take seconds, or those of the paper's length; at most one of them.
        redraw : bool
            Whether to draw from the CSV that is there, and compute nothing.

        Raises
        ------
        NashsimError
            For both at once, ``full`` of a figure whose usual settings have that length, or a CSV to redraw that is not
            there.
        """
        check_length(quick, full)
        if full and self.compute_full is None:
            raise NashsimError(
                f"full: {self.name!r} has the paper's length without it; leave --full out for this figure"
            )
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        import pandas as pd

        out = Path(figures_folder(full) if out is None else out)
        table = out / f"{self.name}.csv"
        if not redraw:
            write_frame(table, self.compute_full() if full else self.compute(quick))
        elif not table.is_file():
            raise NashsimError(f"redraw: {str(table)!r} is not there; leave --redraw out to compute it")
        frame = pd.read_csv(table)
        with style():
            figure = self.draw(frame)
            for suffix, metadata in (
                (".png", {"Software": None}),
                (".pdf", {"CreationDate": None, "Producer": None}),
            ):
                with atomic_path(out / f"{self.name}{suffix}") as temporary:
                    figure.savefig(temporary, metadata=metadata)
            plt.close(figure)
        findings = self.findings(frame)
        length = {"quick": quick} | ({"full": True} if full else {})
        path = out / f"{self.name}.json"
        # what is drawn again was computed by the versions, and on the machine, that are written there
        known = (
            json.loads(path.read_text()) if redraw and path.is_file() else {**length, "versions": versions()}
        )
        write_text(path, to_json({**known, "findings": [asdict(f) for f in findings]}, indent=2) + "\n")
        return findings

    def main(self, options: argparse.ArgumentParser | None = None) -> None:
        """Run the script from the command line: ``python experiments/NAME.py [--quick | --full] [--out DIR]``.

        Parameters
        ----------
        options : ArgumentParser or None
            Options of the script's own, read already, for the help to list.
        """
        parser = argparse.ArgumentParser(
            description=self.title,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[] if options is None else [options],
        )
        length = parser.add_mutually_exclusive_group()
        length.add_argument("--quick", action="store_true", help="small settings: seconds")
        length.add_argument("--full", action="store_true", help="the paper's length: minutes")
        parser.add_argument(
            "--redraw", action="store_true", help="draw from the CSV that is there; compute nothing"
        )
        parser.add_argument(
            "--out", help="folder for PNG, PDF and CSV (default: figures, or figures/full with --full)"
        )
        arguments = parser.parse_args()
        out = arguments.out or figures_folder(arguments.full)
        try:
            how = {name: True for name in ("full", "redraw") if getattr(arguments, name)}
            findings = self.reproduce(out, arguments.quick, **how)
        except NashsimError as error:
            parser.error(str(error))
        for finding in findings:
            verdict = "holds" if finding.holds else "DOES NOT HOLD"
            print(f"{finding.finding}: {finding.measured} (expected {finding.expected}): {verdict}")


def figures_folder(full: bool) -> str:
    """Return the folder that figures of a length are written to by default."""
    return "figures/full" if full else "figures"


def check_length(quick: bool, full: bool) -> None:
    """Raise NashsimError where a figure is to be both short and long."""
    if quick and full:
        raise NashsimError("quick, full: at most one of them can be had, found both")
