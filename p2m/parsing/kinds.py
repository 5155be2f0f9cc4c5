"""What sort of task a prompt sets, and how it should be judged.

Signs are weighed, not matched in turn: the words of the prompt (`signs`), less what a negation takes back;
the list of labels that it holds; the names of what goes in; what its demonstrations answer. A small
classifier, built by p2m itself from recipes/prompts.yaml, reads the prompt with its signs (`reader`); the
rules say why.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from p2m.answers.numbers import is_number
from p2m.answers.records import Nested, fields_of
from p2m.parsing.items import MAX_WORDS, is_label
from p2m.parsing.labels import SHOWN, Labels
from p2m.parsing.reader import read_types
from p2m.parsing.signs import NEGATION, SIGNS
from p2m.parsing.text import core
from p2m.parsing.words import CONTEXT_WORDS, QUESTION_WORDS, YES_NO
from p2m.types import Example, Layout, TaskType

_COMPILED = tuple(
    (f"{kind.name.lower().replace('_', '')}{number}", kind, weight, re.compile(pattern, re.IGNORECASE))
    for number, (kind, weight, pattern) in enumerate(SIGNS)
)
_NEGATED = re.compile(NEGATION, re.IGNORECASE)
SURE = 0.6  # from which the rows' disagreement with a prompt is worth a word
_EARLY = 80  # letters; what a prompt says first counts more
_NUMBER = re.compile(r"[-+]?[\d.,\s]*\d\s?%?")
NAMES = {
    TaskType.CLASSIFICATION: "a classification",
    TaskType.MULTI_LABEL: "a classification with several labels a row",
    TaskType.QUESTION_ANSWERING: "extractive question answering",
    TaskType.EXTRACTION: "an extraction",
    TaskType.REGRESSION: "a regression",
    TaskType.RECORDS: "records",
    TaskType.TEXT_TO_TEXT: "text to text",
    TaskType.UNSUPPORTED: "more than text in and text out",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A reading: the type, why, and how sure it is, 0 to 1."""

    type: TaskType
    reason: str
    sure: float


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for each type: the sum of weights, the weightiest words, and all signs by name."""

    weights: dict[TaskType, float]
    words: dict[TaskType, str]
    names: tuple[str, ...]


def read_kind(instruction: str, names: Sequence[str], rows: Sequence[Example], labels: Labels) -> Kind:
    """The task's type by what the prompt asks for and what its demonstrations show."""
    signs = signs_of(instruction, names, rows, labels)
    if not instruction:
        return _demonstrated(signs)
    chances = read_types(instruction, signs.names)
    possible = {
        kind: chance for kind, chance in chances.items() if kind not in _excluded(rows, labels, instruction)
    }
    best = max(possible, key=lambda kind: possible[kind])
    words = signs.words.get(best)
    why = words or f"by the reader of prompts, {chances[best]:.2f} sure"
    return Kind(best, f"{NAMES[best]}: {why}", chances[best])


def _demonstrated(signs: Signs) -> Kind:
    """The type of a prompt that is nothing but demonstrations."""
    best = max(signs.weights, key=lambda kind: signs.weights[kind], default=TaskType.TEXT_TO_TEXT)
    if signs.weights.get(best, 0.0) <= 0:
        best = TaskType.TEXT_TO_TEXT
    return Kind(best, f"{NAMES[best]}: {signs.words.get(best, 'nothing says otherwise')}", SURE)


