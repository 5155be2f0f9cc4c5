"""A linear tagger: every word is told by its letters and the words around it, by logistic regression.

The ten lines that spans are commonly tagged by; in any language, without a download. Solved, not trained.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.states import open_states
from p2m.deploy.serving.tagger import FEATURES, WEIGHTS, features_of, words_of
from p2m.deploy.serving.tagging import BEGIN, END, INSIDE, SINGLE, tags
from p2m.students.heads import Reach, head_of
from p2m.students.heads.tags import known
from p2m.students.linear import in_bytes
from p2m.students.solver import Weights, solved
from p2m.students.spans import At, Placed, locate, occurrences
from p2m.types import Example, Lesson, Task, TaskType

MOST_WORDS, MOST_STATES = 100_000, 30_000  # that are learnt from: beyond them others learn more
_COMMON = 20_000  # words from which on a feature must stand twice
_BATCH = 32


@dataclass(frozen=True)
class LinearTagger:
    """Tags of BIOES over features of words, and the likeliest whole sequence."""

    strength: float = 10.0  # C of scikit-learn, inverse of the penalty
    max_features: int = 100_000  # the most frequent ones
    license: str = "apache-2.0"  # of nothing but the user's own words
    encoder: None = None

    @property
    def parameters(self) -> int:
        """Of two types of spans, with a third of the features that may be kept."""
        return tags(2) * self.max_features // 3

    @property
    def size_bytes(self) -> int:
        """Of a small table: one of many types takes a byte a feature and tag."""
        return 1_000_000

    def refusal(self, task: Task) -> str | None:
        return refusal(task)

    def solve(self, lesson: Lesson, target: Path) -> int:
        return solve(lesson, target, strength=self.strength, most=self.max_features, window=1)

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        shutil.copytree(checkpoint, target, dirs_exist_ok=True)


def refusal(task: Task) -> str | None:
    """Why a linear tagger cannot learn the task."""
    if task.type is not TaskType.EXTRACTION:
        return f"it marks spans of a text, and answers with nothing else ({task.type})"
    if task.layout is not None and task.layout.has_values:
        return "it marks spans, and cannot write their values; student=slots can"
    if len(task.inputs) > 1:
        return "it reads one text, and the task has several inputs"
    return None


def solve(lesson: Lesson, target: Path, *, strength: float, most: int, window: int) -> int:
    """The folder that `Predictor` opens, with the lesson's encoder, if any; the number of its own weights."""
    import numpy as np
    from scipy.sparse import csr_matrix, hstack

    target.mkdir(parents=True, exist_ok=True)
    head = head_of(lesson.task)
    assert head is not None, f"refused before: {lesson.task.type}"
    settings = replace(head.described(lesson.task, lesson.labels, Reach(window, 0, 0)), kind="tagger")
    read = _Read(lesson, settings, MOST_WORDS if lesson.encoder is None else MOST_STATES)
    names, features = read.features(most)
    if lesson.encoder is not None:
        states = np.concatenate(list(read.states(lesson.encoder, window)) or [np.zeros((0, 1))])
        features = hstack([features, csr_matrix(states)]).tocsr()
    found = _solved(features, read.tags, tags(len(settings.labels)), strength)
    own, dense = found.matrix[: len(names)], found.matrix[len(names) :]
    arrays = {**in_bytes(own), "bias": found.bias.astype(np.float32)}
    if lesson.encoder is not None:
        arrays["dense"] = dense.astype(np.float32)
        for name in ("model.onnx", "tokenizer.json"):
            shutil.copyfile(lesson.encoder / name, target / name)
    np.savez_compressed(target / WEIGHTS, **arrays)
    (target / FEATURES).write_text(json.dumps(names, ensure_ascii=False), "utf-8")
    settings.write(target)
    return int(found.matrix.size + found.bias.size)


def _solved(features: Any, given: Sequence[int], width: int, strength: float) -> Weights:
    import numpy as np

    taught = [place for place, tag in enumerate(given) if tag >= 0]
    if not taught:
        return Weights(np.zeros((features.shape[1], width)), np.zeros(width))
    answers = [str(given[place]) for place in taught]
    return solved(features[taught], answers, list(map(str, range(width))), strength=strength, balanced=False)


class _Read:
    """The words of a lesson's rows, as many as are learnt from, and their tags; -1 where none is taught."""

    def __init__(self, lesson: Lesson, settings: Settings, most: int) -> None:
        self.texts: list[str] = []
        self.words: list[list[tuple[int, int]]] = []
        self.tags: list[int] = []
        for row in lesson.rows:
            spans = known(row, settings) if settings.shape == "spans" else _single(row, settings)
            text = row.input[settings.context]
            if spans is None:
                continue
            words = words_of(text)
            self.texts.append(text)
            self.words.append(words)
            self.tags += _tagged(words, spans, settings.labels)
            if len(self.tags) >= most:
                break

    def features(self, most: int) -> tuple[list[str], Any]:
        """Their names, and (words, features), sparse."""
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import CountVectorizer

        rows = [
            each
            for text, words in zip(self.texts, self.words, strict=True)
            for each in features_of(text, words)
        ]
        if not rows:
            return [], csr_matrix((0, 0))
        least = 2 if len(rows) >= _COMMON else 1
        counter = CountVectorizer(analyzer=list, binary=True, max_features=most, min_df=least, dtype=float)
        found = counter.fit_transform(rows)
        return counter.get_feature_names_out().tolist(), found

    def states(self, encoder: Path, window: int) -> Iterator[Any]:
        """(words, width) of each text."""
        model = open_states(encoder, window=window, threads=1)
        for start in range(0, len(self.texts), _BATCH):
            end = start + _BATCH
            yield from model.of(self.texts[start:end], self.words[start:end], _BATCH)


def _single(row: Example, settings: Settings) -> Placed | None:
    """The answer where it stands; None where it does not."""
    if settings.none is not None and row.output == settings.none:
        return Placed(())
    context = row.input[settings.context]
    found = locate(context, row.answers, "")
    if found is None:
        return None
    others = {(each.start, each.end) for each in occurrences(context, context[found.start : found.end])}
    return Placed((At("", (found.start, found.end)),), tuple(sorted(others - {(found.start, found.end)})))


def _tagged(words: Sequence[tuple[int, int]], spans: Placed, types: Sequence[str]) -> list[int]:
    found = [0] * len(words)
    for start, end in spans.unsure:
        for number in _inside(words, start, end):
            found[number] = -1
    for span in spans.found:
        inside = _inside(words, *span.place)
        for number in inside:
            first, last = number == inside[0], number == inside[-1]
            part = (SINGLE if last else BEGIN) if first else (END if last else INSIDE)
            found[number] = 1 + 4 * (types.index(span.type) if types else 0) + part
    return found


def _inside(words: Sequence[tuple[int, int]], start: int, end: int) -> list[int]:
    return [number for number, (first, last) in enumerate(words) if last > start and first < end]
