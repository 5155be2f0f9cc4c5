"""Any number of spans of a text, of several types or of none: a tag for every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.shapes import Layout, read_spans
from p2m.deploy.serving.tagging import BEGIN, END, INSIDE, SINGLE, tags, without_marks
from p2m.deploy.serving.tags import TagReader, units_of
from p2m.errors import DataError, UserError, nearest
from p2m.students.heads.base import TOKEN_RATE, Projection, Reach
from p2m.students.heads.windows import WindowHead
from p2m.students.losses import cross_entropy
from p2m.students.spans import Placed, placed
from p2m.types import Example, Shaping, Task, TaskType

IGNORED = -100  # a token that teaches nothing


class TagHead(WindowHead):
    """Extraction of spans with their types, or without."""

    _reader: TagReader

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self._reader = TagReader(settings, tokenizer)

    @staticmethod
    def fits(task: Task) -> bool:
        return task.type is TaskType.EXTRACTION and task.layout is not None and not task.layout.has_values

    @staticmethod
    def described(task: Task, labels: Sequence[str], reach: Reach) -> Settings:
        """
        Raises:
            UserError: spans have types, and there is none.
        """
        assert task.layout is not None
        if task.layout.has_types and not labels:
            raise UserError("spans have types, and no row has a span; name them: task.labels=[person,place]")
        return Settings(
            "tags", tuple(each.name for each in task.inputs), task.context_field,
            tuple(labels) if task.layout.has_types else (), reach.window, reach.stride,
            shape="spans", none=task.none, layout=Layout(**asdict(task.layout)),
        )  # fmt: skip

    @staticmethod
    def projections(settings: Settings) -> tuple[Projection, ...]:
        return (Projection("tags", tags(len(settings.labels)), is_pooled=False, rate=TOKEN_RATE),)

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a window. Rows with a span that is not in the text have none.

        Raises:
            DataError: an answer is not written as the layout says, or has a type that there is not.
        """
        features = []
        for feature, window, spans in self.windows(rows, max_length):
            if spans is not None:
                context = rows[feature["row"]].input[self.settings.context]
                tagged = self._tagged(len(window.ids), context, units_of(window, context), spans)
                features.append(feature | {"tags": tagged})
        return features

    def targets(self, features: Sequence[Mapping[str, Any]], length: int) -> dict[str, Any]:
        """`tags` (batch, length)."""
        import torch

        rows = [[*each["tags"], *[IGNORED] * (length - len(each["tags"]))] for each in features]
        return {"tags": torch.tensor(rows, dtype=torch.long)}

    def loss(self, outputs: Mapping[str, Any], batch: Mapping[str, Any], shaping: Shaping) -> Any:
        return cross_entropy(outputs["tags"], batch["tags"], shaping)

    def answers(
        self, rows: Sequence[Mapping[str, str]], items: Sequence[Any], outputs: Sequence[Mapping[str, Any]]
    ) -> list[Answer]:
        return self._reader.answers(rows, items, [each["tags"] for each in outputs])

    def known(self, row: Example) -> Placed | None:
        return known(row, self.settings)

    def _tagged(self, length: int, context: str, units: Any, spans: Placed) -> list[int]:
        found = [IGNORED] * length
        for place in units.places:
            found[place] = 0
        for start, end in spans.unsure:
            for number in _inside(units, start, end):
                found[units.places[number]] = IGNORED
        for span in spans.found:
            kind = self.settings.labels.index(span.type) if self.settings.labels else 0
            first, last = span.place
            inside = _inside(units, first, last)
            for number in inside:
                opens = number == inside[0] and units.starts[number] <= first
                closes = number == inside[-1] and units.ends[number] >= without_marks(context, last)
                part = (SINGLE if closes else BEGIN) if opens else (END if closes else INSIDE)
                found[units.places[number]] = 1 + 4 * kind + part
        return found


def known(row: Example, settings: Settings) -> Placed | None:
    """The row's spans where they stand; None where one is not in the text.

    Raises:
        DataError: its answer is not written as the layout says, or has a type that there is not.
    """
    try:
        spans = read_spans(row.output, settings.layout or Layout(), settings.none)
    except ValueError as error:
        raise DataError(f"a row of {row.source or 'the data'}: {error}") from None
    for span in spans if settings.labels else ():
        if span.type not in settings.labels:
            raise DataError(
                f"a row of {row.source or 'the data'} has a span of type {span.type!r};"
                f" {nearest(span.type, settings.labels)}"
            )
    return placed(row.input[settings.context], spans)


def _inside(units: Any, start: int, end: int) -> list[int]:
    import numpy as np

    return [int(each) for each in np.flatnonzero((units.ends > start) & (units.starts < end))]
