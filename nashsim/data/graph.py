"""Components of a relation between labels."""

from __future__ import annotations

import numpy as np


def components(relation: np.ndarray, *, strong: bool = False) -> np.ndarray:
    """Return the component of every label, numbered 0, 1, ...

    Parameters
    ----------
    relation : ndarray of bool, shape (n, n)
        Read as undirected, or as directed from row to column with ``strong``.
    strong : bool
        Strongly connected components: labels that reach each other both ways.

    Returns
    -------
    ndarray of int, shape (n,)

    Examples
    --------
    >>> cycle_and_tail = np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0]], dtype=bool)
    >>> components(cycle_and_tail).max() + 1, components(cycle_and_tail, strong=True).max() + 1
    (np.int32(1), np.int32(2))
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    kind = "strong" if strong else "weak"
    return connected_components(csr_array(relation), directed=True, connection=kind)[1]
