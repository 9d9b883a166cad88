"""What a figure script is: compute a tidy frame, draw it, say what it shows; files out, atomically."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..files import atomic_path, to_json, versions, write_frame, write_text
from .style import style


@dataclass(frozen=True)
class Finding:
    """One number that a figure shows, beside what theory expects.

    Attributes
    ----------
    finding : str
    measured, expected : str
        With units, as they would stand in a caption.
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
    """

    name: str
    title: str
    compute: Callable
    draw: Callable
    findings: Callable

    def reproduce(self, out: str | Path = "figures", quick: bool = False) -> list[Finding]:
        """Write NAME.csv, NAME.png, NAME.pdf and NAME.json (findings, versions) into ``out``; return the findings.

        The figure is drawn from the CSV as read back, so that the file is the
        whole truth about it.
        """
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        import pandas as pd

        out = Path(out)
        table = out / f"{self.name}.csv"
        write_frame(table, self.compute(quick))
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
        summary = {"quick": quick, "versions": versions(), "findings": [asdict(f) for f in findings]}
        write_text(out / f"{self.name}.json", to_json(summary, indent=2) + "\n")
        return findings

    def main(self) -> None:
        """Run the script from the command line: ``python experiments/NAME.py [--quick] [--out DIR]``."""
        parser = argparse.ArgumentParser(description=self.title)
        parser.add_argument("--quick", action="store_true", help="small settings: seconds")
        parser.add_argument("--out", default="figures", help="folder for PNG, PDF and CSV (default: figures)")
        arguments = parser.parse_args()
        for finding in self.reproduce(arguments.out, arguments.quick):
            verdict = "holds" if finding.holds else "DOES NOT HOLD"
            print(f"{finding.finding}: {finding.measured} (expected {finding.expected}): {verdict}")
