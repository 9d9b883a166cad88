"""The content of a file, before anybody knows what it is."""

from __future__ import annotations

from pathlib import Path

from ..errors import NashsimError


def read_content(path: Path) -> bytes:
    """Return the bytes of a file, or raise NashsimError where it is not there or holds nothing but blanks."""
    if path.is_dir():
        raise NashsimError(f"{str(path)!r} is a directory; a file is needed")
    if not path.is_file():
        raise NashsimError(f"there is no file {str(path)!r}")
    content = path.read_bytes()
    if not content.removeprefix(b"\xef\xbb\xbf").strip():
        raise NashsimError(f"{path.name}: the file is empty")
    return content


def as_text(content: bytes) -> str | None:
    """Return UTF-8 text without its byte order mark, or None for anything else."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
