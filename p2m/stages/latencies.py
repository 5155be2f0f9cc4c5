"""latencies: what an answer of each candidate takes here: speed is that of a shape, and known untrained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import cycle, islice
from pathlib import Path

from p2m.compression.base import Compressor
from p2m.deploy.base import Predictor
from p2m.engine.handles import Run
from p2m.engine.rows import picked
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.sizes import folder_size
from p2m.stages.lessons import Material, solve_and_decide
from p2m.stages.rows import drawn
from p2m.stages.samples import untried
from p2m.stages.scoring import fresh
from p2m.stages.timing import percentile, processor
from p2m.students.base import LinearStudent, Student, TunedStudent, labels_of
from p2m.types import Embeddings, Encoder, Latencies, Latency, Split, Task, TaskType, VocabularyCompressor

ROWS = 40  # that each answers
WARM_UP = 5
SOLVED = 200  # rows that a linear candidate is solved for


@stage(version="1", kind="measured")
def latencies(
    task: Task, parts: Split, encoder: Encoder | None, embeddings: Embeddings | None, *,
    students: Mapping[str, Student], compressor: Compressor | None, metric: Metric, seed: int, run: Run,
) -> Latencies:  # fmt: skip
    """Every candidate exported with fresh weights, made smaller where the recipe makes models smaller, and
    asked in turns, one row at a time on one core. Those that will not be trained, there being too few rows,
    are left out; so are those that write: how long their answers are, fresh weights do not know.
    """
    labels = labels_of(task, parts.train)
    folders: dict[str, Path] = {}
    for name, student in students.items():
        if isinstance(student, TunedStudent) and _is_unknown(task, parts, student, len(labels)):
            continue
        run.say(f"a {name} with fresh weights")
        folders[name] = _shape(task, parts, encoder, embeddings, name, student, compressor, metric, seed, run)
    rows = list(islice(cycle(parts.validation or parts.train), ROWS + WARM_UP))
    models = {name: Predictor(folder, threads=1) for name, folder in folders.items()}
    took: dict[str, list[float]] = {name: [] for name in models}
    for number, row in enumerate(rows):
        for name, model in models.items():
            began = time.perf_counter()
            model.predict([row.input])
            if number >= WARM_UP:
                took[name].append(time.perf_counter() - began)
    found = {
        name: Latency(
            percentile(sorted(each), 0.5), percentile(sorted(each), 0.95), folder_size(folders[name])
        )
        for name, each in took.items()
    }
    return Latencies(found, ROWS, processor())


def _is_unknown(task: Task, parts: Split, student: TunedStudent, labels: int) -> bool:
    few = untried(student, task, len(parts.train), max(1, labels))
    return bool(few) or task.type is TaskType.TEXT_TO_TEXT


def _shape(
    task: Task, parts: Split, encoder: Encoder | None, embeddings: Embeddings | None, name: str,
    student: Student, compressor: Compressor | None, metric: Metric, seed: int, run: Run,
) -> Path:  # fmt: skip
    """A folder that is served as that of the trained student would be."""
    labels, exported = labels_of(task, parts.train), fresh(run.folder / name / "exported")
    checkpoint = fresh(run.folder / name / "checkpoint")
    if isinstance(student, LinearStudent):
        material = Material(task, parts, encoder, embeddings)
        few = drawn(task, parts.train, SOLVED, seed)
        read = encoder.folder if encoder and student.encoder is not None else None
        vectors = material.vectors("train", student)
        learnt = picked(parts.train, few), None if vectors is None else vectors[few]
        solve_and_decide(student, material, learnt, metric=metric, folder=checkpoint, encoder=read)
        student.export(task, labels, checkpoint, exported)
        return exported
    assert isinstance(student, TunedStudent)
    learner = student.prepare(task, labels, seed=seed)
    learner.model.save_pretrained(str(checkpoint))
    if learner.tokenizer is not None:
        learner.tokenizer.save_pretrained(str(checkpoint))
    student.export(task, labels, checkpoint, exported)
    if compressor is None or isinstance(compressor, VocabularyCompressor):
        return exported
    smaller = fresh(run.folder / name / "smaller")
    compressor.compress(exported, smaller)
    return smaller
