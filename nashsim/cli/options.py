"""The options that every command reading a SOURCE shares, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Annotated, Literal, get_type_hints

import typer

from .names import complete_source

Format = Literal[
    "auto", "battles", "wins", "matrix", "counts", "crosstable", "pairs", "triples", "rankings", "preflib", "blt"
]  # fmt: skip
Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="A game of `nashsim games`, or a file.", autocompletion=complete_source
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]
Tau = Annotated[float | None, typer.Option(help="Regularisation > 0.", metavar="T")]
Samples = Annotated[
    int | None,
    typer.Option(help="Add the Nash policy behind K samples to choose from; needs users.", metavar="K"),
]
Alpha = Annotated[
    float | None,
    typer.Option(help="Add the policies averse to the worst share A of opponents, of users.", metavar="A"),
]
Reference = Annotated[
    str | None,
    typer.Option(help="Reference policy: 'uniform' or a file; default: the game's own.", metavar="REF"),
]
Regulariser = Annotated[
    str | None,
    typer.Option(
        help="kl (default), chi2, mixed[:c] (KL + c chi2), forward-kl or tsallis:q.", metavar="NAME"
    ),
]


@dataclass(frozen=True)
class LoaderOptions:
    """How a file becomes a game; meaningless for a catalogue name."""

    format: Annotated[Format, typer.Option(help="Format of the file; see `nashsim formats`.")] = "auto"
    ties: Annotated[Literal["half", "drop", "error"], typer.Option(help="What a tie counts as.")] = "half"
    missing: Annotated[
        Literal["error", "half", "bradley-terry"], typer.Option(help="What stands for a pair never compared.")
    ] = "error"
    symmetrise: Annotated[
        bool, typer.Option("--symmetrise", help="Average P and 1 - P^T where they differ.")
    ] = False
    columns: Annotated[
        str | None, typer.Option(help="Columns of a battles file: A,B,WINNER.", metavar="A,B[,WINNER]")
    ] = None
    weight: Annotated[
        str | None, typer.Option(help="Column with the weight of each battle.", metavar="COLUMN")
    ] = None
    scores: Annotated[
        str | None, typer.Option(help="Columns with the two scores of a battle.", metavar="A_COL,B_COL")
    ] = None
    result: Annotated[
        str | None,
        typer.Option(help="Column with 1, 0.5 or 0 for a win, tie or loss of A.", metavar="COLUMN"),
    ] = None
    wins: Annotated[
        str | None, typer.Option(help="Columns with the wins of A and of B.", metavar="A_COL,B_COL")
    ] = None
    draws: Annotated[
        str | None, typer.Option(help="Column with the draws, beside --wins.", metavar="COLUMN")
    ] = None
    unit: Annotated[
        Literal["auto", "probability", "percent", "count", "payoff"],
        typer.Option(help="What a matrix holds."),
    ] = "auto"
    range: Annotated[
        tuple[float, float] | None, typer.Option(help="Least and largest payoff.", metavar="LO HI")
    ] = None
    header: Annotated[
        Literal["auto", "yes", "no"], typer.Option(help="Whether the first row names the columns.")
    ] = "auto"
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of the text, such as cp1252.", metavar="NAME")
    ] = None
    separator: Annotated[
        str | None, typer.Option(help="What separates cells: , ; | tab or blank.", metavar="MARK")
    ] = None
    decimal: Annotated[
        str | None, typer.Option(help="The decimal mark: a comma or a point.", metavar="MARK")
    ] = None

    def load_arguments(self) -> dict:
        """Return the keyword arguments of ``nashsim.data.load``."""
        arguments = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in self.game_arguments():
            del arguments[name]
        for name in ("columns", "scores", "wins"):
            arguments[name] = _names(arguments[name], name)
        return {**arguments, "header": {"auto": None, "yes": True, "no": False}[self.header]}

    def game_arguments(self) -> dict:
        """Return the keyword arguments of ``PreferenceData.game``."""
        return {"missing": self.missing, "symmetrise": self.symmetrise}


def whole_number(text: str) -> int:
    """Return an int from text such as 10000, 1e4 or 1_000."""
    try:
        number = float(text.replace("_", ""))
    except ValueError:
        number = float("nan")
    if not number.is_integer():
        raise typer.BadParameter(f"a whole number such as 10000 or 1e4 is needed, found {text!r}")
    return int(number)


def as_options(arguments: dict) -> str:
    """Return arguments of ``nashsim.data.load`` as they are written on the command line."""
    words = []
    for name, value in arguments.items():
        joint = " " if name == "range" else ","
        words.append(
            f" --{name} {joint.join(f'{v:g}' if isinstance(v, float) else v for v in value)}"
            if isinstance(value, tuple)
            else f" --{name} {value}"
        )
    return "".join(words)


def with_loader_options(command: Callable) -> Callable:
    """Give a command the loader options in place of its parameter ``options``."""
    hints = get_type_hints(LoaderOptions, include_extras=True)
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.name != "options"]
    added = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in fields(LoaderOptions)
    ]

    @wraps(command)
    def wrapper(**arguments):
        options = LoaderOptions(**{p.name: arguments.pop(p.name) for p in added})
        return command(**arguments, options=options)

    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    wrapper.__signature__ = signature.replace(parameters=keyword_only + added)
    wrapper.__annotations__ = {p.name: p.annotation for p in keyword_only + added}
    return wrapper


def _names(text: str | None, option: str) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(part.strip() for part in text.split(","))
    if not all(names):
        raise typer.BadParameter(
            f"names separated by commas are needed, found {text!r}", param_hint=f"--{option}"
        )
    return names
