"""The typed configuration of a training: YAML with ``extends``, dotted overrides, every fault in one line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from nashsim import files
from nashsim.errors import NashsimError

from ...data.config import DataConfig, check_data
from ...evaluation.stopping import EvaluationConfig
from ...judges.config import AnyJudge, JudgeConfig
from ...models.config import DTYPES, ModelConfig, check_model
from ...policy.architecture import PADDINGS
from ...recipes.reading import built, overridden, read_yaml
from ...training.settings import Settings

#: Keys that may name a file or folder, and those that may name an object of a module.
PATHS = ("model.name", "data.prompts", "data.pairs", "data.teacher", "judge.path", "evaluation.prompts_file")
OBJECTS = ("judge.path", "sampling.engine", "algorithm.fit")
#: Keys whose numbers are positive; those of the optimiser are checked by ``Settings``.
POSITIVE = (
    "model.temperature", "algorithm.tau", "training.iterations", "training.rows", "training.checkpoint_every",
    "sampling.length", "sampling.context", "sampling.batch", "evaluation.every",
    "evaluation.prompts", "evaluation.samples", "output.keep", "data.limit", "data.scale",
)  # fmt: skip


@dataclass(frozen=True)
class AlgorithmConfig:
    """A name of ``llm_bridge.algorithms``, tau, and parameters of the rule and of the algorithm.

    ``fit`` is the loss that carries the rule's steps: a name of ``llm_bridge.algorithms.FITS``, ``module:Class``, or
    None for the algorithm's own.
    """

    name: str = "inpo"
    tau: float = 0.1
    parameters: dict = field(default_factory=dict)
    fit: str | None = None

    def build(self):
        """Return the :class:`llm_bridge.algorithms.Algorithm`."""
        from ...algorithms import get_algorithm

        own = {} if self.fit is None else {"fit": self.fit}
        return get_algorithm(self.name, **self.parameters, **own)


@dataclass(frozen=True)
class TrainingConfig(Settings):
    """Everything of ``llm_bridge.trainer.Settings``, and what a run is told besides.

    ``rows`` is the most responses of one forward and backward pass, and of one frozen policy's pass (None: no bound):
    gradients add up over parts of a batch or minibatch, whose loss and gradient are the whole's up to rounding.
    """

    iterations: int = 20
    rows: int | None = None
    seed: int = 0
    checkpoint_every: int = 1


@dataclass(frozen=True)
class SamplingConfig:
    """Tokens of a response, and of prompt and response together (None: the model's own limit).

    ``batch`` is the most responses of one decode (None: all of a step at once); copies of one prompt stay together.
    ``engine`` is ``eager``; ``compiled``, with static caches and CUDA graphs on a GPU: seconds of compilation for every
    policy and batch shape, then less time a token, and no adapters; or ``module:function``, any sampler with the
    contract of ``llm_bridge.decoding.eager.sample``.
    ``precision`` is that of packed weights that the policy samples with, ``frozen_precision`` that of references and
    past iterates: float32, bfloat16 or int8, or None for the model's own products, as in all scoring (Llama only).
    """

    length: int = 64
    context: int | None = None
    batch: int | None = None
    engine: str = "eager"
    precision: str | None = None
    frozen_precision: str | None = None

    def make_engine(self):
        """Return the sampler of responses."""
        from ...decoding.engines import make_engine
        from ...decoding.token_step import Precision

        return make_engine(self.engine, self.batch, Precision(self.precision, self.frozen_precision))


@dataclass(frozen=True)
class OutputConfig:
    """The run's folder, checkpoints that stay, trackers (tensorboard, wandb)."""

    folder: str = "runs/run"
    keep: int = 2
    trackers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """Everything a training is told.

    Attributes
    ----------
    model : ModelConfig
    data : DataConfig
    judge : JudgeConfig
    algorithm : AlgorithmConfig
    training : TrainingConfig
    sampling : SamplingConfig
    evaluation : EvaluationConfig
    output : OutputConfig
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    algorithm: AlgorithmConfig = field(default_factory=AlgorithmConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def to_yaml(self) -> str:
        """Return the resolved configuration, with the versions it ran under."""
        import yaml

        return yaml.safe_dump({**_plain(asdict(self)), "versions": versions()}, sort_keys=False)


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Return a checked configuration.

    Parameters
    ----------
    source : str or Path
        YAML file, or name of a recipe. ``extends: NAME`` begins with another file or recipe.
    overrides : sequence of str
        Words of a command line: ``["--algorithm.tau", "0.05", "--training.lr=1e-4"]``.

    Raises
    ------
    NashsimError
        For anything missing, unknown, of the wrong type or out of range.
    """
    mapping = overridden(read_yaml(source), overrides)
    for told in ("versions", "threads"):
        mapping.pop(told, None)
    config = built(Config, mapping)
    check_config(config)
    return config


def check_config(config: Config) -> None:
    """Raise NashsimError where values do not fit together.

    Parameters
    ----------
    config : Config
        Configuration whose sections are each of the right types.
    """
    from ...data.encode import TEMPLATES
    from ...data.pairs import EQUAL, TOO_LONG
    from ...data.teacher import UNANSWERED
    from ...decoding.engines import check_engine
    from ...decoding.products import PRECISIONS

    choices = {
        "model.dtype": DTYPES,
        "model.quantise": (None, "4bit", "8bit"),
        "model.padding": (None, *PADDINGS),
        "sampling.precision": (None, *PRECISIONS),
        "sampling.frozen_precision": (None, *PRECISIONS),
        "data.template": TEMPLATES,
        "data.too_long": TOO_LONG if config.data.pairs is not None else ("refuse", "drop"),
        "data.equal": EQUAL,
        "data.unanswered": UNANSWERED,
    }
    for key, accepted in choices.items():
        if _value(config, key) not in accepted:
            raise NashsimError(
                f"{key}: one of {', '.join(map(str, accepted))} is needed, found {_value(config, key)!r}"
            )
    for key in POSITIVE:
        value = _value(config, key)
        if value is not None and not value > 0:
            raise NashsimError(f"{key}: a number > 0 is needed, found {value!r}")
    check_data(config)
    check_model(config)
    sampling = config.sampling
    check_engine(sampling.engine)
    if sampling.engine != "eager" and (sampling.precision or sampling.frozen_precision):
        raise NashsimError(
            f"sampling.precision, sampling.frozen_precision: null is needed with sampling.engine {sampling.engine}; the"
            " eager one samples in another precision"
        )
    algorithm = config.algorithm.build()
    _check_rule(algorithm.rule, config.algorithm.tau)
    if config.data.pairs is not None:
        from ...training.given import check_offline

        check_offline(algorithm)
    if config.data.teacher is not None and algorithm.own_responses_only:
        raise NashsimError(
            f"data.teacher: {algorithm.name} takes none; {algorithm.own_responses_only} (dno-prct, dno, nash-md and"
            " other fits of differences take one)"
        )


def _check_rule(rule, tau: float) -> None:
    """Refuse a constant step so long that nothing, or less, is left of the policy it starts from.

    A step's weight on the current policy is 1 - eta tau = 1 - tau/eta_inverse.
    """
    if getattr(rule, "eta_inverse", None) is None and getattr(rule, "step", None) is None:
        return
    for step in rule.steps(tau, 0):
        if getattr(step, "base", {}).get("policy", 1.0) <= 0:
            raise NashsimError(
                f"algorithm: {rule} at tau = {tau:g} keeps weight {step.base['policy']:g} of the current policy;"
                f" eta_inverse > tau = {tau:g} (eta tau < 1) is needed"
            )


def located(config: Config) -> Config:
    """Return a configuration that means the same from any folder: files that are there by their absolute paths.

    Parameters
    ----------
    config : Config
        Configuration whose relative paths are meant from the current folder.
    """
    changed: dict[str, dict] = {}
    for key in dict.fromkeys(key for key in (*PATHS, *OBJECTS) if key != "judge.path"):
        found = _located(_value(config, key), key)
        if found is not None:
            section, option = key.split(".")
            changed.setdefault(section, {})[option] = found
    sections = {section: replace(getattr(config, section), **values) for section, values in changed.items()}
    judge = _located_judge(config.judge)
    criteria = tuple(_located_judge(criterion) for criterion in judge.criteria)
    return replace(config, **sections, judge=replace(judge, criteria=criteria))


def _located_judge(judge: AnyJudge) -> AnyJudge:
    kept = judge.cache_file and os.path.abspath(judge.cache_file)
    return replace(judge, path=_located(judge.path, "judge.path") or judge.path, cache_file=kept)


def _located(value, key: str) -> str | None:
    """The value of a key by an absolute path, or None where it names no file that is there."""
    if not isinstance(value, str):
        return None
    module, colon, name = value.rpartition(":")
    if key in PATHS and os.path.exists(value):
        return os.path.abspath(value)
    if key in OBJECTS and colon and os.path.isfile(f"{module}.py"):
        return f"{os.path.abspath(module)}.py:{name}"
    return None


def versions() -> dict[str, str]:
    """Return the versions that a training may depend on, of what is installed."""
    return files.versions(("nashsim", "numpy", "torch", "transformers", "peft", "accelerate", "safetensors"))


def _value(config: Config, key: str):
    section, name = key.split(".")
    return getattr(getattr(config, section), name)


def _plain(value):
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
