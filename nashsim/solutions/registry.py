"""Every solution concept of the package, found by the file it stands in."""

from __future__ import annotations

from ..discovery import named_classes
from .concept import Concept

#: Every concept, the equilibria first.
CONCEPTS: tuple[type[Concept], ...] = named_classes(
    __package__, Concept, ("equilibria", "rlhf", "scores", "stackelberg", "proportional")
)
