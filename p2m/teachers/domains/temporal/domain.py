"""Temporal expressions for the embedded teacher: dated posts whose labels are right by construction.

The words and the values come from one calendar semantics (`dates`), the value first; `resolve` reads the same
semantics back from text, to be held against what real annotators wrote. Documented conventions: `expressions`
and `resolve`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from p2m.teachers.domains.base import RuleTeacher, in_fields_of
from p2m.types import Example, Layout, Task, TaskType

_SUBJECT = re.compile(
    r"\b(temporal|time|date)[ -]+(date[ -]+)?(expressions?|references?|mentions?|phrases?)"
    r"|\btimex|\btemporal\b|relative dates?|(dates?|times?) (that are |which are )?(mentioned|referred to)",
    re.IGNORECASE,
)
_ANCHOR = re.compile(
    r"\b(posted|posting|published)\b|\b(post|publication|reference|document|creation|anchor) (date|time)"
    r"|\banchor\b|\bdate of (the )?(post|publication|writing|message|document)",
    re.IGNORECASE,
)
_FORMAT = re.compile(
    r"YYYY|ISO[- ]?8601|(?<!\S)==(?!\S)|normali[sz]|resolv|calendar date|exact dates?", re.IGNORECASE
)
_POSTED = re.compile(r"\[Posted: \d{4}-\d\d-\d\d\]")
_LAYOUT = Layout(style="text", has_values=True)
_PAIR = re.compile(r"\S == \d{4}(-\d\d){0,2}(?= \||$)")


@dataclass(frozen=True, slots=True)
class Domain(RuleTeacher):
    """Writes dated posts with the temporal expressions in them and their dates."""

    knows: ClassVar[str] = (
        "temporal expressions in English (a dated post in, expressions with their dates out)"
    )

    def matches(self, task: Task) -> bool:
        """Whether the prompt asks for temporal expressions with their dates, seen from a posting date."""
        return matches(task)

    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        """Yield `number` rows in the task's own field name; the first n do not depend on `number`."""
        for row in generate(number, seed):
            yield in_fields_of(task, row, {"input": task.inputs[0].name})

    def figures(self, task: Task, rows: Sequence[Example]) -> dict[str, float]:
        """Counts for the data report: see `figures` of this module."""
        return figures(rows)


def matches(task: Task) -> bool:
    """Whether the prompt asks for temporal expressions with their dates, seen from a posting date.

    Demonstrations in the very form decide alone; else the instruction must name the expressions, the
    posting date and the normalised form. One input field, text out.
    """
    is_laid_out = task.layout == _LAYOUT and task.none == "N/A"  # as rows are written here
    if not (task.type is TaskType.TEXT_TO_TEXT or is_laid_out):
        return False
    if len(task.inputs) != 1 or task.language != "en":
        return False
    shown = [
        bool(_POSTED.match(" ".join(row.input.values()).strip()))
        and (row.output == "N/A" or bool(_PAIR.search(row.output)))
        for row in task.demonstrations
    ]
    if shown and all(shown) and any(row.output != "N/A" for row in task.demonstrations):
        return True
    words = " ".join(
        (task.instruction, task.output_format, task.inputs[0].description, task.output.description)
    )
    return all(pattern.search(words) for pattern in (_SUBJECT, _ANCHOR, _FORMAT))


def generate(number: int, seed: int) -> Iterator[Example]:
    """Yield `number` rows with the single input field `input`; the first n rows do not depend on `number`."""
    from p2m.teachers.domains.temporal import rows

    return rows.generate(number, seed)


def figures(rows: Sequence[Example]) -> dict[str, float]:
    """Forms, distinct expressions, entropy of the answers (bits) and the share of N/A (0 to 1)."""
    if not rows:
        return {"forms": 0.0, "expressions": 0.0, "share_na": 0.0, "answer_bits": 0.0}
    answers = Counter(row.output for row in rows)
    expressions = {
        pair.rpartition(" == ")[0] for answer in answers if answer != "N/A" for pair in answer.split(" | ")
    }
    bits = -sum(count / len(rows) * math.log2(count / len(rows)) for count in answers.values())
    return {
        "forms": float(len({row.source for row in rows})),
        "expressions": float(len(expressions)),
        "share_na": answers["N/A"] / len(rows),
        "answer_bits": bits + 0.0,
    }
