"""soften_bundle: the logits that a bundle, built before, gives to the training rows and the user's texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from p2m.answers.label_sets import differing
from p2m.deploy.base import Predictor, onnx
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.stages.taught import stored
from p2m.stages.unanswered import unanswered
from p2m.students.base import labels_of
from p2m.types import Files, Inputs, Softened, Split, Task

_USED = onnx  # a folder's graphs are opened by it, which keys see by imports alone


@stage(version="1", kind="seeded", cpus="all")
def soften_bundle(
    task: Task, parts: Split, texts: Inputs | None, model: Files, *, name: str, run: Run
) -> Softened:
    """Ask the model of a bundle, whose labels are the task's, about every training row and every text.

    Raises:
        DataError: it knows other labels.
    """
    predictor = Predictor(Path(model.path), threads=run.device.threads)
    labels, known = labels_of(task, parts.train), predictor.settings.labels
    if wrong := differing(known, labels):
        raise DataError(f"distil.from: {name} {wrong}")
    found, counts = unanswered(task, parts, texts)
    rows = [row.input for row in (*parts.train, *found)]
    logits = predictor.logits(rows, batch_size=run.device.batch_size)[
        :, [known.index(each) for each in labels]
    ]
    answers = predictor.predict([row.input for row in found], batch_size=run.device.batch_size)
    answered = tuple(replace(row, output=said.output) for row, said in zip(found, answers, strict=True))
    run.say(f"{name} was asked about {len(rows):,} rows")
    return stored({"logits": logits}, told=name, texts=answered, counts=counts, run=run)
