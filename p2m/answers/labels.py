"""Whether a dataset's labels are those that a task names, however they are spelt.

A label that is written as the task writes it is that label. Another spelling counts where it can mean one
label only, and no spelling drops a sign that may be the difference: `-1` is not `1`, `C#` is neither `C` nor
`C++`, and `A+` is not `A`.
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

_SAME = {
    "true": ("yes",), "false": ("no",),
    "pos": ("positive",), "neg": ("negative",), "neu": ("neutral",),
    "ham": ("not_spam", "no_spam", "legitimate"),
    "entailment": ("entails",), "contradiction": ("contradicts",),
}  # fmt: skip
_WHOLE = re.compile(r"[+-]?\d+\.0+")  # as a table with gaps writes whole numbers
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Between letters, or a letter and a digit: "1-2" is not "1.2", and "level -1" not "level 1".
_JOINT = re.compile(
    r"(?<=[^\W\d_])(?:[\s_./-]+(?=[^\W\d_])|(?:[\s_]+|[./-])(?=\d))|(?<=\d)[\s_./-]+(?=[^\W\d_])"
)


@dataclass(frozen=True, slots=True)
class LabelFit:
    """Whether a dataset's values can become the task's labels, and why."""

    fits: bool
    reason: str


def fit_labels(labels: Sequence[str], values: Sequence[str]) -> LabelFit:
    """Every label of the task must be had; further values of the dataset are dropped with their rows."""
    named = label_reader(labels)
    spelling = {value: label for value in values if (label := named(value)) is not None}
    missing = [label for label in labels if label not in spelling.values()]
    if missing:
        shown = ", ".join(values[:8]) + (", ..." if len(values) > 8 else "")
        lacks = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        return LabelFit(False, f"its labels ({shown}) lack {lacks}")
    dropped = [value for value in values if value not in spelling]
    rest = f"; rows with {len(dropped)} other labels are left out" if dropped else ""
    return LabelFit(True, f"its labels hold all {len(labels)} of the task{rest}")


def label_reader(labels: Iterable[str]) -> Callable[[str], str | None]:
    """What says which of the labels a value means; None where it means none, or may mean several."""
    labels = tuple(labels)
    exact = {_composed(label): label for label in labels}
    meant: dict[str, set[str]] = {}
    for label in labels:
        for form in (label.strip().casefold(), fold(label)):
            meant.setdefault(form, set()).add(label)

    def named(value: str) -> str | None:
        if _composed(value) in exact:
            return exact[_composed(value)]
        folded = fold(value)
        for form in (value.strip().casefold(), folded, *_SAME.get(folded, ())):
            if form in meant:
                return next(iter(meant[form])) if len(meant[form]) == 1 else None
        return None

    return named


def number_name(names: Mapping[str, str], text: str) -> str | None:
    """The class label that a number, or its name, stands for by a card; None where it stands for none."""
    number = text.partition(".")[0] if _WHOLE.fullmatch(text) else text
    return names.get(number, text if text in names.values() else None)


def fold(label: str) -> str:
    """`BookRestaurant`, `book restaurant` and `book_restaurant` alike, and `1.0` and `1`; nothing else."""
    text = _composed(label)
    if _WHOLE.fullmatch(text):
        return text.partition(".")[0]
    spaced = _CAMEL.sub("_", text)
    return _JOINT.sub("_", spaced).casefold()


def told_alike(labels: Iterable[str]) -> tuple[str, ...]:
    """A sentence on each group of labels that differ in case, blanks and joints alone."""
    spelt: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        spelt.setdefault(fold(label), []).append(repr(label))
    return tuple(
        f"{' and '.join(alike)} are labels of their own; if they mean one, leave it alone in task.labels, and"
        " rows with the others count as it"
        for alike in spelt.values()
        if len(alike) > 1
    )


_MISSING = frozenset("na n/a n.a. nan null nil <na> #n/a #na (blank) (leer) - --".split())  # noqa: SIM905


def told_missing(labels: Sequence[str]) -> tuple[str, ...]:
    """A sentence on labels that programs write where a value is missing."""
    labels = [label for label in dict.fromkeys(labels) if label != "-" or "+" not in labels]
    found = [repr(label) for label in labels if label.strip().casefold() in _MISSING]
    said = f"{' and '.join(found)}: learnt as a label; if it says that none was given, take such rows out"
    return (said,) if found else ()


def listed(text: str) -> list[str]:
    """The texts of a list that is written out in one text, as Python or JSON writes it; [] of any other."""
    if text[:1] != "[":
        return []
    value = None
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of backslashes that Python does not know
        try:
            value = json.loads(text)
        except ValueError:
            value = ast.literal_eval(text)
    return [str(item) for item in value] if isinstance(value, list) else []


def _composed(label: str) -> str:
    """The same whether an accent is a character of its own or not."""
    return unicodedata.normalize("NFC", label.strip())
