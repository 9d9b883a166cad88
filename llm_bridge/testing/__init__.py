"""Tests for losses and samplers of your own: against exact steps and gradients on models that can be enumerated."""

from .check import CHECKS, LossCheckError, check_loss
from .claims import CLAIMS
from .example import Example
from .sampler import check_sampler

__all__ = ["CHECKS", "CLAIMS", "Example", "LossCheckError", "check_loss", "check_sampler"]
