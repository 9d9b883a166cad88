"""Rates read off recorded curves."""

from __future__ import annotations

import numpy as np

from ..rules import Rule, get_rule

#: Below this a recorded divergence, quadratic in the policy, begins to feel the rounding of pi itself.
KL_FLOOR = 1e-22


def fit_linear_rate(queries, values, floor: float = KL_FLOOR, burn_in: float = 0.2) -> float:
    """Return r of values ~ exp(-r queries), by least squares on the logarithms.

    Parameters
    ----------
    queries, values : array_like, shape (records,)
    floor : float
        The curve is cut where it first falls to this; what follows is rounding.
    burn_in : float
        Share of the remaining range of queries that is left out at its start.

    Returns
    -------
    float
        Rate per query in nats; NaN where fewer than three records remain.

    Examples
    --------
    >>> import numpy as np
    >>> n = np.arange(100)
    >>> round(fit_linear_rate(n, 3 * np.exp(-0.1 * n)), 12)
    0.1
    """
    queries, values = np.asarray(queries, float), np.asarray(values, float)
    below = np.flatnonzero(~(values > floor))
    end = below[0] if below.size else len(values)
    queries, values = queries[:end], values[:end]
    if end == 0:
        return float("nan")
    late = queries >= burn_in * queries[-1]
    if late.sum() < 3:
        return float("nan")
    return float(-np.polyfit(queries[late], np.log(values[late]), 1)[0])


def proved_rate(rule: str | Rule, tau: float) -> float:
    """Return the proved linear rate of KL per query, -log(1 - eta tau)/calls, of a constant-step rule.

    log(1 + 4 tau^2) for the largest one-call step, log(1 + 2 tau)/2 for Nash-MP at s = 2 tau [derived].

    Parameters
    ----------
    rule : str or Rule
    tau : float

    Returns
    -------
    float
        Nats per query.

    Examples
    --------
    >>> round(proved_rate("omd", 0.5), 6)
    0.693147
    """
    rule = get_rule(rule)
    return float(-np.log(1 - rule.eta(tau) * tau) / rule.queries_per_step)


def queries_to(queries, values, target: float) -> float:
    """Return the queries at which a curve first falls to ``target``, or NaN if it never does.

    Parameters
    ----------
    queries, values : array_like, shape (records,)
    target : float
    """
    reached = np.flatnonzero(np.asarray(values) <= target)
    return float(np.asarray(queries)[reached[0]]) if reached.size else float("nan")
