"""An ensemble of policies of disjoint parts of the given pairs: trained one after the other, believed where they agree.

A response is taken with the least of its probabilities over all members, whole; where every try is rejected there is
none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.files import to_json, write_text

from ..decoding.eager import sample
from ..decoding.roles import Engine, pure, uniforms
from ..judges import Comparison
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from ..storage.run_folder import FINAL, config_of
from .building.assembly import assemble
from .building.parts import RunParts
from .configuration.config import Config, load_config

#: What is known of an ensemble, beside its members' folders.
DESCRIPTION = "ensemble.json"
#: Tries of a response before nothing is said.
TRIES = 10


@dataclass(frozen=True)
class Ensemble:
    """Named policies that a response is put to: q(y | x) = min_l pi_l(y | x).

    Attributes
    ----------
    policy : CausalPolicy
        Weights of all members, by their names.
    members : tuple of str
        Their names.
    """

    policy: CausalPolicy
    members: tuple[str, ...]

    def log_probs(self, responses: Sequences) -> torch.Tensor:
        """Return log pi_l of every response, float64, shape (members, rows).

        Parameters
        ----------
        responses : Sequences
            Responses beside their prompts.
        """
        with torch.no_grad():
            return torch.stack(
                [self.policy.sequence_log_probs(responses, name).double() for name in self.members]
            )

    def sample(
        self,
        prompts: Sequence[tuple[int, ...]],
        length: int,
        *,
        tries: int = TRIES,
        seed: int = 0,
        engine: Engine = sample,
    ) -> list[tuple[int, ...] | None]:
        """Draw one response a prompt from q/Z, Z = sum_y q(y), by rejection; None where all tries were rejected.

        y ~ pi_0 is taken with probability min_l pi_l(y)/pi_0(y): one try succeeds with probability Z, and nothing is
        said with probability (1 - Z)^tries [derived].

        Parameters
        ----------
        prompts : sequence of tuple of int
            Token ids of the prompts, one a response.
        length : int
            Most tokens of a response.
        tries : int
            Number of tries, at least 1.
        seed : int
            Seed of responses and coins.
        engine : callable
            Sampler with the contract of ``llm_bridge.decoding.eager.sample``.
        """
        if tries < 1:
            raise NashsimError(f"tries: a whole number >= 1 is needed, found {tries!r}")
        found: list[tuple[int, ...] | None] = [None] * len(prompts)
        coins = uniforms(seed, prompts, tries, "rejection")
        waiting = list(range(len(prompts)))
        for k in range(tries):
            rows = [prompts[i] for i in waiting]
            # a purpose of its own a try: a prompt that waits would meet the same response again
            drawn = engine(self.policy, rows, {f"try {k}": pure(self.members[0], seed)}, length)[f"try {k}"]
            logs = self.log_probs(drawn.sequences).cpu().numpy()
            taken = np.log(coins[waiting, k]) < logs.min(axis=0) - logs[0]
            said = drawn.sequences.responses()
            for i, response, is_taken in zip(waiting, said, taken, strict=True):
                found[i] = response if is_taken else None
            waiting = [i for i in waiting if found[i] is None]
            if not waiting:
                break
        return found


def member_folder(folder: str | Path, member: int) -> Path:
    """Return the folder of a member's own run."""
    return Path(folder) / f"member-{member}"


def train_members(config: Config, train: Callable, *, resume: bool = False, say=None, **how):
    """Train every member in a folder of its own, then measure and describe the ensemble; return the last one's run.

    Parameters
    ----------
    config : Config
        Configuration of the whole; a member differs by ``algorithm.parameters.member`` and ``output.folder``.
    train : callable
        Function that trains one member, called as :func:`~llm_bridge.runs.train_run.train_run`.
    resume : bool
        Whether to go on where a member was stopped.
    say : callable or None
        Function that is told lines.
    **how
        Further arguments of ``train``.
    """
    members, out = config.algorithm.build().fit.members, Path(config.output.folder)
    for k in range(members):
        own = member_folder(out, k)
        parameters = {**config.algorithm.parameters, "member": k}
        one = replace(
            config,
            algorithm=replace(config.algorithm, parameters=parameters),
            output=replace(config.output, folder=str(own)),
        )
        done = train(one, resume=resume and own.exists(), say=say, **how)
    _, trainer, parts = done
    ensemble = gathered(parts.policy, [member_folder(out, k) for k in range(members)])
    found = measured(ensemble, parts, config)
    trainer.records[-1].update(found)
    if parts.source.processes.main:
        write_text(out / DESCRIPTION, to_json({"members": members, "tries": TRIES, **found}, indent=2) + "\n")
    if say is not None and parts.source.processes.main:
        say(
            f"ensemble: {members} members in {out}; they agree on {found['agreement']:.3g} of a response's mass, and"
            f" {found['silent']:.3g} of responses are withheld after {TRIES} tries"
        )
    return done


