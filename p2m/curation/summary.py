"""Figures of a set of rows: how many, how varied, from where."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from p2m.curation.rules import ORIGINS, origin
from p2m.types import Example, Task, TaskType


def summary(task: Task, rows: Sequence[Example]) -> dict[str, float]:
    """Counts, shares (0 to 1), bits and mean characters of `rows`; label shares for a classification."""
    answers = Counter(row.output for row in rows)
    total = max(1, len(rows))
    figures = {
        "rows": float(len(rows)),
        "distinct_answers": float(len(answers)),
        "answer_entropy_bits": entropy(answers),
        "largest_answer_share": max(answers.values(), default=0) / total,
        "mean_input_characters": sum(len(text) for row in rows for text in row.input.values()) / total,
        "mean_output_characters": sum(len(row.output) for row in rows) / total,
        "sources": float(len({row.source for row in rows})),
        "groups": float(len({row.group for row in rows if row.group})),
    }
    origins = Counter(map(origin, rows))
    figures |= {f"share_{name}": origins[name] / total for name in ORIGINS}
    if task.type is TaskType.CLASSIFICATION:
        labels = [*task.labels, *sorted(set(answers) - set(task.labels))]
        figures |= {f"label_share.{label}": answers[label] / total for label in labels}
    return figures


def entropy(counts: Counter[str]) -> float:
    """Shannon entropy of a distribution given by counts, in bits."""
    total = sum(counts.values())
    return sum(-count / total * math.log2(count / total) for count in counts.values() if count)
