"""Reading comprehension by rule: rows from fact grammars and from the user's own texts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from p2m.teachers.domains.base import RuleTeacher, in_fields_of
from p2m.types import Example, Task, TaskType


@dataclass(frozen=True, slots=True)
class Domain(RuleTeacher):
    """Writes questions with a passage and the span of it that answers them."""

    knows: ClassVar[str] = (
        "reading comprehension in English (a question and a passage in, a span of the passage out)"
    )

    text_share: float  # of the rows, where the recipe brings texts: made from them, 0 to 1

    def __post_init__(self) -> None:
        if not 0.0 <= self.text_share <= 1.0:
            raise ValueError(f"text_share is {self.text_share}, expected 0 to 1")

    def matches(self, task: Task) -> bool:
        """Whether the task is a question and a passage in, a span of the passage out, in English."""
        return task.type is TaskType.QUESTION_ANSWERING and len(task.inputs) == 2 and task.language == "en"

    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        """Yield `number` rows in the task's own field names; row k depends on seed, k and texts.

        Raises:
            DataError: `texts` holds nothing that a question can be made of.
        """
        asked = next(field.name for field in task.inputs if field.name != task.context_field)
        names = {"question": asked, "context": task.context_field or "context"}
        for row in generate(number, seed, texts=texts, text_share=self.text_share):
            yield in_fields_of(task, row, names)

    def figures(self, task: Task, rows: Sequence[Example]) -> dict[str, float]:
        """Counts for the data report: see `figures` of this module."""
        return figures(rows)


def generate(
    number: int, seed: int, *, texts: Path | None = None, text_share: float = 0.5
) -> Iterator[Example]:
    """Yield `number` rows with the fields `question` and `context`; row k depends on seed, k and texts.

    Args:
        texts: a folder of .txt and .md files, or one such file, to make questions of.
        text_share: of the rows, those made from `texts`, 0 to 1.

    Raises:
        DataError: `texts` holds nothing that a question can be made of.
    """
    from p2m.teachers.domains.qa.grammar import row

    book = None
    if texts is not None and text_share > 0:
        from p2m.teachers.domains.qa.cloze import Book

        book = Book.read(texts)
    for index in range(number):
        item = book.item(seed, index) if book and book.takes(seed, index, text_share) else row(seed, index)
        yield Example(
            input={"question": item.question, "context": item.context},
            output=item.answer,
            source=f"embedded:qa.{item.relation}",
            group=f"qa:{seed}:{index}" if not item.group else item.group,
        )


def figures(rows: Sequence[Example]) -> dict[str, float]:
    """What the data report prints: the width of the grammar and the variety of the answers."""
    from p2m.teachers.domains.qa.frames import frames

    known = frames()
    answers = Counter(row.output.lower() for row in rows)
    relations = {row.source for row in rows}
    figures = {
        "relations": float(len(known)),
        "statement_forms": float(sum(len(frame.statements) for frame in known)),
        "question_forms": float(sum(len(frame.questions) for frame in known)),
        "relations_used": float(len(relations)),
        "distinct_answers": float(len(answers)),
        "answer_entropy_bits": round(_entropy(answers), 2),
    }
    if rows:
        words = sum(len(max(row.input.values(), key=len).split()) for row in rows)
        figures["words_per_passage"] = round(words / len(rows), 1)
        figures["words_per_answer"] = round(sum(len(row.output.split()) for row in rows) / len(rows), 2)
    return figures


def _entropy(counts: Counter[str]) -> float:
    total = sum(counts.values())
    return -sum(count / total * math.log2(count / total) for count in counts.values()) if total else 0.0
