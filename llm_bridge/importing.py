"""Objects of a user's modules, named in a configuration."""

from __future__ import annotations

import importlib
import os
import sys

from nashsim.errors import NashsimError


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
        Where it is not there.
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
