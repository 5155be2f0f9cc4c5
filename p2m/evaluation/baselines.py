"""What a model must beat: answers that need no learning, on the same rows.

`majority` always says the commonest training answer, or of several labels a row the commonest label
(`common_label`), or of numbers their median (`median`); `nearest` says what the nearest training row says, by
BM25 over its inputs (Robertson and Zaragoza, 2009); `copy` says its longest input again; `overlap` points at
a likely span of the passage sentence that shares most words with the question (after the baselines of MCTest,
Richardson et al., 2013, and SQuAD); `dictionary` and `fields` look up the spans and fields of training rows.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from p2m.deploy.serving.linear import pieces_of
from p2m.deploy.serving.shapes import read_labels, read_number, write_labels, write_number
from p2m.evaluation.lookups import by_fields, dictionary, placeless
from p2m.types import Example, Task, TaskType

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_K1, _B = 1.5, 0.75  # the usual constants of BM25
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_]+")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s*")
_NAME_OR_NUMBER = re.compile(
    r"(?:[A-Z\d][\w'’.,-]*\w|[A-Z\d])(?:\s+(?:of |the |de )?(?:[A-Z\d][\w'’-]*\w|[A-Z\d]))*"
)
_ASKS_NUMBER = re.compile(
    r"\b(when|how many|how much|how old|how long|what year|which year|what date)\b", re.IGNORECASE
)


def trivial(task: Task, train: Sequence[Example], test: Sequence[Example]) -> dict[str, list[str]]:
    """Answers to the test rows' inputs by the name of the baseline; gold answers are never looked at."""
    found = constant(task, train, len(test)) | {"nearest": nearest(task, train, test)}
    if task.layout is not None:
        found["dictionary"] = dictionary(task, train, test)
    if task.type is TaskType.RECORDS:
        found["fields"] = by_fields(task, train, test)
    if task.is_span:
        found["overlap"] = [overlap(task, row.input) for row in test]
    if task.type is TaskType.TEXT_TO_TEXT:
        found["copy"] = [max((row.input[each.name] for each in task.inputs), key=len) for row in test]
    return found


def constant(task: Task, train: Sequence[Example], rows: int) -> dict[str, list[str]]:
    """One answer for every row, by the name of the baseline."""
    if task.type is TaskType.REGRESSION:
        numbers = sorted(read_number(row.output) for row in train)
        return {"median": [write_number(numbers[len(numbers) // 2]) if numbers else ""] * rows}
    found = {"majority": majority(train, rows)}
    if task.type is TaskType.MULTI_LABEL:
        counts = Counter(label for row in train for label in read_labels(row.output))
        held = [label for label, count in counts.items() if 2 * count >= len(train)]
        common = held or sorted(counts, key=lambda label: (-counts[label], label))[:1]
        found["common_label"] = [write_labels(common, task.labels or sorted(counts))] * rows
    return found


def majority(train: Sequence[Example], rows: int) -> list[str]:
    """The commonest training answer for every row; of equally common ones the first in sorted order."""
    counts = Counter(row.output for row in train)
    answer = min(counts, key=lambda text: (-counts[text], text), default="")
    return [answer] * rows


def nearest(task: Task, train: Sequence[Example], test: Sequence[Example]) -> list[str]:
    """The answer of the nearest training row for each row; the commonest where none shares a term."""
    import numpy as np

    if not train:
        return [""] * len(test)
    fallback = majority(train, 1)[0]
    postings = _postings(Counter(_tokens(task, row.input)) for row in train)
    answers = []
    for row in test:
        scores = np.zeros(len(train))
        for token in sorted(set(_tokens(task, row.input))):
            if token in postings:
                numbers, weights = postings[token]
                scores[numbers] += weights
        best = int(scores.argmax())
        answers.append(placeless(task, train[best]).output if scores[best] > 0 else fallback)
    return answers


def overlap(task: Task, values: Mapping[str, str]) -> str:
    """A name or number from the sentence of the context that shares most words with the question."""
    context = values.get(task.context_field, "")
    question = " ".join(text for name, text in values.items() if name != task.context_field)
    asked = set(_words(question))
    sentences = [part for part in _SENTENCE.split(context) if part.strip()]
    if not sentences:
        return ""
    rarity = Counter(word for part in sentences for word in set(_words(part)))

    def shared(part: str) -> float:
        return sum(1 / rarity[word] for word in asked & set(_words(part)))

    best = max(sentences, key=shared)  # the first of equals
    spans = [span for span in _NAME_OR_NUMBER.findall(best) if not asked & set(_words(span))]
    if _ASKS_NUMBER.search(question):
        spans = [span for span in spans if any(map(str.isdigit, span))] or spans
    return spans[0] if spans else best.strip().rstrip(".!?")


def _postings(rows: Iterable[Counter[str]]) -> dict[str, tuple[Array, Array]]:
    """For each token the rows that have it and their BM25 weights; of the rows themselves nothing is kept."""
    import numpy as np

    totals = array("q")
    entries: dict[str, tuple[array[int], array[int]]] = {}
    for number, row in enumerate(rows):
        totals.append(row.total())
        for token, count in row.items():
            held = entries.get(token)
            if held is None:
                held = entries[token] = (array("i"), array("i"))
            held[0].append(number)
            held[1].append(count)
    lengths = np.array(totals, dtype=np.float64)
    norms = _K1 * (1 - _B + _B * lengths / max(1.0, sum(totals) / len(totals)))
    found = {}
    for token in list(entries):
        numbers, counts = (np.array(held) for held in entries.pop(token))
        rarity = math.log(1 + (len(totals) - len(numbers) + 0.5) / (len(numbers) + 0.5))
        found[token] = (numbers, rarity * (counts * (_K1 + 1) / (counts + norms[numbers])))
    return found


def _tokens(task: Task, values: Mapping[str, str]) -> list[str]:
    """Words and, but for passages, pieces of words: an answer may be spelt from the input, and a code or a
    name is near to its variants.
    """
    texts = [values.get(entry.name, "") for entry in task.inputs]
    found = [token for text in texts for token in _words(text)]
    if not task.is_span:
        found += [piece for text in texts for piece in pieces_of(text)]
    return found


def _words(text: str) -> list[str]:
    return _TOKEN.findall(text.casefold())
