"""The user's own texts (`data.texts`), as what teachers make rows of."""

from __future__ import annotations

from pathlib import Path

from p2m.errors import DataError

SUFFIXES = (".txt", ".md")


def texts_of(place: Path) -> list[str]:
    """Each text: of a file, or of the .txt and .md files of a folder, by name.

    Raises:
        DataError: nothing there, or not UTF-8.
    """
    there = (
        [place] if place.is_file() else sorted(each for each in place.rglob("*") if each.suffix in SUFFIXES)
    )
    if not there:
        raise DataError(f"{place}: no text; expected files that end in {' or '.join(SUFFIXES)} (data.texts)")
    return [_read(path) for path in there]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
