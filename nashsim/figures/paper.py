"""A paper's synthetic experiment: its settings and who gave them, its figure, and a verdict of every curve."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import NashsimError
from ..files import atomic_path, to_json, versions, write_text
from ..plots.style import style

#: Who gives a setting: the paper, its authors' code, or nobody but us.
SOURCES = ("paper", "code", "ours")
#: What is said of a curve.
VERDICTS = ("reproduced", "differs", "unknown")
#: What is said of a paper: all of it is drawn, a part or a short run of it, or nothing.
STATUSES = ("drawn", "partial", "absent")
#: Dots an inch of a paper's figure: light enough to be stored with the code.
DPI = 150


@dataclass(frozen=True)
class Setting:
    """One setting of an experiment.

    Attributes
    ----------
    name, value : str
    source : str
        ``paper``, ``code`` or ``ours``: who gives the value.
    """

    name: str
    value: str
    source: str

    def __post_init__(self):
        if self.source not in SOURCES:
            raise NashsimError(
                f"source: {', '.join(SOURCES)} are known, found {self.source!r} of {self.name!r}"
            )


@dataclass(frozen=True)
class Curve:
    """What was measured of one curve, beside the number or property that the paper states.

    Attributes
    ----------
    name : str
    measured, stated : str
        Values as they would stand in a caption.
    holds : bool or None
        Whether what was measured is what is stated; ``None`` where the paper states nothing to hold it against.
    rests : tuple of str
        Names of the settings that the statement depends on; the verdict is unknown where one of them is ours.
    """

    name: str
    measured: str
    stated: str
    holds: bool | None
    rests: tuple[str, ...] = ()

    def verdict(self, settings: tuple[Setting, ...]) -> dict[str, str]:
        """Return the curve's name, verdict and note.

        Parameters
        ----------
        settings : tuple of Setting
            Settings of the paper, among them those the curve rests on.

        Raises
        ------
        NashsimError
            For a setting that is not among them.
        """
        known = {setting.name: setting for setting in settings}
        if strange := [name for name in self.rests if name not in known]:
            raise NashsimError(
                f"rests: {self.name!r} rests on {strange[0]!r}, which is no setting ({', '.join(known)})"
            )
        ours = [name for name in self.rests if known[name].source == "ours"]
        note = f"{self.measured}; stated: {self.stated}"
        if self.holds is None or ours:
            left_out = f"; left out by the paper, ours here: {', '.join(ours)}" if ours else ""
            return {"name": self.name, "verdict": "unknown", "note": note + left_out}
        return {"name": self.name, "verdict": "reproduced" if self.holds else "differs", "note": note}


@dataclass(frozen=True)
class Paper:
    """A paper's experiment: how it is run, drawn as the paper draws it, and judged.

    Attributes
    ----------
    id, title, source : str
        Name on the command line, what is drawn in one line, and the paper with its arXiv number.
    settings : tuple of Setting
    compute : callable
        ``compute(quick)`` returns the tidy DataFrame that everything else is read from; ``quick`` asks for settings
        that take a second or two.
    draw : callable
        ``draw(frame)`` returns a matplotlib Figure, from nothing but the frame.
    judge : callable
        ``judge(frame)`` returns a list of Curve.
    equilibria : callable
        ``equilibria()`` returns what :func:`exact` says of the games drawn.
    missing : tuple of str
        Parts of the paper's experiment that are not drawn.
    """

    id: str
    title: str
    source: str
    settings: tuple[Setting, ...]
    compute: Callable
    draw: Callable
    judge: Callable
    equilibria: Callable
    missing: tuple[str, ...] = ()

    def reproduce(self, out: str | Path, quick: bool = False, redraw: bool = False) -> dict:
        """Write ID.csv, ID.png and ID.json into ``out``, each whole or not at all, and return what the JSON holds.

        Parameters
        ----------
        out : str or Path
        quick : bool
            Short settings; the paper then counts as partial.
        redraw : bool
            Whether to draw from the CSV that is there, and compute nothing.
        """
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        import pandas as pd

        table = Path(out) / f"{self.id}.csv"
        if not redraw:
            with atomic_path(table) as temporary:
                self.compute(quick).to_csv(temporary, index=False, float_format="%.9g")
        elif not table.is_file():
            raise NashsimError(f"redraw: {str(table)!r} is not there; leave it out to compute it")
        frame = pd.read_csv(table)
        with style():
            figure = self.draw(frame)
            with atomic_path(table.with_suffix(".png")) as temporary:
                figure.savefig(temporary, dpi=DPI, metadata={"Software": None})
            plt.close(figure)
        judged = self.judge(frame)
        found = {
            "id": self.id,
            "title": self.title,
            "source": self.source,
            "figure": f"{self.id}.png",
            "status": "partial" if quick or self.missing else "drawn",
            "quick": quick,
            "missing": list(self.missing),
            "settings": [asdict(setting) for setting in self.settings],
            "equilibria": self.equilibria(),
            "curves": [curve.verdict(self.settings) for curve in judged],
            "versions": versions(),
        }
        write_text(table.with_suffix(".json"), to_json(found, indent=2) + "\n")
        return found

    def main(self) -> None:
        """Run the script from a shell: ``python experiments/papers/ID.py [--quick | --redraw] [--out DIR]``."""
        parser = argparse.ArgumentParser(description=self.title)
        length = parser.add_mutually_exclusive_group()
        length.add_argument("--quick", action="store_true", help="short settings: a second or two")
        length.add_argument("--redraw", action="store_true", help="draw from the CSV; compute nothing")
        parser.add_argument("--out", help="folder for PNG, CSV and JSON (default: figures/papers)")
        arguments = parser.parse_args()
        try:
            out = arguments.out or default_folder(arguments.quick)
            found = self.reproduce(out, arguments.quick, arguments.redraw)
        except NashsimError as error:
            parser.error(str(error))
        for curve in found["curves"]:
            print(f"{curve['verdict']}: {curve['name']}: {curve['note']}")


def default_folder(quick: bool) -> str:
    """Return the folder that a paper's files go to by default; short runs do not overwrite whole ones."""
    return "figures/papers/quick" if quick else "figures/papers"


