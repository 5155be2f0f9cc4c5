"""evaluate: the exported model on held-out rows, in the runtime that will serve it, and what it must beat."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.evaluation.base import baselines, judge, through_evaluate
from p2m.metrics.base import Metric
from p2m.runtimes.base import Predictor
from p2m.teachers.base import Teacher, bound
from p2m.types import Evaluated, Example, Exported, Judged, Run, Score, Split, Task

_CHUNK = 200  # rows between two reports of progress; of many rows more are of one length and go together


@stage(version="1", kind="seeded", cpus="all")
def evaluate(
    task: Task,
    parts: Split,
    exported: Exported,
    *,
    metrics: tuple[Metric, ...],
    teacher: Teacher | None,
    bootstrap: int,
    seed: int,
    run: Run,
) -> Evaluated:
    """Every metric with its 95% interval from `bootstrap` resamples; the first metric is the primary one.

    Baselines and teacher are judged by the primary metric, on the same rows.

    Raises:
        DataError: there is no row to be judged on.
    """
    if not parts.test:
        raise DataError("there is no test row: give data.test, or raise split.test_share")
    answers = _answers(exported, parts.test, run)
    said = [answer.output for answer in answers]
    right = [row.answers for row in parts.test]
    primary = metrics[0]
    judged, note = _teacher(task, parts.test, primary, teacher, run)
    return Evaluated(
        scores=tuple(_score(metric, said, right, bootstrap=bootstrap, seed=seed) for metric in metrics),
        baselines={
            name: primary.value(primary.statistics(texts, right))
            for name, texts in baselines(task, parts.train, parts.test).items()
        },
        teacher=judged,
        teacher_note=note,
        evidence=parts.evidence,
        rows=_judged(primary, parts.test, answers),
    )


class _Answer(NamedTuple):
    output: str
    score: float  # 0 to 1


def _answers(exported: Exported, rows: Sequence[Example], run: Run) -> list[_Answer]:
    """What the exported model says to each row."""
    predictor = Predictor(exported.model, threads=run.runtime.threads or os.cpu_count() or 1)
    found: list[_Answer] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = [row.input for row in rows[start : start + _CHUNK]]
        found += [_Answer(one.output, one.score) for one in predictor.predict(chunk, batch_size=len(chunk))]
        run.progress(len(found), len(rows), "test rows answered")
    return found


def _score(
    metric: Metric, said: Sequence[str], right: Sequence[Sequence[str]], *, bootstrap: int, seed: int
) -> Score:
    value = through_evaluate(metric, said, right)
    return judge(metric, said, right, value=value, resamples=bootstrap, seed=seed)


def _teacher(
    task: Task, rows: Sequence[Example], primary: Metric, teacher: Teacher | None, run: Run
) -> tuple[float | None, str]:
    """The teacher's primary metric on the rows, and how it was had or why not."""
    if teacher is None:
        return None, "not applicable: no teacher that answers rows of others"
    name = type(teacher).__name__
    if not teacher.can_answer:
        return None, f"not applicable: {name} makes rows with their answers and cannot answer those of others"
    said = bound(teacher, run).answer(task, [row.input for row in rows])
    value = primary.value(primary.statistics(said, [row.answers for row in rows]))
    return value, f"{name} on the same {len(rows)} rows"


def _judged(primary: Metric, rows: Sequence[Example], answers: Sequence[_Answer]) -> tuple[Judged, ...]:
    statistics = primary.statistics([answer.output for answer in answers], [row.answers for row in rows])
    return tuple(
        Judged(
            input=row.input,
            output=row.output,
            predicted=answer.output,
            confidence=float(answer.score),
            correct=primary.value(statistics[number : number + 1]),
        )
        for number, (row, answer) in enumerate(zip(rows, answers, strict=True))
    )
