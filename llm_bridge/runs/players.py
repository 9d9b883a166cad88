"""Who plays: the last policies of runs, their checkpoints and their reference, as weights and as answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE

from ..decoding.roles import pure
from ..evaluation.text_measure import response_statistics
from ..models.adapters import CONFIG as ADAPTERS
from ..models.adapters import trained_part
from ..models.loading import load_language_model
from ..policy.causal_policy import CausalPolicy
from ..policy.named_policies import ITERATE
from ..quiet import quiet
from ..storage.checkpoint import Checkpoints, load_state
from ..storage.run_folder import FINAL, STATES, config_of
from .building.assembly import assemble
from .building.parts import RunParts
from .configuration.config import load_config
from .ensemble import Ensemble, gathered, is_ensemble, member_folders


def players_of(
    parts: RunParts, runs: list[Path], checkpoints: bool
) -> Iterator[tuple[str, dict | Ensemble | None]]:
    """Yield names and live weights or ensembles, the reference first: None, its weights are there at the start.

    Parameters
    ----------
    parts : RunParts
        Parts of the first run.
    runs : list of Path
        Folders of runs, of ensembles or of models.
    checkpoints : bool
        Whether every checkpoint that stands is a player too.
    """
    yield REFERENCE, None
    seen: dict[str, int] = {}
    for run in runs:
        label = run.name or str(run)
        seen[label] = seen.get(label, 0) + 1
        if seen[label] > 1:
            label = f"{label} ({seen[label]})"
        if checkpoints:
            kept = Checkpoints(run / STATES)
            for step in kept.steps()[:-1]:
                state = load_state(kept.path(step))
                yield f"{label} @ {state['iteration']}", _rule_policy(state)
        if is_ensemble(run):
            yield label, gathered(parts.policy, member_folders(run))
            continue
        final = run / FINAL if (run / FINAL).exists() else run
        yield label, weights_of(parts.policy, final)


def _rule_policy(state: dict) -> dict:
    """The rule's own policy in a state, which may have something else in its live weights."""
    return state["weights"] if state["live"] == POLICY else state["past"][ITERATE]


def weights_of(policy: CausalPolicy, folder: Path) -> dict[str, torch.Tensor]:
    """Return the trainable weights of a model on disk, by the names that a policy knows them under.

    Parameters
    ----------
    policy : CausalPolicy
        Policy of the same architecture.
    folder : Path
        Folder of a model, or of adapters.

    Raises
    ------
    NashsimError
        For no folder, or a model of other layers.
    """
    if not folder.is_dir():
        raise NashsimError(f"run: {str(folder)!r} is no folder of a run or of a model")
    live = policy.weights()
    if hasattr(policy.model, "peft_config") and (folder / ADAPTERS).exists():
        found = trained_part(policy.model, folder)
        return {f"causal.{name}": v.to(live[f"causal.{name}"]) for name, v in found.items()}
    model = load_language_model(str(folder), "run").requires_grad_(True)
    other = CausalPolicy(model, eos=policy.ends, pad=policy.pad, temperature=policy.temperature)
    found = {k: v for k, v in other.weights().items() if k in live}
    if found.keys() != live.keys() or any(found[k].shape != live[k].shape for k in live):
        raise NashsimError(f"run: the model of {str(folder)!r} has other layers than the first run's")
    return {k: v.to(live[k]) for k, v in found.items()}


@quiet()
def run_answers(
    run: Path, prompts: int = 64, samples: int = 4, seed: int = 0, reference: bool = False
) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Return what the last policy of a run answers to its prompts of evaluation, and statistics of these answers.

    Parameters
    ----------
    run : Path
        Folder of the run.
    prompts, samples : int
        Largest number of prompts, and answers to each.
    seed : int
        Seed of the answers; players that are compared need different ones.
    reference : bool
        Whether the reference answers instead.

    Returns
    -------
    answers : dict of str to list of str
        Texts by the text of their prompt.
    statistics : dict of str to float
        ``kl`` to the reference with ``kl_error``, ``length`` and ``cut_off``.
    """
    parts = assemble(load_config(config_of(run)))
    if not reference:
        parts.policy.load_weights(weights_of(parts.policy, run / FINAL))
    chosen, texts = map(list, zip(*parts.evaluated[:prompts], strict=True))
    rows = [x for x in chosen for _ in range(samples)]
    roles = {"answer": pure(seed=seed)}
    drawn = parts.source.engine(parts.policy, rows, roles, parts.source.length)["answer"].sequences
    said = [parts.decode(y) for y in drawn.responses()]
    answers = {text: said[k * samples : (k + 1) * samples] for k, text in enumerate(texts)}
    return answers, response_statistics(parts.policy, drawn, samples=samples)
