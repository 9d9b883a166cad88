"""Runs and their reference judged against each other on the same prompts, with exact gaps where the task knows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.files import atomic_path, to_json, write_frame, write_text
from nashsim.rules import POLICY, REFERENCE

from ..decoding.roles import pure
from ..evaluation import WinRates, length_adjusted, win_rates
from ..evaluation.text_measure import response_statistics
from ..models.adapters import CONFIG as ADAPTERS
from ..models.adapters import trained_part
from ..models.loading import load_language_model
from ..policy.causal_policy import CausalPolicy
from ..policy.named_policies import ITERATE
from ..quiet import quiet
from ..storage.checkpoint import Checkpoints, load_state
from ..storage.run_folder import FINAL, STATES, config_of
from ..training.rollout import seed_of
from .assembly import assemble
from .config import load_config
from .parts import RunParts


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
        Every response as text, with its ``player`` and ``prompt``.
    """

    rates: WinRates
    players: list[dict]
    ordered: bool = field(default=False)
    responses: list[dict] = field(default_factory=list)

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
        Folders of runs or of models; the first must be a run, whose configuration has prompts, judge and reference.
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
    config = load_config(config_of(runs[0]))
    # Answers that the run paid for lie in its folder, wherever that is now.
    config = replace(config, output=replace(config.output, folder=str(runs[0])))
    parts = assemble(config)
    chosen, texts = map(list, zip(*parts.evaluated[:prompts], strict=True))
    length, engine = parts.source.length, parts.source.engine
    answers: dict[str, list] = {}
    players: list[dict] = []
    responses: list[dict] = []
    for number, (name, weights) in enumerate(_players(parts, runs, checkpoints)):
        if weights is not None:
            parts.policy.load_weights(weights)
        rows = [x for x in chosen for _ in range(samples)]
        role = {"answer": pure(seed=seed_of(seed, number))}
        drawn = engine(parts.policy, rows, role, length)["answer"].sequences
        flat = drawn.responses()
        answers[name] = [flat[i : i + samples] for i in range(0, len(flat), samples)]
        responses += [
            {"player": name, "prompt": texts[i // samples], "response": parts.decode(y)}
            for i, y in enumerate(flat)
        ]
        found = response_statistics(parts.policy, drawn)
        found = {"kl (k1)" if key == "kl" else key: value for key, value in found.items()}
        players.append({"player": name, **found, **_measured(parts)})
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
    return Tournament(rates, players, checkpoints and len(runs) == 1, responses)


@quiet()
def run_answers(
    run: Path, prompts: int = 64, samples: int = 4, seed: int = 0, reference: bool = False
) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Return what the last policy of a run answers to its prompts of evaluation, and statistics of these answers.

    Parameters
    ----------
    run : Path
        Folder of the run.
    prompts, samples : int
        Largest number of prompts, and answers to each.
    seed : int
        Seed of the answers; players that are compared need different ones.
    reference : bool
        Whether the reference answers instead.

    Returns
    -------
    answers : dict of str to list of str
        Texts by the text of their prompt.
    statistics : dict of str to float
        ``kl`` to the reference with ``kl_error``, ``length`` and ``cut_off``.
    """
    parts = assemble(load_config(config_of(run)))
    if not reference:
        parts.policy.load_weights(_weights_of(parts.policy, run / FINAL))
    chosen, texts = map(list, zip(*parts.evaluated[:prompts], strict=True))
    rows = [x for x in chosen for _ in range(samples)]
    drawn = parts.source.engine(parts.policy, rows, {"answer": pure(seed=seed)}, parts.source.length)[
        "answer"
    ]
    said = [parts.decode(y) for y in drawn.sequences.responses()]
    answers = {text: said[k * samples : (k + 1) * samples] for k, text in enumerate(texts)}
    return answers, response_statistics(parts.policy, drawn.sequences)


def _players(parts: RunParts, runs: list[Path], checkpoints: bool) -> Iterator[tuple[str, dict | None]]:
    """Names and live weights; None for the reference, whose weights are there at the start."""
    yield REFERENCE, None
    seen: dict[str, int] = {}
    for run in runs:
        label = run.name or str(run)
        seen[label] = seen.get(label, 0) + 1
        if seen[label] > 1:
            label = f"{label} ({seen[label]})"
        if checkpoints:
            kept = Checkpoints(run / STATES)
            for step in kept.steps()[:-1]:
                state = load_state(kept.path(step))
                yield f"{label} @ {state['iteration']}", _rule_policy(state)
        final = run / FINAL if (run / FINAL).exists() else run
        yield label, weights_of(parts.policy, final)


def _rule_policy(state: dict) -> dict:
    """The rule's own policy in a state, which may have something else in its live weights."""
    return state["weights"] if state["live"] == POLICY else state["past"][ITERATE]


def weights_of(policy: CausalPolicy, folder: Path) -> dict[str, torch.Tensor]:
    """Return the trainable weights of a model on disk, by the names that a policy knows them under.

    Parameters
    ----------
    policy : CausalPolicy
        Policy of the same architecture.
    folder : Path
        Folder of a model, or of adapters.

    Raises
    ------
    NashsimError
        For no folder, or a model of other layers.
    """
    if not folder.is_dir():
        raise NashsimError(f"run: {str(folder)!r} is no folder of a run or of a model")
    live = policy.weights()
    if hasattr(policy.model, "peft_config") and (folder / ADAPTERS).exists():
        found = trained_part(policy.model, folder)
        return {f"causal.{name}": v.to(live[f"causal.{name}"]) for name, v in found.items()}
    model = load_language_model(str(folder), "run").requires_grad_(True)
    other = CausalPolicy(model, eos=policy.ends, pad=policy.pad, temperature=policy.temperature)
    found = {k: v for k, v in other.weights().items() if k in live}
    if found.keys() != live.keys() or any(found[k].shape != live[k].shape for k in live):
        raise NashsimError(f"run: the model of {str(folder)!r} has other layers than the first run's")
    return {k: v.to(live[k]) for k, v in found.items()}


def _measured(parts: RunParts) -> dict[str, float]:
    """The task's own metrics: exact gaps on class games. Estimates on text are the tournament's already."""
    if parts.tokenizer is not None and not hasattr(parts.judge, "preference"):
        return {}
    kept = ("duality_gap", "class_gap", "within_class_gap", "kl_to_equilibrium")
    return {k: v for k, v in parts.measure(parts.policy).items() if k in kept or k.startswith("mass ")}


def _shown(value) -> str:
    return "–" if value is None or value != value else f"{value:.4g}"
