"""What a person says that the right answer is, as the JSON value that a bundle would have given."""

from __future__ import annotations

import json
import math
from typing import Any

from p2m.demo.subject import Said, Subject


class Unread(ValueError):
    """A correction that is no answer of the task; the message says why."""


def begun(subject: Subject, said: Said) -> Any:
    """What the box for the right answer holds at first: the answer that was given."""
    value = said.answer.value
    if subject.shape == "label":
        return value if value in choices(subject) else None
    if subject.shape == "labels":
        return [each for each in value if each in choices(subject)] if isinstance(value, list) else []
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def choices(subject: Subject) -> list[str]:
    """The labels that may be right; [] of other shapes."""
    settings = subject.model.settings
    if subject.shape not in ("label", "labels"):
        return []
    other = [settings.none] if settings.none is not None and subject.shape == "label" else []
    return list(dict.fromkeys([*settings.labels, *other]))


def corrected(subject: Subject, said: Said, written: Any) -> Any:
    """The right answer, or None where nobody gave another one than the model.

    Raises:
        Unread: it is no answer of the task.
    """
    value = _value(subject, said, written)
    return None if value == said.answer.value else value


def _value(subject: Subject, said: Said, written: Any) -> Any:
    if subject.shape == "label":
        return written or None
    if subject.shape == "labels":
        order = subject.model.settings.labels
        return sorted(written or [], key=order.index)
    text = str(written or "").strip()
    if not text:
        return None
    if subject.shape == "number":
        return _number(text)
    if isinstance(said.answer.value, str):
        return text
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Unread(f"not JSON ({error}); correct the answer in the box as it is written there") from None
    if type(value) is not type(said.answer.value):
        raise Unread(f"{'a list' if isinstance(said.answer.value, list) else 'an object'} is expected")
    return value


def _number(text: str) -> float | int:
    try:
        value = float(text)
    except ValueError:
        raise Unread(f"{text[:40]!r} is not a number") from None
    if not math.isfinite(value):
        raise Unread(f"{text[:40]!r} is not a finite number")
    return int(value) if value.is_integer() else value
