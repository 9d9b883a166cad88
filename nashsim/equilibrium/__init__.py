"""Exact equilibria: Newton, CVXPY as the independent witness, the LP lottery; one certificate for all."""

from .agreement import check_agreement
from .certificate import (
    Certificate,
    best_response_distance,
    certify,
    duality_gap,
    exploitability,
    unregularised_gap,
)
from .fixed_point import NewtonPoint, regularised_equilibrium
from .lottery import Lottery, lottery, lottery_in_reach
from .newton import solve_newton
from .result import Equilibrium
from .solve import METHODS, solve
from .systems import System, systems_of
from .witness import solve_cvxpy

__all__ = [
    "METHODS",
    "Certificate",
    "Equilibrium",
    "Lottery",
    "NewtonPoint",
    "System",
    "best_response_distance",
    "certify",
    "check_agreement",
    "duality_gap",
    "exploitability",
    "lottery",
    "lottery_in_reach",
    "regularised_equilibrium",
    "solve",
    "solve_cvxpy",
    "solve_newton",
    "systems_of",
    "unregularised_gap",
]
