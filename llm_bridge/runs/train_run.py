"""One training from configuration to last model: records, checkpoints, samples, and the way back after a kill."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY

from ..decoding.eager import sample
from ..decoding.roles import pure
from ..evaluation.model_check import quick_check
from ..evaluation.stopping import is_best, reason_to_stop
from ..judges.chat.options import OF_THE_WAY
from ..judges.orders import unreadable_text
from ..parallel.processes import Processes
from ..quiet import quiet
from ..storage.checkpoint import save_state
from ..storage.model_card import model_card, save_final, step_text
from ..storage.run_folder import BEST, FINAL, ReadOnlyRunFolder, RunFolder
from ..storage.trackers import make_trackers
from ..training.trainer import Trainer
from .building.assembly import assemble, make_trainer
from .building.models import trained_text
from .building.parts import RunParts
from .configuration.config import Config, located, versions
from .ensemble import train_members

#: Seconds after which a state is written even in the middle of a fit.
INTERVAL = 600.0
#: Prompts whose responses are shown at every record.
SHOWN = 8


@quiet()
def train_run(
    config: Config,
    *,
    resume: bool = False,
    progress: Callable[[Trainer, dict | None], None] | None = None,
    say: Callable[[str], None] | None = None,
    interval: float = INTERVAL,
) -> tuple[RunFolder, Trainer, RunParts]:
    """Train by a configuration into its folder; with ``resume`` go on from the last checkpoint, to the same bits.

    Parameters
    ----------
    config : Config
    resume : bool
    progress : callable or None
        Called when training begins, and after every optimiser step, with the trainer and the newest record, or None
        where none was made.
    say : callable or None
        Function that is told what is trained on, and what was checked of it, in lines, before training begins.
    interval : float
        Seconds after which a state is written even in the middle of a fit.

    Returns
    -------
    folder : RunFolder
    trainer : Trainer
    parts : RunParts

    Raises
    ------
    NashsimError
        For parts that do not fit, a folder that holds another run, a disk that is full, a loss that stops being finite
        (its batch is saved beside the run), or a model whose numbers are not those of its own forward.
    """
    config = located(config)
    fit = config.algorithm.build().fit
    if config.data.pairs is not None and fit.members > 1 and fit.member is None:
        how = {"progress": progress, "interval": interval}
        return train_members(config, train_run, resume=resume, say=say, **how)
    processes, out = Processes.current(), config.output.folder
    if processes.main:
        trackers = make_trackers(config.output.trackers, out, {"configuration": config.to_yaml()})
        folder = RunFolder(out, keep=config.output.keep, resume=resume, trackers=trackers)
    else:
        folder = ReadOnlyRunFolder(out)
    parts = assemble(config)
    notes = [*parts.notes, trained_text(parts.policy)]
    trainer = make_trainer(config, parts)
    folder.begin(_identity(config), (*OF_THE_WAY, "threads"))
    processes.wait()
    found = folder.checkpoints.latest()
    processes.wait()
    if found is not None:
        trainer.load_state_dict(found[1])
    elif config.model.name is not None:
        notes.append(f"model checked: {quick_check(parts.policy)}")
    # Records of the checkpoint are the truth; what was written after it will be made again.
    folder.restart(trainer.records)
    try:
        _advance(config, folder, trainer, parts, progress, interval, notes if processes.main else (), say)
    except NashsimError:
        if trainer.batch is not None and processes.main:
            save_state(
                folder.path / "failed", {"batch": trainer.batch.state_dict(), "iteration": trainer.iteration}
            )
        raise
    finally:
        folder.close()
    if say and processes.main and (told := unreadable_text(getattr(parts.judge, "judge", parts.judge))):
        say(told)
    trainer.make_policy_live()
    _write_model(config, folder.path / FINAL, trainer, parts)
    return folder, trainer, parts


def _identity(config: Config) -> str:
    """The configuration as it is kept: versions and trackers may change between a run and its resumption."""
    import yaml

    told = yaml.safe_load(config.to_yaml())
    told.pop("versions")
    told["output"].pop("trackers")
    # A longer run may go on from a shorter one, unless the rates of the shorter one knew its end.
    if config.training.schedule == "constant" and not config.training.warmup:
        told["training"].pop("iterations")
    # What ends a training, or is kept of it, changes none of its records.
    for key in ("stop_kl", "patience", "keep_best"):
        told["evaluation"].pop(key)
    # Sums of other threads end in other bits: a run that goes on takes as many, unless it is told.
    return yaml.safe_dump(told | {"threads": torch.get_num_threads()}, sort_keys=False)


def _advance(
    config: Config,
    folder: RunFolder,
    trainer: Trainer,
    parts: RunParts,
    progress,
    interval: float,
    notes,
    say,
) -> None:
    """Train until all iterations are done; write records as they are made and states when they are due.

    Notes are said once the first optimiser step is done: what is wrong before is said alone.
    """
    training, processes, saved = config.training, parts.source.processes, time.monotonic()
    progress, notes = progress or (lambda trainer, made: None), list(notes if say else ())

    def recorded(made: dict) -> None:
        folder.record(made)
        # Who enumerates every response shows none.
        if not parts.source.exact:
            folder.samples(trainer.iteration, _said(trainer, parts, training.seed))
        if config.evaluation.keep_best and is_best(config.evaluation, trainer.records):
            _write_model(config, folder.path / BEST, trainer, parts)

    def ticked(ended: bool, made: dict | None) -> bool:
        nonlocal saved
        stop = None if made is None else reason_to_stop(config.evaluation, trainer.records)
        while notes:
            say(notes.pop(0))
        due = ended and trainer.iteration % training.checkpoint_every == 0
        late = time.monotonic() - saved > interval
        if parts.policy.sharded:
            # A state is put together by all processes, whose clocks differ.
            late = processes.most(late, parts.policy.device) > 0
        if due or late or stop or trainer.iteration == training.iterations:
            folder.checkpoints.save(_ticks(trainer), trainer.state_dict())
            saved = time.monotonic()
        progress(trainer, made)
        if stop and say and processes.main:
            say(f"ends after iteration {trainer.iteration}: {stop}")
        return bool(stop)

    progress(trainer, None)
    if reason_to_stop(config.evaluation, trainer.records) is None:
        trainer.run(training.iterations, config.evaluation.every, recorded=recorded, ticked=ticked)


def _ticks(trainer: Trainer) -> int:
    """A number that grows with every optimiser step, to name a state by."""
    stages = len(trainer.algorithm.rule.steps(trainer.tau, trainer.iteration))
    per_stage = trainer.settings.fit_steps + 1
    return (trainer.iteration * stages + trainer.stage) * per_stage + trainer.done


def _said(trainer: Trainer, parts: RunParts, seed: int) -> list[dict]:
    """What the policy says to the first prompts, for people to read."""
    prompts = parts.prompts[:SHOWN]
    with torch.no_grad(), parts.policy.gathered([POLICY]):
        drawn = sample(parts.policy, prompts, {"shown": pure(seed=seed)}, parts.source.length)["shown"]
    return [
        {"prompt": parts.texts[i], "response": parts.decode(y), "log_prob": float(drawn.log_probs[i])}
        for i, y in enumerate(drawn.sequences.responses())
    ]


def _write_model(config: Config, folder: Path, trainer: Trainer, parts: RunParts) -> None:
    """Write the model in the live weights with its card; all processes give what they have of it."""
    processes, state = parts.source.processes, parts.policy.state()
    if processes.main:
        save_final(
            parts.policy, folder, _card(config, trainer, parts), tokenizer=parts.tokenizer, state=state
        )
    processes.wait()


def _card(config: Config, trainer: Trainer, parts: RunParts) -> str:
    algorithm = trainer.algorithm
    apart = {"step", "queries", "comparisons", *trainer.descent}
    last = {k: v for k, v in trainer.records[-1].items() if k not in apart}
    return model_card(
        name=Path(config.output.folder).name,
        rule=algorithm.name,
        parameters=config.algorithm.parameters,
        tau=trainer.tau,
        step=step_text(algorithm.rule, trainer.tau),
        base=parts.names["base"],
        data=parts.names["data"],
        judge=parts.names["judge"],
        evaluation=last,
        weights=trained_text(parts.policy),
        departures=[algorithm.departure] if algorithm.departure else [],
        versions=versions(),
    )
