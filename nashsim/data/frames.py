"""Frames of pandas, polars and Arrow, and parquet and Arrow files, as tables of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import NashsimError, first_line, import_optional
from .cells import Table
from .content import Content
from .values import has_text

if TYPE_CHECKING:
    import pandas as pd


def frame_table(frame: pd.DataFrame, name: str = "frame") -> Table:
    """Return a frame as a table whose first row names the columns; missing values are blank cells.

    The index of a frame of numbers comes before the rows as labels where the frame is square or shares labels with
    its columns; an index with names becomes columns; other indices are left out.

    Parameters
    ----------
    frame : pandas.DataFrame, or any frame with the Arrow interface (polars, pyarrow, ...)
    name : str

    Raises
    ------
    NashsimError
        If it is no frame, or has no rows.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        if not hasattr(frame, "__arrow_c_stream__") or not hasattr(frame, "columns"):
            raise NashsimError(
                f"{name}: a pandas DataFrame (or a frame of polars or Arrow) is needed, found {type(frame).__name__}"
            )
        pyarrow = import_optional("pyarrow", f"{name}: a frame of polars or Arrow", "arrow")
        frame = pyarrow.table(frame).to_pandas()
    if frame.empty:
        raise NashsimError(f"{name}: the frame is empty, shape {frame.shape}")
    header, index = _labels(frame.columns), _labels(frame.index)
    columns = [_texts(frame.iloc[:, k]) for k in range(frame.shape[1])]
    square = frame.shape[0] == frame.shape[1]
    if (square or set(header) & set(index)) and not has_text(columns):
        corner = str(frame.index.name) if isinstance(frame.index.name, str) else ""
        rows = [list(row) for row in zip(index, *columns, strict=True)]
        return Table(name, [[corner, *header], *rows], has_header=True, has_index=True, dialect="a frame")
    named = [level for level in frame.index.names if level is not None]
    if named and len(named) == frame.index.nlevels and not set(named) & set(frame.columns):
        return frame_table(frame.reset_index(), name)
    return Table(name, [header, *map(list, zip(*columns, strict=True))], has_header=True, dialect="a frame")


def parquet_table(content: Content) -> Table:
    """Return a parquet or Arrow (feather) file as a table; nested columns such as conversations are left out.

    Raises
    ------
    NashsimError
        If it is no such file, or has no rows.
    """
    pyarrow = import_optional("pyarrow", f"{content.name}: a parquet or Arrow file", "arrow")
    from pyarrow import ipc, parquet

    source, kind = pyarrow.BufferReader(content.data), "Arrow"
    try:
        if content.data.startswith(b"PAR1"):
            kind = "parquet"
            file = parquet.ParquetFile(source)
            flat = [field.name for field in file.schema_arrow if not pyarrow.types.is_nested(field.type)]
            frame = file.read(columns=flat).to_pandas()
        else:
            frame = ipc.open_file(source).read_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        reason = first_line(error)
        raise NashsimError(f"{content.name}: cannot be read as {kind}: {reason}") from None
    return frame_table(frame, content.name)


def _labels(labels: Sequence) -> list[str]:
    return [_text(label) for label in labels]


def _texts(column: pd.Series) -> list[str]:
    blank = column.isna().to_numpy()
    return ["" if gone else _text(value) for gone, value in zip(blank, column.tolist(), strict=True)]


def _text(value) -> str:
    """Text of a value; 1 and 1.0 are one label."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < 2**53 else repr(value)
    return str(value).strip()
