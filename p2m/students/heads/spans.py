"""One span of a passage: start and end of the answer among the tokens of a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p2m.deploy.serving.rows import Answer, joined
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.spans import SpanReader
from p2m.students.heads.base import Projection, Reach
from p2m.students.heads.windows import WindowHead
from p2m.students.losses import positions
from p2m.students.spans import Span, locate
from p2m.types import Example, Shaping, Task


class SpanHead(WindowHead):
    """Extractive question answering, and extraction of one span."""

    _reader: SpanReader

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self._reader = SpanReader(settings, tokenizer)

    @staticmethod
    def fits(task: Task) -> bool:
        return task.is_span

    @staticmethod
    def described(task: Task, labels: Sequence[str], reach: Reach) -> Settings:
        fields = tuple(each.name for each in task.inputs)
        return Settings(
            "span", fields, task.context_field, (), reach.window, reach.stride,
            max_answer=reach.max_answer, none=task.none,
        )  # fmt: skip

    @staticmethod
    def projections(settings: Settings) -> tuple[Projection, ...]:
        return (Projection("ends", 2, is_pooled=False, columns=("start_logits", "end_logits")),)

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a window that holds the answer, and one window without it a row; both have `row`.

        A window without the answer points at its first token; of a row that has none, every window. Rows
        whose answer is not in the passage otherwise have no feature.
        """
        features = []
        bare = set()  # rows that have given a window without the answer
        for feature, window, span in self.windows(rows, max_length):
            number = feature["row"]
            is_none = rows[number].output == self.settings.none
            if span is None and not is_none:
                continue
            first, last = _tokens(window, span) if span and not is_none else (0, 0)
            if not last and not is_none:
                if number in bare:
                    continue
                bare.add(number)
            features.append(feature | {"start_positions": first, "end_positions": last})
        return features

    def targets(self, features: Sequence[Mapping[str, Any]], length: int) -> dict[str, Any]:
        """`start_positions` and `end_positions`, each (batch,)."""
        import torch

        names = ("start_positions", "end_positions")
        return {name: torch.tensor([each[name] for each in features], dtype=torch.long) for name in names}

    def loss(self, outputs: Mapping[str, Any], batch: Mapping[str, Any], shaping: Shaping) -> Any:
        ends = (batch["start_positions"], batch["end_positions"])
        return positions(outputs["start_logits"], outputs["end_logits"], *ends, shaping)

    def answers(
        self, rows: Sequence[Mapping[str, str]], items: Sequence[Any], outputs: Sequence[Mapping[str, Any]]
    ) -> list[Answer]:
        starts, ends = ([each[name] for each in outputs] for name in ("start_logits", "end_logits"))
        return self._reader.answers(rows, items, starts, ends)

    def known(self, row: Example) -> Span | None:
        context = row.input[self.settings.context]
        question = joined(row.input, self._reader.question_fields) if self._reader.question_fields else ""
        return locate(context, row.answers, question)


def _tokens(window: Any, span: Span) -> tuple[int, int]:
    """First and last token of the span in the window; (0, 0), the first token, where it is not all there."""
    inside = [
        i
        for i, (start, end) in enumerate(zip(window.starts, window.ends, strict=True))
        if end > span.start >= 0 and 0 <= start < span.end
    ]
    if not inside or window.starts[inside[0]] > span.start or window.ends[inside[-1]] < span.end:
        return 0, 0
    return inside[0], inside[-1]
