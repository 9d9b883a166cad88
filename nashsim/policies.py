"""What may be given as a policy: an array, labelled probabilities or a result, read in one place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import NashsimError

#: How far a distribution's sum may lie from 1 before it counts as an error rather than rounding.
SIMPLEX_TOLERANCE = 1e-6


def read_log_policy(policy, labels: Sequence[str], contexts: int, name: str = "policy") -> np.ndarray:
    """Return the log-probabilities, shape (contexts, actions), of whatever holds a policy.

    Parameters
    ----------
    policy : array_like, Series, DataFrame or result
        Probabilities or log-probabilities, shape (contexts, actions), or (actions,) for one context. No array is
        both: log-probabilities have an entry below 0 (or are all 0, of a game of one action). A Series is aligned
        by label, by (context, label) for several contexts, a DataFrame of one row a context by its columns. Of a
        result (``Equilibrium``, ``Lottery``, ``Run``, a ``Play`` of one seed) the ``log_policy`` is taken, by the
        labels of its game.
    labels : sequence of str
        Labels of the actions.
    contexts : int
        Number of independent games.
    name : str
        Argument to name in the error.

    Raises
    ------
    NashsimError
        For other labels, another shape, NaN, or probabilities whose sum is further than 1e-6 from 1.

    Examples
    --------
    >>> import pandas as pd
    >>> np.exp(read_log_policy(pd.Series({"b": 0.75, "a": 0.25}), ["a", "b"], 1))
    array([[0.25, 0.75]])
    """
    array = np.array(by_label(policy, labels, name), dtype=np.float64, order="C", ndmin=2)
    shape = (contexts, len(labels))
    if array.shape != shape:
        raise NashsimError(f"{name}: (contexts, actions) = {shape} is needed, found {array.shape}")
    logs = (array < 0).any() or not array.any()
    totals = (np.exp(array) if logs else array).sum(axis=1)
    bad = totals[~(np.abs(totals - 1) <= SIMPLEX_TOLERANCE)]
    if bad.size:
        what = f"exp({name})" if logs else name
        raise NashsimError(
            f"{name}: probabilities, or log-probabilities (an entry below 0), are needed; in every context"
            f" {what} must sum to 1, found a sum of {bad[0]:.9g}"
        )
    if logs:
        return array
    with np.errstate(divide="ignore"):
        return np.log(array)


def by_label(policy, labels: Sequence[str], name: str):
    """Return the numbers of labelled probabilities or of a result in the order of ``labels``, all else as it is."""
    if is_result(policy):
        array = policy.log_policy
        if array.ndim == 3 and len(array) != 1:  # a play: one policy a seed
            raise NashsimError(
                f"{name}: one policy is needed, found those of {len(array)} seeds; give log_policy[k] of one"
            )
        return array.reshape(array.shape[-2:])[:, order_of(policy.game.labels, labels, name)]
    if not hasattr(policy, "to_numpy"):
        return policy
    if policy.ndim == 1 and policy.index.nlevels == 1:
        return policy.to_numpy(dtype=np.float64)[order_of(policy.index, labels, name)]
    frame = policy if policy.ndim == 2 else policy.unstack()
    rows = order_of(frame.index, [str(context) for context in range(len(frame))], f"{name}'s contexts")
    return frame.to_numpy(dtype=np.float64)[np.ix_(rows, order_of(frame.columns, labels, name))]


def is_result(policy) -> bool:
    """Whether this is what a solver, a run or a play returns; a label of a Series may be called ``log_policy`` too."""
    return hasattr(policy, "log_policy") and not hasattr(policy, "to_numpy")


def order_of(found, wanted: Sequence[str], name: str) -> list[int]:
    """Return where each wanted label stands among those found, or raise NashsimError unless both are the same labels.

    Examples
    --------
    >>> order_of(["b", "a"], ["a", "b"], "policy")
    [1, 0]
    """
    places = {str(label): place for place, label in enumerate(found)}
    if len(places) < len(found):
        raise NashsimError(f"{name}: every label may stand once, found {few(found)}")
    if places.keys() != set(wanted):
        raise NashsimError(
            f"{name}: the labels {few(wanted)} are needed, found {few(found)}; rename them, or give an"
            " array in the game's order"
        )
    return [places[label] for label in wanted]


def few(labels) -> str:
    """Return labels as a message names them, at most six of them."""
    labels = [str(label) for label in labels]
    return ", ".join(labels[:6]) + (f", ... ({len(labels)} in all)" if len(labels) > 6 else "")
