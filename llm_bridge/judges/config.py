"""The section of a configuration on who compares, and the values of it that do not fit together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeVar

from nashsim.errors import NashsimError

from .chat.options import OpenAIOptions

#: Kinds of judges of texts, which may all be criteria, and those of them that need a path.
KINDS = ("preference-model", "reward-model", "length", "callable", "openai")
WITH_PATH = ("preference-model", "reward-model", "callable")


@dataclass(frozen=True)
class JudgeOptions:
    """What a judge of texts is told, whether it stands alone or is one criterion of several.

    ``scale`` is the reward a unit of log-odds, or the log-odds a token of ``length``, which counts the tokens of a
    response's text in the policy's tokenizer and likes short ones where it is negative. ``both_orders``, ``retries``
    (None: 2, of ``openai`` 6) and ``cache`` (answers kept in memory) are those of ``llm_bridge.judges.CallableJudge``,
    for ``callable`` and ``openai``. ``cache_file`` keeps their answers on disk (None: those of ``openai`` in the run's
    folder, those of ``callable`` nowhere), so that a run that goes on asks nothing twice; those of ``callable`` stand
    as long as the function's file does not change.
    """

    kind: str = "task"
    path: str | None = None
    batch: int = 16
    scale: float = 1.0
    both_orders: bool = True
    retries: int | None = None
    cache: int = 100_000
    cache_file: str | None = None
    openai: OpenAIOptions = field(default_factory=OpenAIOptions)

    def __post_init__(self):
        for key, low in (("batch", 1), ("retries", 0), ("cache", 0)):
            value = getattr(self, key)
            if value is not None and value < low:
                raise NashsimError(f"{key}: a whole number >= {low} is needed, found {value}")
        if self.scale == 0 or (self.scale < 0 and self.kind != "length"):
            raise NashsimError(f"scale: a number > 0 is needed (length: not 0), found {self.scale:g}")
        if self.kind in WITH_PATH and self.path is None:
            raise NashsimError(f"path: a judge of kind {self.kind!r} needs one")
        if self.kind == "openai" and self.openai.model is None:
            raise NashsimError("openai.model: the name that the endpoint knows its model by is needed")


#: A judge, or one of its criteria.
AnyJudge = TypeVar("AnyJudge", bound=JudgeOptions)


@dataclass(frozen=True)
class CriterionConfig(JudgeOptions):
    """A judge as one of several criteria: its weight, and its name in records (None: the function's, or the kind)."""

    kind: str = ""
    name: str | None = None
    weight: float = 1.0

    def __post_init__(self):
        _check_kind(self.kind, KINDS)
        super().__post_init__()
        if not self.weight > 0:
            raise NashsimError(f"weight: a number > 0 is needed, found {self.weight:g}")

    @property
    def label(self) -> str:
        """Name of the criterion in records."""
        if self.name is not None:
            return self.name
        return self.path.rpartition(":")[2] if self.kind == "callable" and self.path else self.kind


@dataclass(frozen=True)
class JudgeConfig(JudgeOptions):
    """Who compares: ``task``, one judge of texts by its kind, or ``criteria``, several of them as a mixture.

    A training on ``data.pairs`` needs none, and has one to measure win rates; ``task`` is none there. With ``duels``
    every answer is a coin of the judge's probability.
    """

    duels: bool = False
    criteria: tuple[CriterionConfig, ...] = ()

    def __post_init__(self):
        _check_kind(self.kind, ("task", *KINDS, "criteria"))
        super().__post_init__()
        if (self.kind == "criteria") != bool(self.criteria):
            raise NashsimError(
                f"criteria: a list of judges is needed by kind criteria, and by no other; found {len(self.criteria)}"
                f" for kind {self.kind!r}"
            )
        names = [criterion.label for criterion in self.criteria]
        if len(set(names)) < len(names):
            raise NashsimError(
                f"criteria: each needs a name of its own, found {', '.join(names)}; set their name"
            )

    @property
    def shares(self) -> list[float]:
        """Shares of the criteria in the mixture: their weights over the sum of all."""
        total = math.fsum(criterion.weight for criterion in self.criteria)
        return [criterion.weight / total for criterion in self.criteria]

    @property
    def title(self) -> str:
        """Name of the judge for people: its kind and path, or its criteria with their shares."""
        if self.criteria:
            each = (f"{c.label} {share:.2g}" for c, share in zip(self.criteria, self.shares, strict=True))
            return f"criteria ({', '.join(each)})"
        path = self.openai.model if self.kind == "openai" else self.path
        return self.kind if path is None else f"{self.kind} ({path})"


def _check_kind(kind: str, accepted: tuple[str, ...]) -> None:
    if kind not in accepted:
        raise NashsimError(f"kind: one of {', '.join(accepted)} is needed, found {kind!r}")
