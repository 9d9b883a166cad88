"""A configuration made small: a tiny random model, a byte tokenizer, a few prompts, and judges that are not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..models.loading import load_tokenizer
from ..models.tiny import byte_tokenizer, save_tiny
from .config import Config, DataConfig


def shrunk(config: Config, home: str | Path) -> tuple[Config, list[str]]:
    """Return a configuration that runs in seconds, and a line for everything that something else stands in for.

    What is there is used and so checked: prompts, columns, judge, tokenizer. What is not there yet (weights, mostly)
    is named.

    Parameters
    ----------
    config : Config
        Configuration of the user's.
    home : str or Path
        Folder for the stand-ins; the caller's to remove.
    """
    replaced: list[str] = []
    training = replace(
        config.training,
        iterations=min(config.training.iterations, 2),
        prompts=min(config.training.prompts or 4, 4),
        fit_steps=min(config.training.fit_steps, 2),
        minibatch=None if config.training.minibatch is None else min(config.training.minibatch, 4),
        rows=None if config.training.rows is None else min(config.training.rows, 4),
    )
    evaluation = replace(config.evaluation, prompts=min(config.evaluation.prompts, 4), samples=2)
    config = replace(config, training=training, evaluation=evaluation)
    if config.data.task is not None:
        return _small_task(config), replaced
    sampling = replace(config.sampling, length=min(config.sampling.length, 12), context=None)
    config = replace(config, sampling=sampling)
    return _small_files(config, Path(home), replaced), replaced


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


def _small_files(config: Config, home: Path, replaced: list[str]) -> Config:
    model, data, judge = config.model, config.data, config.judge
    tokenizer = _tokenizer(model.name, replaced)
    save_tiny(home / "model", tokenizer)
    kept = replace(
        model, name=str(home / "model"), dtype="float32", quantise=None, gradient_checkpointing=False
    )
    if model.lora.rank:
        kept = replace(kept, lora=replace(model.lora, rank=2))
    if tokenizer.pad_token_id is not None and kept.pad is not None and kept.pad != "eos":
        kept = replace(kept, pad=None)
    source = data.prompts or data.pairs
    absent = not Path(source).exists() and "/" in source
    if absent:
        replaced.append(
            f"{source} is not there; four {'prompts' if data.pairs is None else 'pairs'} of ours stand in"
        )
        data = _stand_in(data, home)
    elif data.template == "chat" and not tokenizer.chat_template:
        data = replace(data, template="plain")
    data = replace(data, limit=min(data.limit or 64, 64), too_long="drop")
    if data.teacher is not None and (absent or not Path(data.teacher).exists()):
        replaced.append(f"{data.teacher} is not there; a teacher that always says Yes stands in")
        data = _answered(data, home)
    if judge.path is not None and judge.kind != "callable" and not Path(judge.path).exists():
        replaced.append(f"judge {judge.path} is not there; one that likes length stands in")
        judge = replace(judge, kind="length", path=None, scale=0.1)
    return replace(config, model=kept, data=data, judge=judge)


def _stand_in(data: DataConfig, home: Path) -> DataConfig:
    """Prompts or pairs of ours, in columns of the user's."""
    from nashsim.files import to_json

    file, words = home / "rows.jsonl", ("one", "two", "three", "four")
    rows = [{data.column: f"Say {word}.", data.first: word, data.second: "none"} for word in words]
    if data.pairs is None:
        rows = [{data.column: row[data.column]} for row in rows]
    file.write_text("".join(f"{to_json(row)}\n" for row in rows), encoding="utf-8")
    if data.pairs is None:
        return replace(data, prompts=str(file), template="plain")
    return replace(data, pairs=str(file), template="plain", probability=None, scores=())


def _answered(data: DataConfig, home: Path) -> DataConfig:
    """The same prompts with one answer to all of them."""
    from nashsim.files import to_json

    from ..data import read_rows

    asked = read_rows(data.prompts, split=data.split, limit=data.limit).column(data.column)
    file = home / "teacher.jsonl"
    rows = {to_json({data.column: prompt, data.teacher_column: "Yes."}) for prompt in asked}
    file.write_text("".join(f"{row}\n" for row in sorted(rows)), encoding="utf-8")
    return replace(data, teacher=str(file), split="train")


def _tokenizer(name: str, replaced: list[str]):
    """The model's own tokenizer where a local folder has it, else one of bytes."""
    if Path(name).is_dir():
        return load_tokenizer(name)
    replaced.append(f"model {name} is not a folder here; a tiny random Llama on bytes stands in")
    return byte_tokenizer()
