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
    for learnt, asked in _rounds(material):
        found = trivial(task, learnt[0], asked[1][0]) | _zero_shot(material, asked[1][1])
        for name, student in students.items():
            assert isinstance(student, LinearStudent)
            if name in known and parts.is_cross_validated:
                found[name] = [known[name][row] for row in asked[0]]
                continue
            said = solve_and_ask(student, material, learnt, asked[1], metric=metric, folder=run.folder / name)
            found[name] = [answer.output for answer in said]
        found |= constant(task, all_rows, len(asked[0]))
        for name, texts in found.items():
            whole = answers.setdefault(name, [""] * len(judged))
            for row, text in zip(asked[0], texts, strict=True):
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


Rows = tuple[Sequence[Example], Any]  # with their vectors


def _rounds(material: Material) -> list[tuple[Rows, tuple[Sequence[int], Rows]]]:
    """What is learnt from, and which judged rows are asked, by number: one round, or one a fold."""
    parts = material.parts
    if not parts.is_cross_validated:
        everything = (list(range(len(parts.test))), (parts.test, material.vectors("test")))
        return [(material.all_to_learn(), everything)]
    vectors = material.vectors("train")
    rounds: list[tuple[Rows, tuple[Sequence[int], Rows]]] = []
    for fold in sorted(set(parts.folds)):
        outside, inside = held_out(parts, fold)
        learnt, asked = picked(parts.train, vectors, outside), picked(parts.train, vectors, inside)
        rounds.append((learnt, (inside, asked)))
    return rounds
