"""What the command does: split, fit, report, save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from nashsim.errors import NashsimError, unknown_name
from nashsim.files import to_json, write_text

from ..data.pairs import Pair
from ..models.loading import find_device, load_model, load_tokenizer, with_adapters
from ..models.tiny import byte_tokenizer, tiny_llama
from .fitting import FitSettings, fit
from .interrupted import FitStates, fingerprint
from .judge import ModelJudge
from .layout import Layout
from .model import HEADS, RewardModel, make_model
from .report import Calibration, calibration, cyclicity, pools_of
from .storage import save_model

KINDS = (*HEADS, RewardModel.kind)
DTYPES = ("float32", "bfloat16")


def split_by_prompt(pairs: Sequence[Pair], held_out: float, seed: int = 0) -> tuple[list[Pair], list[Pair]]:
    """Return training and held-out pairs; all pairs of a prompt stay on one side.

    Parameters
    ----------
    pairs : sequence of Pair
        All pairs.
    held_out : float
        Share of prompts that is held out, in [0, 1); 0 reports on the training pairs themselves.
    seed : int
        Seed of the choice of prompts.

    Raises
    ------
    NashsimError
        For a share outside its range, or prompts too few to split.
    """
    if not 0 <= held_out < 1:
        raise NashsimError(f"held_out: a share of prompts in [0, 1) is needed, found {held_out}")
    if held_out == 0:
        return list(pairs), list(pairs)
    prompts = list(dict.fromkeys(p.prompt for p in pairs))
    if len(prompts) < 2:
        raise NashsimError(
            "held_out: one prompt alone cannot be split; set 0 to report on the training pairs"
        )
    count = min(max(round(held_out * len(prompts)), 1), len(prompts) - 1)
    kept_back = {prompts[i] for i in np.random.default_rng(seed).permutation(len(prompts))[:count]}
    return [p for p in pairs if p.prompt not in kept_back], [p for p in pairs if p.prompt in kept_back]


def subset(pairs: Sequence[Pair], prompts: int, each: int = 6) -> list[Pair]:
    """Return the first few pairs of the first few prompts.

    Parameters
    ----------
    pairs : sequence of Pair
        All pairs.
    prompts, each : int
        Number of prompts, and of pairs of each.
    """
    groups: dict = {}
    for pair in pairs:
        groups.setdefault(pair.prompt, []).append(pair)
    return [pair for group in list(groups.values())[:prompts] for pair in group[:each]]


def fit_and_report(
    train: Sequence[Pair],
    test: Sequence[Pair],
    *,
    model: str | None,
    out: str | Path | None,
    kind: str,
    compare: bool,
    settings: FitSettings,
    context: int,
    say: Callable[[str], None],
    device: str = "auto",
    dtype: str = "float32",
    lora_rank: int = 0,
    resume: bool = False,
    interval: float = 600.0,
    progress: Callable[[str, int, int, float], None] | None = None,
) -> dict:
    """Fit, report and save; return the report.

    Parameters
    ----------
    train, test : sequence of Pair
        Pairs to fit, and pairs to report on.
    model : str or None
        Folder or hub name of a causal language model; ``None`` is a tiny random one.
    out : str, Path or None
        Folder for the model; ``None`` writes nothing.
    kind : str
        Kind of the model: ``"tokens"``, ``"classifier"`` or ``"bradley-terry"``.
    compare : bool
        Whether a Bradley-Terry reward is fitted beside it.
    settings : FitSettings
        Settings of each fit.
    context : int
        Most tokens of a prompt with both responses.
    say : callable
        Function that is told each line of the report.
    device : str
        Device of the model; ``"auto"`` is the GPU where there is one.
    dtype : {"float32", "bfloat16"}
        Precision of a model that is loaded.
    lora_rank : int
        Rank of adapters on all linear layers; 0 trains all weights.
    resume : bool
        Whether to go on with a fit that was cut off, to the same bits.
    interval : float
        Seconds between states of a fit.
    progress : callable or None
        Function called with (kind, steps done, steps, loss).

    Raises
    ------
    NashsimError
        For an unknown kind, a model that cannot be loaded, or a folder that cannot be written.
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    if dtype not in DTYPES:
        raise unknown_name("dtype", dtype, DTYPES)
    place = find_device(device)
    kinds = [kind, RewardModel.kind] if compare and kind != RewardModel.kind else [kind]
    identity = {
        "model": model, "kinds": kinds, "pairs": fingerprint(train), "held out": fingerprint(test),
        "context": context, "dtype": dtype, "lora_rank": lora_rank, **asdict(settings),
    }  # fmt: skip
    states = None if out is None else FitStates(out, identity, resume)
    report: dict = {} if states is None else states.reports
    for number, each in enumerate(kinds):
        if each in report:
            say(f"\n{each}: fitted and written before")
            continue
        backbone, tokenizer = _backbone(model, dtype, lora_rank, settings.seed)
        layout = Layout.of_tokenizer(tokenizer, limit=_limit(backbone, context))
        made = make_model(each, backbone, layout, tokenizer).to(place)
        _check_lengths(made, [*train, *test])
        told = progress and partial(progress, each)
        losses = fit(made, train, settings, told, checkpoints=states, interval=interval)
        judge = ModelJudge(made, batch=settings.batch)
        found = calibration(judge, test)
        pools = {x: pool for x, pool in pools_of(test).items() if len(pool) > 2}
        cycles = cyclicity(judge, pools) if pools else None
        for line in _lines(each, found, cycles):
            say(line)
        finished = {"steps": len(losses), "last_loss": losses[-1], **found.to_dict(), "cyclicity": cycles}
        if states is None:
            report[each] = finished
        else:
            save_model(made, Path(out) if number == 0 else Path(out) / each)
            states.finish(each, finished)
        del made, backbone
    if states is not None:
        write_text(Path(out) / "report.json", to_json(report, indent=2) + "\n")
        states.remove()
    return report


