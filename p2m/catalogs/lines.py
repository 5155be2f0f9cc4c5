"""The lines of a text file, numbered: UTF-8, or UTF-16 and UTF-32 where a byte order mark says so.

Any other encoding is refused with the line, the byte, and a command that converts, since a guess that is
wrong would change texts without a word.
"""

from __future__ import annotations

import gzip
import io
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from p2m.errors import DataError

_LOOK = 2**20  # bytes that an encoding is guessed by
_MARKS = {  # the longer first: one begins like the other
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_NOT_CP1252 = b"\x81\x8d\x8f\x90\x9d"
_ESCAPED = range(0xDC80, 0xDD00)  # what Python makes of bytes that are no UTF-8


def open_bytes(path: Path) -> IO[bytes]:
    """The file, unzipped where it is gzipped, whatever its name."""
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if zipped else path.open("rb")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines (from 1) with their ends, as text.

    Raises:
        DataError: with file and line: bytes that are no text, and what to type.
    """
    with open_bytes(path) as raw:
        head = raw.read(4)
        raw.seek(0)
        if head == b"PK\x03\x04":
            raise DataError(f"{path}: a zip archive, not text; if it is an Excel workbook, call it .xlsx")
        encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8-sig")
        wide = encoding != "utf-8-sig"
        errors = "strict" if wide else "surrogateescape"
        number = 0
        try:
            # newline="": the ends stay, since a quoted cell of a table may hold some
            for number, line in enumerate(io.TextIOWrapper(raw, encoding, errors, newline=""), 1):
                if not line.isascii() and any(ord(sign) in _ESCAPED for sign in line):
                    raise DataError(_not_utf8(path, number, line))
                if "\0" in line:
                    raise DataError(_nul(path, number, line.encode("utf-8", "surrogateescape")))
                yield number, line
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path}:{number + 1}: not {encoding.upper()}, as its first bytes promise; save it as UTF-8"
            ) from error


def _not_utf8(path: Path, number: int, line: str) -> str:
    """What the line has in place of UTF-8, what it may be, and how to convert it."""
    data = line.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        return _nul(path, number, data)
    place = next(place for place, sign in enumerate(line) if ord(sign) in _ESCAPED)
    byte = ord(line[place]) & 0xFF
    said = f"{path}:{number}: not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"
    with open_bytes(path) as raw:
        sample = raw.read(_LOOK)
    text = sample.decode("utf-8", "surrogateescape")
    damaged = sum(ord(sign) in _ESCAPED for sign in text)
    if damaged * 2 < sum(not sign.isascii() for sign in text):
        return f"{said}: most of it is, and this byte is damage; correct the line, or drop such bytes by" + (
            f" `{_converted(path, '-c -f utf-8')}`"
        )
    if any(byte in sample for byte in _NOT_CP1252):
        return f"{said} in the program that wrote it"
    seen = data[max(0, len(line[:place].encode("utf-8", "surrogateescape")) - 12) :][:30].decode(
        "cp1252", "replace"
    )
    how = _converted(path, "-f cp1252")
    return f"{said}, by `{how}` if {' '.join(seen.split())!r} is what it should read"


def _nul(path: Path, number: int, data: bytes) -> str:
    said = f"{path}:{number}: a NUL character, which no text has"
    if data.count(b"\0") * 3 < len(data):
        return f"{said}; correct the line, or save the file as UTF-8 text"
    order = "be" if data[:1] == b"\0" else "le"
    how = _converted(path, f"-f utf-16{order}")
    return f"{said}: UTF-16 without a byte order mark; save it as UTF-8, by `{how}`"


def _converted(path: Path, how: str) -> str:
    """The command that converts a file into one beside it."""
    name = path.name.removesuffix(".gz")
    stem, dot, suffix = name.rpartition(".")
    target = shlex.quote(f"{stem or suffix}.utf8{dot}{suffix if stem else ''}")
    if name != path.name:
        return f"gzip -dc {shlex.quote(path.name)} | iconv {how} -t utf-8 > {target}"
    return f"iconv {how} -t utf-8 {shlex.quote(path.name)} > {target}"
