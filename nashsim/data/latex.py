r"""LaTeX tabulars: labels over several rows and columns, spans, and numbers inside formatting."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..errors import NashsimError
from .layouts import numbered
from .table import PreferenceData
from .units import interpret
from .values import BLANK_HINT, is_number, is_text, parse_values

_TABULAR = re.compile(r"\\begin\{(tabular[x*]?|array)\}(.*?)\\end\{\1\}", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%.*")
_RULE = re.compile(
    r"\\(?:toprule|midrule|bottomrule|hline|hhline\{[^{}]*\}|cline\{[^{}]*\}"
    r"|cmidrule(?:\([^)]*\))?\{[^{}]*\})(?:\[[^\]]*\])?"
)
_NEW_ROW = re.compile(r"\\\\\*?(?:\s*\[[^\]]*\])?|\\tabularnewline\b")
_SPAN = re.compile(r"\\multi(row|column)\s*\{(\d+)\}\s*(?:\{[^{}]*\}|[*=])\s*(?:\[[^\]]*\])?\s*(?=\{)")
_DROPPED_WITH_ARGUMENT = re.compile(r"\\(?:(?:cell|row|text)?color(?:\[[^\]]*\])?|h?phantom)\{[^{}]*\}")
_STYLE = re.compile(r"\\(?:bf|bfseries|it|itshape|em|small|footnotesize|scriptsize|tiny|centering)\b")
_MOST_LABEL_LINES = 3


@dataclass(eq=False)
class _Cell:
    """A cell of the source; all the places that it spans share the object."""

    text: str


def read_latex(
    text: str, name: str, *, unit: str = "auto", range: tuple[float, float] | None = None
) -> PreferenceData:
    r"""Read a tabular of preferences of the row against the column.

    Labels may take up to three rows above and three columns before the numbers; the parts of a label, also
    those under ``\multirow`` and ``\multicolumn``, are joined by blanks. Where labels end is found by trying:
    the labels of the rows must be among those of the columns, or the other way round. A label with a column
    but no row (a common baseline) is completed by 1 - p; blank cells are pairs never compared.

    Parameters
    ----------
    text : str
    name : str
    unit, range
        As for :func:`nashsim.data.units.interpret`; percent signs say ``percent`` by themselves.

    Raises
    ------
    NashsimError
        If there is not exactly one tabular, the labels of rows and columns do not fit each other, a cell is
        not a number, or unit and values do not fit.
    """
    grid = _grid(_only_tabular(text, name))
    if not grid:
        raise NashsimError(f"{name}: the tabular has no rows")
    across, down, cells = _split(grid, name)
    values, percent = parse_values(cells, name, lambda i, j: f"({down[i]!r}, {across[j]!r})", BLANK_HINT)
    labels = across if len(across) >= len(down) else down
    matrix = np.full((len(labels), len(labels)), np.nan)
    matrix[np.ix_([labels.index(x) for x in down], [labels.index(x) for x in across])] = values
    return interpret(labels, matrix, unit=unit, range=range, percent_signs=percent, name=name)


def looks_like_latex(text: str) -> bool:
    """Whether the text starts a LaTeX tabular."""
    return re.search(r"\\begin\{(?:tabular|array)", text) is not None


def _only_tabular(text: str, name: str) -> str:
    found = _TABULAR.findall("\n".join(_COMMENT.sub("", line) for line in text.splitlines()))
    if len(found) != 1:
        raise NashsimError(f"{name}: one LaTeX tabular is needed, found {len(found)}")
    environment, body = found[0]
    return _without_arguments(body, 2 if environment in ("tabularx", "tabular*") else 1)


def _without_arguments(body: str, count: int) -> str:
    """The body of an environment without its first ``count`` arguments in braces."""
    depth = 0
    for i, character in enumerate(body):
        depth += (character == "{") - (character == "}")
        count -= character == "}" and depth == 0
        if count == 0:
            return body[i + 1 :]
    return body


def _split(grid: list[list[_Cell]], name: str) -> tuple[list[str], list[str], list[list[str]]]:
    """Labels of the columns, labels of the rows, and the text of the cells between."""
    height, width = len(grid), len(grid[0])
    for header, index in product(range(1, _MOST_LABEL_LINES + 1), repeat=2):
        titles = [cell.text for row in grid[:header] for cell in row[:index]]
        if header >= height or index >= width or any(map(is_number, titles)):
            continue
        across = [_join(row[j] for row in grid[:header]) for j in range(index, width)]
        down = [_join(row[:index]) for row in grid[header:]]
        distinct = all(len(set(labels)) == len(labels) and all(labels) for labels in (across, down))
        if distinct and (set(down) <= set(across) or set(across) <= set(down)):
            return across, down, [[cell.text for cell in row[index:]] for row in grid[header:]]
    if height == width and not any(is_text(cell.text) for row in grid for cell in row):
        return numbered(width), numbered(height), [[cell.text for cell in row] for row in grid]
    raise NashsimError(
        f"{name}: the tabular of {height} rows and {width} columns is no preference matrix: the labels of its"
        " rows must be distinct and among those of its columns, or the other way round"
    )


def _join(cells: Iterable[_Cell]) -> str:
    seen = dict.fromkeys(cells)
    return " ".join(cell.text for cell in seen if cell.text)


def _grid(body: str) -> list[list[_Cell]]:
    """The cells by row and column, one a place, rows filled up with blank cells to one width."""
    below: dict[tuple[int, int], _Cell] = {}
    grid: list[list[_Cell]] = []
    for source in _NEW_ROW.split(_RULE.sub("", body)):
        if not source.strip():
            continue
        row: list[_Cell] = []
        for piece in re.split(r"(?<!\\)&", source):
            cell, height, width = _cell(piece)
            for _ in range(width):
                place = (len(grid), len(row))
                row.append(below.get(place, cell) if not cell.text else cell)
                below.update({(place[0] + k, place[1]): cell for k in range(1, height)})
        grid.append(row)
    width = max(map(len, grid), default=0)
    return [row + [_Cell("") for _ in range(width - len(row))] for row in grid]


def _cell(source: str) -> tuple[_Cell, int, int]:
    spans = {"row": 1, "column": 1}
    while match := _SPAN.search(source):
        spans[match[1]] = int(match[2])
        source = source[: match.start()] + source[match.end() :]
    return _Cell(_plain(source)), spans["row"], spans["column"]


def _plain(source: str) -> str:
    r"""The text of a cell: ``$\red{\mathbf{50.5\%}}$`` is ``50.5%``, ``$\pi_\text{ref}$`` is ``pi_ref``."""
    source = _STYLE.sub("", _DROPPED_WITH_ARGUMENT.sub("", source))
    source = re.sub(r"\\[a-zA-Z]+\*?\s*(?=\{)", "", source)
    source = re.sub(r"\\[,;:! ]|~", " ", re.sub(r"(?<!\\)[${}]", "", source))
    return " ".join(re.sub(r"\\(.)", r"\1", source).split())
