"""embed: every row of a split through a frozen encoder, once for all students that read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from p2m.deploy.base import open_encoder
from p2m.deploy.serving.rows import joined
from p2m.engine.files.arrays import Writer
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.students.base import label_words, labels_of
from p2m.types import Embeddings, Encoder, Example, Split, Task

BATCH = 32  # rows at once
_CHUNK = 320  # rows between two reports of progress


@stage(version="1", kind="seeded", cpus="all")
def embed(task: Task, parts: Split, encoder: Encoder, *, run: Run) -> Embeddings:
    """Embeddings of unit length of the training, validation and test rows, in their order, and of labels."""
    model = open_encoder(encoder.folder, threads=run.device.threads, max_length=encoder.window)
    total = sum(len(getattr(parts, part)) for part in ("train", "validation", "test"))
    done = 0

    def encoded(rows: Sequence[Example]) -> Iterator[Any]:
        nonlocal done
        for start in range(0, len(rows), _CHUNK):
            chunk = [joined(row.input, _fields(task)) for row in rows[start : start + _CHUNK]]
            yield model.encode(chunk, batch_size=BATCH)
            done += len(chunk)
            run.progress(done, total, "rows embedded")

    path = run.folder / "vectors.npz"
    words = label_words(labels_of(task, parts.train))
    with Writer(path) as arrays:
        for part in ("train", "validation", "test"):
            rows: Sequence[Example] = getattr(parts, part)
            arrays.add(part, len(rows), encoded(rows))
        arrays.add("labels", len(words), [model.encode(words, batch_size=BATCH)] if words else [])
    return Embeddings(path)


def _fields(task: Task) -> tuple[str, ...]:
    return tuple(each.name for each in task.inputs)
