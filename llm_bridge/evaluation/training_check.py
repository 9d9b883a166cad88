"""Whether a model trains, goes on from a checkpoint, and comes back from disk as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from nashsim.errors import NashsimError
from nashsim.rules import REFERENCE

from ..judges import LengthJudge
from ..models.adapters import with_adapters
from ..models.loading import load_model
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from ..storage.checkpoint import load_state, save_state
from ..storage.model_card import save_final
from ..training.settings import Settings
from ..training.source import Sampled
from ..training.trainer import Trainer
from .model_check import Finding, Probe

#: Two prompts, two optimiser steps an iteration: enough for an optimiser's memory to matter.
SETTINGS = Settings(fit_steps=2, lr=1e-3, prompts=2)


def check_training(policy: CausalPolicy, folder: str | Path) -> Iterator[Finding]:
    """Yield the findings on resumption, reloading and adapters; the live weights are written back at the end.

    Parameters
    ----------
    policy : CausalPolicy
        Policy to check, whose reference is its base.
    folder : str or Path
        Folder for what is written; the caller's to remove.
    """
    weights, probe = policy.weights(), Probe(policy)
    try:
        yield _resumed(policy, probe, weights, Path(folder))
        yield _reloaded(policy, probe, Path(folder))
    finally:
        policy.load_weights(weights)
    if hasattr(policy.model, "disable_adapter"):
        yield Finding("adapters", None, detail="the model has some already")
    else:
        yield from _adapters(policy, probe, Path(folder))


def _resumed(policy: CausalPolicy, probe: Probe, weights: dict, folder: Path) -> Finding:
    """Whether two iterations in one go and with a checkpoint between them end at the same bits."""

    def trainer() -> Trainer:
        policy.load_weights(weights)
        # Of token ids, since responses to so few prompts may all be equally long.
        source = Sampled(LengthJudge(0.01, length=sum), probe.length)
        return Trainer(policy, probe.prompts[:2], "inpo", source, tau=0.1, settings=SETTINGS)

    trainer().run(2)
    whole = policy.weights()
    first = trainer().run(1)
    save_state(folder / "state", first.state_dict())
    second = trainer()
    second.load_state_dict(load_state(folder / "state", policy.device))
    second.run(2)
    found = policy.weights()
    moved = any(not torch.equal(whole[key], weights[key]) for key in whole)
    same = all(torch.equal(found[key], whole[key]) for key in whole)
    return Finding("resumed training", moved and same, detail="" if moved else "no weight moved")


@torch.no_grad()
def _reloaded(policy: CausalPolicy, probe: Probe, folder: Path) -> Finding:
    """Whether the trained model that is written loads as the policy that it was."""
    rows = Sequences.of(probe.prompts, probe.responses, policy.pad)
    save_final(policy, folder / "final", "")
    if hasattr(policy.model, "disable_adapter"):
        return Finding("final model reloaded", None, detail="adapters load over their base")
    model = load_model(str(folder / "final"), dtype=policy.module.causal.dtype).to(policy.device)
    found = _same_policy(policy, model).sequence_log_probs(rows)
    return probe.near("final model reloaded", found, policy.sequence_log_probs(rows).double())


def _same_policy(policy: CausalPolicy, model) -> CausalPolicy:
    options = {"temperature": policy.temperature, "rows": policy.rows, "padding": policy.module.padding}
    return CausalPolicy(model, eos=policy.ends, pad=policy.pad, **options)


@torch.no_grad()
def _adapters(policy: CausalPolicy, probe: Probe, folder: Path) -> Iterator[Finding]:
    """The reference beside moved adapters is the base, and moved adapters load over it as they were."""
    rows = Sequences.of(probe.prompts, probe.responses, policy.pad)
    save_final(policy, folder / "base", "")
    base = load_model(str(folder / "base"), dtype=policy.module.causal.dtype).to(policy.device)
    try:
        adapted = _same_policy(policy, with_adapters(base, 2))
    except NashsimError as error:
        yield Finding("adapters", None, detail=f"refused: {error}")
        return
    draw = torch.Generator().manual_seed(0)
    for weight in adapted.parameters():
        weight += 0.05 * torch.randn(weight.shape, generator=draw).to(weight)
    yield probe.near(
        "reference beside moved adapters", adapted.sequence_log_probs(rows, REFERENCE), probe.exact
    )
    save_final(adapted, folder / "adapter", "")
    from peft import PeftModel

    again = load_model(str(folder / "base"), dtype=policy.module.causal.dtype).to(policy.device)
    again = _same_policy(policy, PeftModel.from_pretrained(again, str(folder / "adapter")))
    mine = adapted.sequence_log_probs(rows).double()
    yield probe.near("adapters reloaded", again.sequence_log_probs(rows), mine)
