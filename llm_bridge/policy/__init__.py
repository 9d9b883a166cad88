"""A causal language model as a policy: log-probabilities, frozen copies, named policies of a rule."""

from .causal_policy import CausalPolicy

__all__ = ["CausalPolicy"]
