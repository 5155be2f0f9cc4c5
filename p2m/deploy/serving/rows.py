"""Rows that a model is asked about, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class InputError(ValueError):
    """A row that the model cannot read."""


@dataclass(frozen=True)
class Answer:
    """What the model says, and how sure it is (0 to 1)."""

    output: str
    score: float


def check_row(row: Any, fields: Sequence[str]) -> dict[str, str]:
    """The task's fields of a row; further keys are ignored.

    Raises:
        InputError: a field is missing or is not text.
    """
    if not isinstance(row, Mapping):
        raise InputError(f"expected an object with {named(fields)}, not {kind_of(row)}")
    missing = [name for name in fields if name not in row]
    if missing:
        there = f"there is {named(list(row))}" if row else "the object is empty"
        raise InputError(f"no {named(missing)}; expected {named(fields)}, {there}")
    for name in fields:
        if not isinstance(row[name], str):
            raise InputError(f'"{name}" must be text, not {kind_of(row[name])}')
        try:
            row[name].encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(f'"{name}" holds half a surrogate pair, which is not text') from None
    return {name: row[name] for name in fields}


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


def labelled(logits: Any, labels: Sequence[str]) -> list[Answer]:
    """The likeliest label of each row of (rows, labels), with its softmax."""
    import numpy as np

    values = np.asarray(logits, dtype=np.float64)
    shares = np.exp(values - values.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return [
        Answer(labels[i], float(share[i])) for i, share in zip(shares.argmax(axis=1), shares, strict=True)
    ]
