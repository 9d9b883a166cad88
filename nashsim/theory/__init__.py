"""What theory predicts, measured."""

from .rates import KL_FLOOR, fit_linear_rate, proved_rate, queries_to

__all__ = ["KL_FLOOR", "fit_linear_rate", "proved_rate", "queries_to"]
