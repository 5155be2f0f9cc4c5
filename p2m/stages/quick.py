"""What a quick linear student makes of a teacher's rows: what it says to those that it has not learnt from.

`probe` asks it where the next rows should lie, `vet` which answers it cannot believe.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2m.deploy.base import open_encoder
from p2m.deploy.serving.linear import TERMS, LinearHead
from p2m.deploy.serving.rows import joined
from p2m.engine.handles import Run
from p2m.students.base import Lesson, LinearStudent, label_words
from p2m.types import Encoder, Example, Task

FOLDS = 5
_BATCH = 32  # texts embedded at once
_DIMENSIONS = 2**18  # of hashed terms, where there is no encoder


@dataclass(frozen=True, slots=True)
class Quick:
    """A linear student, the encoder that it reads if any, and where it works."""

    task: Task
    student: LinearStudent
    encoder: Encoder | None
    labels: tuple[str, ...]
    run: Run

    def beliefs(self, rows: Sequence[Example], vectors: Any, asked: Sequence[str], found: Any) -> Any:
        """(asked, labels): how likely each label is of texts, `found` their vectors, after these rows."""
        import numpy as np

        if self.student.encoder is None:
            vectors = found = None
        elif words := label_words(self.labels):
            vectors = np.concatenate([vectors, vectors_of(words, self.encoder, self.run)])
        folder = self.run.folder / "quick"
        shutil.rmtree(folder, ignore_errors=True)
        task = replace(self.task, numbers=(), choices=())  # what is asked about are texts
        self.student.solve(Lesson(task, self.labels, tuple(rows), vectors, None), folder)
        return _softmax(LinearHead(folder, len(self.labels)).logits(asked, found))

    def out_of_fold(self, rows: Sequence[Example], texts: Sequence[str], vectors: Any, *, seed: int) -> Any:
        """(rows, labels): how likely each label is of a row, after all rows of other folds; rows of one text
        or group share a fold."""
        import numpy as np

        folds = np.array(_folds(rows, texts, seed), dtype=np.int64)
        found = np.zeros((len(rows), len(self.labels)))
        for fold in range(FOLDS):
            inside = [int(n) for n in np.flatnonzero(folds == fold)]
            outside = [int(n) for n in np.flatnonzero(folds != fold)]
            if inside and outside:
                found[inside] = self.beliefs(
                    [rows[n] for n in outside], vectors[outside], [texts[n] for n in inside], vectors[inside]
                )  # fmt: skip
            self.run.progress(fold + 1, FOLDS, "folds")
        return found

    def outside(self, rows: Sequence[Example], texts: Sequence[str], *, seed: int) -> list[int]:
        """Of each row, how many rows of other folds have its answer."""
        folds = _folds(rows, texts, seed)
        every = Counter(row.output for row in rows)
        inside = Counter((row.output, fold) for row, fold in zip(rows, folds, strict=True))
        return [every[row.output] - inside[row.output, fold] for row, fold in zip(rows, folds, strict=True)]


def text_of(task: Task, given: Mapping[str, str]) -> str:
    """An input as students read it."""
    return joined(given, tuple(each.name for each in task.inputs))


def vectors_of(texts: Sequence[str], encoder: Encoder | None, run: Run) -> Any:
    """(texts, dimensions), each of unit length: embeddings, or hashed terms (sparse) without an encoder; None
    of no texts."""
    if not texts:
        return None
    if encoder is not None:
        model = open_encoder(Path(encoder.folder), threads=run.device.threads, max_length=encoder.window)
        return model.encode(list(texts), batch_size=_BATCH)
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(analyzer=TERMS["words"], n_features=_DIMENSIONS, alternate_sign=False)
    return hashed.transform(texts).tocsr()


def _folds(rows: Sequence[Example], texts: Sequence[str], seed: int) -> list[int]:
    units = [row.group or text for row, text in zip(rows, texts, strict=True)]
    order = sorted(set(units))
    random.Random(f"quick:{seed}").shuffle(order)
    fold = {unit: number % FOLDS for number, unit in enumerate(order)}
    return [fold[unit] for unit in units]


def _softmax(logits: Any) -> Any:
    import numpy as np

    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
