"""embed: every row of a split through a frozen encoder, once for all students that read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from p2m.deploy.base import compared, open_encoder, opposed
from p2m.deploy.serving.rows import joined, laid_open, sides
from p2m.engine.files.arrays import Writer
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.students.base import label_words, labels_of
from p2m.types import Embeddings, Encoder, Example, Split, Task

PARTS = ("train", "validation", "test")
BATCH = 32  # rows at once
_CHUNK = 320  # rows between two reports of progress


@stage(version="1", kind="seeded", cpus="all")
def embed(task: Task, parts: Split, encoder: Encoder, *, pairs: bool, run: Run) -> Embeddings:
    """Embeddings of unit length of the training, validation and test rows, in their order, and of labels.

    With `pairs`, how the two inputs of each row compare, or what is asked with its options, too.
    """
    model = open_encoder(encoder.folder, threads=run.device.threads, max_length=encoder.window)
    total = sum(len(getattr(parts, part)) for part in PARTS) * (2 if pairs else 1)
    done = 0

    def in_chunks(rows: Sequence[Example], vectors: Callable[[Sequence[Example]], Any]) -> Iterator[Any]:
        nonlocal done
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            yield vectors(chunk)
            done += len(chunk)
            run.progress(done, total, "rows embedded")

    def whole(rows: Sequence[Example]) -> Any:
        return model.encode([joined(row.input, task.texts) for row in rows], batch_size=BATCH)

    def apart(rows: Sequence[Example]) -> Any:
        if task.options:
            laid = [laid_open(row.input, _fields(task), task.options.values()) for row in rows]
            return opposed(partial(model.encode, batch_size=BATCH), laid)
        found = (sides(row.input, _fields(task), task.parts) for row in rows)
        both = zip(*(each or ("", "") for each in found), strict=True)
        return compared(*(model.encode(texts, batch_size=BATCH) for texts in both))

    path = run.folder / "vectors.npz"
    words = label_words(labels_of(task, parts.train))
    with Writer(path) as arrays:
        for part in PARTS:
            rows: Sequence[Example] = getattr(parts, part)
            arrays.add(part, len(rows), in_chunks(rows, whole))
            if pairs:
                arrays.add(paired(part), len(rows), in_chunks(rows, apart))
        arrays.add("labels", len(words), [model.encode(words, batch_size=BATCH)] if words else [])
    return Embeddings(path)


def paired(part: str) -> str:
    """The name of a part's array of how inputs compare."""
    return f"{part}-pairs"


def _fields(task: Task) -> tuple[str, ...]:
    return tuple(each.name for each in task.inputs)
