"""Runs and their reference judged against each other on the same prompts, with exact gaps where the task knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nashsim.errors import NashsimError
from nashsim.files import atomic_path, to_json, write_frame, write_text

from ..decoding.roles import pure
from ..evaluation import WinRates, length_adjusted, win_rates
from ..evaluation.text_measure import response_statistics
from ..judges.orders import unreadable_text
from ..quiet import quiet
from ..training.rollout import seed_of
from .building.assembly import assemble
from .building.parts import RunParts
from .ensemble import Ensemble, answered, evaluated_config
from .players import players_of


@dataclass(frozen=True, eq=False)
class Tournament:
    """Who won, by how much, and what is known of each player.

    Attributes
    ----------
    rates : WinRates
    players : list of dict
        Name ``player``, KL to the reference ``kl (k1)`` with ``kl_error``, ``length``, ``cut_off``, the win rate
        against the reference raw, by each criterion of the judge, and adjusted for length with its interval, and the
        task's own metrics.
    ordered : bool
        Whether the players are iterates of one run, so that each is to beat the one before.
    responses : list of dict
        Every response as text, with its ``player`` and ``prompt``; ``None`` where an ensemble says nothing.
    note : str or None
        What was counted of the judge's answers that had no verdict.
    """

    rates: WinRates
    players: list[dict]
    ordered: bool = field(default=False)
    responses: list[dict] = field(default_factory=list)
    note: str | None = None

    def to_dict(self) -> dict:
        """Return everything as plain values, ready for JSON."""
        import json

        inspected = self.rates.inspect()
        found = {
            "players": self.players,
            "win_rates": self.rates.frame().to_dict("records"),
            "exploitability": self.rates.exploitability().to_dict("records"),
            "smith_set": inspected.smith_set,
            "lottery": inspected.lottery,
            "cyclic_triples": inspected.cyclic_triples,
            "bootstrap": {"unit": self.rates.unit, "confidence": self.rates.confidence},
        }
        if self.rates.criteria:
            each = self.rates.criteria.items()
            found["criteria"] = {name: rates.frame().to_dict("records") for name, rates in each}
        if self.note is not None:
            found["note"] = self.note
        if self.ordered:
            found["improvements"] = self.rates.improvements().to_dict("records")
        return json.loads(to_json(found))

    def save(self, out: str | Path) -> None:
        """Write win-rates.csv, players.csv, responses.jsonl, win-rates.png and .pdf, and evaluation.json.

        Parameters
        ----------
        out : str or Path
            Folder for them.
        """
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        import pandas as pd

        from ..evaluation.figure import draw_win_rates

        out = Path(out)
        write_frame(out / "win-rates.csv", self.rates.frame())
        write_frame(out / "players.csv", pd.DataFrame(self.players))
        write_text(out / "responses.jsonl", "".join(f"{to_json(row)}\n" for row in self.responses))
        figure = draw_win_rates(self.rates)
        for suffix in (".png", ".pdf"):
            with atomic_path(out / f"win-rates{suffix}") as temporary:
                figure.savefig(temporary)
        plt.close(figure)
        write_text(out / "evaluation.json", to_json(self.to_dict(), indent=2) + "\n")

    def text(self) -> str:
        """Return the tables that a terminal shows."""
        from io import StringIO

        from rich.console import Console
        from rich.table import Table

        console = Console(file=StringIO(), width=120)
        matrix = Table("win rate of the row, %", *self.rates.players)
        for i, name in enumerate(self.rates.players):
            cells = [
                "–" if i == j else f"{100 * rate:.1f} [{100 * low:.0f}, {100 * high:.0f}]"
                for j, (rate, low, high) in enumerate(
                    zip(self.rates.rates[i], self.rates.low[i], self.rates.high[i], strict=True)
                )
            ]
            matrix.add_row(name, *cells)
        console.print(matrix)
        inspected = self.rates.inspect()
        worst = self.rates.exploitability().set_index("player")
        names = list(dict.fromkeys(key for player in self.players for key in player if key != "player"))
        table = Table("", *self.rates.players)
        table.add_row("lottery mass", *(f"{inspected.lottery[name]:.3f}" for name in self.rates.players))
        table.add_row("exploitability", *(f"{worst.exploitability[name]:.3f}" for name in self.rates.players))
        for key in names:
            table.add_row(key, *(_shown(player.get(key)) for player in self.players))
        console.print(table)
        console.print(
            f"{100 * self.rates.confidence:g}% bootstrap over {self.rates.unit}; Smith set:"
            f" {', '.join(inspected.smith_set)}"
        )
        if self.note is not None:
            console.print(self.note)
        if self.ordered:
            for row in self.rates.improvements().itertuples():
                console.print(
                    f"{row.player} against {row.previous}: {row.win_rate:.3f} [{row.low:.3f}, {row.high:.3f}]"
                )
        return console.file.getvalue().rstrip()


@quiet()
def run_tournament(
    runs: list[Path], prompts: int = 64, samples: int = 4, seed: int = 0, checkpoints: bool = False
) -> Tournament:
    """Let the players answer and be judged.

    Parameters
    ----------
    runs : list of Path
        Folders of runs, of ensembles or of models; the first must be no model: its configuration has prompts, judge and
        reference. An ensemble that says nothing answers by the reference, and its ``silent`` says how often.
    prompts : int
        Largest number of prompts.
    samples : int
        Answers to each.
    seed : int
        Seed of the answers and of the bootstrap.
    checkpoints : bool
        Whether every checkpoint that stands is a player too.

    Raises
    ------
    NashsimError
        For folders that hold neither run nor model, or numbers below 1.
    """
    if prompts < 1 or samples < 1:
        raise NashsimError(f"prompts, samples: each must be >= 1, found {prompts} and {samples}")
    if not runs:
        raise NashsimError("runs: the folder of at least one is needed, the first that of a run")
    parts = assemble(evaluated_config(runs[0]))
    chosen, texts = map(list, zip(*parts.evaluated[:prompts], strict=True))
    if len(chosen) * samples < 3:
        raise NashsimError(
            f"prompts, samples: three answers of a player are needed, found {len(chosen)} prompts by {samples}; raise"
            " --samples"
        )
    length, engine = parts.source.length, parts.source.engine
    answers: dict[str, list] = {}
    players: list[dict] = []
    responses: list[dict] = []
    whole: list[tuple[int, ...]] = []
    rows = [x for x in chosen for _ in range(samples)]
    for number, (name, player) in enumerate(players_of(parts, runs, checkpoints)):
        own = seed_of(seed, number)
        if isinstance(player, Ensemble):
            said, found = answered(player, rows, length, own, engine)
            # where nothing is said the reference is asked, whose answers are the first
            flat = [first if y is None else y for y, first in zip(said, whole, strict=True)]
            found["length"] = float(np.mean([len(y) for y in flat]))
        else:
            if player is not None:
                parts.policy.load_weights(player)
            drawn = engine(parts.policy, rows, {"answer": pure(seed=own)}, length)["answer"].sequences
            said = flat = drawn.responses()
            whole = whole or flat
            found = response_statistics(parts.policy, drawn, samples=samples)
            found = {"kl (k1)" if key == "kl" else key: value for key, value in found.items()} | _measured(
                parts
            )
        answers[name] = [flat[i : i + samples] for i in range(0, len(flat), samples)]
        responses += [
            {
                "player": name,
                "prompt": texts[i // samples],
                "response": None if y is None else parts.decode(y),
            }
            for i, y in enumerate(said)
        ]
        players.append({"player": name, **found})
    rates = win_rates(answers, chosen, parts.judge, seed=seed)
    groups = np.repeat(np.arange(len(chosen)), samples)
    for i, player in enumerate(players[1:], 1):
        adjusted = length_adjusted(
            rates.outcomes[i, 0].ravel(), rates.lengths[i].ravel(), rates.lengths[0].ravel(), groups=groups
        )
        player |= {
            "win_rate": adjusted.raw,
            "win_rate_at_equal_length": adjusted.rate,
            "at_equal_length_low": adjusted.low,
            "at_equal_length_high": adjusted.high,
        }
        player |= {f"win_rate {name}": found.rates[i, 0] for name, found in rates.criteria.items()}
    note = unreadable_text(getattr(parts.judge, "judge", parts.judge))
    return Tournament(rates, players, checkpoints and len(runs) == 1, responses, note)


def _measured(parts: RunParts) -> dict[str, float]:
    """The task's own metrics: exact gaps on class games. Estimates on text are the tournament's already."""
    if parts.tokenizer is not None and not hasattr(parts.judge, "preference"):
        return {}
    kept = ("duality_gap", "class_gap", "within_class_gap", "kl_to_equilibrium")
    return {k: v for k, v in parts.measure(parts.policy).items() if k in kept or k.startswith("mass ")}


def _shown(value) -> str:
    return "–" if value is None or value != value else f"{value:.4g}"
