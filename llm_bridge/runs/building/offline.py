"""The parts of a training on given pairs: no response is drawn for it, and a judge only measures."""

from __future__ import annotations

from nashsim.errors import NashsimError

from ...data import Encoder, Prompt
from ...data.given import encode_given, load_given
from ...evaluation.text_measure import TextMeasure
from ...models.loading import load_tokenizer
from ...parallel.processes import Processes
from ...training.given import GivenPairs, part_of
from ..configuration.config import Config
from .judge import DecodingJudge, check_judge, make_judge, no_judge
from .models import load_policy
from .parts import RunParts, names_of


def assemble_pairs(config: Config) -> RunParts:
    """Return the parts of a training on ``data.pairs``.

    Parameters
    ----------
    config : Config
        Configuration of the run.

    Raises
    ------
    NashsimError
        For a model, tokenizer, file, column or row that is not there or does not fit.
    """
    model, data, sampling = config.model, config.data, config.sampling
    tokenizer = load_tokenizer(model.name)
    encoder = Encoder(
        tokenizer,
        data.template,
        context=sampling.context,
        response=sampling.length,
        pad=model.pad,
        ends=model.eos,
    )
    fit = config.algorithm.build().fit
    read = load_given(
        data.pairs, marks=not fit.needs_pairs, scored=fit.takes_scores, prompt=data.column, first=data.first,
        second=data.second, probability=data.probability, scores=data.scores or None, scale=data.scale,
        equal="half" if data.equal == "drop" else data.equal, split=data.split, limit=data.limit,
    )  # fmt: skip
    policy = load_policy(config, encoder)
    limits = encoder.context, policy.module.context, getattr(policy.config, "max_position_embeddings", None)
    context = min((limit for limit in limits if limit is not None), default=None)
    given, counts = encode_given(read, encoder, context, equal=data.equal, too_long=data.too_long)
    engine = config.sampling.make_engine()
    part = part_of(len(given), fit.members, fit.member, config.training.seed)
    source = GivenPairs(given, sampling.length, engine, Processes.current(), part)
    # Those with room for a response, each once.
    asked = list({row.prompt: Prompt(row.text, row.prompt) for row in given}.values())
    asked = [p for p in asked if context is None or len(p.ids) + sampling.length <= context]
    asked = asked[: config.evaluation.prompts]
    if not asked:
        raise NashsimError(
            f"sampling.length: no prompt leaves room for {sampling.length} tokens in the context of {context}; lower it"
        )
    judge = None
    if config.judge.kind != "task":
        of_texts = make_judge(config, tokenizer)
        check_judge(of_texts, asked, sampling.length)
        judge = DecodingJudge(of_texts, [Prompt(row.text, row.prompt) for row in given], encoder.decode)
    evaluation = config.evaluation.samples, config.training.seed, engine
    measure = TextMeasure(judge, [p.ids for p in asked], sampling.length, *evaluation)
    note = (
        f"data.pairs: {len(given)} of {len(read)} rows of {data.pairs} as they are (offline), {counts['equal']} of"
        f" equal responses ({data.equal}), {counts['too long']} too long ({data.too_long})"
    )
    if part is not None:
        note += f"; part {fit.member} of {fit.members} is trained on, {len(part)} rows"
    return RunParts(
        policy, source.prompts, source, measure, tokenizer, judge or no_judge, [row.text for row in source.rows],
        encoder.decode, names_of(config, f"{data.pairs}, pairs as they are"), [note],
    )  # fmt: skip
