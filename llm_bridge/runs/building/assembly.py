"""From a configuration to the parts of a training: model, prompts, judge, source of responses, measures."""

from __future__ import annotations

from nashsim.errors import NashsimError, unknown_name

from ...data import Encoder, Prompt, Teacher, load_prompts, load_teacher
from ...evaluation.text_measure import TextMeasure
from ...judges import Judge
from ...models.loading import check_ids, load_tokenizer
from ...parallel.processes import Processes
from ...policy.causal_policy import CausalPolicy
from ...tasks.enumerated_source import Enumerated
from ...tasks.exact import ExactMeasure
from ...training.source import Sampled
from ...training.trainer import Trainer
from ..configuration.config import Config
from .judge import DecodingJudge, check_judge, make_judge
from .models import load_policy, make_policy
from .offline import assemble_pairs
from .parts import RunParts, names_of

#: Tasks that bring their own model, prompts and judge.
TASKS = ("enumerable", "length", "styled", "styled-rare")


def assemble(config: Config) -> RunParts:
    """Return the parts that a configuration asks for.

    Raises
    ------
    NashsimError
        For a task, model, tokenizer, file, column or judge that is not there or does not fit.
    """
    if config.data.pairs is not None:
        return assemble_pairs(config)
    return _of_task(config) if config.data.task is not None else _of_files(config)


def make_trainer(config: Config, parts: RunParts) -> Trainer:
    """Return the trainer of a configuration's parts."""
    training, algorithm = config.training, config.algorithm
    return Trainer(
        parts.policy,
        parts.prompts,
        algorithm.build(),
        parts.source,
        tau=algorithm.tau,
        settings=training,
        measure=parts.measure,
        seed=training.seed,
        game=str(config.data.task or config.data.prompts or config.data.pairs),
    )


def make_task(config: Config):
    """Return the task that a configuration names.

    Raises
    ------
    NashsimError
        For an unknown task or parameter.
    """
    from ...tasks import EnumerableTask, LengthTask, StyledTask

    name, tau = config.data.task, config.algorithm.tau
    if name not in TASKS:
        raise unknown_name("data.task", str(name), TASKS)
    make = {
        "enumerable": EnumerableTask,
        "length": LengthTask,
        "styled": StyledTask,
        "styled-rare": StyledTask.rare,
    }[name]
    options = {k: v for k, v in config.data.parameters.items() if k != "exact"}
    try:
        return make(tau=tau, **options)
    except TypeError as error:
        raise NashsimError(f"data.parameters: {name!r} does not take them: {error}") from None


def _of_task(config: Config) -> RunParts:
    task = make_task(config)
    if config.model.name is not None:
        raise NashsimError(
            "model.name: a task brings its own model; leave it out, or give data.prompts instead of data.task"
        )
    if not hasattr(task, "enumeration"):
        return _of_styled(config, task)
    exact = config.data.parameters.get("exact", True)
    if exact and config.training.rows is not None:
        raise NashsimError(
            "training.rows: an expectation over all responses is taken whole; leave it out, or set"
            " data.parameters.exact: false"
        )
    policy = make_policy(config, task.build_model(), eos=0, pad=0)
    enumerated = Enumerated(task)
    reference = enumerated.table(policy, "reference").log_softmax(-1).cpu().numpy()
    source = enumerated if exact else _sampled(config, task.judge, task.length)
    return RunParts(
        policy, list(task.prompts), source, ExactMeasure(enumerated, reference), None, task.judge,
        list(task.prompts), lambda ids: " ".join(map(str, ids)), names_of(config, f"the {task.name} task"),
    )  # fmt: skip


def _of_styled(config: Config, task) -> RunParts:
    policy = make_policy(config, task.build_model())
    decode = task.grammar.decode
    evaluation, texts = config.evaluation, [decode(prompt) for prompt in task.prompts]

    def measure(policy: CausalPolicy) -> dict:
        return task.measure(policy, seed=config.training.seed, draws=max(2, evaluation.samples))

    return RunParts(
        policy, list(task.prompts), _sampled(config, task.judge, task.length, features=task.features), measure,
        task.grammar.tokenizer(),
        task.judge, texts, decode, names_of(config, f"the {task.name} task"),
    )  # fmt: skip


