"""Lists of words, as text files beside the code that draws on them.

# a comment
[fruit]                 a section
apple                   an entry a line; what stands twice is drawn twice as often
" plum "                in quotes where blanks at the ends, a first # or [, or nothing ("") is meant
[colours]
apple | red | green     or columns
"""

from __future__ import annotations

from pathlib import Path

from p2m.errors import nearest


class WordLists(dict[str, tuple[str, ...]]):
    """Section -> its entries, in the order of the file."""

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            ValueError: an entry before the first section, or a section that comes twice, with the line.
        """
        super().__init__()
        self.path = path
        self._lines: dict[str, list[tuple[int, str]]] = {}
        section: list[tuple[int, str]] | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            text = line.strip()
            if text[:1] == "[" and text[-1] == "]":
                name = text[1:-1]
                if name in self._lines:
                    raise ValueError(f"{path}:{number}: section [{name}] comes twice; join the two")
                section = self._lines[name] = []
            elif text and text[0] != "#":
                if section is None:
                    raise ValueError(f"{path}:{number}: {text!r} is in no section; write [NAME] above it")
                section.append((number, text))
        for name, lines in self._lines.items():
            self[name] = tuple(_bare(text) for _, text in lines)

    def __missing__(self, name: str) -> tuple[str, ...]:
        raise KeyError(f"{self.path}: there is no section [{name}]; {nearest(name, self)}")

    def table(self, name: str, columns: int | None = None) -> tuple[tuple[str, ...], ...]:
        """The entries of a section by columns, as many as are said or any number.

        Raises:
            ValueError: an entry with more or fewer columns, with its line.
        """
        rows = []
        for number, text in self._lines[name]:
            row = tuple(_bare(cell.strip()) for cell in text.split("|"))
            if columns is not None and len(row) != columns:
                found = f"{len(row)} columns, expected {columns}, parted by |"
                raise ValueError(f"{self.path}:{number}: {found} (section [{name}])")
            rows.append(row)
        return tuple(rows)

    def pairs(self, name: str) -> dict[str, str]:
        """The entries of a section with two columns, the first as the key.

        Raises:
            ValueError: an entry with more or fewer columns, with its line.
        """
        return {first: second for first, second in self.table(name, 2)}  # noqa: C416  (mypy counts no columns)


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
