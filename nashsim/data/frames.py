"""pandas frames and parquet files as tables of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import NashsimError, first_line
from .cells import Table, is_text

if TYPE_CHECKING:
    import pandas as pd


def frame_table(frame: pd.DataFrame, name: str = "frame") -> Table:
    """Return a frame as a table whose first row names the columns; missing values are blank cells.

    The index of a square frame without text comes before the rows as labels; other indices are left out.

    Parameters
    ----------
    frame : pandas.DataFrame
    name : str

    Raises
    ------
    NashsimError
        If it is no frame, or has no rows.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise NashsimError(f"{name}: a pandas DataFrame is needed, found {type(frame).__name__}")
    if frame.empty:
        raise NashsimError(f"{name}: the frame is empty, shape {frame.shape}")
    header = [str(column).strip() for column in frame.columns]
    columns = [_texts(frame.iloc[:, k]) for k in range(frame.shape[1])]
    if frame.shape[0] == frame.shape[1] and not any(is_text(cell) for column in columns for cell in column):
        header, columns = ["", *header], [[str(label).strip() for label in frame.index], *columns]
    return Table(name, [header, *map(list, zip(*columns, strict=True))], has_header=True)


def parquet_table(content: bytes, name: str, wanted: Sequence[str] | None = None) -> Table:
    """Return a parquet file as a table.

    Parameters
    ----------
    content : bytes
    name : str
    wanted : sequence of str or None
        Columns to read if the file has them all; it is read whole otherwise.

    Raises
    ------
    NashsimError
        If it is no parquet file, or has no rows.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        there = file.schema_arrow.names
        columns = list(wanted) if wanted is not None and set(wanted) <= set(there) else None
        frame = file.read(columns=columns).to_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        reason = first_line(error)
        raise NashsimError(f"{name}: cannot be read as parquet: {reason}") from None
    return frame_table(frame, name)


def _texts(column: pd.Series) -> list[str]:
    blank = column.isna().to_numpy()
    return ["" if gone else str(value).strip() for gone, value in zip(blank, column.tolist(), strict=True)]
