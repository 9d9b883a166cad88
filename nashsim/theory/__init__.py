"""Theory that can fail: claims and their verification, and the rates and growth laws of recorded curves."""

from .claims import CLAIMS, Claim, Control, Domain, Evidence, Instance, get_claim
from .fits import Fit, fit_rate
from .growth import Estimate, LawFit, law_of_rounds, mean_band, power_of_rounds, slope_in_inverse_tau
from .proofs import Proof, check, prove
from .rates import KL_FLOOR, fit_linear_rate, proved_rate, queries_to
from .verification import Verification, verify

__all__ = [
    "CLAIMS", "KL_FLOOR", "Claim", "Control", "Domain", "Estimate", "Evidence", "Verification", "Fit", "Instance",
    "LawFit", "Proof", "check", "fit_linear_rate", "fit_rate", "get_claim", "law_of_rounds", "mean_band",
    "power_of_rounds", "prove", "proved_rate", "queries_to", "slope_in_inverse_tau", "verify",
]  # fmt: skip
