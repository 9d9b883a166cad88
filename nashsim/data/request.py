"""What a reader is asked for: the loader's options, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import NashsimError, unknown_name
from .battles import COLUMNS
from .table import check_tie_rule
from .units import check_unit

#: Each format in words for people, and the options that belong to it; ties concern battles and ballots only.
FORMATS = {
    "battles": ("rows of model_a, model_b, winner", ("columns", "weight", "scores", "result")),
    "matrix": ("a square matrix as CSV, text, LaTeX or .npy", ("unit", "range")),
    "counts": ("a square matrix of win counts", ("unit",)),
    "pairs": ("winner, loser a line", ("columns", "weight")),
    "triples": ("a, b, value a line", ("columns", "unit", "range")),
    "preflib": ("PrefLib soc, soi, toc, toi", ()),
    "blt": ("BLT ballots", ()),
}


@dataclass(frozen=True)
class Request:
    """The options of :func:`nashsim.data.load`, by the same names.

    Raises
    ------
    NashsimError
        If the format, the rule for ties or the unit is unknown.
    """

    format: str = "auto"
    ties: str = "half"
    columns: Sequence[str] | None = None
    weight: str | None = None
    scores: Sequence[str] | None = None
    result: str | None = None
    unit: str = "auto"
    range: tuple[float, float] | None = None

    def __post_init__(self):
        if self.format not in ("auto", *FORMATS):
            raise unknown_name("format", str(self.format), ("auto", *FORMATS))
        for option in ("columns", "scores"):
            if isinstance(getattr(self, option), str):
                raise NashsimError(
                    f"{option}: a sequence of names is needed, found {getattr(self, option)!r}"
                )
        check_tie_rule(self.ties)
        check_unit(self.unit)

    @property
    def names_battles(self) -> bool:
        """Whether columns are named that only battles have, or could have where the format is open."""
        return self.columns is not None or self.scores is not None or self.result is not None

    @property
    def battle_columns(self) -> tuple[str, ...]:
        """The columns that battles are read from."""
        names = tuple(self.columns or COLUMNS)
        if self.scores or self.result:
            names = names[:2]
        return (*names, *(self.scores or ()), *filter(None, (self.result, self.weight)))

    def options_of(self, format: str, name: str) -> dict:
        """Return the options that the reader of ``format`` takes.

        Parameters
        ----------
        format : str
            A key of :data:`FORMATS`.
        name : str
            The file, for the error.

        Raises
        ------
        NashsimError
            If an option is set that this format has no use for.
        """
        own = FORMATS[format][1]
        for option in ("columns", "weight", "scores", "result", "unit", "range"):
            value = getattr(self, option)
            if option not in own and value not in (None, "auto"):
                owners = [other for other, (_, options) in FORMATS.items() if option in options]
                raise NashsimError(
                    f"{name}: {option} (--{option}) has no meaning for the format {format!r}, only for"
                    f" {' and '.join(owners)}"
                )
        options = {option: getattr(self, option) for option in own}
        if format == "counts":
            if self.unit not in ("auto", "count"):
                raise NashsimError(
                    f"{name}: the format 'counts' has the unit 'count', found unit={self.unit!r}"
                )
            return {"unit": "count"}
        return {**options, "ties": self.ties} if format in ("battles", "preflib", "blt") else options