def gathered(policy: CausalPolicy, folders: Sequence[Path]) -> Ensemble:
    """Return the ensemble of the last policies of runs, read into one policy.

    Parameters
    ----------
    policy : CausalPolicy
        Policy of their architecture.
    folders : sequence of Path
        Folders of the members' runs.
    """
    from .players import weights_of

    names = tuple(folder.name for folder in folders)
    for name, folder in zip(names, folders, strict=True):
        policy.load_weights(weights_of(policy, folder / FINAL), name)
    return Ensemble(policy, names)


def load_ensemble(folder: str | Path) -> tuple[Ensemble, RunParts]:
    """Return the ensemble in a folder, and the parts of its first member's run.

    Parameters
    ----------
    folder : str or Path
        Output folder of a training of ``pepo``.

    Raises
    ------
    NashsimError
        For a folder without an ensemble.
    """
    if not is_ensemble(folder):
        raise NashsimError(
            f"ensemble: {str(folder)!r} holds none ({DESCRIPTION} is not there); train pepo into it"
        )
    parts = assemble(load_config(config_of(member_folder(folder, 0))))
    return gathered(parts.policy, member_folders(folder)), parts


def is_ensemble(folder: str | Path) -> bool:
    """Return whether a whole ensemble was trained into a folder."""
    return (Path(folder) / DESCRIPTION).is_file()


def member_folders(folder: str | Path) -> list[Path]:
    """Return the folders of the members' runs, in their order."""
    return sorted(Path(folder).glob("member-*"), key=lambda path: int(path.name.partition("-")[2]))


def evaluated_config(run: str | Path) -> Config:
    """Return the configuration that a run is evaluated by; of an ensemble the members' one, with the rows of all.

    Parameters
    ----------
    run : str or Path
        Folder of a run or of an ensemble.
    """
    config = load_config(config_of(member_folder(run, 0) if is_ensemble(run) else run))
    if is_ensemble(run):
        parameters = {**config.algorithm.parameters, "member": None}
        config = replace(config, algorithm=replace(config.algorithm, parameters=parameters))
    # Answers that the run paid for lie in its folder, wherever that is now.
    return replace(config, output=replace(config.output, folder=str(run)))


def answered(
    ensemble: Ensemble, rows: Sequence[tuple[int, ...]], length: int, seed: int, engine: Engine
) -> tuple[list[tuple[int, ...] | None], dict[str, float]]:
    """Return what an ensemble says to prompts, ``None`` for nothing, and how far its members agree.

    ``agreement`` is the mean of min_l pi_l(y)/pi_0(y) over y ~ pi_0, an estimate of Z; ``silent`` the share of rows
    without a response.

    Parameters
    ----------
    ensemble : Ensemble
        Ensemble to ask.
    rows : sequence of tuple of int
        Token ids of the prompts, one a response.
    length : int
        Most tokens of a response.
    seed : int
        Seed of the responses.
    engine : callable
        Sampler with the contract of ``llm_bridge.decoding.eager.sample``.
    """
    drawn = engine(ensemble.policy, rows, {"first": pure(ensemble.members[0], seed)}, length)["first"]
    logs = ensemble.log_probs(drawn.sequences).cpu().numpy()
    said = ensemble.sample(rows, length, seed=seed, engine=engine)
    return said, {
        "agreement": float(np.exp(logs.min(axis=0) - logs[0]).mean()),
        "silent": sum(y is None for y in said) / len(said),
    }


def measured(ensemble: Ensemble, parts: RunParts, config: Config) -> dict[str, float]:
    """Return what the ensemble says to the prompts of evaluation: agreement, silence, win rate where there is a judge.

    As :func:`answered`, and ``ensemble_win_rate``, which counts the reference's response where nothing is said: 1/2.

    Parameters
    ----------
    ensemble : Ensemble
        Ensemble to measure.
    parts : RunParts
        Prompts, judge and sampler.
    config : Config
        Number of prompts and samples, and the seed.
    """
    chosen = [x for x, _ in parts.evaluated[: config.evaluation.prompts]]
    rows = [x for x in chosen for _ in range(config.evaluation.samples)]
    seed, length, engine = config.training.seed, parts.source.length, parts.source.engine
    said, found = answered(ensemble, rows, length, seed, engine)
    if config.judge.kind == "task":
        return found
    other = engine(ensemble.policy, rows, {"reference": pure("reference", seed)}, length)
    other = other["reference"].sequences.responses()
    asked = [Comparison(x, y, z) for x, y, z in zip(rows, said, other, strict=True) if y is not None]
    won = float(np.sum(parts.judge(asked))) if asked else 0.0
    return found | {"ensemble_win_rate": (won + 0.5 * (len(rows) - len(asked))) / len(rows)}
