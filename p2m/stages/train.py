"""train: the chosen student, fitted to the rows; tuned ones are stopped by the recipe's primary metric."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.lessons import Material, weighs_labels
from p2m.students.base import LinearStudent, Student, TunedStudent, longer
from p2m.training.base import fit
from p2m.types import Choice, Embeddings, Encoder, Example, Split, Task, Trained, Training


@stage(version="2", kind="seeded", cpus="all")
def train(
    task: Task,
    parts: Split,
    choice: Choice,
    encoder: Encoder | None,
    embeddings: Embeddings | None,
    *,
    students: dict[str, Student],
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> Trained:
    """Fit `choice.student`; a run that was killed goes on from its last evaluation.

    Raises:
        DataError: there is nothing to learn from.
        MissingWeights: the base model cannot be had.
    """
    material = Material(task, parts, encoder, embeddings)
    student = students[choice.student]
    if isinstance(student, LinearStudent):
        return _solved(student, material, metric, run)
    assert isinstance(student, TunedStudent)
    learner = student.prepare(task, material.labels, seed=seed)
    trained = fit(
        learner, parts.train, parts.validation,
        student=student, training=training, metric=metric, seed=seed, run=run,
        balanced=weighs_labels(training, metric),
    )  # fmt: skip
    return replace(trained, cut=learner.cut(parts.train, max_length=training.max_length))


def _solved(student: LinearStudent, material: Material, metric: Metric, run: Run) -> Trained:
    rows, vectors = material.all_to_learn()
    folder = run.folder / "checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    reads = student.encoder is not None and material.encoder is not None
    encoder = material.encoder.folder if reads and material.encoder is not None else None
    lesson = material.lesson(student, rows, vectors, metric=metric, encoder=encoder)
    parameters = student.solve(lesson, folder)
    run.say(f"solved for {len(rows)} rows and {len(material.labels)} labels")
    if not reads or material.encoder is None:
        return Trained(folder, parameters, 0, 0.0, (), {"precision": "fp32"})
    environment = {"precision": material.encoder.precision}
    return Trained(folder, parameters, 0, 0.0, (), environment, _cut(material.encoder, material.task, rows))


def _cut(encoder: Encoder, task: Task, rows: Sequence[Example]) -> int:
    """Rows of which the encoder did not read the end."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(encoder.folder / "tokenizer.json"))
    return longer(tokenizer, rows, [field.name for field in task.inputs], encoder.window)
