"""What stages share of rows: samples, one to look at, and how much a label counts."""

from __future__ import annotations

import random
from collections.abc import Sequence

from p2m.engine.rows import picked
from p2m.types import Example, Metric, Student, Task, TaskType, Training


def sample(task: Task, rows: Sequence[Example], most: int, seed: int) -> list[Example]:
    """At most so many rows, drawn by the seed, of a classification as many of each label as may be."""
    return list(picked(rows, drawn(task, rows, most, seed)))


def drawn(task: Task, rows: Sequence[Example], most: int, seed: int) -> list[int]:
    """The numbers of the rows of `sample`, in its order."""
    if len(rows) <= most:
        return list(range(len(rows)))
    strata: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        strata.setdefault(row.output if task.type is TaskType.CLASSIFICATION else "", []).append(number)
    lot = random.Random(f"sample:{seed}")
    for members in strata.values():
        lot.shuffle(members)
    order = sorted(
        (place / len(members), label, place)
        for label, members in strata.items()
        for place in range(len(members))
    )
    return [strata[label][place] for _, label, place in order[:most]]


def is_balanced(metric: Metric) -> bool:
    """Whether the metric counts a rare label as much as a common one; then training does so, too."""
    return metric.name.startswith("macro")


def weighs_labels(training: Training, metric: Metric) -> bool:
    """Whether a tuned student's loss counts every label alike."""
    return training.class_weights == "balanced" or (training.class_weights == "auto" and is_balanced(metric))


def origin_of(student: Student) -> dict[str, str]:
    """For the record: whence the weights are that it began with, where not as they were published."""
    found = getattr(student, "origin", "")
    return {"weights": found} if found else {}
