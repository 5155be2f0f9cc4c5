"""What heads share that read a text in windows: a feature a window, of as many as a row takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from p2m.deploy.serving.settings import Settings
from p2m.students.heads.base import CHUNK
from p2m.types import Example


class WindowHead(ABC):
    """A head over the tokens of windows; its heirs set `_reader`, which cuts rows into these."""

    settings: Settings
    _reader: Any

    @abstractmethod
    def known(self, row: Example) -> Any:
        """What a row teaches, apart from its windows.

        Raises:
            DataError: its answer is none that can be learnt.
        """

    def windows(self, rows: Sequence[Example], max_length: int) -> Iterator[tuple[dict[str, Any], Any, Any]]:
        """Of each window the inputs of its feature with the row's number, the window, and what is `known`."""
        length = min(max_length, self.settings.max_length)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            found = [self.known(row) for row in chunk]
            for window in self._reader.windows([row.input for row in chunk], length):
                feature = {
                    "input_ids": window.ids, "token_type_ids": window.types, "row": start + window.row,
                }  # fmt: skip
                yield feature, window, found[window.row]

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """None: what is longer is read in windows."""
        return 0

    def items(self, rows: Sequence[Mapping[str, str]]) -> Sequence[Any]:
        """The windows of all rows, each a graph's input."""
        found: Sequence[Any] = self._reader.windows(rows)
        return found
