"""What theory predicts, measured."""

from .growth import Estimate, LawFit, law_of_rounds, mean_band, power_of_rounds, slope_in_inverse_tau
from .rates import KL_FLOOR, fit_linear_rate, proved_rate, queries_to

__all__ = [
    "KL_FLOOR",
    "Estimate",
    "LawFit",
    "fit_linear_rate",
    "law_of_rounds",
    "mean_band",
    "power_of_rounds",
    "proved_rate",
    "queries_to",
    "slope_in_inverse_tau",
]
