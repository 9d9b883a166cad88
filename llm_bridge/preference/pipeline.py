"""What the command does: split, fit, report, save."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from nashsim.errors import NashsimError, first_line, unknown_name
from nashsim.files import to_json, write_text

from ..data.pairs import Pair
from .fitting import FitSettings, fit
from .interrupted import Interrupted, fingerprint
from .judge import ModelJudge
from .layout import Layout
from .model import HEADS, RewardModel, make_model
from .report import Calibration, calibration, cyclicity, pools_of
from .storage import save_model

KINDS = (*HEADS, RewardModel.kind)


def split_by_prompt(pairs: Sequence[Pair], held_out: float, seed: int = 0) -> tuple[list[Pair], list[Pair]]:
    """Return training and held-out pairs; all pairs of a prompt stay on one side.

    Parameters
    ----------
    pairs : sequence of Pair
    held_out : float
        Share of prompts, in [0, 1); 0 reports on the training pairs themselves.
    seed : int

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
    prompts, each : int
    """
    groups: dict = {}
    for pair in pairs:
        groups.setdefault(pair.prompt, []).append(pair)
    return [pair for group in list(groups.values())[:prompts] for pair in group[:each]]


def run(
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
    model : str or None
        Folder or hub name; ``None`` is a tiny random model.
    out : str, Path or None
        ``None`` writes nothing.
    kind : str
    compare : bool
    settings : FitSettings
    context : int
    say : callable
        Told each line of the report.
    device : str
        ``"auto"`` is the GPU where there is one.
    dtype : str
        Of a model that is loaded.
    lora_rank : int
        Of adapters on all linear layers; 0 trains all weights.
    resume : bool
        Whether to go on with a fit that was cut off, to the same bits.
    interval : float
        Seconds between states of a fit.
    progress : callable or None
        Called with (kind, steps done, steps, loss).

    Raises
    ------
    NashsimError
        For an unknown kind, a model that cannot be loaded, or a folder that cannot be written.
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    place = _device(device)
    kinds = [kind, RewardModel.kind] if compare and kind != RewardModel.kind else [kind]
    report: dict = {}
    settled = {
        "model": model, "kinds": kinds, "pairs": fingerprint(train), "held out": fingerprint(test),
        "context": context, "dtype": dtype, "lora_rank": lora_rank, **asdict(settings),
    }  # fmt: skip
    kept = None if out is None else Interrupted(out, settled, resume)
    for number, each in enumerate(kinds):
        if kept is not None and kept.report(each) is not None:
            report[each] = kept.report(each)
            say(f"\n{each}: fitted and written before")
            continue
        backbone, tokenizer = _random() if model is None else _loaded(model, dtype)
        backbone = _adapted(backbone, lora_rank, settings.seed) if lora_rank else backbone
        layout = Layout.of_tokenizer(tokenizer, limit=_limit(backbone, context))
        made = make_model(each, backbone, layout, tokenizer).to(place)
        _check_lengths(made, [*train, *test])
        if kept is not None:
            kept.begin()
        losses = fit(
            made,
            train,
            settings,
            progress and partial(progress, each),
            checkpoints=kept and kept.checkpoints(each),
            interval=interval,
        )
        judge = ModelJudge(made, batch=settings.batch)
        found = calibration(judge, test)
        pools = {x: pool for x, pool in pools_of(test).items() if len(pool) > 2}
        cycles = cyclicity(judge, pools) if pools else None
        report[each] = {"steps": len(losses), "last_loss": losses[-1], **found.to_dict(), "cyclicity": cycles}
        for line in _lines(each, found, cycles):
            say(line)
        if kept is not None:
            _save(made, Path(out) if number == 0 else Path(out) / each)
            kept.finished(each, report[each])
        del made, backbone
    if kept is not None:
        write_text(Path(out) / "report.json", to_json(report, indent=2) + "\n")
        kept.remove()
    return report


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


def _save(model, folder: Path) -> None:
    try:
        save_model(model, folder)
    except OSError as error:
        if not any(folder.glob("preference_model.json")) and folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)
        raise NashsimError(f"out: {str(folder)!r} cannot be written: {error.strerror or error}") from None


def _limit(backbone, context: int) -> int:
    own = getattr(backbone.config, "max_position_embeddings", None)
    return context if own is None else min(context, own)


def _device(name: str):
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise NashsimError(f"device: {name!r} cannot be used: {first_line(error)[:200]}") from None


def _loaded(name: str, dtype: str):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if dtype not in kinds:
        raise unknown_name("dtype", dtype, kinds)
    try:
        backbone = AutoModelForCausalLM.from_pretrained(name, trust_remote_code=False, dtype=kinds[dtype])
        return backbone, AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise NashsimError(
            f"model: {name!r} cannot be loaded: {' '.join(str(error).split())[:200]}"
        ) from None


def _adapted(backbone, rank: int, seed: int):
    import torch

    if rank < 0:
        raise NashsimError(f"lora_rank: a whole number >= 0 is needed, found {rank}")
    try:
        from peft import LoraConfig, get_peft_model
    except ModuleNotFoundError:
        raise NashsimError("lora_rank: adapters need peft; pip install peft") from None
    # alpha = 2 rank [ours]; dropout is off, as everywhere here.
    settings = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(backbone, settings)


def _random():
    """Return a two-layer Llama of random weights over bytes, and its tokenizer: no file, no network."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={c: i + 1 for i, c in enumerate(alphabet)} | {"<eos>": 0}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", pad_token="<eos>")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(alphabet) + 1,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=1 << 16,
                bos_token_id=None,
                eos_token_id=0,
            )
        )
    return backbone, tokenizer
