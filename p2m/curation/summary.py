"""Figures of a set of rows: how many, how varied, from where."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence

from p2m.curation.rules import ORIGINS, origin
from p2m.curation.shingles import hash64
from p2m.types import Example, Task, TaskType


def summary(task: Task, rows: Sequence[Example]) -> dict[str, float]:
    """Counts, shares (0 to 1), bits and mean characters of `rows`; label shares for a classification."""
    import numpy as np

    answers, sources, groups = array("Q"), set(), array("Q")
    characters = [0, 0]
    origins: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    for row in rows:
        answers.append(hash64(row.output))
        sources.add(row.source)
        if row.group:
            groups.append(hash64(row.group))
        characters[0] += sum(map(len, row.input.values()))
        characters[1] += len(row.output)
        origins[origin(row)] += 1
        if task.type is TaskType.CLASSIFICATION:
            labels[row.output] += 1
    _, first, counts = np.unique(np.array(answers), return_index=True, return_counts=True)
    total = max(1, len(rows))
    figures = {
        "rows": float(len(rows)),
        "distinct_answers": float(len(counts)),
        "answer_entropy_bits": entropy(counts[np.argsort(first)].tolist()),
        "largest_answer_share": max(counts.tolist(), default=0) / total,
        "mean_input_characters": characters[0] / total,
        "mean_output_characters": characters[1] / total,
        "sources": float(len(sources)),
        "groups": float(len(np.unique(np.array(groups)))),
    }
    figures |= {f"share_{name}": origins[name] / total for name in ORIGINS}
    if task.type is TaskType.CLASSIFICATION:
        named = [*task.labels, *sorted(set(labels) - set(task.labels))]
        figures |= {f"label_share.{label}": labels[label] / total for label in named}
    return figures


def entropy(counts: Sequence[int]) -> float:
    """Shannon entropy of a distribution given by counts, in bits."""
    total = sum(counts)
    return sum(-count / total * math.log2(count / total) for count in counts if count)
