"""Bradley-Terry strengths by maximum likelihood, for the pairs that were never compared."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ..errors import ConvergenceError, NashsimError
from .graph import components

_LONGEST_STEP = 2.0
_SETTLED = 1e-10
_ROUNDING = 1e-5
_STEPS = 500


def predict(wins: np.ndarray, labels: Sequence[str], name: str) -> np.ndarray:
    """Return P(row ≻ column) of the Bradley-Terry model fitted to comparisons.

    P_ij = 1/(1 + exp(s_j - s_i)) with s the strengths of :func:`fit_strengths`.

    Parameters
    ----------
    wins : ndarray, shape (n, n)
        Weight of the comparisons that the row won, a tie counting half for both.
    labels : sequence of str, length n
    name : str
        Where the comparisons come from, for errors.

    Returns
    -------
    ndarray, shape (n, n)

    Raises
    ------
    NashsimError
        If the comparisons fall into several components.

    Warns
    -----
    UserWarning
        If no finite maximum exists and the penalised fit is used.
    """
    part = components(wins + wins.T > 0)
    if part.max() > 0:
        first, other = labels[0], labels[int(np.argmax(part != part[0]))]
        raise NashsimError(
            f"{name}: missing='bradley-terry' needs connected comparisons, found {part.max() + 1}"
            f" components: no chain of comparisons leads from {first!r} to {other!r}; leave one side out or"
            " choose missing='half' (--missing half)"
        )
    one_sided = one_sided_split(wins)
    if one_sided is not None:
        losers = repr(labels[int(np.argmax(one_sided))])
        if one_sided.sum() > 1:
            losers = f"the group of {one_sided.sum()} labels around {losers}"
        warnings.warn(
            f"{name}: missing='bradley-terry' has no finite maximum likelihood, for one because {losers}"
            " never won against the rest; the penalised fit of Firth (1993) is used, which is always finite",
            UserWarning,
            stacklevel=3,
        )
    strengths = fit_strengths(wins, penalised=one_sided is not None)
    return _logistic(strengths[:, None] - strengths)


def one_sided_split(wins: np.ndarray) -> np.ndarray | None:
    """Return a set of labels that never beats the rest, bool of shape (n,), or None if there is none.

    The maximum likelihood exists exactly if there is none (Ford 1957 [recalled]): otherwise the
    likelihood grows as the set's strengths fall to minus infinity.

    Parameters
    ----------
    wins : ndarray, shape (n, n)
        Connected comparisons.
    """
    group = components(wins > 0, strong=True)
    if group.max() == 0:
        return None
    leaves = (wins > 0) & (group[:, None] != group)
    wins_outside = np.bincount(group, weights=leaves.any(axis=1))
    return group == int(np.argmin(wins_outside))


def fit_strengths(wins: np.ndarray, *, penalised: bool = False) -> np.ndarray:
    """Return s maximising sum_ij wins_ij log 1/(1 + exp(s_j - s_i)), with sum s = 0.

    Newton's method on the concave likelihood, long steps shortened. With ``penalised`` half the log determinant
    of the information is added (Jeffreys' prior; Firth, Biometrika 1993 [recalled]): finite strengths for every
    connected set of comparisons.

    Parameters
    ----------
    wins : ndarray, shape (n, n)
        Weight of the comparisons that the row won, a tie counting half for both; connected, and without a
        one-sided split unless ``penalised``.
    penalised : bool

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ConvergenceError
        If the steps do not settle, as without a finite maximum.

    Examples
    --------
    >>> fit_strengths(np.array([[0.0, 3.0], [1.0, 0.0]])).round(6)
    array([ 0.549306, -0.549306])
    """
    total = wins + wins.T
    strengths, size = np.zeros(len(wins)), np.inf
    for _ in range(_STEPS):
        try:
            step = _newton_step(wins, total, strengths, penalised)
        except np.linalg.LinAlgError:
            break
        before, size = size, np.abs(step).max()
        # Steps shrink until they are rounding, which for counts of very different size is not quite 0.
        if size < _SETTLED or before <= size < _ROUNDING:
            return strengths + step
        strengths = strengths + step * min(1.0, _LONGEST_STEP / size)
    raise ConvergenceError(
        f"Bradley-Terry: the strengths do not settle, the last Newton step is {size:.3g}; some may be infinite"
    )


def _newton_step(wins, total, strengths, penalised: bool) -> np.ndarray:
    p = _logistic(strengths[:, None] - strengths)
    if penalised:
        # The penalty acts like h/2 more wins for both sides, h being the leverage of the pair.
        information = total * p * p.T
        inverse = np.linalg.inv(_laplacian(information))
        spread = np.diag(inverse)
        leverage = information * (spread[:, None] + spread - 2 * inverse)
        wins, total = wins + leverage / 2, total + leverage
    step = np.linalg.solve(_laplacian(total * p * p.T), (wins - total * p).sum(axis=1))
    return step - step.mean()


def _laplacian(weights: np.ndarray) -> np.ndarray:
    """The weighted Laplacian, its null direction (a shift of all strengths) given the eigenvalue 1."""
    n = len(weights)
    return np.diag(weights.sum(axis=1)) - weights + 1.0 / n


def _logistic(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -x))
