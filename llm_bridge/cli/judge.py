"""``judge``: what a configuration's judge does on responses of its own model."""

from __future__ import annotations

from typing import Annotated

import typer

from nashsim.progress import progress_bar

from .threads import Threads, check_threads, using_threads


def judge(
    context: typer.Context,
    config: Annotated[str, typer.Argument(help="A YAML file, a recipe, or the folder of a run.")],
    prompts: Annotated[int, typer.Option(help="Largest number of prompts.")] = 16,
    responses: Annotated[int, typer.Option(help="Responses that the model draws to each.")] = 6,
    repeats: Annotated[int, typer.Option(help="Times that a judge that may waver is asked.")] = 2,
    second: Annotated[
        str | None, typer.Option(help="A YAML file, or a run, whose judge is compared with.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the responses and of resampling.")] = 0,
    html: Annotated[str | None, typer.Option(help="File for the report as a page.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option(help="Show no progress bar.")] = False,
    threads: Threads = None,
) -> None:
    """Look at a judge on a pool of the model's own responses: position, length, consistency, cycles.

    Every pair of responses to a prompt is judged in both orders; any key is set by --section.key value as in train.

    Examples: llm-bridge judge mine.yaml;  llm-bridge judge mine.yaml --responses 8 --html judge.html;
    llm-bridge judge runs/mine --second other.yaml --json
    """
    from nashsim.files import to_json, write_text

    from ..evaluation.judge_report.page import report_html, report_text
    from ..runs.judge_run import judge_run

    check_threads(threads)
    with using_threads(threads) as told, progress_bar("judging", not quiet) as tell:
        found = judge_run(
            config, context.args, prompts=prompts, responses=responses, repeats=repeats, second=second, seed=seed,
            say=lambda line: None if json_ else typer.echo(line, err=True),
            progress=lambda done, total: tell(done, total, f"{done} of {total} prompts"),
        )  # fmt: skip
    typer.echo(told, err=True)
    # What was asked for is said before a file may fail.
    typer.echo(to_json(found.to_dict()) if json_ else report_text(found))
    if html is not None:
        write_text(html, report_html(found))
        if not json_:
            typer.echo(f"written to {html}")
