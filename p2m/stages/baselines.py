"""baselines: what a model must beat, on the very rows that judge it: answers without learning, and ten lines.

Where the model is judged by cross-validation, so are they, on the same folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.evaluation.base import constant, trivial
from p2m.metrics.base import Metric
from p2m.stages.folds import held_out
from p2m.stages.lessons import Material, picked, solve_and_ask
from p2m.students.base import LinearStudent, Student
from p2m.types import (
    Baseline,
    Baselines,
    Embeddings,
    Encoder,
    Example,
    OutOfFold,
    Split,
    Task,
    TaskType,
)

ZERO_SHOT = "zero_shot"  # a model that learns nothing, so it need not be beaten, but must not be better


@stage(version="1", kind="seeded", cpus="all")
def baselines(
    task: Task,
    parts: Split,
    encoder: Encoder | None,
    embeddings: Embeddings | None,
    *tried: OutOfFold,
    students: dict[str, Student],
    metric: Metric,
    run: Run,
) -> Baselines:
    """Their answers to `parts.judged`; `students` are the linear ones that the constraints would allow.

    What those of them said that were `tried` is taken where they were asked about every row.
    """
    material = Material(task, parts, encoder, embeddings)
    judged = parts.judged
    known = {each.student: each.answers for each in tried if len(each.rows) == len(judged)}
    answers: dict[str, list[str]] = {}
    all_rows = material.all_to_learn()[0]  # of a fold alone the commonest may be what the fold lacks
    for fold in sorted(set(parts.folds)) if parts.is_cross_validated else [None]:
        numbers = range(len(judged)) if fold is None else held_out(parts, fold)[1]
        learnt, asked = _round(material, fold, None)
        found = trivial(task, learnt[0], asked[0]) | _zero_shot(material, asked[1])
        for name, student in students.items():
            assert isinstance(student, LinearStudent)
            if name in known and parts.is_cross_validated:
                found[name] = [known[name][row] for row in numbers]
                continue
            rows = _round(material, fold, student)
            said = solve_and_ask(student, material, *rows, metric=metric, folder=run.folder / name)
            found[name] = [answer.output for answer in said]
        found |= constant(task, all_rows, len(numbers))
        for name, texts in found.items():
            whole = answers.setdefault(name, [""] * len(judged))
            for row, text in zip(numbers, texts, strict=True):
                whole[row] = text
    models = {*students, ZERO_SHOT}
    return Baselines(tuple(Baseline(name, tuple(texts), name in models) for name, texts in answers.items()))


def _zero_shot(material: Material, vectors: Any) -> dict[str, list[str]]:
    """The label whose name the frozen encoder finds nearest to each row; {} without an encoder or labels."""
    if material.task.type is not TaskType.CLASSIFICATION or vectors is None or not len(vectors):
        return {}
    names = material.vectors("labels")
    if len(names) != len(material.labels):
        return {}
    nearest = (vectors @ names.T).argmax(axis=1)
    return {ZERO_SHOT: [material.labels[place] for place in nearest]}


Rows = tuple[Sequence[Example], Any]  # with what a student reads of them


def _round(material: Material, fold: int | None, student: LinearStudent | None) -> tuple[Rows, Rows]:
    """What is learnt from and which judged rows are asked, as `student` reads them; None: embeddings."""
    parts = material.parts
    if fold is None:
        return material.all_to_learn(student), (parts.test, material.vectors("test", student))
    vectors = material.vectors("train", student)
    outside, inside = held_out(parts, fold)
    return picked(parts.train, vectors, outside), picked(parts.train, vectors, inside)
