"""The model that a training ends with: a folder that ``from_pretrained`` loads, with a card that says what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from nashsim.files import atomic_folder
from nashsim.rules import Rule

from ..models.saving import save_model_files
from ..policy.causal_policy import CausalPolicy


def save_final(
    policy: CausalPolicy,
    folder: str | Path,
    card: str,
    *,
    tokenizer=None,
    state: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write model, tokenizer and card, whole or not at all.

    A LoRA policy is written as its adapter, which ``peft.AutoPeftModelForCausalLM.from_pretrained`` (and
    ``AutoModelForCausalLM`` of transformers with peft installed) loads over its base, from any folder of this machine;
    one that began from an adapter as a single adapter that holds both.

    Parameters
    ----------
    policy : CausalPolicy
        Policy whose live weights are written.
    folder : str or Path
        Folder for the model.
    card : str
        Card in Markdown, see :func:`model_card`.
    tokenizer : transformers.PreTrainedTokenizerBase or None
        Tokenizer to write beside it.
    state : mapping of str to Tensor, or None
        Whole weights of the model, where the policy's are shared out over processes.

    Raises
    ------
    NashsimError
        For a folder that cannot be written.
    """
    with atomic_folder(folder) as temporary:
        save_model_files(policy.model, temporary, folder, state)
        if tokenizer is not None:
            tokenizer.save_pretrained(temporary)
        (temporary / "README.md").write_text(card, encoding="utf-8")


def model_card(
    *,
    name: str,
    rule: str,
    parameters: Mapping[str, object],
    tau: float,
    step: str,
    base: str,
    data: str,
    judge: str,
    evaluation: Mapping[str, float],
    weights: str = "",
    departures: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
) -> str:
    """Return a model card: data, rule, tau, step, evaluation, and where the fit departs from the rule.

    Parameters
    ----------
    name : str
        Name of the model.
    rule : str
        Name of the algorithm.
    parameters : mapping
        Parameters of the algorithm.
    tau : float
        KL regularisation.
    step : str
        Forward step eta, or its schedule.
    base : str
        Model that the training began with, its reference.
    data : str
        Source of the prompts.
    judge : str
        Kind of the judge, and its path.
    evaluation : mapping of str to float
        Metrics of the last record.
    weights : str
        What of the model was trained.
    departures : sequence of str
        Named departures from the exact update.
    versions : mapping of str to str or None
        Versions of the packages.

    Examples
    --------
    >>> print(model_card(name="m", rule="inpo", parameters={}, tau=0.1, step="eta = 1", base="b", data="d",
    ...                  judge="j", evaluation={"duality_gap": 0.01}).splitlines()[7])
    # m
    """
    rows = "\n".join(f"| {metric} | {value:.6g} |" for metric, value in evaluation.items())
    options = ", ".join(f"{k} = {v}" for k, v in parameters.items()) or "its defaults"
    lines = [
        "---",
        "library_name: transformers",
        "tags: [preference-optimization, nash-learning-from-human-feedback]",
        f"base_model: {base}",
        "---",
        "",
        "<!-- Written by llm_bridge at the end of training. -->",
        f"# {name}",
        "",
        "A policy trained towards the KL-regularised Nash equilibrium of pairwise preferences.",
        "",
        f"- **Rule**: {rule} ({options})",
        f"- **Regularisation**: tau = {tau:g}, towards the reference `{base}`",
        f"- **Step**: {step}",
        f"- **Prompts**: {data}",
        f"- **Judge**: {judge}",
        *([f"- **Weights**: {weights}"] if weights else []),
        *(f"- **Departure from the rule**: {text}" for text in departures),
        "",
        "## Evaluation",
        "",
        "| metric | last record |",
        "|---|---|",
        rows or "| none | – |",
    ]
    if versions:
        lines += ["", "Made with " + ", ".join(f"{k} {v}" for k, v in versions.items()) + "."]
    return "\n".join(lines) + "\n"


def step_text(rule: Rule, tau: float) -> str:
    """Return the forward step eta of a rule's first steps, and of iteration 200 where it is a schedule.

    Parameters
    ----------
    rule : Rule
        Rule with its parameters.
    tau : float
        KL regularisation.

    Examples
    --------
    >>> from nashsim.rules import INPO, OMD
    >>> step_text(OMD(step=0.5), 0.1)
    'eta = 0.5'
    >>> step_text(INPO(), 0.1)
    'eta = 10 at first, 0.0990099 at iteration 200'
    """
    first, later = (_etas(rule, tau, t) for t in (0, 200))
    if first == later:
        return f"eta = {first}"
    return f"eta = {first} at first, {later} at iteration 200"


def _etas(rule: Rule, tau: float, t: int) -> str:
    return ", ".join(f"{float(step.eta):g}" for step in rule.steps(tau, t) if step.opponent)
