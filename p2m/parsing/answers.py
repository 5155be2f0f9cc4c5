"""What sort of task a table is for, by its answers alone: the say that the data have beside the prompt."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from p2m.parsing.language import guess
from p2m.types import Example, Shown, TaskType

FEWEST = 20  # rows from which answers that return are no accident
_EACH = 3  # rows that a label has on average, at least
_HEARD = 300  # rows whose language is guessed
_SPOKEN = 0.1  # share of the rows from which a language is one of the task's
_WORDS = 6  # of a label, at most
_NEARLY = 0.97  # share of the rows that must agree
_SEVERAL = 0.05  # share of the rows with more than one label, from which a row may have several
_NEW = 0.8  # share of the rows with another answer than all others, from which answers are no labels
_FEW = 5  # answers that may each stand in one row
_NUMBER = re.compile(r"[-+]?(?:\d[\d\s,.']*)?\d(?:[eE][-+]?\d+)?\s?[%€$£¥]?")
_JOINTS = (r"\s*\|\s*", r"\s*;\s*", r"\s*,\s*")


def read_answers(rows: Sequence[Example], *, fewest: int = FEWEST) -> Shown:
    """What the rows show of their task: its type by `fewest` answers at least, its languages by inputs."""
    return replace(_typed(rows, fewest), languages=_languages(rows))


def hardly_return(rows: Sequence[Example]) -> bool:
    """Whether almost every row has an answer of its own, as no column of labels has."""
    return len({row.output for row in rows}) > max(_FEW, _NEW * len(rows))


def _languages(rows: Sequence[Example]) -> tuple[str, ...]:
    """The languages that more than a few of the inputs are in, as far as they can be told."""
    heard = rows[:: max(1, len(rows) // _HEARD)][:_HEARD]
    counts = Counter(guess(" ".join(row.input.values())[:400], least=3) for row in heard)
    counts.pop("", None)
    return tuple(code for code, count in counts.most_common() if count >= max(3, _SPOKEN * counts.total()))


def _typed(rows: Sequence[Example], fewest: int) -> Shown:
    answers = [row.output.strip() for row in rows]
    if len(answers) < fewest or len(set(answers)) == 1:
        # Of one answer alone, a file that is sorted by label may be the reason.
        short = tuple(dict.fromkeys(answer for answer in answers if len(answer.split()) <= _WORDS))
        return Shown(None, f"the rows answer with {_listed(short)}", short)
    if _share(answers, _is_object) >= _NEARLY:
        return Shown(TaskType.RECORDS, "the rows answer with JSON objects")
    several = _several(rows, answers)
    if several:
        return Shown(TaskType.MULTI_LABEL, f"the rows answer with one or more of {_listed(several)}", several)
    labels = tuple(dict.fromkeys(answers))
    spans = sum(_is_span(row) for row in rows) / len(rows)
    few = 2 <= len(labels) <= len(answers) / _EACH and all(len(label.split()) <= _WORDS for label in labels)
    if few and spans < _NEARLY:
        return Shown(
            TaskType.CLASSIFICATION, f"the rows answer with {len(labels)} labels: {_listed(labels)}", labels
        )
    if spans >= _NEARLY:
        return Shown(TaskType.EXTRACTION, "the rows answer with parts of their inputs", labels if few else ())
    if _share(answers, _NUMBER.fullmatch) >= _NEARLY:
        return Shown(TaskType.REGRESSION, f"the rows answer with numbers, e.g. {_listed(labels[:3])}")
    return Shown(TaskType.TEXT_TO_TEXT, f"the rows answer with texts, e.g. {answers[0][:40]!r}")


def _several(rows: Sequence[Example], answers: Sequence[str]) -> tuple[str, ...]:
    """The labels of answers that join some of a small set; () where they do not."""
    lists = [list(row.answers) if row.also else _items(row.output) or [row.output] for row in rows]
    if any(len(items) > 1 for items in lists):
        counts = Counter(item for items in lists for item in items)
        is_few = len(counts) <= counts.total() / _EACH and all(len(one.split()) <= _WORDS for one in counts)
        return tuple(counts) if is_few and len(counts) > 1 else ()
    for joint in _JOINTS:
        found = _few_parts([[part for part in re.split(joint, answer) if part] for answer in answers])
        if found:
            return found
    return ()


def _few_parts(parted: Sequence[Sequence[str]]) -> tuple[str, ...]:
    counts = Counter(part for parts in parted for part in parts)
    joined = sum(len(parts) > 1 for parts in parted)
    if joined < max(2, _SEVERAL * len(parted)) or len(counts) > counts.total() / _EACH or len(counts) < 2:
        return ()
    if any(len(part.split()) > _WORDS for part in counts) or len(counts) >= len(set(map(tuple, parted))):
        return ()
    return tuple(counts)


def _share(answers: Sequence[str], holds: object) -> float:
    assert callable(holds)
    return sum(bool(holds(answer)) for answer in answers) / len(answers)


def _is_object(text: str) -> bool:
    return text[:1] == "{" and isinstance(_parsed(text), dict)


def _items(text: str) -> list[str]:
    """The items of a list that is written out in a text, as JSON or as Python writes it; [] of any other."""
    value = _parsed(text) if text[:1] == "[" else None
    return [str(item) for item in value] if isinstance(value, list) else []


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _is_span(row: Example) -> bool:
    """One of the answers stands in a clearly longer input."""
    texts = row.input.values()
    return any(answer in text and len(answer) < 0.8 * len(text) for answer in row.answers for text in texts)


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 6} more" if len(labels) > 6 else ""
    return ", ".join(label[:40] for label in labels[:6]) + more
