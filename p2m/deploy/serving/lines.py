"""The lines of a file, numbered, and what rows of every format have in common.

Text is UTF-8, or UTF-16 and UTF-32 where a byte order mark says so. Any other encoding is refused with the
line, the byte, and a command that converts, since a guess that is wrong would change texts without a word.
"""

from __future__ import annotations

import gzip
import io
import re
import shlex
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

FORMATS = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet",
}  # fmt: skip
CONLL = (".conll", ".conll2003", ".iob", ".iob2", ".bio", ".bioes", ".bilou")
_SENTENCES = (  # awk's own: the first column of each sentence, joined by blanks
    'awk \'$1 == "-DOCSTART-" {next} NF {s = s == "" ? $1 : s " " $1; next}'
    ' s != "" {print s; s = ""} END {if (s != "") print s}\''
)
_TEXTS = (  # each as an object with its place
    "python -c 'import json, pathlib, sys; "
    '[print(json.dumps({"file": str(each), "text": each.read_text()}))'
    ' for each in sorted(pathlib.Path(sys.argv[1]).rglob("*.txt"))]'
    "'"
)
_WHOLE = ("parquet", "xlsx")  # formats that are never gzipped
_LOOK = 2**20  # bytes that an encoding is guessed by
_MARKS = {  # the longer first: one begins like the other
    b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}  # fmt: skip
_NOT_CP1252 = b"\x81\x8d\x8f\x90\x9d"
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what Python makes of bytes that are no UTF-8


class TableError(ValueError):
    """A file that cannot be read, or a row in it; the message says where."""


class Row(NamedTuple):
    """One row. Of the file's text, its answer goes between `before` and `after`."""

    values: dict[str, Any]
    where: str  # file:line, or `file row n` where there are no lines
    before: str = ""
    after: str = ""
    anew: bool = False  # JSON: the object is not in `before`, but is to be written after it


class Exact(float):
    """A number that remembers how it was written."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Exact:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text


def form_of(path: Path, formats: Mapping[str, str]) -> str | None:
    """The format of a file by its name, which may end in .gz too; None where that does not tell."""
    zipped = path.suffix.lower() == ".gz"
    form = formats.get((Path(path.stem) if zipped else path).suffix.lower())
    return None if zipped and form in _WHOLE else form


def unread(path: Path) -> str:
    """Of what models learn from and are not asked by, what to type for a file that they are; else ""."""
    name, text = shlex.quote(str(path)), shlex.quote(f"{path.stem}.txt")
    if path.is_dir() and next(path.rglob("*.txt"), None):
        return f" is a folder: write its texts into one file, and ask by that: {_TEXTS} {name} > rows.jsonl"
    if path.suffix.lower() in (".xlsx", ".xls", ".xlsm", ".ods"):
        sheet = f"python -m p2m.catalogs.sheet {name} SHEET > rows.csv"
        return f" is a workbook: save its sheet as CSV, and ask by that; where p2m is installed: {sheet}"
    if path.suffix.lower() in CONLL:
        return f" has a token a line: write a sentence a line, and ask by that: {_SENTENCES} {name} > {text}"
    return ""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """What the system and pyarrow raise, as TableErrors."""
    try:
        yield
    except (TableError, BrokenPipeError):
        raise
    except FileNotFoundError:
        raise TableError(f"{path}: there is no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableError(f"{path}: not a whole gzip file ({error}); copy or download it again") from None
    except OSError as error:
        raise TableError(f"{path}: {error.strerror or error}") from None
    except RecursionError:
        raise TableError(f"{path}: a value is nested too deeply") from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "pyarrow":
            raise
        said = str(error).strip().splitlines()[0]
        raise TableError(f"{path}: not a Parquet file that can be read: {said}") from None


def open_bytes(path: Path) -> IO[bytes]:
    """The file, unzipped where it is gzipped, whatever its name."""
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if zipped else path.open("rb")


def encoding_of(path: Path) -> str:
    """By the mark that a file may begin with, which the encoding writes again.

    Raises:
        TableError: a zip archive.
    """
    with open_bytes(path) as raw:
        head = raw.read(4)
    if head == b"PK\x03\x04":
        how = "if it is an Excel workbook, call it .xlsx to train on it, or save it as CSV"
        raise TableError(f"{path}: a zip archive, not text; {how}")
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines (from 1) with their ends, as text.

    Raises:
        TableError: with file and line: bytes that are no text, and what to type.
    """
    encoding = encoding_of(path)
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    number = 0
    with open_bytes(path) as raw:
        try:
            # newline="": the ends stay, since a quoted cell of a table may hold some
            for number, line in enumerate(io.TextIOWrapper(raw, encoding, errors, newline=""), 1):
                if not line.isascii() and _NOT_UTF8.search(line):
                    raise TableError(_not_utf8(path, number, line))
                if "\0" in line:
                    raise TableError(_nul(path, number, line.encode()))
                yield number, line
        except UnicodeDecodeError:
            raise TableError(
                f"{path}:{number + 1}: not {encoding.upper()}, as its first bytes promise; save it as UTF-8"
            ) from None


def _not_utf8(path: Path, number: int, line: str) -> str:
    """What the line has in place of UTF-8, what it may be, and how to convert it."""
    data = line.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        return _nul(path, number, data)
    before = _NOT_UTF8.split(line, maxsplit=1)[0].encode()
    byte = data[len(before)]
    said = f"{path}:{number}: not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"
    with open_bytes(path) as raw:
        sample = raw.read(_LOOK)
    text = sample.decode("utf-8", "surrogateescape")
    if len(_NOT_UTF8.findall(text)) * 2 < sum(not sign.isascii() for sign in text):
        how = _converted(path, "-c -f utf-8")
        return (
            f"{said}: most of it is, and this byte is damage; correct the line, or drop such bytes by `{how}`"
        )
    if any(byte in sample for byte in _NOT_CP1252):
        return f"{said} in the program that wrote it"
    seen = data[max(0, len(before) - 12) :][:30].decode("cp1252", "replace")
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
    zipped = path.suffix.lower() == ".gz"
    plain = path.with_suffix("") if zipped else path
    source, target = map(shlex.quote, (str(path), str(plain.with_stem(f"{plain.stem}.utf8"))))
    if zipped:
        return f"gzip -dc {source} | iconv {how} -t utf-8 > {target}"
    return f"iconv {how} -t utf-8 {source} > {target}"
