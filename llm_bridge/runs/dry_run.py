"""A configuration tried in a minute: its own model made small, its own tokenizer, data and judge, two short iterations.

Everything is put together at its own lengths first, so that what a run refuses is refused here, in the same words; then
few prompts get short responses. What stands in for something else, and what is not tried, is said.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from nashsim.errors import NashsimError

from ..importing import lacks_package
from ..judges.config import AnyJudge
from ..models.adapters import ALL_LINEAR, adapter_base
from ..models.shrink import DoesNotLoad, save_small
from ..models.tiny import save_tiny
from ..quiet import quiet
from ..storage.run_folder import RunFolder
from .building.assembly import assemble, make_trainer
from .building.judge import load_reward_model
from .configuration.config import Config, DataConfig
from .train_run import train_run

#: What may be a name on the hub, or a recipe's folder that is not there yet.
HUB = re.compile(r"(?!.*\.gguf$)\w[\w.-]*/[\w.-]+")
#: Most iterations, optimiser steps of a fit, prompts, tokens of a response and rows of data that are tried.
ITERATIONS, STEPS, PROMPTS, TOKENS, ROWS = 2, 2, 4, 12, 64


@quiet()
def dry_run(
    config: Config,
    *,
    resume: bool = False,
    progress: Callable | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> str:
    """Return in one line what was tried of a configuration and holds; nothing stays on disk.

    Parameters
    ----------
    config : Config
        Configuration of the user's.
    resume : bool
        Whether the run would go on from a checkpoint.
    progress : callable or None
        Argument of :func:`~llm_bridge.runs.train_run.train_run`.
    say : callable
        Function that is told, in lines, what stands in and what is not tried.

    Raises
    ------
    NashsimError
        For whatever the run itself would refuse.
    """
    RunFolder(config.output.folder, keep=config.output.keep, resume=resume)
    with tempfile.TemporaryDirectory() as folder:
        tried = StandIns(Path(folder), say)
        try:
            stood_in = tried.configuration(config)
            if config.data.task is None:
                parts = assemble(stood_in)
                make_trainer(stood_in, parts)
                for note in parts.notes:
                    say(note)
                del parts
            small = shortened(stood_in)
            _say_omitted(config, small, resume, say)
            trackers = tuple(name for name in config.output.trackers if name != "wandb")
            out = replace(small.output, folder=f"{folder}/run", trackers=trackers)
            run, trainer, _ = train_run(replace(small, output=out), progress=progress)
        except NashsimError as error:
            raise NashsimError(tried.named(str(error))) from None
        return (
            f"{trainer.algorithm.name} sampled, judged, fitted, recorded {len(trainer.records)} times and saved"
            f" {len(run.checkpoints.steps())} checkpoints; the configuration holds"
            f"{', but for what is not there' if tried.absent else ''}"
        )


def shortened(config: Config) -> Config:
    """Return a configuration of two short iterations.

    Parameters
    ----------
    config : Config
        Configuration to shorten.
    """
    training, data = config.training, config.data
    training = replace(
        training,
        iterations=min(training.iterations, ITERATIONS),
        prompts=min(training.prompts or PROMPTS, PROMPTS),
        fit_steps=min(training.fit_steps, STEPS),
        minibatch=None if training.minibatch is None else min(training.minibatch, PROMPTS),
    )
    evaluation = replace(config.evaluation, prompts=min(config.evaluation.prompts, PROMPTS), samples=2)
    config = replace(config, training=training, evaluation=evaluation)
    if data.task is not None:
        return _small_task(config)
    if "drop" not in (data.too_long, data.equal):  # the first rows may be those that are dropped
        data = replace(data, limit=min(data.limit or ROWS, ROWS))
    sampling = replace(config.sampling, length=min(config.sampling.length, TOKENS))
    return replace(config, data=data, sampling=sampling)


def _small_task(config: Config) -> Config:
    parameters = dict(config.data.parameters)
    training = config.training
    if config.data.task.startswith("styled"):
        from ..tasks import Teaching

        parameters |= {"size": "tiny", "teaching": Teaching(steps=20, batch=8, examples=64)}
    else:
        parameters = {"vocabulary": 4, "length": 3} | parameters
        training = replace(training, prompts=None)
    return replace(config, training=training, data=replace(config.data, parameters=parameters))


def _say_omitted(config: Config, small: Config, resume: bool, say) -> None:
    """Say what of a run its small one leaves out."""
    pairs = {
        "iterations": (config.training.iterations, small.training.iterations),
        "prompts an iteration": (config.training.prompts or "all", small.training.prompts),
        "optimiser steps a fit": (config.training.fit_steps, small.training.fit_steps),
        "tokens a response": (config.sampling.length, small.sampling.length),
    }
    more = [f"{whole} {name} ({part} here)" for name, (whole, part) in pairs.items() if whole != part]
    if more:
        say(f"not tried: {', '.join(more)}, nor their time and memory")
    if "wandb" in config.output.trackers:
        say("not tried: output.trackers wandb, which needs the network")
    if resume:
        say("not tried: to go on from the checkpoint; the small run starts anew")


@dataclass
class StandIns:
    """What is large is made small, what is not there is replaced, and each of it is said.

    Attributes
    ----------
    home : Path
        Folder for the stand-ins.
    say : callable
        Function that is told a line for each.
    absent : bool
        Whether something was not there.
    names : dict of str to str
        Names of the user's by the paths of what stands in.
    """

    home: Path
    say: Callable[[str], None]
    absent: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def named(self, text: str) -> str:
        """Return a text with the user's names for what stands in.

        Parameters
        ----------
        text : str
            Text with paths of stand-ins.
        """
        for path, name in self.names.items():
            text = text.replace(path, name)
        return text

    def configuration(self, config: Config) -> Config:
        """Return a configuration in which something small stands in for what is large or not there.

        Parameters
        ----------
        config : Config
            Configuration of the user's.
        """
        if config.data.task is None:
            config = self._judge(self._data(self._model(config)))
        return config

    def _folder(self, kind: str, name: str) -> str:
        path = str(self.home / kind)
        self.names[path] = name
        return path

    def _is_absent(self, name: str, kind: str, stand_in: str) -> bool:
        on_hub = HUB.fullmatch(name) and not (Path(name).exists() or _is_cached(name))
        if not on_hub and not lacks_package(name):
            return False
        self.absent = True
        self.say(f"{kind} {name} is not there; {stand_in}")
        return True

    def _model(self, config: Config) -> Config:
        model = config.model
        folder = self._folder("model", model.name)
        if self._is_absent(model.name, "model", "a tiny random Llama on bytes stands in, its tokenizer too"):
            save_tiny(folder)
            pad, lora = model.pad if model.pad == "eos" else None, replace(model.lora, targets=(ALL_LINEAR,))
            return replace(
                config,
                model=replace(model, name=folder, pad=pad, eos=(), lora=lora),
                data=replace(config.data, too_long="drop"),
                sampling=replace(config.sampling, context=None),
            )
        if not self._made_small("model", model.name, folder):
            return config
        return replace(config, model=replace(model, name=folder))

    def _judge(self, config: Config) -> Config:
        criteria = tuple(self._one_judge(c, f"judge {c.label}") for c in config.judge.criteria)
        return replace(config, judge=replace(self._one_judge(config.judge, "judge"), criteria=criteria))

    def _one_judge(self, judge: AnyJudge, kind: str) -> AnyJudge:
        from transformers import AutoModelForSequenceClassification

        from ..preference.storage import DESCRIPTION, describe_small

        judge = replace(judge, cache_file=None)
        if judge.kind == "openai":
            self.say(
                f"asked: {kind} {judge.openai.model} at {judge.openai.base_url}, about a few short responses"
            )
        if judge.path is None or judge.kind == "callable":
            return judge
        if self._is_absent(judge.path, kind, "one that likes length stands in"):
            return replace(judge, kind="length", path=None, scale=0.1)
        if not (fitted := (Path(judge.path) / DESCRIPTION).is_file()) and judge.kind == "preference-model":
            return judge
        folder = self._folder(kind, judge.path)
        kinds = () if fitted else (load_reward_model, AutoModelForSequenceClassification)
        small = not adapter_base(judge.path) and self._made_small(kind, judge.path, folder, *kinds)
        if small and fitted:
            describe_small(judge.path, folder)
        return replace(judge, path=folder) if small else judge

    def _made_small(self, kind: str, name: str, folder: str, *how) -> bool:
        """Whether a small one of a model's architecture is in the folder; of what does not load the run says why."""
        try:
            said = save_small(name, folder, *how)
        except DoesNotLoad:
            return False
        if said is not None:
            self.say(f"not tried: the weights of {kind} {name}, {said}")
        return said is not None

    def _data(self, config: Config) -> Config:
        data = config.data
        if data.pairs is None:
            absent = self._is_absent(data.prompts, "data.prompts", "four prompts of ours stand in")
        else:
            absent = self._is_absent(data.pairs, "data.pairs", "four pairs of ours stand in")
        if absent:
            data = _own_rows(data, self.home)
        stand_in = "a teacher that always says Yes stands in"
        if data.teacher is not None and (self._is_absent(data.teacher, "data.teacher", stand_in) or absent):
            data = _answered(data, self.home)
        return replace(config, data=data)


