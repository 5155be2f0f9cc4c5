"""What the stages that teach share: rows and their embeddings by number, and a linear student's answers.

A linear student has nothing to stop by, so it learns from the validation rows too.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.deploy.serving.rows import Answer
from p2m.students.base import Lesson, LinearStudent, labels_of, linear_answers
from p2m.types import Embeddings, Encoder, Example, Metric, Split, Task, TaskType, Training


@dataclass(frozen=True, slots=True)
class Material:
    """A split with its embeddings."""

    task: Task
    parts: Split
    encoder: Encoder | None
    embeddings: Embeddings | None

    @property
    def labels(self) -> tuple[str, ...]:
        return labels_of(self.task, self.parts.train)

    def vectors(self, part: str) -> Any:
        """(rows, dimensions) of a part of the split; None without an encoder."""
        import numpy as np

        if self.embeddings is None:
            return None
        with np.load(self.embeddings.vectors, allow_pickle=False) as arrays:
            return arrays[part]

    def all_to_learn(self) -> tuple[tuple[Example, ...], Any]:
        """Training and validation rows, with their embeddings."""
        import numpy as np

        rows = (*self.parts.train, *self.parts.validation)
        if self.embeddings is None or not self.parts.validation:
            return rows, self.vectors("train")
        return rows, np.concatenate([self.vectors("train"), self.vectors("validation")])

    def lesson(
        self, student: LinearStudent, rows: Sequence[Example], vectors: Any, *, metric: Metric,
        encoder: Path | None = None,
    ) -> Lesson:  # fmt: skip
        """What `student` is fitted to: these rows and, where it reads any, their vectors and the labels'."""
        import numpy as np

        if student.encoder is None or vectors is None:
            vectors = None
        elif len(labels := self.vectors("labels")):
            vectors = np.concatenate([vectors, labels])
        return Lesson(self.task, self.labels, tuple(rows), vectors, encoder, is_balanced(metric))


def solve_and_ask(
    student: LinearStudent,
    material: Material,
    learnt: tuple[Sequence[Example], Any],
    asked: tuple[Sequence[Example], Any],
    *,
    metric: Metric,
    folder: Path,
) -> list[Answer]:
    """What `student` says to the `asked` rows after the `learnt` ones; both come with their vectors."""
    shutil.rmtree(folder, ignore_errors=True)
    student.solve(material.lesson(student, *learnt, metric=metric), folder)
    vectors = None if student.encoder is None else asked[1]
    return linear_answers(folder, material.task, material.labels, asked[0], vectors)


def sample(task: Task, rows: Sequence[Example], most: int, seed: int) -> list[Example]:
    """At most so many rows, drawn by the seed, of a classification as many of each label as may be."""
    if len(rows) <= most:
        return list(rows)
    strata: dict[str, list[Example]] = {}
    for row in rows:
        strata.setdefault(row.output if task.type is TaskType.CLASSIFICATION else "", []).append(row)
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


def picked(rows: Sequence[Example], vectors: Any, numbers: Sequence[int]) -> tuple[list[Example], Any]:
    """Those rows and their vectors."""
    return [rows[number] for number in numbers], None if vectors is None else vectors[list(numbers)]
