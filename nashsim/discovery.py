"""What stands in a file of its own is found where it lies: no list of files is kept beside them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from types import ModuleType


def modules(package: str, first: Sequence[str] = ()) -> list[ModuleType]:
    """Return the modules of a package, imported: those named ``first`` in their order, then the others by name.

    Parameters
    ----------
    package : str
        Full name of the package; modules whose names begin with an underscore are left out.
    first : sequence of str
        Names of the modules that lead, in the order in which tables and figures show what they hold.

    Examples
    --------
    >>> [module.__name__ for module in modules("nashsim.rules", ["two_call"])][:2]
    ['nashsim.rules.two_call', 'nashsim.rules.baselines']
    """
    found = [info.name for info in pkgutil.iter_modules(importlib.import_module(package).__path__)]
    names = [*first, *sorted(name for name in found if name[0] != "_" and name not in first)]
    return [importlib.import_module(f"{package}.{name}") for name in names]
