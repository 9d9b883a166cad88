"""Rows of JSONL, JSON, CSV, parquet, text, or a Hugging Face dataset, as one table of plain values."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nashsim.errors import NashsimError, import_optional

from ..importing import package_file

#: The column of a text file, one row a line.
TEXT_COLUMN = "prompt"


@dataclass(frozen=True)
class Table:
    """Rows with named columns.

    Attributes
    ----------
    name : str
        Source of the rows, for messages and model cards.
    rows : list of mapping
        Rows by column.
    """

    name: str
    rows: list[Mapping]

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in order of appearance."""
        return list(dict.fromkeys(key for row in self.rows for key in row))

    def column(self, name: str) -> list:
        """Return the values of a column.

        Parameters
        ----------
        name : str
            Name of the column.

        Raises
        ------
        NashsimError
            For a column that is not there, suggesting the nearest, or that a row leaves out.

        Examples
        --------
        >>> Table("mine", [{"prompt": "2+2?"}]).column("promt")
        Traceback (most recent call last):
            ...
        nashsim.errors.NashsimError: mine: no column 'promt'; did you mean 'prompt'? (columns: prompt)
        """
        if name not in self.columns:
            near = difflib.get_close_matches(name, self.columns, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise NashsimError(f"{self.name}: no column {name!r}{hint} (columns: {', '.join(self.columns)})")
        for i, row in enumerate(self.rows):
            if row.get(name) is None:
                raise NashsimError(f"{self.name}: row {i + 1} has no {name!r}; every row needs one")
        return [row[name] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)


def read_rows(source: str | Path, *, split: str = "train", limit: int | None = None) -> Table:
    """Return the rows of a file or a dataset.

    Parameters
    ----------
    source : str or Path
        A file that ends in ``.jsonl``, ``.json`` (a list of objects, or as JSONL), ``.csv``, ``.parquet`` or ``.txt``
        (one prompt a line, column ``prompt``); a folder that ``datasets`` wrote or can load; or the name of a dataset
        on the Hugging Face hub. ``package:NAME/FILE`` is a file inside an installed package.
    split : str
        Split of a dataset.
    limit : int or None
        Most rows, the first ones; ``None`` is all.

    Raises
    ------
    NashsimError
        For a source that is missing, unreadable or empty.
    """
    if limit is not None and limit < 1:
        raise NashsimError(f"limit: a whole number >= 1 or None is needed, found {limit!r}")
    path = Path(package_file(str(source), "data")).expanduser()
    reader = _READERS.get(path.suffix.lower())
    if path.is_file():
        if reader is None:
            raise NashsimError(
                f"{source}: a file that ends in {', '.join(_READERS)} is needed, found {path.suffix!r}"
            )
        try:
            rows = reader(path)
        except (OSError, UnicodeDecodeError, ValueError) as error:
            if isinstance(error, NashsimError):
                raise
            raise NashsimError(f"{source}: cannot be read: {_one_line(error)}") from None
    elif path.is_dir():
        rows = _dataset(str(path), split, _from_folder)
    elif reader is not None or path.is_absolute() or str(source).startswith((".", "~")):
        raise NashsimError(f"{source}: no such file{_near_file(path)}")
    else:
        rows = _dataset(str(source), split, _from_hub)
    rows = rows[:limit]
    if not len(rows):
        raise NashsimError(f"{source}: empty; at least one row is needed")
    return Table(str(source), rows)


def _jsonl(path: Path) -> list[dict]:
    rows = []
    for i, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n")):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise NashsimError(f"{path}: line {i + 1} is no JSON: {error.msg}") from None
        if not isinstance(row, dict):
            raise NashsimError(f"{path}: line {i + 1} is no JSON object, found {type(row).__name__}")
        rows.append(row)
    return rows


def _json(path: Path) -> list[dict]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError:
        return _jsonl(path)
    if not isinstance(found, list):
        return _jsonl(path)
    for i, row in enumerate(found):
        if not isinstance(row, dict):
            raise NashsimError(f"{path}: entry {i + 1} is no JSON object, found {type(row).__name__}")
    return found


def _csv(path: Path) -> list[dict]:
    import csv

    # Fields hold whole responses, far above csv's own limit.
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey="", strict=True)
        try:
            rows = list(reader)
        except csv.Error as error:
            raise NashsimError(f"{path}: line {reader.line_num} is no CSV: {error}") from None
    for i, row in enumerate(rows):
        if "" in row:
            raise NashsimError(
                f"{path}: row {i + 1} has more fields than the header; quote fields with commas"
            )
    return rows


def _parquet(path: Path) -> list[dict]:
    import_optional("pyarrow", f"{path}: a parquet file", "arrow")
    from pyarrow.parquet import read_table

    return read_table(path).to_pylist()


def _text(path: Path) -> list[dict]:
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    return [{TEXT_COLUMN: line.rstrip("\r")} for line in lines if line.strip()]


_READERS: dict[str, Callable[[Path], list[dict]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
    ".txt": _text,
}


def _dataset(source: str, split: str, load: Callable) -> list[dict]:
    try:
        import datasets
    except ModuleNotFoundError:
        raise NashsimError(
            f"{source}: no file of that name; to read it as a Hugging Face dataset, pip install datasets"
        ) from None
    try:
        found = load(datasets, source, split)
        if isinstance(found, datasets.DatasetDict):
            if split not in found:
                raise NashsimError(f"{source}: no split {split!r} (splits: {', '.join(found)})")
            found = found[split]
        return found.to_list()
    except NashsimError:
        raise
    except Exception as error:  # whatever the library runs into: network, format, a script that is not run
        raise NashsimError(
            f"{source}: neither a file nor a dataset that can be loaded: {_one_line(error)}"
        ) from None


def _from_folder(datasets, source: str, split: str):
    saved = any((Path(source) / name).exists() for name in ("dataset_info.json", "dataset_dict.json"))
    return datasets.load_from_disk(source) if saved else datasets.load_dataset(source, split=split)


def _from_hub(datasets, source: str, split: str):
    return datasets.load_dataset(source, split=split)


def _near_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; the folder {str(path.parent)!r} is not there either"
    near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1)
    return f"; did you mean {str(path.parent / near[0])!r}?" if near else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
