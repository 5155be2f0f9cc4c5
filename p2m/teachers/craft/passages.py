"""The user's own texts, cut into passages that inputs are written from."""

from __future__ import annotations

import re
from pathlib import Path

from p2m.errors import DataError

SUFFIXES = (".txt", ".md")
_SHORTEST = 80  # characters of a passage
_LONGEST = 1_500


def passages(place: Path) -> tuple[str, ...]:
    """The passages of a file, or of the .txt and .md files of a folder, each once.

    Raises:
        DataError: nothing there, not UTF-8, or nothing long enough to write from.
    """
    files = (
        [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.suffix in SUFFIXES)
    )
    if not files:
        raise DataError(f"{place}: no text; expected files that end in {' or '.join(SUFFIXES)} (data.texts)")
    found = dict.fromkeys(piece for path in files for piece in _pieces(_decoded(path)))
    if not found:
        raise DataError(
            f"{place}: no passage of {_SHORTEST} characters or more; give longer texts (data.texts)"
        )
    return tuple(found)


def _decoded(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _pieces(text: str) -> list[str]:
    """Paragraphs, short ones together with what follows, long ones cut between sentences."""
    found: list[str] = []
    waiting = ""
    for block in re.split(r"\n\s*\n", text):
        plain = " ".join(block.split())
        for sentence in re.split(r"(?<=[.!?。！？])\s*(?=\S)", plain) if len(plain) > _LONGEST else [plain]:
            if waiting and len(waiting) + len(sentence) >= _LONGEST:
                found.append(waiting)
                waiting = ""
            waiting = f"{waiting} {sentence[:_LONGEST]}".strip()
        if len(waiting) >= _SHORTEST:
            found.append(waiting)
            waiting = ""
    return found
