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
    notes: Sequence[str] = (),
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
    notes : sequence of str

    Raises
    ------
    NashsimError
        If unit and values do not fit, the range is so wide that the payoffs vanish in it, or the labels are not
        acceptable.

    Notes
    -----
    A diagonal of nothing but 0, or of nothing but the largest value, and a strict triangle of zeros beside one that
    is filled say nothing where P + P^T = 1 leaves no other reading; they are left out and noted. Zeros in both
    triangles leave two readings, and are refused.
    """
    labels = check_labels(labels, name)
    unit = _resolve(labels, values, unit, range, percent_signs, name)
    if unit == "count":
        return _from_counts(labels, values, name, notes)
    low, high = {"probability": (0.0, 1.0), "percent": (0.0, 100.0)}.get(unit) or _check_range(range, name)
    outside = _first(values, (values < low) | (values > high), labels)
    if outside:
        skew = unit == "probability" and np.array_equal(values, -values.T, equal_nan=True)
        hint = _MARGINS if skew else _HINTS[unit]
        raise NashsimError(f"{name}: a {unit} must lie in [{low:g}, {high:g}], found {outside}{hint}")
    values, left_out = _without_fillers(values, low, high, unit, name)
    if unit == "payoff":
        margin = np.abs(values - (low + high) / 2) / (high - low)
        if (margin[margin > 0] < _LOST).any():
            raise NashsimError(
                f"{name}: payoffs such as {values.flat[np.nanargmax(margin)]:g} vanish in range=({low:g}, {high:g}):"
                " their digits would be lost; give a range nearer to them (--range LO HI)"
            )
    return PreferenceData(labels, (values - low) / (high - low), name=name, notes=(*notes, *left_out))


# Margins of P smaller than this have lost their digits.
_LOST = 1e-13
_MARGINS = (
    "; the values are margins (each the opposite of its mirror image): give the range they come from, range=(-0.5, 0.5)"
    " for P - 1/2, (-1, 1) for 2P - 1, (-N, N) for those of N votes (--range LO HI)"
)
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


def _without_fillers(
    values: np.ndarray, low: float, high: float, unit: str, name: str
) -> tuple[np.ndarray, list[str]]:
    """The values without a diagonal or a triangle that only fills the place, and notes on it."""
    values, notes, n = values.copy(), [], len(values)
    own = np.diag(values)
    fillers = (0.0,) if unit == "payoff" else (0.0, high)
    if n > 1 and own[0] in fillers and own[0] != (low + high) / 2 and (own == own[0]).all():
        notes.append(f"The diagonal is {own[0]:g} throughout and says nothing; it is left out.")
        np.fill_diagonal(values, np.nan)
    upper, lower = np.triu_indices(n, 1), np.tril_indices(n, -1)
    for given, other, words in ((upper, lower, "below"), (lower, upper, "above")):
        mirror = values.T[given]
        unlike = (values[given] + mirror != low + high) & ~np.isnan(values[given])
        if (
            n > 2
            and unlike.sum() > 1
            and not values[other].any()
            and (unlike | (values[given] == high)).all()
        ):
            if not values[given].any():
                raise NashsimError(
                    f"{name}: nothing but 0 stands off the diagonal, so that either triangle may be the filled one;"
                    " leave the cells of the other blank"
                )
            notes.append(
                f"The triangle {words} the diagonal is 0 throughout; it is completed from the other."
            )
            values[other] = np.nan
            break
    return values, notes


def _from_counts(labels, values: np.ndarray, name: str, notes) -> PreferenceData:
    wins = np.nan_to_num(values)
    negative = _first(values, wins < 0, labels)
    if negative:
        raise NashsimError(f"{name}: a count must be at least 0, found {negative}")
    own = _first(values, np.diag(np.diag(wins)) > 0, labels)
    if own:
        raise NashsimError(
            f"{name}: nobody beats itself; the diagonal of counts must be 0 or blank, found {own}"
        )
    return PreferenceData.from_comparisons(labels, wins, name=name, notes=notes)


def _first(values, where, labels) -> str:
    places = np.argwhere(where)
    if not places.size:
        return ""
    i, j = places[0]
    return f"{values[i, j]:.6g} at ({labels[i]!r}, {labels[j]!r})"
