"""JSON and JSON lines as tables of cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress

from ..errors import NashsimError
from . import outcomes
from .cells import Table
from .values import has_text

_LISTS = ("data", "rows", "records", "battles", "results", "items", "examples")
_LABELS = ("labels", "names", "models", "players", "candidates", "index")
_MATRICES = ("matrix", "probabilities", "probability", "wins", "counts", "P", "p", "data")


def looks_like_json(text: str) -> bool:
    """Whether the text is JSON, or begins as only JSON does, so that what follows is a mistake."""
    start = text.lstrip()[:200].replace(" ", "").replace("\n", "").replace("\r", "")
    if start.startswith(('{"', "[{", '[["', "{}", "[]")):
        return True
    return start.startswith("[[") and "," in start and "{" not in start


def json_table(text: str, name: str) -> Table:
    """Return JSON records, columns, rows or a labelled matrix as a table; JSON lines are records.

    Nested records get names with dots, a list of records with outcomes (turns, games) gives a row each, and other
    nested fields are left out and named in the dialect.

    Raises
    ------
    NashsimError
        If it is no JSON, none of these, or a dictionary of dictionaries, whose direction cannot be told.
    """
    try:
        value, words = json.loads(text), "JSON"
    except json.JSONDecodeError as error:
        value, words = _lines(text, name, error), "JSON lines"
    return _table(value, name, words)


def _lines(text: str, name: str, whole: json.JSONDecodeError) -> list:
    lines = [line for line in text.splitlines() if line.strip()]
    with suppress(json.JSONDecodeError):
        return json.loads(f"[{','.join(lines)}]")
    values = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                values.append(json.loads(line))
            except json.JSONDecodeError as error:
                number, error = (number, error) if values else (whole.lineno, whole)
                raise NashsimError(f"{name}: the JSON is broken in line {number}: {error.msg}") from None
    return values


def _table(value, name: str, words: str) -> Table:
    if isinstance(value, dict):
        if (matrix := _labelled(value)) is not None:
            return Table(name, matrix, has_header=True, has_index=True, dialect=words)
        value = _records_in(value, name)
    if value and all(isinstance(item, dict) for item in value):
        return _from_records(value, name, words)
    if value and all(isinstance(item, list) and item for item in value):
        if any(isinstance(cell, dict | list) for row in value for cell in row):
            raise NashsimError(f"{name}: the JSON holds lists of lists of lists; one table of rows is needed")
        return Table(name, [[_text(cell) for cell in row] for row in value], dialect=words)
    raise NashsimError(
        f"{name}: JSON must be a list of records, a list of rows, or columns; found"
        f" {type(value).__name__} {json.dumps(value)[:60]}"
    )


def _labelled(value: dict) -> list[list[str]] | None:
    """Rows of a matrix with its labels, if the dictionary holds just that."""
    for key in _LABELS:
        labels = value.get(key)
        if not isinstance(labels, list):
            continue
        for other in _MATRICES:
            rows = value.get(other)
            if (
                isinstance(rows, list)
                and all(isinstance(row, list) for row in rows)
                and len(rows) == len(labels)
            ):
                across = value.get("columns", labels)
                cells = [[_text(label), *map(_text, row)] for label, row in zip(labels, rows, strict=True)]
                if not has_text(row[1:] for row in cells):
                    return [["", *map(_text, across)], *cells]
    return None


def _records_in(value: dict, name: str) -> list:
    for key in _LISTS:
        held = value.get(key)
        if isinstance(held, list) and held and all(isinstance(item, dict) for item in held):
            return [item["row"] if isinstance(item.get("row"), dict) else item for item in held]
        if isinstance(held, list) and isinstance(value.get("columns"), list):
            return [dict(zip(map(_text, value["columns"]), row, strict=False)) for row in held]
    parts = list(value.values())
    if parts and all(isinstance(part, list) for part in parts) and len({len(part) for part in parts}) == 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*parts, strict=True)]
    if parts and all(isinstance(part, dict) for part in parts):
        if set().union(*parts) & set(value):
            raise NashsimError(
                f"{name}: in JSON of the form {{a: {{b: value}}}} a may stand for the row, as written by hand, or for"
                " the column, as pandas writes; give {labels: [...], matrix: [[...], ...]} instead"
            )
        keys = list(dict.fromkeys(key for part in parts for key in part))
        if keys == [str(i) for i in range(len(keys))]:
            return [{column: part.get(key) for column, part in value.items()} for key in keys]
    return [value]


def _from_records(records: Sequence[dict], name: str, words: str) -> Table:
    flat, nested = [], {}
    for record in records:
        if not any(isinstance(value, dict | list) for value in record.values()):
            flat.append(record)
            continue
        row, lists = _flat(record, "")
        told = next((field for field, items in lists.items() if _tell_outcomes(items)), None)
        nested.update(dict.fromkeys(field for field in lists if field != told))
        for item in lists[told] if told else [{}]:
            inner, deeper = _flat(item, "")
            nested.update(dict.fromkeys(f"{told}.{field}" for field in deeper))
            flat.append(
                row | {key if key not in row else f"{told}.{key}": cell for key, cell in inner.items()}
            )
    header = list(flat[0])
    for row in flat:
        if row.keys() - header:
            header += [key for key in row if key not in header]
    if not header:
        raise NashsimError(f"{name}: the records hold no fields of text or numbers")
    left_out = f" (nested fields left out: {', '.join(nested)})" if nested else ""
    rows = [[_text(row.get(key)) for key in header] for row in flat]
    return Table(name, [[key.strip() for key in header], *rows], has_header=True, dialect=words + left_out)


def _tell_outcomes(items: list) -> bool:
    if not items or not all(isinstance(item, dict) for item in items):
        return False
    keys = list(items[0])
    return any(outcomes.key(key) == "winner" for key in keys) or any(
        outcomes.find_pair(keys, known) for known in (outcomes.SIDES, outcomes.PAIRS)
    )


def _flat(record: dict, before: str) -> tuple[dict[str, str], dict[str, list]]:
    """Values by dotted name, and the lists in a record."""
    row, lists = {}, {}
    for key, value in record.items():
        if isinstance(value, dict):
            inner, more = _flat(value, f"{before}{key}.")
            row |= inner
            lists |= more
        elif isinstance(value, list):
            lists[before + key] = value
        else:
            row[before + key] = value
    return row, lists


def _text(value) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)
