"""Other answers to the same game, side by side: Borda, Copeland, RLHF, Stackelberg, proportional, ..."""

from .axiomatic import AxiomTable, axioms
from .blackwell import BlackwellWinner, blackwell_winner
from .compare import Solutions, solutions
from .concept import Concept, Table
from .crowd import best_in_ball, crowd_game, distortion, guarantee, welfare_by_group
from .properties import AXIOMS, Axiom, Violation
from .registry import CONCEPTS
from .risk import CVaRPolicy, cvar, cvar_policy, cvar_users
from .samples import SampleNash, sample_nash
from .users import Clusters, cluster_users, load_utilities, votes_by_user

__all__ = [
    "AXIOMS", "CONCEPTS", "Axiom", "AxiomTable", "BlackwellWinner", "CVaRPolicy", "Clusters", "Concept", "SampleNash",
    "Solutions", "Table", "Violation", "axioms", "best_in_ball", "blackwell_winner", "cluster_users", "crowd_game",
    "cvar", "cvar_policy", "cvar_users", "distortion", "guarantee", "load_utilities", "sample_nash", "solutions",
    "votes_by_user", "welfare_by_group",
]  # fmt: skip