def _is_cached(name: str) -> bool:
    """Whether the hub's cache has a model's configuration and tokenizer."""
    from huggingface_hub import try_to_load_from_cache

    wanted = ("config.json", "tokenizer_config.json")
    return all(isinstance(try_to_load_from_cache(name, file), str) for file in wanted)


def _own_rows(data: DataConfig, home: Path) -> DataConfig:
    """Prompts or pairs of ours, in columns of the user's."""
    from nashsim.files import to_json

    file, words = home / "rows.jsonl", ("one", "two", "three", "four")
    rows = [{data.column: f"Say {word}.", data.first: word, data.second: "none"} for word in words]
    if data.pairs is None:
        rows = [{data.column: row[data.column]} for row in rows]
    file.write_text("".join(f"{to_json(row)}\n" for row in rows), encoding="utf-8")
    data = replace(data, template="plain", split="train", limit=None)
    if data.pairs is None:
        return replace(data, prompts=str(file))
    return replace(data, pairs=str(file), probability=None, scores=())


def _answered(data: DataConfig, home: Path) -> DataConfig:
    """The same prompts with one answer to all of them."""
    from nashsim.files import to_json

    from ..data import read_rows

    asked = read_rows(data.prompts, split=data.split, limit=data.limit).column(data.column)
    file = home / "teacher.jsonl"
    rows = {to_json({data.column: prompt, data.teacher_column: "Yes."}) for prompt in asked}
    file.write_text("".join(f"{row}\n" for row in sorted(rows)), encoding="utf-8")
    return replace(data, teacher=str(file), split="train")
