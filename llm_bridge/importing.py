"""Objects of a user's modules, named in a configuration."""

from __future__ import annotations

import importlib

from nashsim.errors import NashsimError


def named_object(path: str, key: str, form: str = "module:function"):
    """Return what ``module:name`` names.

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
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise NashsimError(f"{key}: {form} is needed, found {path!r} ({error})") from None
