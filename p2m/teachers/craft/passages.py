"""The user's own texts, cut into passages that inputs are written from."""

from __future__ import annotations

import re
from pathlib import Path

from p2m.errors import DataError
from p2m.teachers.texts import texts_of

_SHORTEST = 80  # characters of a passage
_LONGEST = 1_500


def passages(place: Path) -> tuple[str, ...]:
    """The passages of a file, or of the .txt and .md files of a folder, each once.

    Raises:
        DataError: nothing there, not UTF-8, or nothing long enough to write from.
    """
    found = dict.fromkeys(piece for text in texts_of(place) for piece in _pieces(text))
    if not found:
        raise DataError(
            f"{place}: no passage of {_SHORTEST} characters or more; give longer texts (data.texts)"
        )
    return tuple(found)


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
