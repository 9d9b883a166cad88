"""What a training is made of, whichever way its configuration asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ...judges import Judge
from ...policy.causal_policy import CausalPolicy
from ...training.source import Source
from ..configuration.config import Config


@dataclass(eq=False)
class RunParts:
    """Everything that a training is made of.

    Attributes
    ----------
    policy : CausalPolicy
    prompts : list of tuple of int
    source : Source
    measure : callable
    tokenizer : transformers.PreTrainedTokenizerBase or None
    judge : Judge
        Judge of token ids.
    texts : list
        Prompts as they were read, for samples that people look at.
    decode : callable
        Function from token ids to text.
    names : dict of str to str
        Names of data, judge and base model, for the card.
    notes : list of str
        Lines on what is trained on, said before training begins.
    evaluated : list of (tuple of int, text)
        Prompts that policies are evaluated on, by their ids and as they were read; those of training where there are
        no others.
    """

    policy: CausalPolicy
    prompts: list[tuple[int, ...]]
    source: Source
    measure: Callable
    tokenizer: object
    judge: Judge
    texts: list
    decode: Callable
    names: dict[str, str]
    notes: list[str] = field(default_factory=list)
    evaluated: list[tuple] = field(default_factory=list)

    def __post_init__(self):
        if not self.evaluated:
            self.evaluated = list(zip(self.prompts, self.texts, strict=True))


def names_of(config: Config, data: str) -> dict[str, str]:
    """Return the names of data, judge and base model, for the card of the trained model.

    Parameters
    ----------
    config : Config
    data : str
        Name of the data.
    """
    return {
        "data": data,
        "judge": config.judge.title,
        "base": config.model.name or "a model of the task's own",
    }