def _backbone(model: str | None, dtype: str, lora_rank: int, seed: int):
    """The language model that is fitted, with its tokenizer: a tiny random one without a name."""
    if model is None:
        tokenizer = byte_tokenizer()
        backbone = tiny_llama(tokenizer, context=1 << 16)
    else:
        import torch

        backbone = load_model(model, key="model", dtype=getattr(torch, dtype))
        tokenizer = load_tokenizer(model, "model")
    if lora_rank:
        backbone = with_adapters(backbone, lora_rank, seed=seed, key="lora_rank")
    return backbone, tokenizer


def _lines(kind: str, found: Calibration, cycles: dict | None) -> list[str]:
    lines = [
        f"\n{kind}: {found.pairs} pairs",
        f"  accuracy {found.accuracy:.4f}   loss {found.loss:.4f} nats (no judge is below {found.floor:.4f})"
        f"   Brier {found.brier:.4f}   ECE {found.ece:.4f}",
        "  confidence      pairs    says   holds",
    ]
    for row in found.reliability:
        low, high, pairs, says, holds = row.values()
        lines.append(f"  {low:.2f} to {high:.2f} {pairs:8d} {says:7.3f} {holds:7.3f}")
    if cycles is None:
        lines.append("  cycles: not measured; no prompt has three different responses")
    else:
        lines.append(
            f"  cycles over {cycles['prompts']} prompts: cyclic mass {cycles['cyclic_mass']:.4f}, cyclic triples"
            f" {cycles['cyclic_triples']:.4f}, Condorcet winner in {cycles['condorcet']:.4f}"
        )
    return lines


def _check_lengths(model, pairs: Sequence[Pair]) -> None:
    """Find a pair that is too long before training, not in its middle."""
    for i, pair in enumerate(pairs):
        try:
            model.layout.pair(pair.prompt, pair.a, pair.b, model.tokenizer)
        except NashsimError as error:
            raise NashsimError(f"pair {i + 1}: {error}") from None


def _limit(backbone, context: int) -> int:
    own = getattr(backbone.config, "max_position_embeddings", None)
    return context if own is None else min(context, own)
