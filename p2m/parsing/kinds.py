"""What sort of task a prompt sets, and how it should be judged.

Signs are weighed, not matched in turn: the words of the prompt (`signs`), less what a negation takes back; the
list of labels that it holds; the names of what goes in; what its demonstrations answer. The type with the most
weight is read, and the lead over the next tells how sure the reading is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from p2m.parsing.labels import MAX_WORDS, STRONG, Labels
from p2m.parsing.signs import NEGATION, SIGNS
from p2m.parsing.words import CONTEXT_WORDS, QUESTION_WORDS
from p2m.types import Example, TaskType

SURE = 0.5  # lead from which the words of a prompt need no second opinion
_COMPILED = tuple((kind, weight, re.compile(pattern, re.IGNORECASE)) for kind, weight, pattern in SIGNS)
_NEGATED = re.compile(NEGATION, re.IGNORECASE)
_LATE = 0.75  # of a sign's weight, where it stands in the second half of a long prompt
_NUMBER = re.compile(r"[-+]?[\d.,\s]*\d\s?%?")
_NAMES = {
    TaskType.CLASSIFICATION: "a classification",
    TaskType.MULTI_LABEL: "a classification with several labels a row",
    TaskType.QUESTION_ANSWERING: "extractive question answering",
    TaskType.EXTRACTION: "an extraction",
    TaskType.REGRESSION: "a regression",
    TaskType.RECORDS: "records",
    TaskType.TEXT_TO_TEXT: "text to text",
    TaskType.UNSUPPORTED: "no task from text to text",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A reading: `lead` is the weight by which it is ahead of the next type; `said` the words that spoke for it."""

    type: TaskType
    reason: str
    lead: float
    said: str = ""


def read_kind(instruction: str, names: Sequence[str], rows: Sequence[Example], labels: Labels) -> Kind:
    """The task's type by what the prompt asks for and what its demonstrations show."""
    weights: Counter[TaskType] = Counter()
    said: dict[TaskType, tuple[float, str]] = {}

    def add(kind: TaskType, weight: float, words: str) -> None:
        weights[kind] += weight  # type: ignore[assignment]
        if weight > said.get(kind, (0.0, ""))[0]:
            said[kind] = (weight, words)

    text = _NEGATED.sub(" ", instruction)
    for kind, weight, pattern in _COMPILED:
        match = pattern.search(text)
        if match:
            late = len(text) > 300 and match.start() > len(text) / 2
            add(kind, weight * (_LATE if late else 1.0), f"the prompt says {match.group(0).strip()!r}")
    if labels.values:
        add(TaskType.CLASSIFICATION, 1.4 * labels.strength, labels.reason)
        weights[TaskType.MULTI_LABEL] += labels.strength  # type: ignore[assignment]
    if any(name in CONTEXT_WORDS for name in names) and any(name in QUESTION_WORDS for name in names):
        add(TaskType.QUESTION_ANSWERING, 1.2, f"{' and '.join(names)} go in")
    for kind, weight, words in _shown(rows, labels):
        add(kind, weight, words)
    ranked = sorted(weights, key=lambda kind: -weights[kind])
    if not ranked or weights[ranked[0]] <= 0:
        return Kind(TaskType.TEXT_TO_TEXT, "text to text: nothing says otherwise", 0.0)
    best = ranked[0]
    lead = weights[best] - (weights[ranked[1]] if len(ranked) > 1 else 0.0)
    words = said.get(best, (0.0, ""))[1]
    return Kind(best, f"{_NAMES[best]}: {words}", lead, words)


def _shown(rows: Sequence[Example], labels: Labels) -> list[tuple[TaskType, float, str]]:
    """What the demonstrations speak for and against."""
    if not rows:
        return []
    outputs = [row.output for row in rows]
    found: list[tuple[TaskType, float, str]] = []
    if all(_is_object(output) for output in outputs):
        return [(TaskType.RECORDS, 2.0, "its demonstrations answer with JSON objects")]
    short = all(len(output.split()) <= MAX_WORDS and len(output) <= 48 for output in outputs)
    spans = _share_of_spans(rows)
    known = {label.casefold() for label in labels.values}
    listed = bool(known) and all(output.casefold() in known for output in outputs)
    parted = [part.strip().casefold() for output in outputs for part in re.split(r"[,;|、，]", output)]
    several = bool(known) and not listed and all(part in known for part in parted if part)
    if listed:
        found.append((TaskType.CLASSIFICATION, 0.6, labels.reason))
    if several:
        found.append((TaskType.MULTI_LABEL, 2.0, "its demonstrations answer with several labels"))
    if all(_NUMBER.fullmatch(output) for output in outputs) and not listed:
        found.append((TaskType.REGRESSION, 0.8, "its demonstrations answer with numbers"))
    if spans == 1 and not listed:
        found.append((TaskType.EXTRACTION, 0.7, "its demonstrations answer with parts of the input"))
        found.append((TaskType.QUESTION_ANSWERING, 0.5, "its demonstrations answer with parts of the input"))
    elif spans < 1 and not several:
        found.append((TaskType.QUESTION_ANSWERING, -0.8, ""))
    if not short:
        found += [(TaskType.CLASSIFICATION, -1.5, ""), (TaskType.MULTI_LABEL, -1.0, ""), (TaskType.REGRESSION, -1.5, "")]
        if spans < 1:
            found.append((TaskType.TEXT_TO_TEXT, 0.8, "its demonstrations answer with free text"))
    elif not known and spans < 1 and len(set(outputs)) == len(outputs) > 2:
        found.append((TaskType.TEXT_TO_TEXT, 0.5, "each demonstration answers with something else"))
    return found


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _share_of_spans(rows: Sequence[Example]) -> float:
    """Share of the demonstrations whose answer stands, as it is, in a longer input."""
    hits = sum(
        any(row.output.strip(" .\"'") in text and len(text) > len(row.output) for text in row.input.values())
        for row in rows
    )
    return hits / len(rows)


def suggest_metrics(
    kind: TaskType, instruction: str, rows: Sequence[Example], language: str
) -> tuple[tuple[str, ...], str]:
    """Metrics by name, the one to steer by first, and the reason."""
    if kind in (TaskType.QUESTION_ANSWERING, TaskType.EXTRACTION):
        return ("exact_match", "token_f1"), "exact_match, token_f1: the answer is a span"
    if kind in (TaskType.CLASSIFICATION, TaskType.MULTI_LABEL):
        return ("accuracy", "macro_f1"), "accuracy, macro_f1: the answer is a label"
    if kind in (TaskType.REGRESSION, TaskType.RECORDS, TaskType.UNSUPPORTED):
        return ("exact_match",), ""
    low = instruction.lower()
    if re.search(r"summar|headline|title|tl;dr|résum|zusammenfass|要約|总结|요약", low):
        return ("rouge_l", "chrf"), "rouge_l first: the output condenses the input"
    if re.search(r"translat|traduc|tradui|übersetz|перевед|翻訳|翻译|번역", low):
        return ("chrf", "exact_match"), "chrf first: the output is a translation"
    words = [len(row.output.split()) for row in rows]
    if rows and (max(words) <= 12 or sum(words) / len(words) <= 8) and language not in ("ja", "zh", "th"):
        return ("exact_match", "chrf"), "exact_match first: the demonstrated outputs are short and strict"
    return ("chrf", "rouge_l", "exact_match"), "chrf first: outputs are free text"
