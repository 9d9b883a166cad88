"""From a file or a frame to PreferenceData."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import NashsimError
from . import outcomes
from .battles import read_battles, read_wins
from .blt import read_blt
from .cells import Table, read_tables
from .content import Content, decode, read_content
from .crosstable import read_crosstable
from .formats import FORMATS
from .frames import frame_table, parquet_table
from .latex import read_latex
from .matrices import read_array, read_matrix
from .pairs import read_pairs
from .preflib import read_preflib
from .rankings import read_rankings
from .recognise import evidence, is_leaderboard, text_kind, with_header
from .records import json_table
from .request import Request
from .table import PreferenceData
from .triples import read_triples, read_tuples

if TYPE_CHECKING:
    import pandas as pd

# What a content is, the formats that it can be read as (the first unless told otherwise) and by what.
_READERS: dict[str, dict[str, Callable[..., PreferenceData]]] = {
    "npy": {"matrix": read_array, "counts": read_array},
    "latex": {"matrix": read_latex, "counts": read_latex},
    "preflib": {"preflib": read_preflib},
    "blt": {"blt": read_blt},
    "tuples": {"triples": read_triples, "pairs": read_pairs},
    "table": {
        "battles": read_battles,
        "wins": read_wins,
        "matrix": read_matrix,
        "counts": read_matrix,
        "crosstable": read_crosstable,
        "pairs": read_pairs,
        "triples": read_triples,
        "rankings": read_rankings,
    },
}
_TABLES = ("table", "tuples")


class _Source(NamedTuple):
    """A content as its readers take it, and what it was found to be."""

    kind: str
    given: tuple
    words: str


def load(
    path: str | Path,
    format: str = "auto",
    *,
    ties: str = "half",
    columns: Sequence[str] | None = None,
    weight: str | None = None,
    scores: Sequence[str] | None = None,
    result: str | None = None,
    wins: Sequence[str] | None = None,
    draws: str | None = None,
    unit: str = "auto",
    range: tuple[float, float] | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
) -> PreferenceData:
    """Read pairwise preferences from a file.

    The data keep missing pairs and asymmetry as they are; ``.game(missing=..., symmetrise=...)`` decides. What the
    file was recognised as, and why, stands in ``reading``, and what was decided on the way in ``notes``.

    Parameters
    ----------
    path : str or Path
        gzip, bzip2, xz, zstd and a zip of one file are unpacked.
    format : str
        A key of :data:`nashsim.data.FORMATS`, where each has its examples. ``"auto"`` recognises the content,
        whatever the file is called, by the names of columns or by cells that leave no other reading; ``columns``,
        ``scores`` or ``result`` make it battles, ``wins`` or ``draws`` wins.
    ties : {"half", "drop", "error"}
        For battles, pairs, wins and ballots: half a win for each side, left out, or an error. A pair that a ballot
        does not separate is a tie, unranked candidates are tied last.
    columns : sequence of str or None
        Names of the columns: A, B, WINNER of battles, WINNER, LOSER of pairs, A, B, VALUE of triples, A, B of wins.
    weight : str or None
        Column with the weight of each row; weight w counts as w comparisons.
    scores : sequence of two str or None
        Columns with the scores of the two sides of a battle.
    result : str or None
        Column with 1, 0.5 or 0 for a battle won, tied or lost by the first side (or 1, 0, -1, ``1-0``, ``½``, ...).
    wins : sequence of two str or None
        Columns with the numbers of wins of the two sides.
    draws : str or None
        Column with the number of draws beside ``wins``.
    unit : {"auto", "probability", "percent", "count", "payoff"}
        What the entries of a matrix or of triples are; see :func:`nashsim.data.units.interpret`.
    range : tuple of float or None
        Least and largest payoff.
    header : bool or None
        Whether the first row of a table names its columns; ``None`` looks.
    encoding : str or None
        Encoding of a text; ``None`` recognises UTF-8, UTF-16 and Windows-1252.
    separator : str or None
        What stands between cells: ``,``, ``;``, ``|``, ``tab`` or ``blank``; ``None`` looks.
    decimal : {",", "."} or None
        The decimal mark; ``None`` looks.

    Returns
    -------
    PreferenceData

    Raises
    ------
    NashsimError
        If the file is not there, is empty, is not recognised or not what ``format`` says, can be read in two ways,
        holds scores against one baseline, or its content is not acceptable; the message starts with the file's name.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "votes.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("model_a,model_b,winner\\nx,y,model_a\\nx,y,tie\\n")
    >>> load(path)
    PreferenceData('votes.csv', n=2, pairs=1 of 1)
    """
    request = Request(
        format,
        ties,
        columns,
        weight,
        scores,
        result,
        wins,
        draws,
        unit,
        range,
        header,
        encoding,
        separator,
        decimal,
    )
    content = read_content(Path(path))
    return _read(*_sources(content, request), content.name, request)


def from_frame(
    frame: pd.DataFrame,
    format: str = "auto",
    *,
    name: str = "frame",
    ties: str = "half",
    columns: Sequence[str] | None = None,
    weight: str | None = None,
    scores: Sequence[str] | None = None,
    result: str | None = None,
    wins: Sequence[str] | None = None,
    draws: str | None = None,
    unit: str = "auto",
    range: tuple[float, float] | None = None,
) -> PreferenceData:
    """Read pairwise preferences from a frame: battles, wins, a square labelled matrix, pairs, triples or rankings.

    Missing values are blank cells: in a matrix, pairs never compared.

    Parameters
    ----------
    frame : pandas.DataFrame, or a frame of polars or Arrow
    format : str
        As for :func:`load`.
    name : str
    ties, columns, weight, scores, result, wins, draws, unit, range
        As for :func:`load`.

    Returns
    -------
    PreferenceData

    Raises
    ------
    NashsimError
        As for :func:`load`.

    Examples
    --------
    >>> import pandas as pd
    >>> from_frame(pd.DataFrame([[0.5, 0.7], [0.3, 0.5]], index=["a", "b"], columns=["a", "b"])).labels
    ('a', 'b')
    """
    request = Request(format, ties, columns, weight, scores, result, wins, draws, unit, range)
    table = frame_table(frame, name)
    return _read([_Source("table", (table,), table.dialect)], "", name, request)


def _sources(content: Content, request: Request) -> tuple[list[_Source], str]:
    """The ways to take a content apart, and what was found in words."""
    if content.data.startswith(b"\x93NUMPY"):
        return [_Source("npy", (content,), "an array (.npy)")], content.describe()
    if content.data.startswith((b"PAR1", b"ARROW1")):
        return [_Source("table", (parquet_table(content),), "a parquet or Arrow file")], content.describe()
    text, content = decode(content, request.encoding)
    if text is None:
        return [], content.describe()
    # Ballots that are asked for by name get the reader's own account of what is wrong with them.
    kind = request.format if request.format in ("preflib", "blt") else text_kind(text)
    if kind in ("json", "tuples"):
        table = (json_table if kind == "json" else read_tuples)(text, content.name)
        table = replace(table, decimal=request.decimal)
        return [_Source("table" if kind == "json" else kind, (table,), table.dialect)], content.describe()
    if kind:
        return [_Source(kind, (text, content.name), kind)], content.describe()
    how = {name: getattr(request, name) for name in ("separator", "header", "decimal")}
    tables = [with_header(table) for table in read_tables(text, content.name, **how)]
    return [_Source("table", (table,), table.dialect) for table in tables], content.describe()


def _read(sources: list[_Source], found: str, name: str, request: Request) -> PreferenceData:
    attempts, done, errors = _attempts(sources, found, name, request), [], []
    for source, format, why in attempts:
        try:
            data = _READERS[source.kind][format](*source.given, **request.options_of(format, name))
            done.append((source, format, why, data))
        except NashsimError as error:
            errors.append(error)
    if not done:
        raise errors[0]
    done = [reading for reading in done if not reading[3].is_asymmetric] or done
    if len(done) > 1 and not all(_are_equal(done[0][3], reading[3]) for reading in done):
        ways = " or ".join(f"{format} {source.words} ({why})" for source, format, why, _ in done)
        raise NashsimError(
            f"{name}: the content can be read as {ways}; say which by format (--format), separator (--separator) or"
            " header (--header)"
        )
    source, format, why, data = done[0]
    object.__setattr__(data, "reading", _reading(source, format, why, found))
    return data


def _attempts(sources, found: str, name: str, request: Request) -> list[tuple[_Source, str, str]]:
    """What to try: a source, a format and why."""
    attempts, tables = [], [source.given[0] for source in sources if source.kind in _TABLES]
    asked = request.format if request.format != "auto" else request.named_format
    if request.named_format is None and any(map(is_leaderboard, tables)):
        raise NashsimError(
            f"{name}: scores of many labels against one baseline are no pairwise preferences: no row compares"
            " two of the labels, so no cycle can be seen; battles, a matrix of all pairs or triples will do"
        )
    for source in sources:
        if asked is not None:
            if asked not in _READERS[source.kind]:
                accepted = " or ".join(_READERS[source.kind])
                if request.format == "auto":
                    request.options_of(next(iter(_READERS[source.kind])), name)
                raise NashsimError(
                    f"{name}: format={asked!r} does not fit, the content can be read as {accepted}"
                )
            attempts.append((source, asked, "asked for by an option"))
        elif source.kind in _TABLES:
            attempts += [(source, format, why) for format, why in evidence(source.given[0]).items()]
        else:
            attempts.append((source, next(iter(_READERS[source.kind])), "the text begins so"))
    if not attempts:
        raise _unrecognised(name, found, tables)
    return attempts


def _are_equal(one: PreferenceData, other: PreferenceData) -> bool:
    return one.labels == other.labels and np.array_equal(one.probability, other.probability, equal_nan=True)


def _reading(source: _Source, format: str, why: str, found: str) -> str:
    """What was recognised and why, in a sentence."""
    parts = [f"{format} ({FORMATS[format].words}): {why}", *filter(None, (found, source.words))]
    if source.kind in _TABLES:
        table: Table = source.given[0]
        parts.append(f"{len(table.rows)} rows")
        if table.comments:
            parts.append(f"{table.comments} comment lines before the table left out")
    return "; ".join(parts) + "."


def _unrecognised(name: str, found: str, tables: list[Table]) -> NashsimError:
    listed = ", ".join(f"{format} ({form.words})" for format, form in FORMATS.items())
    seen, hint = [found] if found else [], ""
    if tables:
        hint = outcomes.how_to_ask(tables[0].rows[0])
        first = tables[0].rows[0]
        only = ", a single line" if len(tables[0].rows) == 1 else ""
        seen.append(f"{tables[0].dialect}{only}, first row {', '.join(map(repr, first[:6]))[:120]}")
    return NashsimError(
        f"{name}: the format is not recognised; accepted are {listed}; name it by format"
        f" (--format), and columns with other names by columns (--columns); found {'; '.join(seen)}{hint}"
    )
