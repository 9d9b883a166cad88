"""How commands speak: one JSON value on stdout, or tables for people; everything else goes to stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..files import to_json


def print_json(value) -> None:
    """Print one JSON value on stdout and nothing else."""
    sys.stdout.write(to_json(value) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[str] = ()
):
    """Print a table; the columns named in ``numbers`` are aligned to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console(highlight=False).print(table)


def print_wide_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of numbers in as many blocks of columns as the terminal's width asks for, the first one in each."""
    from rich.console import Console

    widths = [max(len(cell) for cell in column) + 3 for column in zip(columns, *rows, strict=True)]
    room, block = Console().width - widths[0], [0]
    for k in range(1, len(columns) + 1):
        if k == len(columns) or (len(block) > 1 and sum(widths[j] for j in block[1:]) + widths[k] > room):
            shown = [columns[j] for j in block]
            print_table(title, shown, [[row[j] for j in block] for row in rows], shown[1:])
            title, block = "", [0]
        block.append(k)


def print_facts(facts: dict[str, object]) -> None:
    """Print name and value a line, aligned."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", min_width=14)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(str(value)))
    Console(highlight=False).print(table)


def print_policy(
    policy: dict[str, float],
    heading: str = "policy",
    ranges: dict[str, tuple[float, float]] | None = None,
    most: int = 30,
) -> None:
    """Print probabilities in falling order with a bar (or their intervals), the least likely left out."""
    order = sorted(policy, key=policy.get, reverse=True)
    rows = [
        (label, f"{policy[label]:.6f}", f"[{ranges[label][0]:.4f}, {ranges[label][1]:.4f}]")
        if ranges
        else (label, f"{policy[label]:.6f}", "█" * round(30 * policy[label]))
        for label in order[:most]
    ]
    if len(order) > most:
        rest = sum(policy[label] for label in order[most:])
        rows.append((f"({len(order) - most} more)", f"{rest:.6f}", ""))
    print_table("", ("action", heading, "interval" if ranges else ""), rows, numbers=(heading,))


def print_rankings(found) -> None:
    """Print the scores of every label side by side, their ranges below each, and who is first by which rule."""
    digits, rows = {"bradley_terry": 2, "elo": 0}, []
    for label, scores in found.scores.iterrows():
        rows.append((label, *(f"{value:.{digits.get(name, 3)}f}" for name, value in scores.items())))
        if found.low is not None:
            ends = zip(found.scores, found.low.loc[label], found.high.loc[label], strict=True)
            shown = [[f"{end:.{digits.get(name, 2)}f}" for end in both] for name, *both in ends]
            rows.append(("", *("–".join(end.replace("0.", ".") for end in both) for both in shown)))
    columns = ("label", *("BT" if name == "bradley_terry" else name for name in found.scores))
    print_table("", columns, rows, numbers=columns[1:])
    print_facts({"first": " ".join(found.disagreements) or "the same by every rule", "status": found.status})


def with_interval(value, interval: tuple[float, float] | None) -> str:
    """Return a fact as text, with its interval where it has one."""
    return as_text(value) + (f"  [{as_text(interval[0])}, {as_text(interval[1])}]" if interval else "")


def as_text(value) -> str:
    """Return a fact as people read it: numbers short, booleans as yes and no, nothing as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value)) or "-"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {as_text(item)}" for name, item in value.items()) or "-"
    return str(value)


def say(message: str) -> None:
    """Print one line on stderr."""
    print(message, file=sys.stderr)


@contextmanager
def spoken_warnings() -> Iterator[None]:
    """Turn Python warnings into single lines on stderr."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}")
        yield
