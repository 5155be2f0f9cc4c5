"""Lists of words, as text files beside the code that draws on them.

# a comment
[fruit]                 a section
apple                   an entry a line; what stands twice is drawn twice as often
" plum "                in quotes where blanks at the ends count, or where nothing is an entry: ""
[colours]
apple | red | green     or columns

"""

from __future__ import annotations

import re
from pathlib import Path

from p2m.errors import nearest

_SECTION = re.compile(r"\[([^][]+)\]")


class WordLists(dict[str, tuple[str, ...]]):
    """Section -> its entries, in the order of the file."""

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            ValueError: an entry before the first section, or a section that comes twice, with the line.
        """
        super().__init__()
        self.path = path
        self._lines: dict[str, list[int]] = {}
        found: dict[str, list[str]] = {}
        entries: list[str] | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            text = line.strip()
            if not text or text[0] == "#":
                continue
            if text[0] == "[" and (section := _SECTION.fullmatch(text)):
                if section[1] in found:
                    raise ValueError(f"{path}:{number}: section [{section[1]}] comes twice; join the two")
                entries, lines = found.setdefault(section[1], []), self._lines.setdefault(section[1], [])
            elif entries is None:
                raise ValueError(f"{path}:{number}: {text!r} is in no section; write [NAME] above it")
            else:
                entries.append(_bare(text))
                lines.append(number)
        self.update((name, tuple(entries)) for name, entries in found.items())

    def __missing__(self, name: str) -> tuple[str, ...]:
        raise ValueError(f"{self.path}: there is no section [{name}]; {nearest(name, self)}")

    def table(self, name: str, columns: int) -> tuple[tuple[str, ...], ...]:
        """The entries of a section by columns.

        Raises:
            ValueError: an entry with more or fewer columns, with its line.
        """
        rows = tuple(tuple(map(_bare, map(str.strip, entry.split("|")))) for entry in self[name])
        for number, row in zip(self._lines[name], rows, strict=True):
            if len(row) != columns:
                found = f"{len(row)} columns, expected {columns}, parted by |"
                raise ValueError(f"{self.path}:{number}: {found} (section [{name}])")
        return rows


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
