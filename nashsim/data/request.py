"""What a reader is asked for: the loader's options, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import NashsimError, unknown_name
from .cells import SEPARATORS
from .formats import FORMATS
from .table import check_tie_rule
from .units import check_unit

_NAMES = ("columns", "scores", "wins")
_SPELT = {"tab": "\t", "blank": " "}


@dataclass(frozen=True)
class Request:
    """The options of :func:`nashsim.data.load`, by the same names.

    Raises
    ------
    NashsimError
        If the format, the rule for ties, the unit, the separator or the decimal mark is unknown.
    """

    format: str = "auto"
    ties: str = "half"
    columns: Sequence[str] | None = None
    weight: str | None = None
    scores: Sequence[str] | None = None
    result: str | None = None
    wins: Sequence[str] | None = None
    draws: str | None = None
    unit: str = "auto"
    range: tuple[float, float] | None = None
    header: bool | None = None
    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None

    def __post_init__(self):
        if self.format not in ("auto", *FORMATS):
            raise unknown_name("format", str(self.format), ("auto", *FORMATS))
        for option in _NAMES:
            if isinstance(getattr(self, option), str):
                raise NashsimError(
                    f"{option}: a sequence of names is needed, found {getattr(self, option)!r}"
                )
        object.__setattr__(self, "separator", _SPELT.get(self.separator, self.separator))
        for option, known in (("separator", SEPARATORS), ("decimal", (",", "."))):
            value = getattr(self, option)
            if value is not None and value not in known:
                listed = " ".join(known).replace("\t", "tab").replace("  ", " blank")
                raise NashsimError(f"{option}: one of {listed} is needed (--{option}), found {value!r}")
        check_tie_rule(self.ties)
        check_unit(self.unit)

    @property
    def named_format(self) -> str | None:
        """The format that the columns named belong to where the format is open: battles or wins, else None."""
        if self.wins is not None or self.draws is not None:
            return "wins"
        named = self.columns is not None or self.scores is not None or self.result is not None
        return "battles" if named else None

    def options_of(self, format: str, name: str) -> dict:
        """Return the options that the reader of ``format`` takes.

        Parameters
        ----------
        format : str
            A key of :data:`nashsim.data.FORMATS`.
        name : str
            The file, for the error.

        Raises
        ------
        NashsimError
            If an option is set that this format has no use for.
        """
        own = FORMATS[format].options
        for option in ("columns", "weight", "scores", "result", "wins", "draws", "unit", "range"):
            value = getattr(self, option)
            if option not in own and value not in (None, "auto"):
                owners = [other for other, form in FORMATS.items() if option in form.options]
                raise NashsimError(
                    f"{name}: {option} (--{option}) has no meaning for the format {format!r}, only for"
                    f" {' and '.join(owners)}"
                )
        if format == "counts":
            if self.unit not in ("auto", "count"):
                raise NashsimError(
                    f"{name}: the format 'counts' has the unit 'count', found unit={self.unit!r}"
                )
            return {"unit": "count"}
        return {option: getattr(self, option) for option in own}