def signs_of(instruction: str, names: Sequence[str], rows: Sequence[Example], labels: Labels) -> Signs:
    """The signs of a prompt taken apart: of its words, list of labels, fields and demonstrations."""
    weights: defaultdict[TaskType, float] = defaultdict(float)
    strongest: dict[TaskType, tuple[float, str]] = {}
    found: list[str] = []

    def add(kind: TaskType, weight: float, words: str) -> None:
        weights[kind] += weight
        if words and weight > strongest.get(kind, (0.0, ""))[0]:
            strongest[kind] = (weight, words)

    instruction = core(instruction)
    text = _NEGATED.sub(" ", instruction)
    negated = " ".join(match.group() for match in _NEGATED.finditer(instruction))
    for name, kind, weight, pattern in _COMPILED:
        match = pattern.search(text)
        if match:
            add(kind, weight, f"the prompt says {match.group(0).strip()[:60]!r}")
            found += [name, *[f"early{name}"] * (match.start() < _EARLY)]
        if negated and pattern.search(negated):
            found.append(f"not{name}")
    found += [f"{_short(kind)}{'much' if weight >= 1.5 else 'some' if weight >= 0.8 else 'little'}"
              for kind, weight in weights.items()]  # fmt: skip
    if labels.values:
        add(TaskType.CLASSIFICATION, 1.4 * labels.strength, labels.reason)
        add(TaskType.MULTI_LABEL, labels.strength, labels.reason)
        size = "two" if len(labels.values) == 2 else "few" if len(labels.values) < 6 else "many"
        found += ["list", f"list{int(labels.strength * 4.99)}", f"list{size}"]
    if any(name in CONTEXT_WORDS for name in names) and any(name in QUESTION_WORDS for name in names):
        add(TaskType.QUESTION_ANSWERING, 1.2, f"{' and '.join(names)} go in")
        found.append("askedoftext")
    for kind, weight, words in _shown(rows, labels):
        add(kind, weight, words)
        found.append(f"shown{_short(kind)}{'' if weight > 0 else 'not'}")
    found += _looks(rows, instruction)
    ranked = sorted((kind for kind in weights if weights[kind] > 0), key=lambda kind: -weights[kind])
    if ranked:
        found.append(f"most{_short(ranked[0])}")
        lead = weights[ranked[0]] - (weights[ranked[1]] if len(ranked) > 1 else 0)
        found += [f"sure{_short(ranked[0])}"] * (lead > 0.8)
    found += ["demonstrated" if rows else "undemonstrated", *["fields"] * (len(names) > 1)]
    found.append("short" if len(instruction) < 120 else "middling" if len(instruction) < 400 else "long")
    return Signs(dict(weights), {kind: words for kind, (_, words) in strongest.items()}, tuple(found))


def _looks(rows: Sequence[Example], instruction: str) -> list[str]:
    """What demonstrated answers look like: said in the prompt, returning, numbers, spans, long."""
    if not rows:
        return []
    outputs = [row.output for row in rows]
    said = sum(_is_said(output, instruction) for output in outputs)
    distinct, spans = len({output.casefold() for output in outputs}), _share_of_spans(rows)
    words = max(len(output.split()) for output in outputs)
    told = {
        f"said{'all' if said == len(rows) else 'some' if said else 'none'}": True,
        "return": distinct < len(rows),
        "differ": distinct == len(rows) > 2,
        f"words{'one' if words == 1 else 'few' if words <= MAX_WORDS else 'many'}": True,
        "letters": all(len(output) <= 2 for output in outputs),
        f"spans{'all' if spans == 1 else 'some' if spans else 'none'}": True,
        "numbers": all(map(is_number, outputs)),
    }
    return [f"answers{name}" for name, holds in told.items() if holds]


def _is_said(answer: str, instruction: str) -> bool:
    answer = re.escape(answer.strip(" .\"'").casefold())
    return bool(answer) and re.search(rf"(?<!\w){answer}(?!\w)", instruction.casefold()) is not None


def _excluded(rows: Sequence[Example], labels: Labels, instruction: str) -> set[TaskType]:
    """Types that the demonstrations rule out."""
    if not rows:
        return set()
    if all(_is_object(row.output) for row in rows):
        return set(TaskType) - {TaskType.RECORDS if _is_flat(rows) else TaskType.TEXT_TO_TEXT}
    found: set[TaskType] = set()
    if not any(is_number(row.output) for row in rows):
        found.add(TaskType.REGRESSION)
    if _share_of_spans(rows) == 0:
        found.add(TaskType.QUESTION_ANSWERING)
        if not any(_holds_pieces(row) for row in rows):
            found.add(TaskType.EXTRACTION)
    elif _cuts_out(rows, labels):
        found |= {TaskType.CLASSIFICATION, TaskType.MULTI_LABEL}
    parts = [part for row in rows for part in re.split(r"[,;|、，\n]", row.output)]
    if any(not is_label(part.strip()) and not _is_said(part, instruction) for part in parts if part.strip()):
        found |= {TaskType.CLASSIFICATION, TaskType.MULTI_LABEL, TaskType.REGRESSION}
    return found