def exact(game, name: str | None = None, lottery: bool = False) -> dict:
    """Return the exact equilibrium of a game as a paper's JSON shows it.

    Parameters
    ----------
    game : PreferenceGame
    name : str or None
        What the game is called; ``None`` is its own name.
    lottery : bool
        Whether the equilibrium of the unregularised game is meant.

    Returns
    -------
    dict
        The game, tau, the largest residual and duality gap, and the policy of one context of at most 16 actions.
    """
    import numpy as np

    from ..equilibrium import solve

    found = solve(game, "lottery" if lottery else "newton")
    policy = np.exp(found.log_policy)
    return {
        "game": name or game.name,
        "tau": None if lottery else game.tau,
        "residual": float(np.max(found.residual)),
        "duality_gap": float(np.max(found.duality_gap)),
        "policy": policy[0].tolist() if policy.shape[0] == 1 and policy.shape[1] <= 16 else None,
    }


def slope(x, y) -> float:
    """Return the least-squares exponent of ``y`` against ``x``: the slope of log y against log x.

    Parameters
    ----------
    x, y : array_like of positive numbers
    """
    import numpy as np

    return float(np.polyfit(np.log(np.asarray(x, float)), np.log(np.asarray(y, float)), 1)[0])


def spread(frame, keys):
    """Return one row a group of ``keys``: the median, least and largest ``value`` over games and seeds.

    Parameters
    ----------
    frame : pandas.DataFrame
        Tidy rows with a column ``value``.
    keys : sequence of str

    Returns
    -------
    pandas.DataFrame
        With the columns of ``keys``, and middle, low and high.
    """
    grouped = frame.groupby(list(keys), sort=False).value
    return grouped.agg(middle="median", low="min", high="max").reset_index()


def draw_spread(axes, frame, x: str, **line):
    """Draw the middle of :func:`spread`'s rows against ``x``, a band from the least to the largest; return the line.

    Parameters
    ----------
    axes : matplotlib Axes
    frame : pandas.DataFrame
    x : str
        Column of the abscissa.
    **line
        Keyword arguments of ``axes.plot``.
    """
    [drawn] = axes.plot(frame[x], frame.middle, **line)
    axes.fill_between(frame[x], frame.low, frame.high, color=drawn.get_color(), alpha=0.12, linewidth=0)
    return drawn
