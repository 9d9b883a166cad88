"""From a file or a frame to PreferenceData."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NashsimError
from .battles import read_battles
from .blt import read_blt
from .cells import Table, read_table
from .content import as_text, read_content
from .frames import frame_table, parquet_table
from .latex import read_latex
from .matrices import read_array, read_matrix
from .pairs import read_pairs
from .preflib import read_preflib
from .recognise import is_leaderboard, table_format, text_kind
from .request import FORMATS, Request
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
        "matrix": read_matrix,
        "counts": read_matrix,
        "pairs": read_pairs,
        "triples": read_triples,
    },
}


def load(
    path: str | Path,
    format: str = "auto",
    *,
    ties: str = "half",
    columns: Sequence[str] | None = None,
    weight: str | None = None,
    scores: Sequence[str] | None = None,
    result: str | None = None,
    unit: str = "auto",
    range: tuple[float, float] | None = None,
) -> PreferenceData:
    """Read pairwise preferences from a file.

    The data keep missing pairs and asymmetry as they are; ``.game(missing=..., symmetrise=...)`` decides.

    Parameters
    ----------
    path : str or Path
    format : {"auto", "battles", "matrix", "counts", "pairs", "triples", "preflib", "blt"}
        ``"auto"`` recognises the content, whatever the file is called. A matrix is labelled CSV, headerless
        text, text starting with n, a LaTeX tabular or ``.npy``; triples may be python tuples; battles may be
        parquet. ``columns``, ``scores`` or ``result`` make ``"auto"`` battles.
    ties : {"half", "drop", "error"}
        For battles and ballots: half a win for each side, left out, or an error. A pair that a ballot does
        not separate is a tie, unranked candidates are tied last.
    columns : sequence of str or None
        Names of the columns: A, B, WINNER of battles, WINNER, LOSER of pairs, A, B, VALUE of triples.
    weight : str or None
        Column with the weight of each battle or pair; weight w counts as w comparisons.
    scores : sequence of two str or None
        Columns with the scores of the two sides of a battle.
    result : str or None
        Column with 1, 0.5 or 0 for a battle won, tied or lost by the first side.
    unit : {"auto", "probability", "percent", "count", "payoff"}
        What the entries of a matrix or of triples are; see :func:`nashsim.data.units.interpret`.
    range : tuple of float or None
        Least and largest payoff.

    Returns
    -------
    PreferenceData

    Raises
    ------
    NashsimError
        If the file is not there, is empty, is not recognised or not what ``format`` says, holds scores
        against one baseline, or its content is not acceptable; the message starts with the file's name.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "votes.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("model_a,model_b,winner\\nx,y,model_a\\nx,y,tie\\n")
    >>> load(path)
    PreferenceData('votes.csv', n=2, pairs=1 of 1)
    """
    request = Request(format, ties, columns, weight, scores, result, unit, range)
    path = Path(path)
    return _read(*_open(path, request), path.name, request)


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
    unit: str = "auto",
    range: tuple[float, float] | None = None,
) -> PreferenceData:
    """Read pairwise preferences from a pandas frame: battles, a square labelled matrix, pairs or triples.

    Missing values are blank cells: in a matrix, pairs never compared.

    Parameters
    ----------
    frame : pandas.DataFrame
    format : {"auto", "battles", "matrix", "counts", "pairs", "triples"}
    name : str
    ties, columns, weight, scores, result, unit, range
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
    request = Request(format, ties, columns, weight, scores, result, unit, range)
    return _read("table", frame_table(frame, name), name, request)


def _open(path: Path, request: Request) -> tuple[str, Table | bytes | str]:
    """What the content is, a key of the readers, and the content as they take it."""
    content = read_content(path)
    if content.startswith(b"\x93NUMPY"):
        return "npy", content
    if content.startswith(b"PAR1"):
        return "table", parquet_table(content, path.name, request.battle_columns)
    text = as_text(content)
    if text is None:
        raise _unrecognised(path.name)
    # Ballots that are asked for by name get the reader's own account of what is wrong with them.
    kind = request.format if request.format in ("preflib", "blt") else text_kind(text)
    if kind == "tuples":
        return kind, read_tuples(text, path.name)
    return (kind, text) if kind else ("table", read_table(text, path.name))


def _read(kind: str, content: Table | bytes | str, name: str, request: Request) -> PreferenceData:
    table = content if isinstance(content, Table) and kind == "table" else None
    if table is not None and not request.names_battles and is_leaderboard(table):
        raise NashsimError(
            f"{name}: scores of many labels against one baseline are no pairwise preferences: no row compares"
            " two of the labels, so no cycle can be seen; battles, a matrix of all pairs or triples will do"
        )
    format = request.format if request.format != "auto" else _format(kind, content, name, request)
    if format not in _READERS[kind]:
        accepted = " or ".join(_READERS[kind])
        raise NashsimError(f"{name}: format={format!r} does not fit, the content can be read as {accepted}")
    source = (content,) if isinstance(content, Table) else (content, name)
    return _READERS[kind][format](*source, **request.options_of(format, name))


def _format(kind: str, content: Table | bytes | str, name: str, request: Request) -> str:
    if not isinstance(content, Table):
        return next(iter(_READERS[kind]))
    if kind == "tuples":
        return "pairs" if len(content.rows[0]) == 2 else "triples"
    format = "battles" if request.names_battles else table_format(content)
    if format is None:
        raise _unrecognised(name)
    return format


def _unrecognised(name: str) -> NashsimError:
    listed = ", ".join(f"{format} ({words})" for format, (words, _) in FORMATS.items())
    return NashsimError(
        f"{name}: the format is not recognised; accepted are {listed}; name it by format"
        " (--format), and columns with other names by columns (--columns)"
    )
