"""``check`` on the command line: whether a model's numbers, training and files are right here."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from itertools import chain
from typing import Annotated

import typer

from nashsim.errors import NashsimError
from nashsim.progress import progress_bar

#: Types that a model is checked in; the wider one tells faults from rounding.
DTYPES = ("float32", "float64", "bfloat16", "float16")


def check(
    model: Annotated[str, typer.Argument(help="A folder or hub name that from_pretrained loads.")],
    dtype: Annotated[
        str, typer.Option(help="Type to compute in: float32 tells faults from rounding best.")
    ] = "float32",
    padding: Annotated[
        str | None, typer.Option(help="left or right; what the architecture allows by default.")
    ] = None,
    compiled: Annotated[bool, typer.Option(help="Try the compiled engine too.")] = True,
    training: Annotated[bool, typer.Option(help="Try a short training, its files and adapters too.")] = True,
    json_: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    quiet: Annotated[bool, typer.Option(help="Show no progress bar.")] = False,
) -> None:
    """Hold a model against its own plain forward: log-probabilities, samples, gradients, resumption, files, adapters.

    Exit status 0 where all holds that can be tried, 1 where something does not, 2 for bad input.

    Examples: llm-bridge check Qwen/Qwen2-0.5B;  llm-bridge check ./mine --dtype bfloat16 --no-training --json
    """
    if dtype not in DTYPES:
        raise NashsimError(f"dtype: one of {', '.join(DTYPES)} is needed, found {dtype!r}")
    with progress_bar("loading", not quiet) as tell:
        policy = _loaded(model, dtype, padding)
        findings = []
        from ..evaluation.model_check import check_numbers
        from ..evaluation.training_check import check_training

        with tempfile.TemporaryDirectory() as folder:
            rest = check_training(policy, folder) if training else ()
            for finding in chain(check_numbers(policy, compiled=compiled), rest):
                findings.append(finding)
                tell(len(findings), 14, finding.check)
    found = {
        "model": model,
        "architecture": type(policy.module.causal).__name__,
        "dtype": dtype,
        "padding": policy.module.padding,
        "context": policy.module.context,
        "holds": all(f.holds is not False for f in findings),
    }
    if json_:
        typer.echo(json.dumps({**found, "findings": [asdict(f) for f in findings]}, indent=1))
    else:
        _show(found, findings)
    if not found["holds"]:
        raise typer.Exit(1)


def _loaded(name: str, dtype: str, padding: str | None):
    """The policy of a model, its ends and padding those that a training would take."""
    import torch
    from transformers.utils.logging import disable_progress_bar

    from ..models.loading import find_device, load_model, load_tokenizer
    from ..policy.causal_policy import CausalPolicy, end_tokens

    disable_progress_bar()  # of transformers; ours stays
    model = load_model(name, key="model", dtype=getattr(torch, dtype)).to(find_device())
    ends, pad = end_tokens(model), None
    try:
        tokenizer = load_tokenizer(name, "model")
    except NashsimError:
        pass  # a model's numbers need no text
    else:
        own = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
        ends, pad = tuple(dict.fromkeys(own + ends)), tokenizer.pad_token_id
    return CausalPolicy(model, eos=ends or None, pad=pad, padding=padding)


def _show(found: dict, findings) -> None:
    from rich.console import Console
    from rich.table import Table

    words = {True: "holds", False: "DOES NOT HOLD", None: "not tried"}
    table = Table("check", "", "off by", "rounding", "")
    for f in findings:
        numbers = ("" if value is None else f"{value:.1e}" for value in (f.error, f.bound))
        table.add_row(f.check, words[f.holds], *numbers, f.detail)
    Console(width=None if Console().is_terminal else 120).print(table)
    decoding = "from a cache" if found["padding"] == "left" else "without a cache: slow, and right"
    typer.echo(f"{found['architecture']} in {found['dtype']}, decoded {decoding}")
    if found["context"] is not None:
        typer.echo(
            f"rows of up to {found['context']} tokens; of longer ones its positions would depend on the batch"
        )
