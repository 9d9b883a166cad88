"""What a regularised solver returns: the equilibrium, its certificate, and a sentence about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..game import PreferenceGame
from .certificate import Certificate

if TYPE_CHECKING:
    import pandas as pd


class Labelled:
    """The policy of a solver's answer by label."""

    game: PreferenceGame
    probabilities: np.ndarray
    status: str

    @property
    def policy(self) -> pd.Series:
        """The probabilities by action, or by (context, action) for several contexts."""
        return self.game.label_probabilities(self.probabilities)

    def to_series(self) -> pd.Series:
        """Return ``policy``."""
        return self.policy

    def _repr_html_(self) -> str:
        from ..html import by_context, card, policy_table

        facts = {"game": self.game.name, "tau": self.game.tau, "status": self.status}
        names = ("method", "duality_gap", "residual", "value", "unique")
        facts |= {name.replace("_", " "): getattr(self, name) for name in names if hasattr(self, name)}
        heads = by_context(self.game.contexts)
        return card(type(self).__name__, facts, policy_table(self.game.labels, self.probabilities, heads))


@dataclass(frozen=True, eq=False)
class Equilibrium(Labelled):
    """The equilibrium pi* of the regularised game, as one solver found it.

    Attributes
    ----------
    game : PreferenceGame
    log_policy : ndarray, shape (contexts, actions)
        Log-probabilities, -inf where the reference has no mass.
    method : str
    certificate : Certificate
    accuracy : ndarray, shape (contexts,)
        Certified bound on |pi - pi*|_1, by the solver's own means.
    iterations : int
        Linear systems solved (newton) or solver iterations (cvxpy), over all contexts.
    status : str
        A sentence: that all is well, or what to do.
    unique : bool
        Always true: a strictly convex regulariser makes the equilibrium unique.
    """

    game: PreferenceGame
    log_policy: np.ndarray
    method: str
    certificate: Certificate
    accuracy: np.ndarray
    iterations: int
    status: str
    unique: bool = True

    @property
    def probabilities(self) -> np.ndarray:  # type: ignore[override]  # a field of a lottery
        """The policy as an array, shape (contexts, actions)."""
        return np.exp(self.log_policy)

    @property
    def residual(self) -> float:
        """max|pi - BR_tau(pi)|, the largest over contexts."""
        return self.certificate.residual

    @property
    def duality_gap(self) -> float:
        """2 tau KL(pi || BR_tau(pi)), or that of the game's regulariser, averaged over contexts."""
        return self.certificate.duality_gap

    @property
    def value(self) -> float:
        """min_pi' J_tau(pi, pi'), averaged over contexts; 1/2 at the equilibrium."""
        return self.certificate.value

    def __repr__(self) -> str:
        return f"Equilibrium({self.game!r}, method={self.method!r}, residual={self.residual:.2g})"


def support_note(game: PreferenceGame) -> str:
    """Return the sentence on actions that the reference leaves without mass, or nothing."""
    missing = ~game.support
    if not missing.any():
        return ""
    everywhere = np.flatnonzero(missing.all(axis=0))
    names = ", ".join(game.labels[i] for i in everywhere[:5]) + (", ..." if len(everywhere) > 5 else "")
    which = f" ({names})" if names else ""
    regulariser = "KL" if game.kl_regularised else "the game"
    return (
        f" The reference has mass 0 on {int(missing.any(axis=0).sum())} of {game.actions} actions{which};"
        f" they are left out, as {regulariser} keeps every policy off them. Give them mass to let them in."
    )
