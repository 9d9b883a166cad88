"""What theory predicts, measured: fitted rates, and claims that a machine checks."""

from .claims import CLAIMS, Claim, Control, Domain, Evidence, Instance, get_claim
from .fits import Fit, fit_rate
from .rates import KL_FLOOR, fit_linear_rate, proved_rate, queries_to
from .verification import Finding, verify

__all__ = [
    "CLAIMS",
    "KL_FLOOR",
    "Claim",
    "Control",
    "Domain",
    "Evidence",
    "Finding",
    "Fit",
    "Instance",
    "fit_linear_rate",
    "fit_rate",
    "get_claim",
    "proved_rate",
    "queries_to",
    "verify",
]
