"""Algorithms: a rule of nashsim, and the loss that carries its steps to a language model."""

from .registry import ALGORITHMS, Algorithm, get_algorithm

__all__ = ["ALGORITHMS", "Algorithm", "get_algorithm"]
