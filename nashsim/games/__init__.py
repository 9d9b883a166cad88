"""The catalogue: cyclic and named games, random families, hard instances, real tables."""

from .annotators import condorcet_annotators, mixture, random_annotators, two_opinions
from .catalogue import entries, names
from .cyclic import biased_rps, rps
from .entry import Entry
from .hard import hard_a, hard_b, hard_c
from .lookup import get
from .papers import comal, dice, p_eps, reward_preference, three_humans
from .random import dial, low_rank, sign, sparse, uniform
from .tables import glasgow, minneapolis, tldr

__all__ = [
    "Entry", "biased_rps", "comal", "condorcet_annotators", "dial", "dice", "entries", "get", "glasgow", "hard_a",
    "hard_b", "hard_c", "low_rank", "minneapolis", "mixture", "names", "p_eps", "random_annotators",
    "reward_preference", "rps", "sign", "sparse", "three_humans", "tldr", "two_opinions", "uniform",
]  # fmt: skip
