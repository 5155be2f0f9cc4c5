"""Records by linear models: a tagger for the fields that stand in the text; for those that the whole of it
tells, logistic and ridge regression over its terms. Any language, no download; solved, not trained.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2m.deploy.serving.fields import pooled_of
from p2m.deploy.serving.linear import LINEAR
from p2m.deploy.serving.record_fields import RecordField, fields_of
from p2m.deploy.serving.rows import joined
from p2m.deploy.serving.shapes import Found
from p2m.deploy.serving.states import open_states
from p2m.deploy.serving.tagger import words_of
from p2m.students.heads import Reach
from p2m.students.heads.records import (
    RecordHead,
    places_of,
    record_of,
    solved_field,
    told_aim,
    written_fields,
)
from p2m.students.linear import in_bytes, terms
from p2m.students.linear_tagger import Taught, copy_encoder, write_tagger
from p2m.students.spans import Placed, placed
from p2m.types import Example, Lesson, Task, TaskType

_BATCH = 32


@dataclass(frozen=True)
class LinearRecords:
    """Every field by itself, but for spans, of which no two take the same words."""

    strength: float = 10.0  # C of scikit-learn, inverse of the penalty, of the tagger
    max_features: int = 100_000  # of words, the most frequent ones
    max_words: int = 10_000  # the most frequent words and pairs of words
    max_pieces: int = 20_000  # the most frequent runs of 2 to 5 characters
    license: str = "apache-2.0"  # of nothing but the user's own words
    encoder: None = None

    @property
    def parameters(self) -> int:
        """Of four fields, with every term and a third of the features that may be kept."""
        return 4 * (self.max_words + self.max_pieces) + 3 * self.max_features

    @property
    def size_bytes(self) -> int:
        """Of a small table."""
        return 1_500_000

    def refusal(self, task: Task) -> str | None:
        return refusal(task)

    def solve(self, lesson: Lesson, target: Path) -> int:
        most = {"words": self.max_words, "pieces": self.max_pieces}
        return solve(lesson, target, strength=self.strength, features=self.max_features, most=most, window=1)

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        shutil.copytree(checkpoint, target, dirs_exist_ok=True)


def refusal(task: Task) -> str | None:
    """Why a linear model of records cannot learn the task."""
    if task.type is not TaskType.RECORDS:
        return f"it answers with records, and with nothing else ({task.type})"
    if written := written_fields(task):
        return f"it marks spans and labels, and cannot write the text of {', '.join(map(repr, written))}"
    return None if task.record else "the fields of its records are not known"


def solve(
    lesson: Lesson, target: Path, *, strength: float, features: int, most: dict[str, int], window: int
) -> int:
    """The folder that `Predictor` opens, with the lesson's encoder, if any; the number of its own weights."""
    target.mkdir(parents=True, exist_ok=True)
    head = RecordHead.described(lesson.task, lesson.labels, Reach(window, 0, 0))
    settings, fields = replace(head, kind="fields"), fields_of(head)
    texts = [joined(row.input, settings.fields) for row in lesson.rows]
    records = [record_of(row) for row in lesson.rows]
    own = 0
    pointed = [field for field in fields if field.is_pointed_at]
    if pointed:
        rows = zip(texts, (_spans(pointed, *each) for each in zip(records, texts, strict=True)), strict=True)
        taught = Taught(rows, tuple(field.name for field in pointed), lesson.encoder)
        own += write_tagger(taught, target, strength=strength, most=features, window=window)
    told = [field for field in fields if not field.is_pointed_at]
    if told:
        own += _write_told(lesson, told, texts, records, target, most, window)
    copy_encoder(lesson.encoder, target)
    settings.write(target)
    return own


def _spans(fields: Sequence[RecordField], record: dict[str, Any], text: str) -> Placed | None:
    """Where the values stand; None where one stands nowhere, so that the row teaches no tags."""
    found = []
    for field in fields:
        if (value := record.get(field.name)) is None:
            continue
        places = places_of(field, value, text)
        if not places:
            return None
        start, end = places[0]
        is_sure = len(places) == 1 or field.kind == "number"
        where = (start, end) if is_sure else (None, None)
        found.append(Found(text[start:end], field.name, "", *where))
    return placed(text, found)


def _write_told(
    lesson: Lesson, fields: Sequence[RecordField], texts: Sequence[str], records: Sequence[dict[str, Any]],
    target: Path, most: dict[str, int], window: int,
) -> int:  # fmt: skip
    """Weights of terms and states for the logits of all these fields, side by side."""
    import numpy as np
    from scipy.sparse import csr_matrix, hstack

    found = terms(list(texts), most)
    features, width = found.matrix, found.matrix.shape[1]
    if lesson.encoder is not None:
        pooled = np.concatenate(list(_pooled(texts, lesson.encoder, window)))
        features = hstack([features, csr_matrix(pooled)]).tocsr()
    solved = [_solved(field, features, lesson.rows, records, lesson.balanced) for field in fields]
    matrix = np.concatenate([weights for weights, _ in solved]).T
    bias = np.concatenate([bias for _, bias in solved])
    arrays = {**in_bytes(matrix[:width]), "idf": found.idf, "bias": bias.astype(np.float32)}
    if lesson.encoder is not None:
        arrays["dense"] = matrix[width:].astype(np.float32)
    np.savez_compressed(target / LINEAR, **arrays)
    (target / "terms.json").write_text(json.dumps(found.blocks, ensure_ascii=False), "utf-8")
    return int(matrix.size + bias.size)


def _solved(
    field: RecordField, features: Any, rows: Sequence[Example], records: Sequence[dict[str, Any]],
    balanced: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """Weights (size, features) and bias (size,); zeros where no row tells the field."""
    import numpy as np

    aims = [told_aim(field, record.get(field.name), row) for record, row in zip(records, rows, strict=True)]
    known = [place for place, aim in enumerate(aims) if aim is not None]
    if not known:
        return np.zeros((field.size, features.shape[1])), np.zeros(field.size)
    return solved_field(field, features[known], [aims[place] for place in known], balanced)


def _pooled(texts: Sequence[str], encoder: Path, window: int) -> Iterator[Any]:
    model = open_states(encoder, window=window, threads=1)
    for start in range(0, len(texts), _BATCH):
        some = texts[start : start + _BATCH]
        yield pooled_of(model.of(some, [words_of(text) for text in some], _BATCH))
