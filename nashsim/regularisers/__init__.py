"""Regularisers of preference games: one file per kind, each with its link, inverse link and conjugate."""

from .kl import KL
from .projection import divergence, normalise, ratios
from .registry import REGULARISERS, get_regulariser
from .regulariser import Regulariser

__all__ = ["KL", "REGULARISERS", "Regulariser", "divergence", "get_regulariser", "normalise", "ratios"]
