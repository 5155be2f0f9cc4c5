"""Linear models over TF-IDF terms and measures, over frozen embeddings, or both: solved, not trained, and
written as numpy. They tell labels apart, or answer with a number.

The terms are those of `deploy.serving`, so what is fitted is what is served. Weights of terms are kept in
eight bits a label's column; with tens of thousands of terms and a hundred labels they are most of the file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2m.deploy.serving.dates import parts_of, unfolded
from p2m.deploy.serving.linear import LINEAR, TERMS
from p2m.deploy.serving.measures import MEASURES
from p2m.deploy.serving.rows import joined
from p2m.students.dealing import dealt
from p2m.students.heads import Reach, head_of
from p2m.students.labels import aimed, given, label_words, scale_of
from p2m.students.logarithms import with_logarithms
from p2m.students.measuring import measured_by, measures_of
from p2m.students.solver import MANY_ROWS, Weights, ridge, solved, solved_sets
from p2m.students.strengths import STRENGTHS, Block, chosen
from p2m.types import Lesson, Task, TaskType

_FOLDS = 5  # of rows that belong together, by which the penalty on the weights of numbers is chosen
_LEAST = 1e-3  # of the largest weight of a measure: smaller ones of words are nothing beside it
RIDGE = 0.1  # of C: numbers from 0 to 1 bear a larger penalty than logits do


@dataclass(frozen=True, slots=True)
class Terms:
    """TF-IDF of the training rows: the terms of each block, their `idf`, and the rows as a sparse matrix; as
    last block the measures.
    """

    blocks: dict[str, list[Any]]
    idf: Any  # (terms,) float32
    matrix: Any  # (rows, terms), sparse

    @property
    def measures(self) -> int:
        """How many of the terms are measures, the last ones."""
        return len(self.blocks.get(MEASURES, ()))

    def beside(self, vectors: Any) -> Any:
        """Embeddings (rows, dimensions) with the measures behind them."""
        import numpy as np

        if not self.measures:
            return vectors
        return np.hstack([vectors, self.matrix[: len(vectors), -self.measures :].toarray()])


def refusal(task: Task) -> str | None:
    """Why a linear model cannot learn the task."""
    if not task.type.is_decided:
        return f"it answers with labels and numbers, and neither marks spans nor writes text ({task.type})"
    return None


def texts_of(lesson: Lesson) -> list[str]:
    """The rows as texts, and after them the labels' own words."""
    words = label_words(lesson.labels) if lesson.task.type.is_labelled else []
    return [*(joined(row.input, lesson.task.texts) for row in lesson.rows), *words]


def terms(texts: Sequence[str], most: dict[str, int]) -> Terms:
    """TF-IDF of words and of pieces of words; of each block the `most` frequent terms."""
    import numpy as np
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    blocks: dict[str, list[Any]] = {}
    idfs, parts = [], []
    for name, analyzer in TERMS.items():
        vectorizer = TfidfVectorizer(
            analyzer=analyzer, sublinear_tf=True, max_features=most[name],
            min_df=2 if len(texts) >= MANY_ROWS else 1, dtype=np.float64,
        )  # fmt: skip
        try:
            parts.append(vectorizer.fit_transform(texts))
        except ValueError:  # no term stands in two rows: of names each may be its own
            if not any(map(str.strip, texts)):
                continue
            parts.append(vectorizer.set_params(min_df=1).fit_transform(texts))
        blocks[name] = [str(term) for term in vectorizer.get_feature_names_out()]
        idfs.append(vectorizer.idf_)
    if not parts:
        return Terms({}, np.empty(0, np.float32), csr_matrix((len(texts), 0)))
    return Terms(blocks, np.concatenate(idfs).astype(np.float32), hstack(parts).tocsr())


def measured(lesson: Lesson, most: dict[str, int]) -> Terms:
    """The terms of the lesson's rows, and as a further block their numbers, choices and dates."""
    import numpy as np
    from scipy.sparse import hstack

    found = terms(texts_of(lesson), most)
    lesson = _with_parts(lesson)
    measures = measures_of(lesson, _plainly)
    if not measures:
        return found
    matrix = hstack([found.matrix, measured_by(measures, lesson.rows, found.matrix.shape[0])]).tocsr()
    idf = np.concatenate([found.idf, np.ones(len(measures), np.float32)])
    return Terms({**found.blocks, MEASURES: measures}, idf, matrix)


def _with_parts(lesson: Lesson) -> Lesson:
    """The lesson with the parts of dates as choices and numbers."""
    task = lesson.task
    if not task.dates:
        return lesson
    choices, numbers = parts_of(task.dates)
    rows = tuple(replace(row, input=unfolded(row.input, task.dates)) for row in lesson.rows)
    wide = replace(task, choices=(*task.choices, *choices), numbers=(*task.numbers, *numbers))
    return replace(lesson, task=wide, rows=rows)


def _plainly(features: Any, lesson: Lesson) -> Weights:
    return logistic(features, lesson, strength=STRENGTHS[0], label_weight=0.0)


