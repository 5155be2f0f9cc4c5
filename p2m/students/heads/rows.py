"""What heads share that answer from a row's embedding: a feature a row, one linear map, logits to answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p2m.deploy.serving.labels import LabelReader
from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import Settings
from p2m.students.heads.base import CHUNK
from p2m.students.lengths import longer
from p2m.types import Example

STRENGTH = 20.0  # C of the head that training starts from, as frozen students have it


class RowHead:
    """A head over `logits`, a projection of the row's embedding; its heirs say what a row aims at."""

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        self._reader = LabelReader(settings, tokenizer)

    def aim(self, row: Example) -> Any:
        """What `labels` of the row's feature is.

        Raises:
            DataError: its answer is none that can be learnt.
        """
        raise NotImplementedError

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a row.

        Raises:
            DataError: a row's answer is none that can be learnt.
        """
        features = []
        length = min(max_length, self.settings.max_length)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            encodings = self._reader.encode([row.input for row in chunk], length)
            for i, (row, encoding) in enumerate(zip(chunk, encodings, strict=True)):
                ids = {"input_ids": encoding.ids, "token_type_ids": encoding.type_ids}
                features.append({**ids, "labels": self.aim(row), "row": start + i})
        return features

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """Rows of more tokens than `encode` keeps."""
        length = min(max_length, self.settings.max_length)
        return longer(self._tokenizer, rows, self.settings.fields, length)

    def items(self, rows: Sequence[Mapping[str, str]]) -> Sequence[Any]:
        return self._reader.items(rows)

    def answers(
        self, rows: Sequence[Mapping[str, str]], items: Sequence[Any], outputs: Sequence[Mapping[str, Any]]
    ) -> list[Answer]:
        import numpy as np

        return self._reader.answers(np.stack([each["logits"] for each in outputs])) if outputs else []
