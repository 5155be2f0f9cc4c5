"""What becomes of answers where inputs are written otherwise: with typing errors, in another case, with
surplus blanks. What is right stays right, so the same metric judges both.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from p2m.evaluation.compare import both
from p2m.evaluation.paired import gap, resampled
from p2m.types import Example, Metric, Rewritten, Task

ROWS = 100  # that are written otherwise, of those that judge
_TYPED = 0.1  # of the words of a text, how many have an error; one at the least
_WORD = re.compile(r"[^\W\d_]{4,}")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {here: row[max(0, n - 1) : n] + row[n + 1 : n + 2] for row in _KEYS for n, here in enumerate(row)}


def variants(task: Task, rows: Sequence[Example], *, seed: int) -> dict[str, list[Example]]:
    """The rows written otherwise, by how; {} where every text may hold the answer itself.

    Of tasks whose answers stand in a text, that text is left as it is.
    """
    is_kept = task.is_span or task.layout is not None or any(each.kind == "span" for each in task.record)
    fields = [each.name for each in task.inputs if not (is_kept and each.name == task.context_field)]
    if not fields or not rows:
        return {}
    return {
        what: [
            replace(row, input=_changed(row.input, fields, change, random.Random(f"{what}:{seed}:{number}")))
            for number, row in enumerate(rows)
        ]
        for what, change in _CHANGES.items()
    }


def compared(
    metric: Metric, rows: Sequence[Example], said: Sequence[str], others: Mapping[str, Sequence[str]], *,
    resamples: int, seed: int,
) -> tuple[Rewritten, ...]:  # fmt: skip
    """What was `said` to the rows beside what was said to them written otherwise."""
    right, found = [row.answers for row in rows], []
    for what, answers in others.items():
        before, after = both(metric, said, answers, right)
        pairs = resampled(metric, after, before, resamples=resamples, seed=seed)
        values = metric.value(before), metric.value(after)
        same = sum(a == b for a, b in zip(said, answers, strict=True)) / len(rows)
        found.append(Rewritten(what, len(rows), *values, gap(values[1] - values[0], pairs, len(rows)), same))
    return tuple(found)


def _changed(
    values: Mapping[str, str], fields: Sequence[str], change: Callable[[str, random.Random], str],
    lot: random.Random,
) -> dict[str, str]:  # fmt: skip
    return {name: change(text, lot) if name in fields else text for name, text in values.items()}


def _mistyped(text: str, lot: random.Random) -> str:
    words = list(_WORD.finditer(text))
    for word in sorted(lot.sample(words, max(1, round(_TYPED * len(words)))) if words else (),
                       key=lambda each: -each.start()):  # fmt: skip
        text = f"{text[: word.start()]}{_slip(word.group(), lot)}{text[word.end() :]}"
    return text


def _slip(word: str, lot: random.Random) -> str:
    """Two letters swapped, one left out, one typed twice, or its neighbour's key struck (Damerau, 1964)."""
    at = lot.randrange(1, len(word) - 1)
    head, here, after, rest = word[:at], word[at], word[at + 1], word[at + 2 :]
    near = lot.choice(_BESIDE.get(here.lower(), here))
    middle = lot.choice((after + here, after, here + here + after, near + after))
    return f"{head}{middle}{rest}"


def _spaced(text: str, lot: random.Random) -> str:
    """Blanks doubled here and there, and at the ends."""
    return " " + "".join(each + " " * (each == " " and lot.random() < 0.3) for each in text) + "  "


_CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "typing errors": _mistyped,
    "lower case": lambda text, _lot: text.lower(),
    "upper case": lambda text, _lot: text.upper(),
    "surplus blanks": _spaced,
}
