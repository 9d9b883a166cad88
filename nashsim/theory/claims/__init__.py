"""The theorems of the field as claims that a machine checks: one file per paper."""

from __future__ import annotations

from ...errors import unknown_name
from . import identities, nlhf
from .domain import CATALOGUE, Domain
from .instance import Instance, Stack, stacks
from .language import Claim, Control, Evidence

#: Every claim.
CLAIMS: tuple[Claim, ...] = tuple(claim for paper in (identities, nlhf) for claim in paper.CLAIMS)


def get_claim(name: str) -> Claim:
    """Return a claim by its id.

    Parameters
    ----------
    name : str

    Raises
    ------
    NashsimError
        For an unknown id, suggesting the nearest.

    Examples
    --------
    >>> get_claim("gap-identity").tag
    'derived'
    """
    by_name = {claim.id: claim for claim in CLAIMS}
    if name not in by_name:
        raise unknown_name("claim", name, by_name)
    return by_name[name]


__all__ = [
    "CATALOGUE",
    "CLAIMS",
    "Claim",
    "Control",
    "Domain",
    "Evidence",
    "Instance",
    "Stack",
    "get_claim",
    "stacks",
]
