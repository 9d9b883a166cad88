"""Docstrings as they are written, mathematics in plain signs, made into reStructuredText before napoleon reads them."""

from __future__ import annotations

import re

#: What is code already stays as it is: ``literals``, :roles:`of Sphinx` and links.
_CODE = re.compile(r"(``.+?``|:\w+(?::\w+)*:`[^`]+`|`[^`]+`_)")


def escaped(lines: list[str]) -> list[str]:
    """Return lines whose stars, bars and trailing underscores mean themselves; examples and indented code stay.

    Parameters
    ----------
    lines : list of str

    Examples
    --------
    >>> escaped(["|pi - pi*|_1 of ``|x|``", ">>> a | b"])
    ['\\\\|pi - pi\\\\*\\\\|\\\\_1 of ``|x|``', '>>> a | b']
    """
    found, example, literal = [], False, None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if literal is not None and line.strip() and indent <= literal:
            literal = None
        if line.lstrip().startswith(">>>"):
            example = True
        elif not line.strip():
            example = False
        if example or literal is not None:
            found.append(line)
        else:
            found.append("".join(p if k % 2 else _plain(p) for k, p in enumerate(_CODE.split(line))))
            if line.rstrip().endswith("::"):
                literal = indent
    return found


def _plain(text: str) -> str:
    text = re.sub(r"(?<!\\)([*|])", r"\\\1", text)
    text = re.sub(r"(?<=[\w)}\]|])_(?=\W|$)|(?<=\W)_(?=\w)|^_(?=\w)", r"\\_", text)
    return text.replace("`", "\\`")


def prepare(app, what, name, thing, options, lines) -> None:
    """Listen to autodoc before napoleon does."""
    lines[:] = escaped(lines)
    for at, line in enumerate(lines[:-1]):
        # Autodoc writes an entry for every attribute that has a comment; a second one would clash with it.
        if line == "Attributes" and lines[at + 1].startswith("---"):
            lines[at : at + 2] = ["Fields", "------"]


def setup(app):
    """Register the listener."""
    app.connect("autodoc-process-docstring", prepare, priority=100)
    return {"parallel_read_safe": True}
