"""What stands in a file of its own is found where it lies: no list of files is kept beside them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .errors import NashsimError


def modules(package: str, first: Sequence[str] = ()) -> list[ModuleType]:
    """Return the modules of a package, imported: those named ``first`` in their order, then the others by name.

    Parameters
    ----------
    package : str
        Full name of the package; modules whose names begin with an underscore, and kernels, are left out.
    first : sequence of str
        Names of the modules that lead, in the order in which tables and figures show what they hold.

    Examples
    --------
    >>> [module.__name__ for module in modules("nashsim.rules", ["two_call"])][:2]
    ['nashsim.rules.two_call', 'nashsim.rules.baselines']
    """
    found = [info.name for info in pkgutil.iter_modules(importlib.import_module(package).__path__)]
    others = sorted(name for name in found if name[0] != "_" and not name.endswith("_kernel"))
    names = [*first, *(name for name in others if name not in first)]
    return [importlib.import_module(f"{package}.{name}") for name in names]


def named_classes(package: str, base: Any, first: Sequence[str] = ()) -> tuple[Any, ...]:
    """Return the subclasses of ``base`` with a name of their own that the files of a package define, in their order.

    Parameters
    ----------
    package : str
        Full name of the package.
    base : type
        Class that they derive from, with a class attribute ``name``.
    first : sequence of str
        Names of the modules that lead; see :func:`modules`.

    Raises
    ------
    NashsimError
        For a name that two classes have.
    """
    by_name: dict[str, Any] = {}
    for module in modules(package, first):
        for cls in vars(module).values():
            named = isinstance(cls, type) and issubclass(cls, base) and "name" in vars(cls)
            if not named or cls.__module__ != module.__name__:
                continue
            taken = by_name.setdefault(cls.name, cls)
            if taken is not cls:
                raise NashsimError(
                    f"name: {cls.name!r} of {cls.__module__} is taken by {taken.__module__}; choose another"
                )
    return tuple(by_name.values())
