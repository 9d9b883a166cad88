"""Utilities of a crowd from choices and their times: the mean drift of every pair, fitted as differences."""

from __future__ import annotations

import numpy as np

from ...errors import NashsimError
from .times import drift_scores


class DriftEstimate:
    """u = argmin sum_s (u_y - u_z - g_s)^2 + ridge |u|^2, g_s the unbiased score of a choice with its time.

    E g_s is the mean drift of the pair over people, E_u (U_uy - U_uz) beta/(2 a) in a crowd: the fit tends to the mean
    utilities beta/(2 a), whatever people's strengths, where a fit to choices alone tends to something else [derived].

    Parameters
    ----------
    actions : int
    boundary : float
        a > 0, in the units of the times.
    non_decision : float
        Part of every time, >= 0, that is no diffusion.
    ridge : float
        Weight of the squared norm, > 0, in duels.

    Examples
    --------
    >>> estimate = DriftEstimate(2, boundary=1.0, ridge=1e-9)
    >>> estimate.add([0, 0, 0], [1, 1, 1], [True, False, True], [0.5, 2.0, 1.0])
    >>> float(estimate.utilities[0] - estimate.utilities[1]).__round__(4)
    0.386
    """

    def __init__(self, actions: int, boundary: float, non_decision: float = 0.0, ridge: float = 1.0):
        if actions != int(actions) or actions < 2:
            raise NashsimError(f"actions: a whole number >= 2 is needed, found {actions!r}")
        if not (np.isfinite(ridge) and ridge > 0):
            raise NashsimError(f"ridge: a finite number > 0 is needed, found {ridge!r}")
        self.boundary, self.non_decision = boundary, non_decision
        self._normal, self._right = ridge * np.eye(int(actions)), np.zeros(int(actions))

    def add(self, first, second, choices, times) -> None:
        """Take in duels: who was shown, whether the first was chosen, and how long it took; each of shape (duels,)."""
        scores = drift_scores(choices, times, self.boundary, self.non_decision)
        first, second = np.atleast_1d(first), np.atleast_1d(second)
        n = len(self._right)
        if not first.shape == second.shape == scores.shape or min(first.min(), second.min()) < 0:
            raise NashsimError(f"first, second: numbers from 0 to {n - 1}, one a choice, are needed")
        shown = np.eye(n)[first] - np.eye(n)[second]
        self._normal += shown.T @ shown
        self._right += scores @ shown

    @property
    def utilities(self) -> np.ndarray:
        """The fitted u, shape (actions,), of mean 0."""
        found = np.linalg.solve(self._normal, self._right)
        return found - found.mean()
