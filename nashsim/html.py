"""How results show in a notebook: small tables that take colours and type from the page, light or dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

#: Most rows of a table; what is left out is said.
MOST = 12

_CELL = "padding:.15em .7em;border-bottom:1px solid rgba(128,128,128,.35);vertical-align:top"


def card(title: str, facts: Mapping[str, Any], *tables: str, note: str = "") -> str:
    """Return a titled list of facts, then tables, then a note, as HTML without any markup of the values.

    Parameters
    ----------
    title : str
        What is shown.
    facts : mapping of str to object
        Names and values; ``None`` leaves one out.
    *tables : str
        HTML of :func:`table`.
    note : str
        Sentence below.
    """
    rows = "".join(
        f'<tr><th style="{_CELL};text-align:left;font-weight:normal;opacity:.7">{escape(name)}</th>'
        f'<td style="{_CELL};text-align:left">{escape(text(value))}</td></tr>'
        for name, value in facts.items()
        if value is not None
    )
    below = f'<div style="opacity:.7;max-width:60em">{escape(note)}</div>' if note else ""
    return (
        f'<div><strong>{escape(title)}</strong><table style="border-collapse:collapse">{rows}</table>'
        f"{''.join(tables)}{below}</div>"
    )


def table(
    heads: Sequence[str], rows: Iterable[Sequence[Any]], shades: np.ndarray | None = None, left: str = ""
) -> str:
    """Return a table whose first column names the rows.

    Parameters
    ----------
    heads : sequence of str
        Heads of the columns.
    rows : iterable of sequences
        Cells; numbers are rounded for the eye.
    shades : ndarray, shape (rows, columns - 1), or None
        Share in [0, 1] of each cell's width that is coloured, for the eye to compare.
    left : str
        What was left out, said below.
    """
    head = "".join(
        f'<th style="{_CELL};text-align:{_side(k)}">{escape(one)}</th>' for k, one in enumerate(heads)
    )
    body = ""
    for i, row in enumerate(rows):
        body += f'<tr><th style="{_CELL};text-align:left">{escape(text(row[0]))}</th>'
        for j, value in enumerate(row[1:]):
            share = 0.0 if shades is None or not np.isfinite(shades[i, j]) else 100 * float(shades[i, j])
            bar = f";background:linear-gradient(to right,rgba(0,114,178,.3) {share:.0f}%,transparent {share:.0f}%)"
            body += f'<td style="{_CELL};text-align:right{bar if share else ""}">{escape(text(value))}</td>'
        body += "</tr>"
    below = f'<div style="opacity:.7">{escape(left)}</div>' if left else ""
    return (
        f'<table style="border-collapse:collapse;margin:.4em 0"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>{below}"
    )


def policy_table(
    labels: Sequence[str], probabilities: np.ndarray, heads: Sequence[str] = ("probability",), most: int = 4
) -> str:
    """Return a table of policies by label, the largest first and at most twelve.

    Parameters
    ----------
    labels : sequence of str
        Names of the actions.
    probabilities : ndarray, shape (policies, actions)
        One column each; the first sorts the rows.
    heads : sequence of str
        Heads of the columns.
    most : int
        The most columns shown, of contexts for instance.
    """
    shown = np.asarray(probabilities)[:most]
    order = np.argsort(-shown[0], kind="stable")[:MOST]
    missing = [f"{len(labels) - MOST} more actions"] if len(labels) > MOST else []
    missing += [f"{len(probabilities) - most} more contexts"] if len(probabilities) > most else []
    rows = [[labels[i], *shown[:, i]] for i in order]
    return table(
        ["", *heads[: len(shown)]], rows, shown[:, order].T, f"and {', '.join(missing)}" if missing else ""
    )


def by_context(contexts: int) -> list[str]:
    """Return the heads of a table of policies, a column a context."""
    return ["probability"] if contexts == 1 else [f"context {x}" for x in range(contexts)]


def text(value: Any) -> str:
    """Return a value as it reads: numbers to four digits, sequences by commas.

    Examples
    --------
    >>> text(0.123456), text(1e-14), text(["a", "b"]), text(None), text(True)
    ('0.1235', '1e-14', 'a, b', '–', 'yes')
    """
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(text(one) for one in value[:MOST]) + (" …" if len(value) > MOST else "") or "none"
    return str(value)


def _side(column: int) -> str:
    return "right" if column else "left"
