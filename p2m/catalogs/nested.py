"""Rows of formats that hold several in one, or a label in front: SQuAD's articles, fastText's lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from p2m.deploy.serving.lines import Row, TableError, numbered_lines

MARK = "__label__"  # in front of each label of a line of fastText's


def with_questions(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows; of an article of SQuAD's (`paragraphs`, each a `context` with its `qas`) one a question."""
    for row in rows:
        paragraphs = row.values.get("paragraphs")
        if not isinstance(paragraphs, list) or not paragraphs or not all(map(_is_paragraph, paragraphs)):
            yield row
            continue
        for number, paragraph in enumerate(paragraphs, 1):
            for place, asked in enumerate(paragraph["qas"], 1):
                values = {"context": paragraph["context"], **asked}
                if "answers" in asked:  # as the Hub has it
                    values["answers"] = _as_columns(asked["answers"])
                yield Row(values, f"{row.where}, paragraph {number}, question {place}")


def _is_paragraph(value: Any) -> bool:
    return isinstance(value, Mapping) and "context" in value and isinstance(value.get("qas"), list)


def _as_columns(answers: Any) -> Any:
    if not isinstance(answers, list) or not all(isinstance(each, Mapping) for each in answers):
        return answers
    return {name: [each.get(name) for each in answers] for name in ("text", "answer_start")}


def fasttext_rows(path: Path) -> Iterator[Row]:
    """A line each: its labels, one or several, and its text.

    Raises:
        TableError: a line without a label or without a text.
    """
    for number, line in numbered_lines(path):
        words = line.split()
        if not words:
            continue
        count = next((at for at, word in enumerate(words) if not word.startswith(MARK)), len(words))
        labels = [word.removeprefix(MARK) for word in words[:count]]
        text = line.split(maxsplit=count)[-1].strip() if count < len(words) else ""
        if not text or not labels or not all(labels):
            lacking = "no text after its labels" if not text else "no label in front of its text"
            raise TableError(f"{path}:{number}: {lacking}, as the lines of this file have ({MARK}NAME)")
        yield Row({"text": text, "label": labels if len(labels) > 1 else labels[0]}, f"{path}:{number}")
