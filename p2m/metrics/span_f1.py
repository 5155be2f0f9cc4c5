"""span_f1: F1 over all spans of all rows, each right where its borders, its type and its value are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from p2m.metrics.text import collapse
from p2m.types import Task

Spans = frozenset[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class SpanF1:
    """Twice the spans that were rightly found, over all that were found and all that are right; 0 to 1.

    Spans are the same where they stand in the same place; where either side does not say where, where their
    texts are the same, and then what is said twice counts once. Their order does not count. Rows without a
    span count only by what is wrongly found there; where there is no span at all, it is 1.
    """

    name: ClassVar[str] = "span_f1"
    between: str = " | "  # what joins spans that are no JSON list, where the task does not say
    none: str = "N/A"  # the answer without one, there too

    def refusal(self, task: Task) -> str | None:
        if task.layout is None:
            return f"span_f1 compares lists of spans, and this is {task.type.value}: use exact_match"
        return None

    def suited(self, task: Task) -> SpanF1:
        """The metric of this task's way to write spans."""
        if task.layout is None or task.layout.style == "json":
            return self
        return replace(self, between=task.layout.between, none=task.none or "")

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Spans that are shared, said and right a row, int (rows, 3)."""
        import numpy as np

        rows = [
            max((self._counts(said, answer) for answer in answers), key=_f1)
            for said, answers in zip(predictions, references, strict=True)
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 3)

    def value(self, statistics: Any) -> float:
        return _f1([int(each) for each in statistics.sum(axis=0)]) if len(statistics) else 0.0

    def _counts(self, said: str, answer: str) -> tuple[int, int, int]:
        ours, theirs = pair_of(said, answer) or (self._split(said), self._split(answer))
        return len(ours & theirs), len(ours), len(theirs)

    def _split(self, text: str) -> Spans:
        if text.strip() in ("", self.none.strip()):
            return frozenset()
        return frozenset((collapse(part),) for part in text.split(self.between))


def pair_of(said: str, answer: str, same: Callable[[str], str] = collapse) -> tuple[Spans, Spans] | None:
    """The spans of two answers, comparable; None where the second is no JSON list of spans.

    Of a first one that is no such list, the text counts as one span. `same` is what of a text counts.
    """
    right = _listed(answer)
    if right is None:
        return None
    found = _listed(said)
    if found is None:
        found = [{"text": said}]
    has_places = all(
        isinstance(each.get("start"), int) and isinstance(each.get("end"), int) for each in (*found, *right)
    )
    return _keys(found, has_places, same), _keys(right, has_places, same)


def _listed(text: str) -> list[dict[str, Any]] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    is_spans = isinstance(found, list) and all(isinstance(each, dict) and "text" in each for each in found)
    return found if is_spans else None


def _keys(spans: Sequence[dict[str, Any]], has_places: bool, same: Callable[[str], str]) -> Spans:
    return frozenset(
        (
            *((each["start"], each["end"]) if has_places else (same(str(each["text"])),)),
            str(each.get("type", "")),
            same(str(each.get("value", ""))),
        )
        for each in spans
    )


def _f1(counts: Sequence[int]) -> float:
    shared, said, right = counts
    return 2 * shared / (said + right) if said + right else 1.0