def logistic(features: Any, lesson: Lesson, *, strength: float, label_weight: float) -> Weights:
    """The regression that the lesson asks for: of one label, of each label, or of a number.

    `features` are of its rows and, after them, of its labels' words, if any. Each label's words count as
    `label_weight` rows.
    """
    rows, labels = lesson.rows, lesson.labels
    if lesson.task.type is TaskType.REGRESSION:
        scale = scale_of(lesson.task, labels)
        wanted = [aimed(row, scale, lesson.log_offset) for row in rows]
        folds = dealt(rows, _FOLDS) if any(row.is_grouped for row in rows) else ()
        return ridge(features, wanted, strength=strength * RIDGE, folds=folds)
    words = labels if features.shape[0] > len(rows) else ()
    weights = [1.0] * len(rows) + [label_weight] * len(words)
    if lesson.task.type is TaskType.CLASSIFICATION:
        answers = [*(row.output for row in rows), *words]
        return solved(features, answers, labels, strength=strength, balanced=lesson.balanced, weights=weights)
    held = [*(given(lesson.task, row.output) for row in rows), *((label,) for label in words)]
    return solved_sets(features, held, labels, strength=strength, balanced=lesson.balanced, weights=weights)


def fitted(
    parts: Sequence[Block], lesson: Lesson, *, strength: float | None, label_weight: float
) -> tuple[Lesson, list[Weights]]:  # fmt: skip
    """The regression of each part, of no given `strength` with the one that suits them together best; and
    the lesson that they learnt, where logarithms suit numbers better with these.
    """
    lesson = with_logarithms(parts, lesson, _plainly)
    if strength is None and lesson.task.type is not TaskType.REGRESSION:

        def solve(features: Any, lesson: Lesson, strength: float) -> Weights:
            return logistic(features, lesson, strength=strength, label_weight=label_weight)

        strength = chosen(parts, lesson, solve)
    strength = strength or STRENGTHS[0]
    return lesson, [
        logistic(features, lesson, strength=strength, label_weight=label_weight) for features, _ in parts
    ]


@dataclass(frozen=True, slots=True)
class Part:
    """One of the classifiers whose logits are added, and how much it counts."""

    weights: Weights
    share: float
    terms: Terms | None = None  # None: over embeddings


def mixed(found: Terms, words: Weights, vectors: Weights, share: float) -> list[Part]:
    """Logits of terms, by `share`, and of embeddings added up; what both say of measures is one weight."""
    width = len(vectors.matrix) - found.measures
    matrix = share * words.matrix
    matrix[len(matrix) - found.measures :] += (1 - share) * vectors.matrix[width:]
    dense = Weights(vectors.matrix[:width], vectors.bias)
    return [Part(Weights(matrix, share * words.bias), 1.0, found), Part(dense, 1 - share)]


def in_bytes(matrix: Any) -> dict[str, Any]:
    """Weights (terms, columns) in eight bits, `sparse`, and the `scale` of each column."""
    import numpy as np

    scale = np.maximum(np.abs(matrix).max(axis=0, initial=0.0), 1e-12) / 127
    return {"sparse": np.rint(matrix / scale).astype(np.int8), "scale": scale.astype(np.float32)}


def _of_terms(matrix: Any, found: Terms) -> dict[str, Any]:
    """Weights (terms, columns) in eight bits, and the `idf` of terms; each measure has a scale of its own
    there, since of few measures, unlike of words, one may weigh a thousand times what another does.
    """
    import numpy as np

    cut = len(matrix) - found.measures
    words, measures = matrix[:cut], matrix[cut:]
    least = _LEAST * np.abs(measures).max(axis=0, initial=0.0)[None]
    arrays = in_bytes(np.concatenate([words, least]))
    own = measures / arrays["scale"]
    factors = (np.maximum(np.abs(own).max(axis=1, initial=0.0), 1e-12) / 127).astype(np.float32)
    arrays["sparse"] = np.concatenate(
        [arrays["sparse"][:cut], np.rint(own / factors[:, None]).clip(-127, 127).astype(np.int8)]
    )
    return {**arrays, "idf": np.concatenate([found.idf[:cut], factors])}


def write(
    lesson: Lesson, parts: Sequence[Part], target: Path, *, max_length: int, compares: bool = False
) -> int:
    """The folder that `Predictor` opens; the number of weights, without the encoder's."""
    import numpy as np

    target.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"bias": np.zeros_like(parts[0].weights.bias, dtype=np.float32)}
    for part in parts:
        arrays["bias"] += (part.share * part.weights.bias).astype(np.float32)
        scaled = part.share * part.weights.matrix
        if part.terms is None:
            arrays["dense"] = scaled.astype(np.float32)
            continue
        arrays |= _of_terms(scaled, part.terms)
        (target / "terms.json").write_text(json.dumps(part.terms.blocks, ensure_ascii=False), "utf-8")
    np.savez_compressed(target / LINEAR, **arrays)
    if lesson.encoder is not None and "dense" in arrays:
        for name in ("model.onnx", "tokenizer.json"):
            shutil.copyfile(lesson.encoder / name, target / name)
    head = head_of(lesson.task)
    assert head is not None, f"refused before: {lesson.task.type}"
    settings = head.described(lesson.task, lesson.labels, Reach(max_length, 0, 0))
    task = lesson.task
    replace(
        settings, kind="linear", compares=compares, parts=task.parts if compares else (),
        options=task.options if compares else {}, numbers=task.numbers, choices=task.choices,
        dates=task.dates, log_offset=lesson.log_offset,
    ).write(target)  # fmt: skip
    return int(sum(array.size for name, array in arrays.items() if name in ("bias", "dense", "sparse")))
