"""The theorems of the field as claims that a machine checks: one file per paper."""

from __future__ import annotations

from ...discovery import modules
from ...errors import unknown_name
from .claim import Claim, Control, Evidence
from .domain import CATALOGUE, Domain
from .instance import Instance, Stack, stacks
from .unclaimed import UNCLAIMED, Unclaimed

#: Papers whose claims lead in reports; those of any other file of this folder follow by its name.
_FIRST = (
    "identities", "contexts", "nlhf", "mmd", "inpo", "nash_mp", "egpo", "spo_onpo", "comal", "dno", "mnpo", "ipo",
    "baselines", "online",
)  # fmt: skip

#: Every claim: the ``CLAIMS`` of the files of this folder.
CLAIMS: tuple[Claim, ...] = tuple(
    claim for module in modules(__name__, _FIRST) for claim in getattr(module, "CLAIMS", ())
)


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
    "CATALOGUE", "CLAIMS", "UNCLAIMED", "Claim", "Control", "Domain", "Evidence", "Instance", "Stack", "Unclaimed",
    "get_claim", "stacks",
]  # fmt: skip
