"""What the command does: split, fit, report, save."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from nashsim.errors import unknown_name
from nashsim.files import to_json, write_text

from ..data.pairs import EQUAL, TOO_LONG, Pair
from ..models.adapters import with_adapters
from ..models.loading import find_device, load_language_model, load_tokenizer
from ..models.tiny import byte_tokenizer, tiny_llama
from ..quiet import quiet
from ..storage.fit_states import FitStates, fingerprint
from .fitting import FitSettings, fit
from .judge import ModelJudge
from .layout import Layout
from .model import HEADS, RewardModel, make_model
from .report import Calibration, calibration, cyclicity, pools_of
from .selection import pairs_that_fit
from .storage import save_model

KINDS = (*HEADS, RewardModel.kind)
DTYPES = ("float32", "bfloat16")


@quiet()
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
    equal: str = "refuse",
    too_long: str = "refuse",
    resume: bool = False,
    interval: float = 600.0,
    pool: int | None = None,
    progress: Callable[[str, float, int, float | None], None] | None = None,
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
    equal : {"refuse", "half", "drop"}
        Treatment of pairs whose responses are the same, or become so by cutting.
    too_long : {"refuse", "drop", "cut"}
        Treatment of pairs that the context has no room for; see ``cut_to_fit``. Counts of both stand in the report.
    resume : bool
        Whether to go on with a fit that was cut off, to the same bits.
    interval : float
        Seconds between states of a fit.
    pool : int or None
        Most responses of a held-out prompt among which cycles are counted, every pair of them judged; ``None`` is all.
    progress : callable or None
        Function called with (kind, steps done, steps, last loss or None), as :func:`fit` does.

    Raises
    ------
    NashsimError
        For an unknown kind, a model that cannot be loaded, or a folder that cannot be written.
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    for name, value, accepted in (
        ("dtype", dtype, DTYPES),
        ("equal", equal, EQUAL),
        ("too_long", too_long, TOO_LONG),
    ):
        if value not in accepted:
            raise unknown_name(name, value, accepted)
    place = find_device(device)
    kinds = [kind, RewardModel.kind] if compare and kind != RewardModel.kind else [kind]
    identity = {
        "model": model, "kinds": kinds, "pairs": fingerprint(train), "held out": fingerprint(test),
        "context": context, "dtype": dtype, "lora_rank": lora_rank, "equal": equal, "too_long": too_long,
        **asdict(settings),
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
        fitted, held_out, counts = pairs_that_fit(made, train, test, equal, too_long)
        if any(counts.values()):
            say(
                f"{each}: {counts['equal']} equal pairs ({equal}), {counts['too long']} too long ({too_long})"
            )
        told = partial(progress or _silent, each)
        losses = fit(made, fitted, settings, _timed(told, each, say), checkpoints=states, interval=interval)
        judge = ModelJudge(made, batch=settings.batch if settings.rows is None else settings.rows // 2)
        found = calibration(judge, held_out)
        pools = {x: kept for x, said in pools_of(held_out).items() if len(kept := said[:pool]) > 2}
        cycles = cyclicity(judge, pools) if pools else None
        for line in _lines(each, found, cycles):
            say(line)
        finished = {"steps": len(losses), "last_loss": losses[-1], **found.to_dict(), "cyclicity": cycles}
        finished |= {
            "fitted": len(fitted),
            "equal": {equal: counts["equal"]},
            "too_long": {too_long: counts["too long"]},
        }
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

        merge = not lora_rank
        backbone = load_language_model(model, "model", merge=merge, dtype=getattr(torch, dtype))
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


def _silent(kind: str, done: float, steps: int, loss: float | None) -> None:
    """No progress is shown."""


def _timed(told: Callable[[float, int, float | None], None], kind: str, say: Callable[[str], None]):
    """The same progress, which says how many steps there are, and how long they take once the first is done."""
    began: list[float] = []

    def update(done: float, steps: int, loss: float | None) -> None:
        if not began:
            began[:] = time.monotonic(), done
            say(f"{kind}: {steps - int(done)} steps")
        elif began[1:] and done >= began[1] + 1:
            took, left = time.monotonic() - began[0], steps - done
            say(f"{kind}: the first step took {took:.1f} s; about {took * left / 60:.1f} min to go")
            began[:] = began[:1]
        told(done, steps, loss)

    return update


def _limit(backbone, context: int) -> int:
    own = getattr(backbone.config, "max_position_embeddings", None)
    return context if own is None else min(context, own)
