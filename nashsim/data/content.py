"""The content of a file, before anybody knows what it is: unpacked, and as text where it is text."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import NashsimError, first_line, import_optional

_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What begins like this is no table, and its reader lives elsewhere.
_FOREIGN = {
    b"SQLite format 3": "an SQLite database; read your query by pandas.read_sql and give the frame to from_frame",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    b"%PDF": "a PDF; copy its table into a CSV",
    b"\x89HDF": "an HDF5 file; read it by pandas.read_hdf and give the frame to from_frame",
}


@dataclass(frozen=True)
class Content:
    """The bytes of a file.

    Attributes
    ----------
    name : str
        The file, for errors.
    data : bytes
        Unpacked.
    packing : str or None
        The compression that was taken off, e.g. ``"gzip"``.
    encoding : str or None
        The encoding of the text, once it was decoded.
    """

    name: str
    data: bytes
    packing: str | None = None
    encoding: str | None = None

    def describe(self) -> str:
        """Return compression and encoding in words, e.g. ``"utf-16 text, unpacked from gzip"``."""
        kind = f"{self.encoding} text" if self.encoding else "binary"
        return f"{kind}, unpacked from {self.packing}" if self.packing else kind


def read_content(path: Path) -> Content:
    """Return the content of a file, unpacked from gzip, bzip2, xz, zstd or a zip of one file.

    Raises NashsimError where it is not there, cannot be unpacked, holds nothing but blanks, or is known to need
    another program.
    """
    if path.is_dir():
        raise NashsimError(f"{str(path)!r} is a directory; a file is needed")
    if not path.is_file():
        raise NashsimError(f"there is no file {str(path)!r}")
    content = _unpacked(Content(path.name, path.read_bytes()))
    if not content.data.removeprefix(codecs.BOM_UTF8).strip():
        raise NashsimError(f"{path.name}: the file is empty")
    for start, words in _FOREIGN.items():
        if content.data.startswith(start):
            raise NashsimError(f"{path.name}: the file is {words}")
    return content


def decode(content: Content, encoding: str | None = None) -> tuple[str | None, Content]:
    """Return the text and the content with its encoding named; None for what is no text.

    A byte order mark decides, then UTF-8, then UTF-16 by its zeros. Anything else is read as Windows-1252 (and so
    as Latin-1) where charset-normalizer finds that among the best, and is otherwise refused with what it may be.

    Parameters
    ----------
    content : Content
    encoding : str or None
        ``None`` recognises it.

    Raises
    ------
    NashsimError
        If the encoding is unknown, does not fit or cannot be told.
    """
    found = encoding or _encoding(content)
    if found is None:
        return None, content
    try:
        text = content.data.decode(found)
    except LookupError:
        raise NashsimError(
            f"encoding: unknown encoding {encoding!r} (known are utf-8, cp1252, utf-16, ...)"
        ) from None
    except UnicodeDecodeError as error:
        raise NashsimError(f"{content.name}: the text is not {found}: {first_line(error)}") from None
    if "\0" in text:
        return None, content
    return text.removeprefix("\ufeff"), replace(content, encoding=found.removesuffix("-sig"))


def _encoding(content: Content) -> str | None:
    data = content.data
    for mark, name in _BOMS.items():
        if data.startswith(mark):
            return name
    sample = data[:4096]
    if b"\0" in sample:
        odd, even = sample[1::2].count(0), sample[::2].count(0)
        few, many = sorted((odd, even))
        return ("utf-16-le" if odd > even else "utf-16-be") if few == 0 and 4 * many > len(sample) else None
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        bad = error.start
    if sum(byte < 32 and byte not in b"\t\n\r\f" for byte in sample) > 0:
        return None
    from charset_normalizer import from_bytes

    around = data[max(0, bad - 2000) : bad + 20_000]
    matches = from_bytes(around)
    if matches and "cp1252" in matches[0].could_be_from_charset:
        return "cp1252"
    named = " or ".join(dict.fromkeys(match.encoding for match in list(matches)[:3])) or "no known encoding"
    raise NashsimError(
        f"{content.name}: the text is not UTF-8 (byte {bad}); it may be {named}: name it by encoding (--encoding)"
    )


def _unpacked(content: Content) -> Content:
    data = content.data
    for start, (packing, unpack) in _PACKINGS.items():
        if data.startswith(start):
            try:
                return replace(content, data=unpack(data, content.name), packing=packing)
            except NashsimError:
                raise
            except (
                OSError,
                EOFError,
                zlib.error,
                lzma.LZMAError,
                zipfile.BadZipFile,
                RuntimeError,
                ValueError,
            ) as error:
                raise NashsimError(
                    f"{content.name}: the file begins like {packing} but cannot be unpacked: {first_line(error)}"
                ) from None
    return content


def _unzip(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [m for m in archive.namelist() if not m.endswith("/") and not m.startswith("__MACOSX/")]
        if "[Content_Types].xml" in members:
            raise NashsimError(f"{name}: the file is an Excel or Office document; save the sheet as CSV")
        if len(members) != 1:
            listed = ", ".join(members[:5]) or "none"
            raise NashsimError(
                f"{name}: a zip of one file is needed, found {len(members)}: {listed}; unpack it"
            )
        return archive.read(members[0])


def _unzstd(data: bytes, name: str) -> bytes:
    pyarrow = import_optional("pyarrow", f"{name}: zstd", "arrow")
    return pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd").read()


_PACKINGS = {
    b"\x1f\x8b": ("gzip", lambda data, _: gzip.decompress(data)),
    b"BZh": ("bzip2", lambda data, _: bz2.decompress(data)),
    b"\xfd7zXZ\0": ("xz", lambda data, _: lzma.decompress(data)),
    b"\x28\xb5\x2f\xfd": ("zstd", _unzstd),
    b"PK\x03\x04": ("zip", _unzip),
}
