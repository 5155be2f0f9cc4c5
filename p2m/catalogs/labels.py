"""Whether a dataset's labels are those that a task names, however they are spelt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_SAME = {
    "1": ("yes", "true", "positive"), "0": ("no", "false", "negative"), "true": ("yes",), "false": ("no",),
    "pos": ("positive",), "neg": ("negative",), "neu": ("neutral",),
    "ham": ("not_spam", "no_spam", "legitimate"),
    "entailment": ("entails",), "contradiction": ("contradicts",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelFit:
    """How a dataset's values become the task's labels; values without one are left out of `spelling`."""

    fits: bool
    reason: str
    spelling: dict[str, str] = field(default_factory=dict)  # value -> label


def fit_labels(labels: Sequence[str], values: Sequence[str]) -> LabelFit:
    """Every label of the task must be had; further values of the dataset are dropped with their rows.

    Bare numbers are labels only of a task that names those very numbers.
    """
    wanted = {fold(label): label for label in labels}
    numbers = all(value.isdigit() for value in values)
    spelling: dict[str, str] = {}
    for value in values:
        folded = fold(value)
        names = (folded, *(() if numbers else map(fold, _SAME.get(folded, ()))))
        found = [wanted[name] for name in names if name in wanted]
        if found:
            spelling[value] = found[0]
    missing = [label for label in labels if label not in spelling.values()]
    if missing:
        shown = ", ".join(values[:8]) + (", ..." if len(values) > 8 else "")
        lacks = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        return LabelFit(False, f"its labels ({shown}) lack {lacks}", spelling)
    dropped = [value for value in values if value not in spelling]
    rest = f"; rows with {len(dropped)} other labels are left out" if dropped else ""
    return LabelFit(True, f"its labels hold all {len(labels)} of the task{rest}", spelling)


def fold(label: str) -> str:
    """`BookRestaurant`, `book restaurant` and `book_restaurant` alike."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", label.strip())
    return re.sub(r"[\W_]+", "_", spaced).strip("_").casefold()
