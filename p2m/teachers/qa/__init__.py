"""Reading comprehension by rule: rows from fact grammars and from the user's own texts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from p2m.types import Example, Task, TaskType


def matches(task: Task) -> bool:
    """Whether the task is a question and a passage in, a span of the passage out."""
    return task.type is TaskType.QUESTION_ANSWERING and len(task.inputs) == 2


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
    from p2m.teachers.qa.grammar import row

    book = None
    if texts is not None and text_share > 0:
        from p2m.teachers.qa.cloze import Book

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
    from p2m.teachers.qa.frames import frames

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
        contexts = [next(iter(sorted(row.input.values(), key=len, reverse=True))) for row in rows]
        figures["words_per_passage"] = round(sum(len(text.split()) for text in contexts) / len(rows), 1)
        figures["words_per_answer"] = round(sum(len(row.output.split()) for row in rows) / len(rows), 2)
    return figures


def _entropy(counts: Counter[str]) -> float:
    total = sum(counts.values())
    return -sum(count / total * math.log2(count / total) for count in counts.values()) if total else 0.0
