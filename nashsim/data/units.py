"""From the numbers of a file to probabilities: what the entries of a matrix or of triples mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import NashsimError, unknown_name
from .table import PreferenceData, check_labels

#: What an entry (row, column) is.
UNITS = ("auto", "probability", "percent", "count", "payoff")


def interpret(
    labels: Sequence[str],
    values: np.ndarray,
    *,
    unit: str = "auto",
    range: tuple[float, float] | None = None,
    percent_signs: bool = False,
    name: str = "data",
) -> PreferenceData:
    """Return the preferences that a matrix of values states.

    ======================  =======================================================================
    ``unit``                P(row ≻ column)
    ======================  =======================================================================
    ``probability``         value
    ``percent``             value / 100
    ``count``               value = how often the row beat the column; P = wins / (wins + losses)
    ``payoff``              (value - lo) / (hi - lo) with ``range = (lo, hi)``: P - 1/2 = value/(hi - lo)
                            for zero-sum payoffs in [-hi, hi], and the same game for a constant sum lo + hi
    ``auto``                payoff if ``range`` is given, percent if numbers carry a percent sign, probability
                            if all lie in [0, 1]; otherwise an error, never a guess
    ======================  =======================================================================

    Parameters
    ----------
    labels : sequence of str, length n
    values : ndarray, shape (n, n)
        NaN where the source says nothing; for counts that is 0.
    unit : str
    range : tuple of float or None
    percent_signs : bool
        Whether the numbers were written with percent signs.
    name : str

    Raises
    ------
    NashsimError
        If unit and values do not fit, or the labels are not acceptable.
    """
    labels = check_labels(labels, name)
    unit = _resolve(labels, values, unit, range, percent_signs, name)
    if unit == "count":
        return _from_counts(labels, values, name)
    low, high = {"probability": (0.0, 1.0), "percent": (0.0, 100.0)}.get(unit) or _check_range(range, name)
    outside = _first(values, (values < low) | (values > high), labels)
    if outside:
        raise NashsimError(f"{name}: a {unit} must lie in [{low:g}, {high:g}], found {outside}{_HINTS[unit]}")
    return PreferenceData(labels, (values - low) / (high - low), name=name)


_HINTS = {
    "probability": "; for other units give unit='percent', 'count', or 'payoff' with range=(lo, hi)"
    " (--unit, --range)",
    "percent": "",
    "payoff": "; give the least and the largest payoff there can be as range=(lo, hi) (--range LO HI)",
}


def check_unit(unit: str) -> str:
    """Return the unit, or raise NashsimError unless it is known."""
    if unit not in UNITS:
        raise unknown_name("unit", str(unit), UNITS)
    return unit


def _resolve(labels, values, unit, range, percent_signs, name) -> str:
    check_unit(unit)
    if range is not None and unit not in ("auto", "payoff"):
        raise NashsimError(f"{name}: range (--range) belongs to unit='payoff', found it beside unit={unit!r}")
    if percent_signs and (unit not in ("auto", "percent") or range is not None):
        raise NashsimError(
            f"{name}: the numbers carry percent signs, so unit='percent' is needed, found another"
        )
    if unit != "auto":
        return unit
    if range is not None:
        return "payoff"
    return "percent" if percent_signs else "probability"


def _check_range(range, name: str) -> tuple[float, float]:
    if range is None:
        raise NashsimError(
            f"{name}: unit='payoff' needs the range of payoffs, range=(lo, hi) (--range LO HI)"
        )
    try:
        low, high = (float(bound) for bound in range)
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite([low, high]).all() and low < high):
        raise NashsimError(f"range: two finite numbers lo < hi are needed (--range LO HI), found {range}")
    return low, high


def _from_counts(labels, values: np.ndarray, name: str) -> PreferenceData:
    wins = np.nan_to_num(values)
    negative = _first(values, wins < 0, labels)
    if negative:
        raise NashsimError(f"{name}: a count must be at least 0, found {negative}")
    own = _first(values, np.diag(np.diag(wins)) > 0, labels)
    if own:
        raise NashsimError(
            f"{name}: nobody beats itself; the diagonal of counts must be 0 or blank, found {own}"
        )
    return PreferenceData.from_comparisons(labels, wins, name=name)


def _first(values, where, labels) -> str:
    places = np.argwhere(where)
    if not places.size:
        return ""
    i, j = places[0]
    return f"{values[i, j]:.6g} at ({labels[i]!r}, {labels[j]!r})"
