"""YAML and command-line words into typed dataclasses; unknown keys and wrong types are refused in one line."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Union, get_args, get_origin, get_type_hints

import yaml

from nashsim.errors import NashsimError, unknown_name

from . import RECIPES, recipe, recipes


class _Loader(yaml.SafeLoader):
    """Plain values only, as safe_load; a key given twice is refused, and 5e-7 is the number it looks like."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# YAML 1.1 asks for a point and a signed exponent, and reads 5e-7 as text.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(source: str | Path, seen: tuple[Path, ...] = ()) -> dict:
    """Return the mapping of a YAML file, laid over the one that it extends.

    Parameters
    ----------
    source : str or Path
        File, or name of a recipe.
    seen : tuple of Path
        Files that are being read already.

    Raises
    ------
    NashsimError
        For a file that is missing, is no YAML mapping, or extends itself.
    """
    path, text = _found(Path(source), seen[-1].parent if seen else Path())
    if path in seen:
        raise NashsimError(f"{path}: it extends itself, by way of {', '.join(p.name for p in seen)}")
    mapping = parsed(text, str(path))
    if mapping is None:
        mapping = {}
    if not isinstance(mapping, dict):
        raise NashsimError(f"{path}: sections with keys are needed, found {type(mapping).__name__}")
    base = mapping.pop("extends", None)
    return mapping if base is None else merged(read_yaml(base, (*seen, path)), mapping)


def parsed(text: str, where: str):
    """Return the value of a piece of YAML, by a safe loader.

    Parameters
    ----------
    text : str
        YAML.
    where : str
        Source that error messages name.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise NashsimError(f"{where}: no YAML: {' '.join(str(error).split())}") from None


def merged(base: Mapping, over: Mapping) -> dict:
    """Return ``base`` with ``over`` laid on it, section by section; another algorithm starts from its own parameters.

    Parameters
    ----------
    base, over : mapping
        Configuration that is extended, and what is laid on it.
    """
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        if both and value.get("name", result[key].get("name")) != result[key].get("name"):
            result[key] = {k: v for k, v in result[key].items() if k != "parameters"}
        result[key] = merged(result[key], value) if both else value
    return result


def overridden(mapping: Mapping, words: Sequence[str]) -> dict:
    """Return a mapping changed by ``--section.key value`` or ``--section.key=value``.

    Parameters
    ----------
    mapping : mapping
        Configuration as it was read.
    words : sequence of str
        Words of the command line.

    Raises
    ------
    NashsimError
        For a word that is no ``--key``, or a key without a value.

    Examples
    --------
    >>> overridden({"training": {"lr": 1.0}}, ["--training.lr", "5e-7"])
    {'training': {'lr': 5e-07}}
    """
    words, result = list(words), dict(mapping)
    while words:
        word = words.pop(0)
        if not word.startswith("--") or len(word) < 3:
            raise NashsimError(f"override: --section.key value is needed, found {word!r}")
        key, equals, value = word[2:].partition("=")
        if not equals:
            if not words:
                raise NashsimError(f"override: --{key} has no value")
            value = words.pop(0)
        change = parsed(value, f"--{key}")
        for part in reversed(key.replace("-", "_").split(".")):
            change = {part: change}
        result = merged(result, change)
    return result


def built(cls, mapping, where: str = ""):
    """Return a dataclass filled from a mapping, defaults where it says nothing.

    Parameters
    ----------
    cls : type
        Dataclass to fill.
    mapping : mapping
        Values of its fields.
    where : str
        Dotted path that error messages name.

    Raises
    ------
    NashsimError
        For an unknown key, suggesting the nearest, a value of another type, or one that the dataclass refuses.
    """
    if not isinstance(mapping, Mapping):
        raise NashsimError(f"{where}: a section with keys is needed, found {mapping!r}")
    known = [f.name for f in fields(cls)]
    for key in mapping:
        if key not in known:
            raise unknown_name(f"key in {where}" if where else "section", str(key), known)
    hints = get_type_hints(cls)
    values = {key: _typed(hints[key], value, f"{where}.{key}".lstrip(".")) for key, value in mapping.items()}
    try:
        return cls(**values)
    except NashsimError as error:
        raise NashsimError(f"{where}.{error}") from None


def _typed(kind, value, where: str):
    if is_dataclass(kind):
        return built(kind, value, where)
    if get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        [kind] = [k for k in get_args(kind) if k is not types.NoneType]
    if get_origin(kind) is tuple:
        if isinstance(value, str) and get_args(kind)[0] is str:
            return (value,)
        if isinstance(value, list | tuple):
            return tuple(_typed(get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value):
            return float(value)
    elif isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    needed = {
        int: "a whole number", float: "a finite number", str: "text", bool: "true or false", dict: "keys and values",
    }.get(kind, "a list")  # fmt: skip
    raise NashsimError(f"{where}: {needed} is needed, found {value!r}")


def _found(path: Path, beside: Path) -> tuple[Path, str]:
    """The file of a configuration and its text; a recipe need not be one."""
    if (beside / path).is_file():
        return (beside / path).resolve(), (beside / path).read_text(encoding="utf-8")
    if (text := recipe(str(path))) is not None:
        return RECIPES / f"{path}.yaml", text
    if path.suffix:
        raise NashsimError(f"{path}: no such file")
    raise unknown_name("recipe", str(path), recipes())
