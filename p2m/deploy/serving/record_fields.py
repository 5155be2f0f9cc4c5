"""The fields of a record: what each may hold, the numbers of a text, and values from logits."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .rows import answered, labelled
from .settings import Settings

_FRACTION = re.compile(
    r"(?:(?<![\d/.,])(\d+)[ \u00a0-]?)?(?:(?<![\d/.,])(\d+) ?[/⁄] ?([1-9]\d*)(?![\d/])|([¼-¾⅐-⅞]))"
)
_GROUPS = "'’ \u00a0\u202f"  # between thousands, beside the mark that is not the decimal one


@dataclass(frozen=True)
class RecordField:
    """A field of predictor.json's `record`, with what training rows told of it."""

    name: str
    kind: str  # "label", "labels", "span" or "number"
    labels: tuple[str, ...] = ()
    nullable: bool = True
    decimal: str = ""  # of a number that is read in the text: its decimal mark; "": all of the text tells it
    scale: tuple[float, float, float] | None = None  # of a number that is told: low, high and step
    middle: float = 0.0  # of a number: the value where the text has none and null is no answer
    words: tuple[
        tuple[str, float], ...
    ] = ()  # of a number that is read: words, in small letters, that say one
    fractions: bool = False  # of a number that is read: whether 1/2, ¾ and 1 1/2 are one

    def numbers_in(self, text: str) -> Iterator[tuple[int, int, float]]:
        """As the function, of what the field reads as a number."""
        return numbers_in(text, self.decimal, self.words, fractions=self.fractions)

    @staticmethod
    def read(data: Mapping[str, Any]) -> RecordField:
        """The field of a plain dict."""
        scale = data.get("scale")
        words = tuple((word, value) for word, value in data.get("words", ()))
        made = {**data, "labels": tuple(data["labels"]), "scale": tuple(scale) if scale else None}
        made |= {"words": words}
        return RecordField(**made)

    @property
    def is_pointed_at(self) -> bool:
        """Whether it stands in the text."""
        return self.kind == "span" or bool(self.decimal)

    @property
    def size(self) -> int:
        """Logits: of a label or labels one each, of a number one, and one more where null is an answer; of
        what stands in the text the first token and the last.
        """
        return 2 if self.is_pointed_at else max(1, len(self.labels)) + self.nullable


def fields_of(settings: Settings) -> tuple[RecordField, ...]:
    return tuple(RecordField.read(each) for each in settings.record)


def numbers_in(
    text: str, decimal: str, words: Sequence[tuple[str, float]] = (), *, fractions: bool = False
) -> Iterator[tuple[int, int, float]]:
    """First character, the one after the last, and value of each number, read with that decimal mark, and of
    each of the `words` that say one; of `fractions` (1/2, ¾, 1 1/2) the whole, and none of their parts.
    """
    for found in _FRACTION.finditer(text) if fractions else ():
        whole, above, below, sign = found.groups()
        part = unicodedata.numeric(sign) if sign else int(above) / int(below)
        yield *found.span(), int(whole or 0) + part
    text = _FRACTION.sub(lambda found: " " * len(found.group()), text) if fractions else text
    groups = re.escape(_GROUPS + ("." if decimal == "," else ","))
    digits = rf"\d{{1,3}}(?:[{groups}]\d{{3}})+(?!\d)|\d+"
    for found in re.finditer(rf"(?:(?<![\w)])[-+−])?(?:{digits})(?:{re.escape(decimal)}\d+)?", text):
        plain = re.sub(rf"[{groups}]", "", found.group()).replace(decimal, ".").replace("−", "-")
        yield *found.span(), float(plain)
    known = dict(words)
    for found in re.finditer(r"[^\W\d_]+", text) if known else ():
        if (value := known.get(found.group().lower())) is not None:
            yield *found.span(), value


def told_value(field: RecordField, logits: Any) -> tuple[Any, float]:
    """The value of a field that the whole text tells, and its probability; the last logit is that of null."""
    import numpy as np

    if field.kind == "label":
        labels = [*field.labels, *[""] * field.nullable]
        place = int(np.argmax(logits))
        (answer,) = labelled(logits[None], labels)
        return None if place == len(field.labels) else valued(field, labels[place]), answer.score
    if field.nullable and logits[-1] > 0:
        return None, _share(logits[-1])
    missing = 1 - _share(logits[-1]) if field.nullable else 1.0
    if field.kind == "labels":
        held = logits[: len(field.labels)] > 0
        sure = [_share(abs(float(each))) for each in logits[: len(field.labels)]]
        return [label for label, is_held in zip(field.labels, held, strict=True) if is_held], min(
            [missing, *sure]
        )
    (answer,) = answered(logits[None, :1], Settings("", (), shape="number", scale=field.scale))
    return json.loads(answer.output), missing


def valued(field: RecordField, label: str) -> Any:
    """A label as JSON has it: of true and false, the booleans."""
    return label == "true" if set(field.labels) <= {"true", "false"} else label


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-min(700.0, max(-700.0, logit))))


def plain(value: float) -> int | float:
    return int(value) if value == int(value) and abs(value) < 1e15 else value