def _cuts_out(rows: Sequence[Example], labels: Labels) -> bool:
    """Each demonstration answers with another part of its input, none of which is a label."""
    answers = [row.output.casefold().strip(" .\"'") for row in rows]
    known = YES_NO | {label.casefold() for label in labels.values if labels.strength > SHOWN}
    return (
        len(rows) > 1
        and len(set(answers)) == len(answers)
        and _share_of_spans(rows) == 1
        and all(len(answer) > 1 and not answer.isdigit() and answer not in known for answer in answers)
    )


def _holds_pieces(row: Example) -> bool:
    """Something between the marks of the output stands in the input: `Ada (PER); Turin (LOC)`."""
    pieces = [piece.strip() for piece in re.split(r"[;,|:=\[\](){}\n]", row.output)]
    return any(len(piece) > 2 and piece in text for piece in pieces for text in row.input.values())


def _short(kind: TaskType) -> str:
    return kind.name.lower().replace("_", "")


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
    elif {output.casefold() for output in outputs} <= YES_NO:
        found.append((TaskType.CLASSIFICATION, 1.5, "its demonstrations answer yes or no"))
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
        found += [
            (TaskType.CLASSIFICATION, -1.5, ""),
            (TaskType.MULTI_LABEL, -1.0, ""),
            (TaskType.REGRESSION, -1.5, ""),
        ]
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


def _is_flat(rows: Sequence[Example]) -> bool:
    """Whether JSON objects are such as records can be."""
    try:
        return bool(fields_of([json.loads(row.output) for row in rows], [""] * len(rows)))
    except Nested:
        return False


def _share_of_spans(rows: Sequence[Example]) -> float:
    """Share of the demonstrations whose answer stands, as it is, in a longer input."""
    hits = sum(
        any(row.output.strip(" .\"'") in text and len(text) > len(row.output) for text in row.input.values())
        for row in rows
    )
    return hits / len(rows)


def suggest_metrics(
    kind: TaskType, instruction: str, rows: Sequence[Example], language: str, layout: Layout | None = None,
    commonest: str = "", *, is_strict: bool = False,
) -> tuple[tuple[str, ...], str]:  # fmt: skip
    """Metrics by name, the one to steer by first, and the reason; `commonest` answers nearly all rows, and
    `is_strict` is as `Shown` has it.
    """
    if kind is TaskType.EXTRACTION and layout is not None:
        names = ("exact_match", "span_f1") if layout.style == "text" else ("span_f1", "exact_match")
        return names, f"{', '.join(names)}: the answer is a list of spans"
    if kind in (TaskType.QUESTION_ANSWERING, TaskType.EXTRACTION):
        return ("exact_match", "token_f1"), "exact_match, token_f1: the answer is a span"
    if kind is TaskType.CLASSIFICATION and commonest:
        return ("macro_f1", "accuracy"), f"macro_f1 first: nearly all rows have {commonest[:40]!r}"
    if kind is TaskType.CLASSIFICATION:
        return ("accuracy", "macro_f1"), "accuracy, macro_f1: the answer is a label"
    if kind is TaskType.MULTI_LABEL:
        return ("micro_f1", "macro_f1", "exact_match"), "micro_f1, macro_f1: a row may have several labels"
    if kind is TaskType.REGRESSION:
        return ("spearman", "mae", "exact_match"), "spearman, mae: the answer is a number"
    if kind is TaskType.RECORDS:
        return ("field_accuracy", "exact_match"), "field_accuracy, exact_match: the answer is a record"
    if kind is TaskType.UNSUPPORTED:
        return ("exact_match",), ""
    if is_strict:
        return (
            "exact_match",
            "chrf",
        ), "exact_match first: the rows' answers are short, or nearly their inputs"
    low = instruction.lower()
    if re.search(r"summar|headline|title|tl;dr|résum|zusammenfass|要約|总结|요약", low):
        return ("rouge_l", "chrf"), "rouge_l first: the output condenses the input"
    if re.search(r"translat|traduc|tradui|übersetz|перевед|翻訳|翻译|번역", low):
        return ("chrf", "exact_match"), "chrf first: the output is a translation"
    words = [len(row.output.split()) for row in rows]
    if rows and (max(words) <= 12 or sum(words) / len(words) <= 8) and language not in ("ja", "zh", "th"):
        return ("exact_match", "chrf"), "exact_match first: the demonstrated outputs are short and strict"
    return ("chrf", "rouge_l", "exact_match"), "chrf first: outputs are free text"
