"""A configuration's judge on responses of its own model: who is drawn, who is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from nashsim.errors import NashsimError

from ..decoding.roles import pure
from ..evaluation.judge_report.report import JudgeReport, Pool, judge_report
from ..judges import Comparison
from ..judges.config import JudgeConfig
from ..judges.orders import unreadable_text
from ..quiet import quiet
from ..recipes.reading import built, overridden, read_yaml
from ..storage.run_folder import CONFIG, FINAL
from ..training.rollout import seed_of
from .building.assembly import assemble
from .building.judge import DecodingJudge, make_judge
from .building.parts import RunParts
from .configuration.config import Config, load_config, located
from .players import weights_of


@quiet()
def judge_run(
    source: str,
    overrides: Sequence[str] = (),
    *,
    prompts: int = 16,
    responses: int = 6,
    repeats: int = 2,
    second: str | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
    progress: Callable[[int, int], None] | None = None,
) -> JudgeReport:
    """Draw responses and report on the judge.

    Parameters
    ----------
    source : str
        YAML file or recipe, whose model is the reference; or the folder of a run, whose last policy answers.
    overrides : sequence of str
        Words ``--section.key value`` that change the configuration.
    prompts : int
        Largest number of prompts.
    responses : int
        Responses drawn to each; equal ones count once.
    repeats : int
        Times that a judge that may waver is asked each question.
    second : str or None
        YAML file, or folder of a run, whose section ``judge`` is the second judge.
    seed : int
        Seed of the responses, the bootstrap and the null distribution.
    say : callable
        Function that is told in a line how much is asked.
    progress : callable or None
        Function called with (prompts done, prompts).

    Raises
    ------
    NashsimError
        For a configuration without a judge, numbers below 1 or 2, or whatever a training would refuse.
    """
    if prompts < 1 or responses < 2 or repeats < 1:
        raise NashsimError(
            f"prompts, responses, repeats: >= 1, >= 2 and >= 1 are needed, found {prompts}, {responses}, {repeats}"
        )
    run = Path(source) if (Path(source) / CONFIG).is_file() else None
    config = located(load_config(source if run is None else run / CONFIG, overrides))
    if run is not None:
        # Answers that the run paid for lie in its folder, wherever that is now.
        config = replace(config, output=replace(config.output, folder=str(run)))
    if config.data.pairs is not None and config.judge.kind == "task":
        raise NashsimError("judge.kind: this configuration has no judge to look at; set judge.kind")
    parts = assemble(config)
    if run is not None and (run / FINAL).is_dir():
        parts.policy.load_weights(weights_of(parts.policy, run / FINAL))
    other, other_title = None, None
    if second is not None:
        if parts.tokenizer is None or not isinstance(parts.judge, DecodingJudge):
            raise NashsimError(
                "second: a task's judge reads token ids, and has no second; leave --second out"
            )
        other, other_title = _second(config, second, parts)
    pools = _pools(parts, prompts, responses, seed)
    pairs = sum(len(pool.comparisons) for pool in pools)
    say(f"{len(pools)} prompts, {pairs} pairs of responses, both orders, up to {repeats} times")
    judge = parts.judge.judge if isinstance(parts.judge, DecodingJudge) else parts.judge
    title = config.judge.title if config.data.task is None else f"judge of the {config.data.task} task"
    found = judge_report(
        judge, pools, title=title, second=other, second_title=other_title, repeats=repeats, seed=seed,
        progress=progress,
    )  # fmt: skip
    if told := unreadable_text(judge):
        say(told)
    return found


def _pools(parts: RunParts, prompts: int, responses: int, seed: int) -> list[Pool]:
    """Different responses of the live policy to the first prompts, each with its pairs as the judge reads them."""
    chosen, texts = parts.prompts[:prompts], parts.texts[:prompts]
    rows = [x for x in chosen for _ in range(responses)]
    role = {"judged": pure(seed=seed_of(seed, 23))}
    drawn = parts.source.engine(parts.policy, rows, role, parts.source.length)["judged"].sequences.responses()
    pools = []
    for at, (prompt, text) in enumerate(zip(chosen, texts, strict=True)):
        # Token ids that decode to one text are one response.
        mine = {parts.decode(y): y for y in drawn[at * responses : (at + 1) * responses]}
        asked = [Comparison(prompt, a, b) for a, b in combinations(mine.values(), 2)]
        if isinstance(parts.judge, DecodingJudge):
            asked = parts.judge.texts(asked)
        lengths = tuple(len(y) for y in mine.values())
        pools.append(Pool(_shown(text), tuple(mine), lengths, tuple(asked)))
    return pools


def _second(config: Config, source: str, parts: RunParts):
    """The judge of another configuration, of whose sections that one alone is read."""
    folder = Path(source)
    mapping = overridden(read_yaml(folder / CONFIG if (folder / CONFIG).is_file() else folder), ())
    judge = built(JudgeConfig, mapping.get("judge", {}), "judge")
    if judge.kind == "task":
        raise NashsimError(f"second: {source!r} names no judge; give it a section judge with its kind")
    named = located(replace(config, judge=judge))
    return make_judge(named, parts.tokenizer), named.judge.title


def _shown(prompt) -> str:
    """A prompt as people read it: text, the last of its turns, or token ids."""
    if isinstance(prompt, str):
        return prompt
    last = prompt[-1]
    return str(last[1]) if isinstance(last, tuple) else " ".join(map(str, prompt))
