"""What sort of task a prompt sets, and how it should be judged."""

from __future__ import annotations

import re
from collections.abc import Sequence

from p2m.parsing.labels import MAX_WORDS, Labels
from p2m.parsing.words import ANSWER_FROM_TEXT, CLASSIFY, CONTEXT_WORDS, EXTRACT, GENERATE, QUESTION_WORDS
from p2m.types import Example, TaskType

_CLASSIFY = re.compile(CLASSIFY, re.IGNORECASE)
_EXTRACT = re.compile(EXTRACT, re.IGNORECASE)
_ANSWER = re.compile(ANSWER_FROM_TEXT, re.IGNORECASE)
_GENERATE = re.compile(GENERATE, re.IGNORECASE)
_COPY_OF_OTHER = re.compile(
    r"\b(?:translat|normali[sz]|convert|transform|summari[sz]|title|headline|rewrit|paraphras|simplif"
    r"|question\b.{0,40}\banswer to it)",
    re.IGNORECASE,
)


def read_kind(
    instruction: str, names: Sequence[str], rows: Sequence[Example], labels: Labels
) -> tuple[TaskType, str]:
    """The task's type and the reason, by what the prompt asks for and what its demonstrations show."""
    classify, generate = _CLASSIFY.search(instruction), _GENERATE.search(instruction)
    if labels.values and _judged(instruction, rows, labels, bool(classify), generate):
        return TaskType.CLASSIFICATION, f"a classification: {labels.reason}"
    spans = _share_of_spans(rows)
    extract = _EXTRACT.search(instruction)
    answer = _ANSWER.search(instruction)
    has_context = any(name in CONTEXT_WORDS for name in names)
    has_question = any(name in QUESTION_WORDS for name in names)
    if rows and spans < 1:
        extract = answer = None
    if answer or (has_context and has_question and (not rows or spans == 1)):
        said = answer.group(0) if answer else f"{' and '.join(names)} go in"
        return TaskType.QUESTION_ANSWERING, f"extractive question answering: {said!r}"
    if (
        extract
        and not (generate and _starts_earlier(generate, extract) and not rows)
        and not _COPY_OF_OTHER.search(instruction)
    ):
        return TaskType.QUESTION_ANSWERING, f"extractive: {extract.group(0)!r}"
    if (
        classify
        and not (generate and generate.start() < classify.start() and rows and _varied(rows))
        and _short(rows)
    ):
        return TaskType.CLASSIFICATION, f"a classification: the prompt says {classify.group(0)!r}"
    said = f"the prompt says {generate.group(0)!r}" if generate else "nothing says otherwise"
    return TaskType.TEXT_TO_TEXT, f"text to text: {said}"


def _judged(
    instruction: str, rows: Sequence[Example], labels: Labels, classify: bool, generate: re.Match[str] | None
) -> bool:
    """Whether labels found in a prompt are what it asks for, and not words that it mentions."""
    if labels.announced or classify or generate is None:
        return True
    return bool(rows) and all(len(row.output.split()) <= MAX_WORDS for row in rows)


def _starts_earlier(first: re.Match[str], second: re.Match[str]) -> bool:
    return first.start() < second.start()


def _varied(rows: Sequence[Example]) -> bool:
    return len({row.output for row in rows}) == len(rows)


def _short(rows: Sequence[Example]) -> bool:
    return all(len(row.output.split()) <= MAX_WORDS for row in rows)


def _share_of_spans(rows: Sequence[Example]) -> float:
    """Share of the demonstrations whose answer stands, as it is, in a longer input."""
    if not rows:
        return 0.0
    hits = sum(
        any(row.output.strip(" .\"'") in text and len(text) > len(row.output) for text in row.input.values())
        for row in rows
    )
    return hits / len(rows)


def suggest_metrics(
    kind: TaskType, instruction: str, rows: Sequence[Example], language: str
) -> tuple[tuple[str, ...], str]:
    """Metrics by name, the one to steer by first, and the reason."""
    if kind is TaskType.QUESTION_ANSWERING:
        return ("exact_match", "token_f1"), "exact_match, token_f1: the answer is a span"
    if kind is TaskType.CLASSIFICATION:
        return ("accuracy", "macro_f1"), "accuracy, macro_f1: the answer is a label"
    low = instruction.lower()
    if re.search(r"summar|headline|title|tl;dr|résum|zusammenfass|要約|总结|요약", low):
        return ("rouge_l", "chrf"), "rouge_l first: the output condenses the input"
    if re.search(r"translat|traduc|tradui|übersetz|перевед|翻訳|翻译|번역", low):
        return ("chrf", "exact_match"), "chrf first: the output is a translation"
    words = [len(row.output.split()) for row in rows]
    if rows and (max(words) <= 12 or sum(words) / len(words) <= 8) and language not in ("ja", "zh", "th"):
        return ("exact_match", "chrf"), "exact_match first: the demonstrated outputs are short and strict"
    return ("chrf", "rouge_l", "exact_match"), "chrf first: outputs are free text"
