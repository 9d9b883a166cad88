"""The section of a configuration on prompts and pairs: where they come from, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass, field

from nashsim.errors import NashsimError


@dataclass(frozen=True)
class DataConfig:
    """Prompts that the policy answers itself (on-policy), or pairs that are trained on as they are (offline).

    ``prompts`` is a file or dataset of them; a ``task`` brings its own. ``pairs`` is a file or dataset of preference
    pairs, for dpo, ipo, kto, una, rdro and pepo, whose prompts stand in ``column`` and whose other options are those of
    ``llm_bridge.data.load_pairs``; kto, una and rdro take marked responses too (columns completion and label), and una
    reads ``scores`` as one of each response, ``scale`` the largest. ``too_long: cut`` is for pairs alone.

    ``teacher`` is a file or dataset of a stronger model's responses (columns ``column`` and ``teacher_column``), one of
    which joins the policy's own in every pair-making; ``unanswered`` prompts are refused, or rank their ``own`` alone.
    Responses are cut at ``sampling.length`` tokens, as the policy's own are.
    """

    task: str | None = None
    parameters: dict = field(default_factory=dict)
    prompts: str | None = None
    pairs: str | None = None
    split: str = "train"
    column: str = "prompt"
    first: str = "chosen"
    second: str = "rejected"
    probability: str | None = None
    scores: tuple[str, ...] = ()
    scale: float = 1.0
    equal: str = "refuse"
    template: str = "plain"
    limit: int | None = None
    too_long: str = "refuse"
    teacher: str | None = None
    teacher_column: str = "response"
    unanswered: str = "refuse"


def check_data(config) -> None:
    """Raise NashsimError where data, model and judge do not fit together.

    Parameters
    ----------
    config : Config
        Configuration whose sections are each of the right types.
    """
    found = [key for key in ("task", "prompts", "pairs") if getattr(config.data, key) is not None]
    if len(found) != 1:
        raise NashsimError(
            "data: one of data.task, data.prompts (on-policy) and data.pairs (offline) is needed, found"
            f" {' and '.join(found) or 'none'}{'; set the other to null' if found else ''}"
        )
    if config.data.pairs is not None and config.model.name is None:
        raise NashsimError("data.pairs: own pairs need model.name")
    if config.data.prompts is not None and (config.model.name is None or config.judge.kind == "task"):
        raise NashsimError("data.prompts: own prompts need model.name and a judge of their own (judge.kind)")
    if config.data.teacher is not None and config.data.prompts is None:
        raise NashsimError("data.teacher: a task's prompts and given pairs have none; it needs data.prompts")
