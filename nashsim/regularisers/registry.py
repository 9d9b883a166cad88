"""Every regulariser of the package, by the word that games and the command line take.

A regulariser is registered by standing in a file of this folder; another is given as an object.
"""

from __future__ import annotations

from dataclasses import fields

from ..discovery import named_classes
from ..errors import NashsimError, unknown_name
from .regulariser import Regulariser

#: Every regulariser class of the package, KL first.
REGULARISERS: tuple[type[Regulariser], ...] = named_classes(__package__, Regulariser, ("kl", "chi2", "mixed"))


def get_regulariser(regulariser: str | Regulariser) -> Regulariser:
    """Return a regulariser by its word.

    Parameters
    ----------
    regulariser : str or Regulariser
        A name, with its parameter after a colon where it has one: ``"kl"``, ``"mixed"``, ``"mixed:2"``,
        ``"tsallis:1.5"``. A Regulariser is returned as it is.

    Raises
    ------
    NashsimError
        For an unknown name (suggesting the nearest), or a parameter that is missing, superfluous or out of range.

    Examples
    --------
    >>> get_regulariser("mixed:2")
    Mixed(weight=2.0)
    """
    if isinstance(regulariser, Regulariser):
        return regulariser
    name, colon, text = str(regulariser).partition(":")
    by_name = {cls.name: cls for cls in REGULARISERS}
    if name not in by_name:
        raise unknown_name("regulariser", str(regulariser), by_name)
    cls = by_name[name]
    if not fields(cls) and not colon:
        return cls()
    if not fields(cls):
        raise NashsimError(f"regulariser: {name!r} takes no number, found {regulariser!r}; write {name!r}")
    [field] = fields(cls)
    if not colon:
        try:
            return cls()
        except TypeError:
            raise NashsimError(
                f"regulariser: {name!r} needs its {field.name} after a colon, as in '{name}:1.5'"
            ) from None
    try:
        number = float(text)
    except ValueError:
        raise NashsimError(
            f"regulariser: a number is needed after {name + ':'!r}, found {text!r}; as in '{name}:1.5'"
        ) from None
    return cls(number)
