"""Several judges at once: their mixture, in which cyclic preferences arise, and what each of them says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nashsim.errors import NashsimError

from .checked import check_probabilities
from .protocol import Comparison, Judge


class CriteriaJudge:
    """P(a ≻ b) = sum_k w_k P_k(a ≻ b): a comparison is put to criterion k with probability w_k.

    Each P_k may come from a reward, and so be transitive; their mixture need not be [Condorcet 1785].

    Parameters
    ----------
    judges : mapping of str to Judge
        Judges by the names of their criteria.
    weights : sequence of float
        Weights of the criteria, > 0 and with sum 1.

    Raises
    ------
    NashsimError
        For no judge, or weights that are no distribution over them.

    Examples
    --------
    Three voters who rank a b c, b c a and c a b: every response loses two to one to another.

    >>> rank = lambda order: lambda batch: [float(order.index(c.a) < order.index(c.b)) for c in batch]
    >>> judge = CriteriaJudge({order: rank(order) for order in ("abc", "bca", "cab")}, [1 / 3] * 3)
    >>> judge([Comparison("q", *pair) for pair in ("ab", "bc", "ca")]).round(3)
    array([0.667, 0.667, 0.667])
    """

    def __init__(self, judges: Mapping[str, Judge], weights: Sequence[float]):
        self.judges, self.weights = dict(judges), np.asarray(weights, dtype=np.float64)
        fits = self.weights.shape == (len(self.judges),) and len(self.judges) > 0
        if not (fits and (self.weights > 0).all() and abs(self.weights.sum() - 1) < 1e-9):
            raise NashsimError(
                f"weights: one > 0 a criterion, with sum 1, is needed, found {list(weights)} for {len(self.judges)}"
            )

    def __call__(self, comparisons: Sequence[Comparison]) -> np.ndarray:
        """Return P(a ≻ b) for every comparison, shape (batch,)."""
        return self.verdicts(comparisons)[""]

    def verdicts(self, comparisons: Sequence[Comparison]) -> dict[str, np.ndarray]:
        """Return P(a ≻ b) of the mixture by the name "", and of each criterion by its own, each of shape (batch,).

        Parameters
        ----------
        comparisons : sequence of Comparison
            Questions to every criterion.
        """
        each = {}
        for name, judge in self.judges.items():
            try:
                each[name] = check_probabilities(judge(comparisons), len(comparisons))
            except NashsimError as error:
                raise NashsimError(f"criterion {name}: {error}") from error
        # A mixture of numbers in [0, 1] may leave it by rounding.
        mixed = np.clip(self.weights @ np.stack(list(each.values())), 0, 1)
        return {"": mixed} | each


def verdicts(judge: Judge, comparisons: Sequence[Comparison]) -> dict[str, np.ndarray]:
    """Return P(a ≻ b) of a judge by the name "", and of each of its criteria, if any, by theirs.

    Parameters
    ----------
    judge : Judge
        Judge of one opinion or of several criteria.
    comparisons : sequence of Comparison
        Questions to it.

    Raises
    ------
    NashsimError
        For an answer outside [0, 1].
    """
    if hasattr(judge, "verdicts"):
        return judge.verdicts(comparisons)
    return {"": check_probabilities(judge(comparisons), len(comparisons))}
