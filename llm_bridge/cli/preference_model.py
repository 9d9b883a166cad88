"""``preference-model``: fit P(a ≻ b | x) to pairs, hold it and a Bradley-Terry reward against held-out ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nashsim.errors import NashsimError
from nashsim.progress import progress_bar

EXAMPLES = """
Examples:

llm-bridge preference-model pairs.jsonl --dry-run

llm-bridge preference-model pairs.jsonl --model models/half-b --out models/preference

llm-bridge preference-model pairs.jsonl --model models/half-b --out models/preference --resume

llm-bridge preference-model scored.jsonl --scores score_chosen,score_rejected --equal half --too-long cut ...

llm-bridge preference-model votes.csv --first a --second b --probability share --model M --out O
"""


def preference_model(
    pairs: Annotated[str, typer.Argument(help="JSONL, CSV or parquet of pairs, or a Hugging Face dataset.")],
    model: Annotated[str | None, typer.Option(help="Causal language model: a folder or a hub name.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder for the model, its judge and report.json.")] = None,
    kind: Annotated[
        str, typer.Option(help="Kind of the model: tokens, classifier or bradley-terry.")
    ] = "tokens",
    compare: Annotated[bool, typer.Option(help="Fit a Bradley-Terry reward beside it.")] = True,
    prompt: Annotated[str, typer.Option(help="Column of prompts.")] = "prompt",
    first: Annotated[str, typer.Option(help="Column of first responses.")] = "chosen",
    second: Annotated[str, typer.Option(help="Column of second responses.")] = "rejected",
    probability: Annotated[
        str | None,
        typer.Option(
            help="Column of P(first ≻ second), or of the winner (model_a, tie, ...); none: the first."
        ),
    ] = None,
    scores: Annotated[
        str | None,
        typer.Option(help="Columns of both scores, FIRST,SECOND, or one of their margin; a tie counts 1/2."),
    ] = None,
    scale: Annotated[float, typer.Option(help="Score per unit of log-odds.")] = 1.0,
    equal: Annotated[
        str, typer.Option(help="Pairs of equal responses: refuse, half (they count 1/2) or drop.")
    ] = "refuse",
    too_long: Annotated[
        str, typer.Option(help="Pairs beyond the context: refuse, drop or cut (the prompt keeps its end).")
    ] = "refuse",
    split: Annotated[str, typer.Option(help="Split of a dataset.")] = "train",
    limit: Annotated[int | None, typer.Option(help="Largest number of pairs.")] = None,
    held_out: Annotated[float, typer.Option(help="Share of prompts held out for the report.")] = 0.1,
    epochs: Annotated[int, typer.Option(help="Passes over the pairs.")] = 1,
    batch: Annotated[int, typer.Option(help="Pairs a step.")] = 32,
    rows: Annotated[int, typer.Option(help="Most sequences in memory at once, two a pair.")] = 8,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-5,
    context: Annotated[int, typer.Option(help="Most tokens of a prompt with both responses.")] = 4096,
    seed: Annotated[int, typer.Option(help="Seed of the split and of the order of pairs.")] = 0,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:1, ...")] = "auto",
    dtype: Annotated[str, typer.Option(help="Precision of the model: float32 or bfloat16.")] = "float32",
    lora_rank: Annotated[
        int, typer.Option(help="Rank of adapters on all linear layers; 0 trains all weights.")
    ] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a fit that was cut off.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between states to resume from.")] = 600.0,
    pool: Annotated[
        int | None, typer.Option(help="Most responses of a held-out prompt among which cycles are counted.")
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Show no progress bar.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="A tiny random model on a few pairs; writes nothing, no network."),
    ] = False,
) -> None:
    """Train a preference model on pairs; report accuracy, calibration and how cyclic it is."""
    from ..data import load_pairs
    from ..preference import FitSettings
    from ..preference.pipeline import fit_and_report
    from ..preference.selection import split_by_prompt, subset

    if not dry_run and (model is None or out is None):
        raise NashsimError("preference-model: --model and --out are needed (or --dry-run)")
    # A fit that was cut off between its two models has written the first.
    cut_off = out is not None and Path(out).with_name(f"{Path(out).name}.fitting").exists()
    if out is not None and not cut_off and (Path(out) / "preference_model.json").exists():
        raise NashsimError(f"out: {out!r} holds a preference model already; choose another folder")
    if dry_run and model is not None and model.startswith(("/", ".", "~")) and not Path(model).is_dir():
        raise NashsimError(f"model: {model!r} is no folder")
    settings = FitSettings(epochs=1 if dry_run else epochs, batch=batch, lr=lr, seed=seed, rows=rows)
    # Equal pairs are counted where they are left out, behind what is cut to the context.
    found = load_pairs(
        pairs, prompt=prompt, first=first, second=second, probability=probability,
        scores=None if scores is None else scores.split(","), scale=scale,
        equal="half" if equal == "drop" else equal, split=split, limit=limit,
    )  # fmt: skip
    typer.echo(f"{len(found)} pairs of {len({p.prompt for p in found})} prompts")
    if dry_run:
        found = subset(found, 4)
    train, test = split_by_prompt(found, held_out, seed)
    with progress_bar("fitting", not quiet) as tell:
        fit_and_report(
            train,
            test,
            model=None if dry_run else model,
            out=None if dry_run else out,
            kind=kind,
            compare=compare,
            settings=settings,
            context=context,
            say=typer.echo,
            device="cpu" if dry_run else device,
            dtype=dtype,
            lora_rank=lora_rank,
            equal=equal,
            too_long="cut" if dry_run else too_long,
            resume=resume and not dry_run,
            interval=interval,
            pool=pool,
            progress=lambda each, done, steps, loss: tell(
                done, steps, each if loss is None else f"{each}: loss {loss:.4f} nats"
            ),
        )
    typer.echo("dry run: everything fits together; nothing was written" if dry_run else f"written to {out}")


preference_model.__doc__ += EXAMPLES
