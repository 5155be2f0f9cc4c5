"""What the stages that solve linear students share: rows and their embeddings by number, and answers.

A linear student has nothing to stop by, so it learns from the validation rows too.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.deploy.base import Predictor
from p2m.deploy.serving.linear import LinearHead, columns, with_parts
from p2m.deploy.serving.rows import Answer, answered, joined
from p2m.deploy.serving.settings import Settings
from p2m.engine.files.arrays import read
from p2m.engine.rows import joined as joined_rows
from p2m.engine.rows import picked as picked_rows
from p2m.stages.embed import paired
from p2m.stages.rows import drawn, is_balanced
from p2m.students.base import Held, Lesson, LinearStudent, dealt, decided, labels_of, scoped
from p2m.students.base import held_out as held_out_of
from p2m.types import Embeddings, Encoder, Example, Metric, PairStudent, Split, Task, TaskType

FOLDS = 4  # of the rows that a threshold or an error is fitted by
MOST = 50_000  # rows that a linear student learns from: beyond them more hardly tell, and take memory
_BATCH = 32  # rows that are asked at once
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

    def vectors(self, part: str, student: LinearStudent | None = None) -> Any:
        """(rows, dimensions) of a part of the split, as `student` reads them; None where it reads none."""
        if self.embeddings is None or (student is not None and student.encoder is None):
            return None
        return read(self.embeddings.vectors, paired(part) if isinstance(student, PairStudent) else part)

    def all_to_learn(self, student: LinearStudent | None = None) -> tuple[tuple[Example, ...], Any]:
        """Training and validation rows, with what `student` reads of them; of many rows `MOST`, each label
        with its share.
        """
        import numpy as np

        every = joined_rows(self.parts.train, self.parts.validation)
        numbers = np.asarray(few_of(self.task, every, range(len(every))))
        rows = tuple(picked_rows(every, numbers))
        first = self.vectors("train", student)
        if first is None or not self.parts.validation:
            return rows, _of(first, numbers)
        second = self.vectors("validation", student)
        cut = int(np.searchsorted(numbers, len(first)))
        return rows, np.concatenate([_of(first, numbers[:cut]), _of(second, numbers[cut:] - len(first))])

    def lesson(
        self, student: LinearStudent, rows: Sequence[Example], vectors: Any, *, metric: Metric,
        encoder: Path | None = None,
    ) -> Lesson:  # fmt: skip
        """What `student` is fitted to: these rows and, where it reads any, their vectors and the labels'; the
        encoder itself where it ships it, or reads more of it than vectors of rows.
        """
        import numpy as np

        if self.encoder is not None and student.encoder is not None and not student.encoder.is_pooled:
            encoder = self.encoder.folder

        if vectors is not None and not isinstance(student, PairStudent):
            labels = self.vectors("labels")
            vectors = np.concatenate([vectors, labels]) if len(labels) else vectors
        return Lesson(self.task, self.labels, tuple(rows), vectors, encoder, is_balanced(metric))


def few_of(task: Task, rows: Sequence[Example], numbers: Sequence[int]) -> Sequence[int]:
    """Of these rows those that a linear student learns from, in order: of very many a sample."""
    if len(numbers) <= MOST:
        return numbers
    return [numbers[place] for place in sorted(drawn(task, picked_rows(rows, numbers), MOST, 0))]


def _of(vectors: Any, numbers: Any) -> Any:
    """Those rows of an array; itself where they are all."""
    return vectors if vectors is None or len(vectors) == len(numbers) else vectors[numbers]


def solve_and_ask(
    student: LinearStudent,
    material: Material,
    learnt: tuple[Sequence[Example], Any],
    asked: tuple[Sequence[Example], Any],
    *,
    metric: Metric,
    folder: Path,
) -> list[Answer]:
    """What `student` says to the `asked` rows after the `learnt` ones; both with what it reads of them."""
    solve_and_decide(student, material, learnt, metric=metric, folder=folder)
    return linear_answers(folder, *asked)


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

    held = _held_out(student, material, learnt, metric, folder)
    parameters = _solve(student, material, learnt, metric=metric, folder=folder, encoder=encoder)
    if held is None:
        return parameters
    settings = Settings.read(folder)
    if material.task.type is TaskType.CLASSIFICATION:
        scoped(settings, held, *learnt, metric, folder).write(folder)
    else:
        decided(settings, held.logits, held.rows, metric).write(folder)
    return parameters


def _held_out(
    student: LinearStudent, material: Material, learnt: tuple[Sequence[Example], Any], metric: Metric,
    folder: Path,
) -> Held | None:  # fmt: skip
    """What the student says to rows that it has not learnt from; None where nothing is decided by that."""
    import numpy as np

    task = material.task
    if not task.type.is_decided:
        return None
    if task.type is TaskType.CLASSIFICATION and task.none is None:
        return None
    folds = dealt(learnt[0], FOLDS)
    found: list[Held] = []
    for fold in range(FOLDS if len(learnt[0]) < _FEW else 1):
        outside, inside = (
            [n for n, one in enumerate(folds) if (one == fold) is held] for held in (False, True)
        )
        if not outside or not inside:
            continue
        known, asked = picked(*learnt, outside), picked(*learnt, inside)
        _solve(student, material, known, metric=metric, folder=folder)
        logits = linear_logits(folder, *asked)
        if task.type is TaskType.CLASSIFICATION:
            found.append(held_out_of(Settings.read(folder), asked[0], logits, asked[1], *known))
        else:
            found.append(Held(asked[0], logits, np.zeros(len(inside))))
    if not found:
        return None
    rows = [row for each in found for row in each.rows]
    return Held(
        rows, *(np.concatenate([getattr(each, name) for each in found]) for name in ("logits", "near"))
    )


def _solve(
    student: LinearStudent, material: Material, learnt: tuple[Sequence[Example], Any], *, metric: Metric,
    folder: Path, encoder: Path | None = None,
) -> int:  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    return student.solve(material.lesson(student, *learnt, metric=metric, encoder=encoder), folder)


def linear_answers(folder: Path, rows: Sequence[Example], vectors: Any) -> list[Answer]:
    """What a solved linear student says to rows; embeddings, (rows, dimensions), are known already."""
    if Settings.read(folder).kind != "linear":
        asked = [row.input for row in rows]
        return Predictor(folder, threads=1).predict(asked, batch_size=_BATCH)
    return answered(linear_logits(folder, rows, vectors), Settings.read(folder))


def linear_logits(folder: Path, rows: Sequence[Example], vectors: Any) -> Any:
    """(rows, columns), as `linear_answers` decides by them."""
    settings = Settings.read(folder)
    texts = [joined(row.input, settings.texts) for row in rows]
    given = with_parts([row.input for row in rows], settings)
    return LinearHead(folder, columns(settings)).logits(texts, vectors, given)


def picked(rows: Sequence[Example], vectors: Any, numbers: Sequence[int]) -> tuple[Sequence[Example], Any]:
    """Those rows and their vectors."""
    return picked_rows(rows, numbers), None if vectors is None else vectors[list(numbers)]