def _of_files(config: Config) -> RunParts:
    model, data, sampling = config.model, config.data, config.sampling
    tokenizer = load_tokenizer(model.name)
    encoder = Encoder(
        tokenizer, data.template, context=sampling.context, response=sampling.length, pad=model.pad, ends=model.eos
    )  # fmt: skip
    prompts = load_prompts(
        data.prompts, encoder, column=data.column, split=data.split, limit=data.limit, too_long=data.too_long
    )
    evaluated = _evaluated(config, encoder, len(prompts))
    every = [*prompts, *evaluated]
    check_ids(model.name, [p.ids for p in every], tokenizer)
    policy = load_policy(config, encoder)
    _check_context(policy, every, sampling.length)
    of_texts = make_judge(config, tokenizer)
    check_judge(of_texts, every, sampling.length)
    judge = DecodingJudge(of_texts, every, encoder.decode)
    source = _sampled(config, judge, sampling.length, teacher=_teacher(config, encoder, prompts))
    measure = TextMeasure(
        judge,
        [p.ids for p in (evaluated or prompts)[: config.evaluation.prompts]],
        sampling.length,
        config.evaluation.samples,
        config.training.seed,
        source.engine,
        sampling.precision is not None,
    )
    return RunParts(
        policy, [p.ids for p in prompts], source, measure, tokenizer, judge,
        [p.text for p in prompts], encoder.decode, names_of(config, str(data.prompts)),
        _not_trained_on(config, prompts) + _trained_on(config, prompts, evaluated),
        [(p.ids, p.text) for p in evaluated],
    )  # fmt: skip


def _evaluated(config: Config, encoder: Encoder, first_row: int) -> list[Prompt]:
    """Prompts that are not trained on, to measure policies on; none where the configuration names no file."""
    data, file = config.data, config.evaluation.prompts_file
    if file is None:
        return []
    return load_prompts(
        file, encoder, column=data.column, split=data.split, too_long=data.too_long, first_row=first_row
    )


def _not_trained_on(config: Config, prompts: list[Prompt]) -> list[str]:
    """A line where the file of prompts has preferences too, which a training from prompts does not look at."""
    data = config.data
    for names in ((data.first, data.second), ("completion", "label")):
        if all(name in prompts[0].metadata for name in names):
            return [
                f"data.prompts: {' and '.join(names)} of {data.prompts} are not trained on: {config.algorithm.name}"
                " draws responses to the prompts and asks the judge (on-policy); data.pairs trains dpo, ipo, kto, ..."
                " on them as they are (offline)"
            ]
    return []


def _trained_on(config: Config, prompts: list[Prompt], evaluated: list[Prompt]) -> list[str]:
    """A line where prompts to measure policies on are trained on too."""
    known = {prompt.ids for prompt in prompts}
    count = sum(prompt.ids in known for prompt in evaluated)
    if not count:
        return []
    return [
        f"evaluation.prompts_file: {count} of the {len(evaluated)} prompts of {config.evaluation.prompts_file} are"
        " trained on too"
    ]


def _sampled(config: Config, judge: Judge, length: int, **more) -> Sampled:
    engine = config.sampling.make_engine()
    return Sampled(
        judge, length, duels=config.judge.duels, engine=engine, processes=Processes.current(), **more
    )


def _teacher(config: Config, encoder: Encoder, prompts: list[Prompt]) -> Teacher | None:
    data = config.data
    if data.teacher is None:
        return None
    read = load_teacher(
        data.teacher, prompt=data.column, response=data.teacher_column, split=data.split, unanswered=data.unanswered
    )  # fmt: skip
    return read.encoded(prompts, encoder, config.sampling.length)


def _check_context(policy: CausalPolicy, prompts: list[Prompt], length: int) -> None:
    context = getattr(policy.config, "max_position_embeddings", None)
    longest = max(len(prompt.ids) for prompt in prompts)
    policy.module.check_context(longest + length)
    if context is not None and longest + length > context:
        raise NashsimError(
            f"sampling.length: prompts of up to {longest} tokens and responses of {length} exceed the model's context"
            f" of {context}; lower sampling.length, or set sampling.context: {context} with data.too_long: drop"
        )
