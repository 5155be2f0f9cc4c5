"""Rows that a model is asked about, and what it answers."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .settings import Fields, Settings
from .shapes import write_labels, write_number

_DIGITS = 4  # of a number without steps, leading ones of its scale
_NUMBER = re.compile(  # a comma before three digits may be a thousand's
    r"\s*[-+]?(\d{1,300}(\.\d*)?|\.\d+|\d{1,300},(\d{1,2}|\d{4,300}))(e[-+]?\d{1,2})?\s*",
    re.ASCII | re.IGNORECASE,
)
_NEAR = 0.05  # of the scale: what is near to a number without steps


class InputError(ValueError):
    """A row that the model cannot read."""


@dataclass(frozen=True)
class Answer:
    """What the model says, and how sure it is (0 to 1)."""

    output: str
    score: float
    shaped: Any = None  # the output as JSON has it, where that is no text: a list, a number, an object
    abstain: bool = False  # whether it is too unsure to be given

    @property
    def value(self) -> Any:
        """The output as JSON has it."""
        return self.output if self.shaped is None else self.shaped


def check_row(row: Any, fields: Sequence[str]) -> dict[str, str]:
    """The task's fields of a row; further keys are ignored.

    Raises:
        InputError: a field is missing, is not text, or no number where one is expected.
    """
    if not isinstance(row, Mapping):
        raise InputError(f"expected an object with {named(fields)}, not {kind_of(row)}")
    missing = [name for name in fields if name not in row]
    if missing:
        there = f"there is {named(list(row))}" if row else "the object is empty"
        raise InputError(f"no {named(missing)}; expected {named(fields)}, {there}")
    fields = fields if isinstance(fields, Fields) else Fields(fields)
    numbers, dates = fields.numbers, fields.dates
    row = {**row, **{name: str(row[name]) for name in numbers if kind_of(row[name]) == "a number"}}
    for name in fields:
        if not isinstance(row[name], str):
            raise InputError(f'"{name}" must be text, not {kind_of(row[name])}')
        if name in numbers and row[name].strip() and number_of(row[name]) is None:
            raise InputError(f'"{name}" must be a number, not {row[name][:40]!r}')
        if name in dates and row[name].strip():
            _check_date(name, row[name], dates[name])
        try:
            row[name].encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(f'"{name}" holds half a surrogate pair, which is not text') from None
    return {name: row[name] for name in fields}


def _check_date(name: str, text: str, order: str) -> None:
    from .dates import SAMPLES, moment_of

    if moment_of(text, order) is None:
        raise InputError(f'"{name}" must be like {SAMPLES[order]}, not {text[:40]!r}')


def number_of(text: str) -> float | None:
    """The number that a text is, as JSON writes it or with a decimal comma; None where it is none."""
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def lacking(row: Mapping[str, str], fields: Sequence[str]) -> list[str]:
    """Fields that are empty and may not be; all, where all are."""
    empty = [name for name in fields if not row[name].strip()]
    may_lack = fields.may_lack if isinstance(fields, Fields) and len(empty) < len(fields) else ()
    return [name for name in empty if name not in may_lack]


def named(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    number = "a number" if isinstance(value, (int, float)) else type(value).__name__
    return names.get(type(value), number)


def joined(row: Mapping[str, str], fields: Sequence[str]) -> str:
    """One text of several fields: the text alone where there is one, else a line `name: text` each."""
    if len(fields) == 1:
        return row[fields[0]]
    return "\n".join(f"{name}: {row[name]}" for name in fields)


def sides(row: Mapping[str, str], fields: Sequence[str], parts: Sequence[str] = ()) -> tuple[str, str] | None:
    """The two texts that are compared: two fields, or what stands behind two marks (`parts`) in one, in
    either order and whatever their case; None where one of the marks is not there.
    """
    if not parts:
        first, second = fields
        return row[first], row[second]
    text = row[fields[0]]
    found = [
        re.search(rf"{re.escape(mark[:-1].rstrip())}\s*[:\uff1a]", text, re.IGNORECASE) for mark in parts
    ]
    if found[0] is None or found[1] is None:
        return None
    ends = [text[each.end() :] for each in found if each is not None]
    if found[0].start() < found[1].start():
        return text[found[0].end() : found[1].start()], ends[1]
    return ends[0], text[found[1].end() : found[0].start()]


def laid_open(
    row: Mapping[str, str], fields: Sequence[str], options: Collection[str]
) -> tuple[str, list[str | None]]:
    """What is asked, and the text of each of the options, which are fields or marks in the one field, one
    after the other; None of one that is not there.
    """
    if set(options) <= set(fields):
        rest = [name for name in fields if name not in options]
        return joined(row, rest), [row[name].strip() or None for name in options]
    text, starts, end = row[fields[0]], [], 0
    for mark in options:
        found = re.compile(rf"(?<!\w){re.escape(mark)}", re.IGNORECASE).search(text, end)
        starts.append(found and found.span())
        end = found.end() if found else end
    edges = [*(span[0] for span in starts if span), len(text)]
    told = iter(edges[1:])
    return text[: edges[0]], [text[span[1] : next(told)].strip() if span else None for span in starts]


def labelled(logits: Any, labels: Sequence[str]) -> list[Answer]:
    """The likeliest label of each row of (rows, labels), with its softmax."""
    import numpy as np

    values = np.asarray(logits, dtype=np.float64)
    shares = np.exp(values - values.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return [
        Answer(labels[i], float(share[i])) for i, share in zip(shares.argmax(axis=1), shares, strict=True)
    ]


def answered(logits: Any, settings: Settings) -> list[Answer]:
    """Answers of (rows, columns), in the shape that the settings name; a column is a label, or a number."""
    if settings.shape == "labels":
        return _label_sets(logits, settings)
    return _numbers(logits, settings) if settings.shape == "number" else labelled(logits, settings.labels)


def _label_sets(logits: Any, settings: Settings) -> list[Answer]:
    """The labels whose sigmoid reaches the threshold, and the likeliest where each row has one.

    The score is the probability that these hold and no others, were labels independent of each other.
    """
    import numpy as np

    values = np.asarray(logits, dtype=np.float64)
    held = values >= logit(settings.threshold)
    if settings.none is None:
        held[np.arange(len(values)), values.argmax(axis=1)] = True
    sure = np.exp(-np.logaddexp(0.0, np.where(held, -values, values)).sum(axis=1))
    return [
        Answer(write_labels([settings.labels[i] for i in np.flatnonzero(row)], settings.labels), float(score))
        for row, score in zip(held, sure, strict=True)
    ]


def logit(share: float) -> float:
    """Of a share strictly between 0 and 1; beyond every finite value at its ends."""
    if not 0 < share < 1:
        return math.inf if share >= 1 else -math.inf
    return math.log(share / (1 - share))


def _numbers(logits: Any, settings: Settings) -> list[Answer]:
    """Numbers of the scale; 0 is its low end and 1 its high one, and none lies beyond.

    The score is the chance that the right number is near, within half a step or a twentieth of the scale,
    whichever is more, were errors distributed as those on rows that were held out.
    """
    import numpy as np

    low, high, step = settings.scale or (0.0, 1.0, 0.0)
    offset = settings.log_offset
    first, last = laid(low, offset), laid(high, offset)
    span = (last - first) or 1.0
    spread = math.sqrt(2) * max(settings.error, 1e-9 * span)
    reach = _NEAR * span if offset is not None else max(step / 2, _NEAR * span)
    found = []
    for value in first + span * np.asarray(logits, dtype=np.float64)[:, 0]:
        near = float(np.clip(value, first, last))
        there = near if offset is None else math.exp(near) - offset
        said = min(high, low + step * round((there - low) / step)) if step else there
        size = span if offset is None else there + offset
        digits = max(0, _DIGITS - 1 - math.floor(math.log10(size)))
        off = near - laid(said, offset)
        edges = [math.erf((side * reach - off) / spread) for side in (-1, 1)]
        found.append(Answer(write_number(round(said, max(digits, 6) if step else digits)),
                            min(1.0, max(0.0, (edges[1] - edges[0]) / 2))))  # fmt: skip
    return found


def laid(number: float, log_offset: float | None) -> float:
    """Where a number lies for a model: at itself, or at the logarithm of it and the offset."""
    return number if log_offset is None else math.log(number + log_offset)
