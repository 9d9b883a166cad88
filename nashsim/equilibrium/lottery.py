"""The maximal lottery: the symmetric Nash equilibrium of the unregularised game."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import unknown_name
from ..game import PreferenceGame
from ..preferences import DensePreference, check_dense
from .certificate import average
from .result import Labelled
from .skew import symmetric_equilibrium

#: Largest game whose matrix the linear programme takes where its storage does not hold it: 200 MB.
MOST_ACTIONS = 5000
#: Which of several optimal policies is returned, and what it is called.
TIE_BREAKS = {"norm": "least Euclidean norm", "entropy": "largest entropy"}


@dataclass(frozen=True, eq=False)
class Lottery(Labelled):
    """The maximal lottery of a game, with what proves it.

    Attributes
    ----------
    game : PreferenceGame
    probabilities : ndarray, shape (contexts, actions)
        The lottery, exactly 0 off the support.
    unique : tuple of bool
        One a context: whether no other policy is optimal.
    duality_gap : float
        2 max_y P(y ≻ pi) - 1, averaged over contexts by the game's weights.
    residual : float
        max_y P(y ≻ pi) - 1/2, the largest over contexts: what any action gains against the lottery.
    value : float
        min_y P(pi ≻ y) averaged over contexts; 1/2 at an optimal policy.
    status : str
        A sentence: whether the lottery is unique and, if not, which one this is.
    method : str
    """

    game: PreferenceGame
    probabilities: np.ndarray
    unique: tuple[bool, ...]
    duality_gap: float
    residual: float
    value: float
    status: str
    method: str = "lottery"

    @property
    def log_policy(self) -> np.ndarray:
        """Log-probabilities, -inf off the support; shape (contexts, actions)."""
        with np.errstate(divide="ignore"):
            return np.log(self.probabilities)


def lottery(game: PreferenceGame, tie_break: str = "norm") -> Lottery:
    """Return the maximal lottery, p >= 0 with sum p = 1 and (P - 1/2) p <= 0, and decide its uniqueness.

    No action is preferred to it with probability above 1/2. Tau and the reference take no part: it is
    the equilibrium of the unregularised game over all actions.

    Parameters
    ----------
    game : PreferenceGame
    tie_break : {"norm", "entropy"}
        Which policy is returned where several are optimal: the one of least Euclidean norm, or of largest entropy, the
        limit of the regularised equilibria at a uniform reference as tau falls to 0.

    Returns
    -------
    Lottery

    Raises
    ------
    NashsimError
        For a game of more than 5000 actions that is not stored as a matrix, or an unknown ``tie_break``.
    ConvergenceError
        If the linear programme fails or its answer cannot be confirmed to rounding.

    Notes
    -----
    By principal pivoting (linear programming where rounding stops that), then to rounding from the constraints
    that are tight; uniqueness by strict complementarity, Goldman and Tucker (1956) [recalled].

    Examples
    --------
    COMAL's game, arXiv 2410.23223 [paper]:

    >>> game = PreferenceGame([[0.5, 0.1, 0.8], [0.9, 0.5, 0.1], [0.2, 0.9, 0.5]], labels=["a", "b", "c"])
    >>> result = lottery(game)
    >>> (11 * result.policy).round(9).to_dict(), result.unique
    ({'a': 4.0, 'b': 3.0, 'c': 4.0}, (True,))
    """
    if tie_break not in TIE_BREAKS:
        raise unknown_name("tie_break", str(tie_break), TIE_BREAKS)
    if not lottery_in_reach(game):
        check_dense(game.actions, "lottery", MOST_ACTIONS)
    solved = [symmetric_equilibrium(skew, tie_break) for skew in game.preference.dense()]
    policy = np.stack([p for p, _ in solved])
    unique = tuple(one for _, one in solved)
    gains = np.maximum(game.preference.margin(policy).max(axis=1), 0.0)
    gain = average(game, gains)
    return Lottery(
        game=game,
        probabilities=policy,
        unique=unique,
        duality_gap=2.0 * gain,
        residual=float(gains.max()),
        value=0.5 - gain,
        status=_status(game, unique, tie_break),
    )


def lottery_in_reach(game: PreferenceGame) -> bool:
    """Whether :func:`lottery` takes a game: the linear programme needs its matrix.

    Parameters
    ----------
    game : PreferenceGame
    """
    return isinstance(game.preference, DensePreference) or game.actions <= MOST_ACTIONS


def _status(game: PreferenceGame, unique: tuple[bool, ...], tie_break: str) -> str:
    several = unique.count(False)
    where = f" in {several} of {game.contexts} contexts" if game.contexts > 1 else ""
    status = "The maximal lottery is unique and exact to rounding."
    if several:
        status = (
            f"Several maximal lotteries exist{where}; this is the one of {TIE_BREAKS[tie_break]}, which treats"
            " duplicate actions alike."
        )
    if not game.support.all():
        status += (
            " It is over all actions, also those of reference mass 0; take them out of the preference"
            " to leave them out."
        )
    return status
