"""A real model from nothing to fine-tuned: train by a recipe, hold it against its reference, show both side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nashsim.files import atomic_path

from ..storage.run_folder import CONFIG
from .configuration.config import load_config
from .tournament import Tournament, run_tournament
from .train_run import train_run

#: Prompts whose responses are shown.
SHOWN = 6


@dataclass(frozen=True, eq=False)
class Demo:
    """What a demo found.

    Attributes
    ----------
    folder : Path
        Folder of the run; ``comparison/`` in it has tables, figure and responses.
    records : DataFrame
        Records of the training, one a row.
    found : Tournament
        The reference against the trained policy on held-out prompts.
    """

    folder: Path
    records: pd.DataFrame
    found: Tournament

    def text(self) -> str:
        """Return the tables that a terminal shows: responses before and after, win rates with intervals, KL."""
        from io import StringIO

        from rich.console import Console
        from rich.table import Table

        console = Console(file=StringIO(), width=120)
        texts: dict[str, list] = {}
        for row in self.found.responses:
            texts.setdefault(row["prompt"], []).append(row)
        table = Table("prompt", "before", "after", show_lines=True)
        for prompt, rows in list(texts.items())[:SHOWN]:
            by = {row["player"]: row for row in reversed(rows)}
            before, after = (by[name] for name in self.found.rates.players)
            words = (" ".join(row["response"].split()) for row in (before, after))
            table.add_row(prompt if isinstance(prompt, str) else prompt[-1][1], *words)
        console.print(table)
        table = Table("wins against the reference", "%", "95% interval")
        for name, rates in {"judge": self.found.rates, **self.found.rates.criteria}.items():
            low, high = 100 * rates.low[1, 0], 100 * rates.high[1, 0]
            table.add_row(name, f"{100 * rates.rates[1, 0]:.1f}", f"[{low:.1f}, {high:.1f}]")
        console.print(table)
        before, after = self.found.players
        kl = f"KL to the reference {after['kl (k1)']:.2f} ± {1.96 * after['kl_error']:.2f} nats a response"
        length = f"tokens {before['length']:.1f} before, {after['length']:.1f} after"
        console.print(f"{kl}; {length}; cut off {before['cut_off']:.0%} before, {after['cut_off']:.0%} after")
        return console.file.getvalue().rstrip()


def run_demo(
    words: list[str],
    *,
    recipe: str = "smollm2-online-ipo",
    prompts: int = 32,
    samples: int = 2,
    progress: Callable | None = None,
    say: Callable[[str], None] | None = None,
) -> Demo:
    """Train by a recipe, let policy and reference answer the held-out prompts, and write all of it.

    A folder that holds the run already is gone on with, or evaluated where it is done.

    Parameters
    ----------
    words : list of str
        Words that override the recipe's keys.
    recipe : str
        Name of the recipe, or file.
    prompts, samples : int
        Largest number of held-out prompts, and responses of each policy to each.
    progress, say : callable or None
        As for :func:`llm_bridge.runs.train_run.train_run`.

    Raises
    ------
    NashsimError
        For a model that is not there, with what installs it, or another run in the folder.
    """
    config = load_config(recipe, words)
    folder = Path(config.output.folder)
    run, _, _ = train_run(config, resume=(folder / CONFIG).exists(), progress=progress, say=say)
    found = run_tournament([folder], prompts, samples)
    found.save(folder / "comparison")
    demo = Demo(folder, pd.DataFrame(run.records()), found)
    _draw(demo)
    return demo


def _draw(demo: Demo) -> None:
    """Write the figure of a demo into its folder of comparison."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from ..evaluation.before_after import draw_before_after

    figure = draw_before_after(demo.found.rates, demo.records)
    for suffix in (".png", ".pdf"):
        with atomic_path(demo.folder / "comparison" / f"before-after{suffix}") as temporary:
            figure.savefig(temporary)
    plt.close(figure)
