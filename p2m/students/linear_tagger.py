"""A linear tagger: every word is told by its letters and the words around it, by logistic regression.

The ten lines that spans are commonly tagged by; in any language, without a download. Solved, not trained.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.states import open_states
from p2m.deploy.serving.tagger import FEATURES, WEIGHTS, features_of, words_of
from p2m.deploy.serving.tagging import BEGIN, END, INSIDE, SINGLE, follows, tags
from p2m.students.heads import Reach, head_of
from p2m.students.heads.tags import known
from p2m.students.linear import in_bytes
from p2m.students.solver import Weights, solved
from p2m.students.spans import At, Placed, locate, occurrences
from p2m.types import Example, Lesson, Task, TaskType

MOST_WORDS, MOST_STATES = 100_000, 30_000  # that are learnt from: beyond them others learn more
_COMMON = 20_000  # words from which on a feature must stand twice
MOVE = 0.4  # the weight of moves: 0.02 to 0.04 of F1 of 60 and 400 voice commands; more trusts templates
PRIOR = 2.0  # moves of each tag that are as anywhere
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
    target.mkdir(parents=True, exist_ok=True)
    head = head_of(lesson.task)
    assert head is not None, f"refused before: {lesson.task.type}"
    settings = replace(head.described(lesson.task, lesson.labels, Reach(window, 0, 0)), kind="tagger")
    spans = known if settings.shape == "spans" else _single
    rows = ((row.input[settings.context], spans(row, settings)) for row in lesson.rows)
    taught = Taught(rows, settings.labels or ("",), lesson.encoder)
    own = write_tagger(taught, target, strength=strength, most=most, window=window)
    copy_encoder(lesson.encoder, target)
    settings.write(target)
    return own


def copy_encoder(encoder: Path | None, target: Path) -> None:
    """The files of what a student reads states by, if it does, beside its weights."""
    if encoder is not None:
        for name in ("model.onnx", "tokenizer.json"):
            shutil.copyfile(encoder / name, target / name)


def write_tagger(taught: Taught, target: Path, *, strength: float, most: int, window: int) -> int:
    """Features and weights; the number of these."""
    import numpy as np
    from scipy.sparse import csr_matrix, hstack

    names, features = taught.features(most)
    if taught.encoder is not None:
        states = np.concatenate(list(taught.states(window)) or [np.zeros((0, 1))])
        features = hstack([features, csr_matrix(states)]).tocsr()
    found = _solved(features, taught.tags, tags(len(taught.types)), strength)
    arrays = {**in_bytes(found.matrix[: len(names)]), "bias": found.bias.astype(np.float32)}
    arrays["moves"] = taught.moves()
    if taught.encoder is not None:
        arrays["dense"] = found.matrix[len(names) :].astype(np.float32)
    np.savez_compressed(target / WEIGHTS, **arrays)
    (target / FEATURES).write_text(json.dumps(names, ensure_ascii=False), "utf-8")
    return int(found.matrix.size + found.bias.size)


def _solved(features: Any, given: Sequence[int], width: int, strength: float) -> Weights:
    import numpy as np

    taught = [place for place, tag in enumerate(given) if tag >= 0]
    if not taught:
        return Weights(np.zeros((features.shape[1], width)), np.zeros(width))
    answers = [str(given[place]) for place in taught]
    return solved(features[taught], answers, list(map(str, range(width))), strength=strength, balanced=False)


class Taught:
    """The words of texts whose spans are known, as many as are learnt from, and their tags; -1 where none is
    taught. `types` are those of spans.
    """

    def __init__(
        self, rows: Iterable[tuple[str, Placed | None]], types: Sequence[str], encoder: Path | None
    ) -> None:
        self.types, self.encoder = types, encoder
        self.texts: list[str] = []
        self.words: list[list[tuple[int, int]]] = []
        self.tags: list[int] = []
        most = MOST_WORDS if encoder is None else MOST_STATES
        for text, spans in rows:
            if spans is None:
                continue
            words = words_of(text)
            self.texts.append(text)
            self.words.append(words)
            self.tags += _tagged(words, spans, types)
            if len(self.tags) >= most:
                break

    def moves(self) -> Any:
        """From each tag to the next one, (tags + 1, tags + 1): how much likelier it is there than anywhere,
        in nats, of which `MOVE` counts, since its words say some of that too.
        """
        import numpy as np

        width, place = tags(len(self.types)), 0
        counts = np.zeros((width + 1, width))
        for words in self.words:
            path = [width, *self.tags[place : place + len(words)]]
            place += len(words)
            for one, two in pairwise(path):
                if one >= 0 and two >= 0:
                    counts[one, two] += 1
        shares = (counts.sum(axis=0) + 1) / (counts.sum() + width)
        ratio = (counts + PRIOR * shares) / (counts.sum(axis=1, keepdims=True) + PRIOR) / shares
        found = np.zeros((width + 1, width + 1), dtype=np.float32)
        found[:, :-1] = MOVE * np.log(ratio)
        return np.where(follows(width), found, np.float32(-1e9))

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

    def states(self, window: int) -> Iterator[Any]:
        """(words, width) of each text, by the encoder."""
        assert self.encoder is not None
        model = open_states(self.encoder, window=window, threads=1)
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
            found[number] = 1 + 4 * types.index(span.type) + part
    return found


def _inside(words: Sequence[tuple[int, int]], start: int, end: int) -> list[int]:
    return [number for number, (first, last) in enumerate(words) if last > start and first < end]
