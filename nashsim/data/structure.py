"""What is inside a preference matrix: Condorcet winners, Smith set, cycles, Hodge decomposition.

Matrices hold P(row ≻ column), shape (n, n), with NaN on pairs never compared; a NaN pair is neither a win
nor a tie. "Beats" is strict, P > 1/2, and ties count as not beaten.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .graph import components

# Probabilities closer than this to 1/2, beside the largest |P - 1/2| that is there, are ties: wide of rounding
# (the second number near 1/2), narrow of any margin of real counts.
_TIE, _ROUNDING = 1e-12, 1e-14


def beats(probability: np.ndarray) -> np.ndarray:
    """Return who strictly beats whom, P(row ≻ column) > 1/2: bool, shape (n, n)."""
    margin = np.asarray(probability) - 0.5
    with np.errstate(invalid="ignore"):
        return margin > _tolerance(margin)


def _tolerance(margin: np.ndarray) -> float:
    return max(_ROUNDING, _TIE * min(1.0, 2 * np.abs(np.nan_to_num(margin)).max(initial=0.0)))


def coverage(probability: np.ndarray) -> tuple[int, int]:
    """Return the number of observed pairs and of all pairs.

    Parameters
    ----------
    probability : ndarray, shape (n, n)

    Examples
    --------
    >>> coverage(np.array([[0.5, 0.6, np.nan], [0.4, 0.5, 0.7], [np.nan, 0.3, 0.5]]))
    (2, 3)
    """
    n = len(probability)
    return int(np.count_nonzero(~np.isnan(probability[np.triu_indices(n, 1)]))), n * (n - 1) // 2


def condorcet_winner(probability: np.ndarray) -> int | None:
    """Return the index that strictly beats all others, or None.

    Parameters
    ----------
    probability : ndarray, shape (n, n)

    Examples
    --------
    >>> condorcet_winner(np.array([[0.5, 0.4], [0.6, 0.5]]))
    1
    """
    winners = np.flatnonzero(beats(probability).sum(axis=1) == len(probability) - 1)
    return int(winners[0]) if winners.size else None


def weak_condorcet_winners(probability: np.ndarray) -> list[int]:
    """Return the indices that beat or tie all others; a strict Condorcet winner is the only one.

    Parameters
    ----------
    probability : ndarray, shape (n, n)

    Examples
    --------
    >>> weak_condorcet_winners(np.full((2, 2), 0.5))
    [0, 1]
    """
    margin = np.asarray(probability) - 0.5
    with np.errstate(invalid="ignore"):
        unbeaten = (margin >= -_tolerance(margin)).all(axis=1)
    return np.flatnonzero(unbeaten).tolist()


def smith_set(probability: np.ndarray) -> list[int]:
    """Return the Smith set: the smallest nonempty set whose members each strictly beat every outsider.

    A tie does not beat, so a member that ties an outsider draws it in. (The Schwartz set, which ties
    leave, is another one.)

    Parameters
    ----------
    probability : ndarray, shape (n, n)
        Without NaN.

    Returns
    -------
    list of int
        Indices in increasing order.

    Examples
    --------
    >>> smith_set(np.array([[0.5, 0.6, 0.5], [0.4, 0.5, 0.9], [0.5, 0.1, 0.5]]))
    [0, 1, 2]
    """
    wins = beats(probability)
    # A member beats all outsiders, an outsider fewer: the label with most wins is a member. Sets that
    # beat all their outsiders are nested, so whatever it does not beat has to come in, and so on.
    member = np.zeros(len(wins), dtype=bool)
    fresh = np.array([wins.sum(axis=1).argmax()])
    while fresh.size:
        member[fresh] = True
        fresh = np.flatnonzero((~wins[fresh]).any(axis=0) & ~member)
    return np.flatnonzero(member).tolist()


def cyclic_triples(probability: np.ndarray) -> int:
    """Return the number of triples a > b > c > a by strict beats, tr(B^3)/3.

    Parameters
    ----------
    probability : ndarray, shape (n, n)
        A triple with a missing pair is no cycle.

    Examples
    --------
    >>> cyclic_triples(np.array([[0.5, 0.6, 0.4], [0.4, 0.5, 0.6], [0.6, 0.4, 0.5]]))
    1
    """
    wins = beats(probability).astype(float)
    return int(round(((wins @ wins) * wins.T).sum() / 3))


@dataclass(frozen=True)
class Hodge:
    """The part of a preference that strengths explain, and the share that they do not.

    Attributes
    ----------
    strengths : ndarray, shape (n,)
        s, in probability; of mean 0 within each component of the comparisons.
    cyclic_mass : float
        Unexplained share of the squared norm, in [0, 1]; 0 where P is 1/2 throughout.
    """

    strengths: np.ndarray
    cyclic_mass: float


def hodge(probability: np.ndarray, weights: np.ndarray | None = None) -> Hodge:
    """Fit s_i - s_j to P_ij - 1/2 by least squares over the observed pairs.

    min_s sum_{i<j observed} w_ij (P_ij - 1/2 - s_i + s_j)^2, whose normal equations are a graph Laplacian's:
    the Hodge decomposition of Jiang, Lim, Yao and Ye (2011) [recalled].

    Parameters
    ----------
    probability : ndarray, shape (n, n)
        P + P^T = 1 on observed pairs.
    weights : ndarray, shape (n, n), or None
        w, symmetric, e.g. numbers of comparisons; ``None`` is 1 for every observed pair.

    Returns
    -------
    Hodge

    Examples
    --------
    >>> hodge(np.array([[0.5, 0.6, 0.4], [0.4, 0.5, 0.6], [0.6, 0.4, 0.5]])).cyclic_mass
    1.0
    """
    margin = np.nan_to_num(np.asarray(probability) - 0.5)
    weight = (~np.isnan(probability)).astype(float)
    if weights is not None:
        weight *= weights
    np.fill_diagonal(weight, 0.0)
    strengths = _solve_laplacian(weight, (weight * margin).sum(axis=1))
    unexplained = margin - (strengths[:, None] - strengths)
    norm = float((weight * margin**2).sum())
    return Hodge(strengths, float((weight * unexplained**2).sum() / norm) if norm > 0 else 0.0)


def _solve_laplacian(weight: np.ndarray, divergence: np.ndarray) -> np.ndarray:
    part = components(weight > 0)
    size = np.bincount(part)[part]
    degree = weight.sum(axis=1)
    # One null direction a component, a shift of its strengths: give it a stiffness and it stays at 0.
    stiffness = degree.mean() if degree.any() else 1.0
    shift = np.where(part[:, None] == part, stiffness / size, 0.0)
    return np.linalg.solve(np.diag(degree) - weight + shift, divergence)
