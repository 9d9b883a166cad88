"""Fixed logs of duels: the plug-in Nash and what it costs, pessimism, DPO and PEPO, bandits, coverage, real votes."""

from .bandits import Bandit
from .coverage import Coverage, concentrability, error_constant
from .dpo import offline_dpo, tie_mass
from .logs import PAIRS, pair_policies, pair_shares, votes_log
from .models import MODELS, fit_preference, misspecification
from .pepo import Ensemble, pepo, pepo_ensemble
from .pessimism import lower_bound, saddle_point
from .plug_in import PlugIn, plug_in, population_floor, true_gap
from .study import METHODS, run_offline

__all__ = [
    "MODELS",
    "METHODS",
    "PAIRS",
    "Bandit",
    "Coverage",
    "Ensemble",
    "PlugIn",
    "concentrability",
    "error_constant",
    "fit_preference",
    "lower_bound",
    "misspecification",
    "offline_dpo",
    "pair_policies",
    "pair_shares",
    "pepo",
    "pepo_ensemble",
    "plug_in",
    "population_floor",
    "run_offline",
    "saddle_point",
    "tie_mass",
    "true_gap",
    "votes_log",
]
