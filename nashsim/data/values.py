"""The numbers in text cells, with points or commas, percent signs and blanks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..errors import NashsimError

#: Cells that say "never compared". The words nan and inf are errors: a number went wrong upstream.
BLANK = frozenset({"", "-", "--", "---", "–", "—", "NA", "N/A", "n/a"})
BLANK_HINT = "; leave the cell blank where a pair was never compared"
_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, with or without a percent sign; nan and inf count too."""
    cell = cell.removesuffix("%").strip()
    try:
        float(cell.replace("−", "-"))
    except ValueError:
        return bool(_COMMA.fullmatch(cell) or _GROUPED.fullmatch(cell))
    return "_" not in cell


def is_text(cell: str) -> bool:
    """Whether a cell holds something that is neither a number nor blank."""
    return cell not in BLANK and not is_number(cell)


def has_text(rows: Iterable[Sequence[str]]) -> bool:
    """Whether any cell of rows holds something that is neither a number nor blank."""
    return any(_floats(row) is None and any(map(is_text, row)) for row in rows)


def _floats(cells: Sequence[str]) -> list[float] | None:
    """Numbers of cells, NaN where blank; None where one of them is no number as ``float`` takes it, or has ``_``."""
    try:
        found = [math.nan if cell in BLANK else float(cell) for cell in cells]
    except ValueError:
        return None
    return None if "_" in "".join(cells) else found


def numbers(
    cells: Sequence[str],
    name: str,
    where: Callable[[int], str],
    decimal: str | None = None,
    hint: str = "",
) -> np.ndarray:
    """Return finite numbers.

    Commas are decimal marks where all cells agree on it; where they could as well group thousands, ``decimal``
    has to say.

    Parameters
    ----------
    cells : sequence of str
    name : str
    where : callable
        ``where(i)`` says how to find a cell.
    decimal : {",", "."} or None
    hint : str
        What to do about NaN or infinity, for the error.

    Raises
    ------
    NashsimError
        If a cell holds no finite number, or its comma may be either; the message says where.
    """
    marks = "".join(cells)
    if "," in marks or "−" in marks or "_" in marks:
        cells = _plain(cells, decimal, name)
    try:
        found = np.array(list(map(float, cells)), dtype=np.float64)
    except ValueError:
        i = next(i for i, cell in enumerate(cells) if not _is_float(cell))
        raise NashsimError(f"{name}: a number is needed at {where(i)}, found {cells[i]!r}") from None
    if not np.isfinite(found).all():
        i = int(np.argmin(np.isfinite(found)))
        raise NashsimError(f"{name}: every number must be finite, found {cells[i]!r} at {where(i)}{hint}")
    return found


def _is_float(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _plain(cells: Sequence[str], decimal: str | None, name: str) -> list[str]:
    """Cells with points for decimal marks and no grouping; what is neither stays and is no number."""
    cells = [cell.replace("−", "-").replace("_", "?") for cell in cells]
    marked = [cell for cell in cells if "," in cell]
    if not marked or not all(_COMMA.fullmatch(cell) or _GROUPED.fullmatch(cell) for cell in marked):
        return cells
    if decimal is None:
        point = next((cell for cell in cells if "." in cell), None)
        if point is not None or all(map(_GROUPED.fullmatch, marked)):
            beside = f" beside {point!r}" if point else ""
            raise NashsimError(
                f"{name}: {marked[0]!r}{beside} has a comma that may be a decimal mark or group thousands; say by"
                " decimal=',' or '.' (--decimal)"
            )
    if decimal == ".":
        return [cell.replace(",", "") if _GROUPED.fullmatch(cell) else cell for cell in cells]
    return [cell.replace(",", ".") for cell in cells]


def parse_values(
    cells: Sequence[Sequence[str]],
    name: str,
    where: Callable[[int, int], str],
    hint: str = "",
    decimal: str | None = None,
) -> tuple[np.ndarray, bool]:
    """Return the numbers in a rectangle of cells, NaN where blank, and whether they carry percent signs.

    Parameters
    ----------
    cells : sequence of rows of str, shape (rows, columns)
    name : str
    where : callable
        ``where(i, j)`` says how to find a cell.
    hint, decimal
        As for :func:`numbers`.

    Raises
    ------
    NashsimError
        If a cell is neither a finite number nor blank, or only some numbers carry a percent sign.
    """
    rows = list(map(_floats, cells))
    if None not in rows:
        values = np.array(rows)
        if all(cells[i][j] in BLANK for i, j in np.argwhere(~np.isfinite(values))):
            return values, False
    values = np.full((len(cells), len(cells[0])), np.nan)
    places = [(i, j) for i, row in enumerate(cells) for j, cell in enumerate(row) if cell not in BLANK]
    percent = [place for place in places if cells[place[0]][place[1]].endswith("%")]
    if percent and len(percent) < len(places):
        plain = next(place for place in places if not cells[place[0]][place[1]].endswith("%"))
        raise NashsimError(
            f"{name}: either all or no numbers may carry a percent sign, found one at {where(*percent[0])}"
            f" and none at {where(*plain)}"
        )
    texts = [cells[i][j].removesuffix("%").strip() for i, j in places]
    if places:
        values[tuple(np.array(places).T)] = numbers(texts, name, lambda k: where(*places[k]), decimal, hint)
    return values, bool(percent)


def one_label_each(labels: Sequence[str], name: str) -> dict[str, str]:
    """Return what to write for labels that are one number written twice, ``1`` and ``1.0``: the whole number.

    Parameters
    ----------
    labels : sequence of str
        Distinct.
    name : str

    Raises
    ------
    NashsimError
        If such labels stand among names, where they may be two.
    """
    same = {label: label.split(".")[0] for label in labels if re.fullmatch(r"\d+\.0+", label)}
    same = {label: whole for label, whole in same.items() if whole in set(labels)}
    if same and not all(map(is_number, labels)):
        label, whole = next(iter(same.items()))
        raise NashsimError(
            f"{name}: the labels {whole!r} and {label!r} may be one or two; write them differently"
        )
    return same
