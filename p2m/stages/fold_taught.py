"""fold_taught: as `fold`, of a student that is taught; a teacher that is trained for it learns without the
fold, too.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.folds import gathered, held_out, none
from p2m.stages.rows import weighs_labels
from p2m.stages.taught import asked, fit_taught, stored
from p2m.students import distilled
from p2m.students.base import Student, TunedStudent, labels_of
from p2m.training.base import fit, predicted
from p2m.types import Distilling, Example, OutOfFold, Softened, Split, Task, Training, Winner


@stage(version="1", kind="seeded", cpus="all")
def fold_taught(
    task: Task,
    parts: Split,
    softened: Softened,
    winner: Winner | None,
    *,
    name: str,
    student: Student,
    teacher: Student | None,
    number: int,
    distil: Distilling,
    top_k: int,
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> OutOfFold:
    """The taught student's answers to fold `number` where folds judge it, or a note why there are none.

    Without a `teacher` that is trained, the logits of the rows outside the fold are those of `softened`.
    """
    if winner is not None and winner.student != name:
        return none(name, f"{winner.student} was taken")
    if not parts.is_cross_validated or number not in parts.folds:
        return none(name, "the model is judged by rows that were set aside")
    assert isinstance(student, TunedStudent)
    labels = labels_of(task, parts.train)
    outside, inside = held_out(parts, number)
    rows = [parts.train[row] for row in outside]
    common: dict[str, Any] = {"training": training, "metric": metric, "seed": seed}
    if isinstance(teacher, TunedStudent):
        within = _Within(run, run.folder / "teacher")
        made = fit(
            teacher.prepare(task, labels, seed=seed), rows, parts.validation, student=teacher, run=within,
            balanced=weighs_labels(training, metric), **common,
        )  # fmt: skip
        assert made.checkpoint is not None
        learner = teacher.restore(task, labels, made.checkpoint)
        softened = asked(
            learner, rows, softened.texts, told=softened.teacher, counts=(), top_k=top_k, training=training,
            run=within,
        )  # fmt: skip
    else:
        softened = _of_rows(softened, outside, len(parts.train), _Within(run, run.folder / "teacher"))
    trained = fit_taught(
        student.prepare(task, labels, seed=seed), rows, parts.validation, softened,
        student=student, distil=distil, run=run, **common,
    )  # fmt: skip
    assert trained.checkpoint is not None
    learner = student.restore(task, labels, trained.checkpoint)
    asked_about: list[Example] = [parts.train[row] for row in inside]
    said = predicted(learner, asked_about, training=training, run=run)
    return gathered(name, dict(zip(inside, said, strict=True)), [number])


class _Within:
    """A run in a folder of its own within another one's."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._run, self.folder = run, folder
        folder.mkdir(parents=True, exist_ok=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)


def _of_rows(softened: Softened, kept: list[int], rows: int, run: Any) -> Softened:
    """The logits of those of the first `rows` rows, and of the texts behind them."""
    logits = distilled.opened(softened.logits)["logits"]
    chosen = [*kept, *range(rows, rows + len(softened.texts))]
    made = stored({"logits": logits[chosen]}, told=softened.teacher, texts=softened.texts, counts=(), run=run)
    return dataclasses.replace(softened, logits=made.logits)
