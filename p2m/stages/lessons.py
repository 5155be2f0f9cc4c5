"""What the stages that solve linear students share: rows and their embeddings by number, and answers.

A linear student has nothing to stop by, so it learns from the validation rows too.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.deploy.serving.linear import LinearHead, columns
from p2m.deploy.serving.rows import Answer, answered, joined
from p2m.deploy.serving.settings import Settings
from p2m.stages.rows import is_balanced
from p2m.students.base import Lesson, LinearStudent, decided, labels_of
from p2m.types import Embeddings, Encoder, Example, Metric, Split, Task, TaskType

FOLDS = 4  # of the rows that a threshold or an error is fitted by
_FEW = 500  # rows up to which every fold is held out once


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
    solve_and_decide(student, material, learnt, metric=metric, folder=folder)
    vectors = None if student.encoder is None else asked[1]
    return linear_answers(folder, asked[0], vectors)


def solve_and_decide(
    student: LinearStudent,
    material: Material,
    learnt: tuple[Sequence[Example], Any],
    *,
    metric: Metric,
    folder: Path,
    encoder: Path | None = None,
) -> int:
    """Write the folder of `student` after the `learnt` rows; the number of its weights.

    Thresholds and errors are those of rows that it had not learnt from: of few rows every one, in folds of
    its own, of many those of one fold.
    """
    import numpy as np

    settings = None
    if material.task.type in (TaskType.MULTI_LABEL, TaskType.REGRESSION):
        numbers, logits = range(len(learnt[0])), []
        asked: list[Example] = []
        for fold in range(FOLDS if len(learnt[0]) < _FEW else 1):
            outside, inside = ([n for n in numbers if (n % FOLDS == fold) is held] for held in (False, True))
            if not outside or not inside:
                continue
            rows, vectors = picked(*learnt, inside)
            _solve(student, material, picked(*learnt, outside), metric=metric, folder=folder)
            logits.append(linear_logits(folder, rows, None if student.encoder is None else vectors))
            asked += rows
        settings = asked and decided(Settings.read(folder), np.concatenate(logits), asked, metric)
    parameters = _solve(student, material, learnt, metric=metric, folder=folder, encoder=encoder)
    if settings:
        settings.write(folder)
    return parameters


def _solve(
    student: LinearStudent, material: Material, learnt: tuple[Sequence[Example], Any], *, metric: Metric,
    folder: Path, encoder: Path | None = None,
) -> int:  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    return student.solve(material.lesson(student, *learnt, metric=metric, encoder=encoder), folder)


def linear_answers(folder: Path, rows: Sequence[Example], vectors: Any) -> list[Answer]:
    """What a solved linear student says to rows whose embeddings, (rows, dimensions), are known already."""
    return answered(linear_logits(folder, rows, vectors), Settings.read(folder))


def linear_logits(folder: Path, rows: Sequence[Example], vectors: Any) -> Any:
    """(rows, columns), as `linear_answers` decides by them."""
    settings = Settings.read(folder)
    texts = [joined(row.input, settings.fields) for row in rows]
    return LinearHead(folder, columns(settings)).logits(texts, vectors)


def picked(rows: Sequence[Example], vectors: Any, numbers: Sequence[int]) -> tuple[list[Example], Any]:
    """Those rows and their vectors."""
    return [rows[number] for number in numbers], None if vectors is None else vectors[list(numbers)]
