"""macro_f1: the mean F1 of the labels, so that a rare label counts as much as a common one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.metrics.answers import is_list, label_set, nearest_set
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class MacroF1:
    """Unweighted mean of the F1 of every label that occurs among answers or predictions; 0 to 1.

    A row with several right labels counts as the one that was predicted, where that is among them. Of a
    multi-label task every label is judged in every row.
    """

    name: ClassVar[str] = "macro_f1"

    def refusal(self, task: Task) -> str | None:
        if not task.type.is_labelled:
            return f"macro_f1 averages over labels, and this is {task.type.value}: use token_f1"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Numbers of the predicted and the right label, int (rows, 2), labels numbered in sorted order; of
        lists of labels whether each is shared, given and right, bool (rows, 3 labels).
        """
        import numpy as np

        if references and all(is_list(answer) for answers in references for answer in answers):
            return _of_sets(predictions, references)
        pairs = [
            _pair(said.strip(), [answer.strip() for answer in answers])
            for said, answers in zip(predictions, references, strict=True)
        ]
        number = {
            label: place for place, label in enumerate(sorted({label for pair in pairs for label in pair}))
        }
        numbered = [(number[said], number[right]) for said, right in pairs]
        return np.array(numbered, dtype=np.int64).reshape(-1, 2)

    def value(self, statistics: Any) -> float:
        if not len(statistics):
            return 0.0
        shared, given, right = counts(statistics)
        present = given + right > 0
        return float((2 * shared[present] / (given + right)[present]).mean()) if present.any() else 1.0


def counts(statistics: Any) -> Any:
    """Of each label in how many rows it is shared, given and right: int (3, labels)."""
    import numpy as np

    if statistics.dtype == bool:
        return statistics.sum(axis=0).reshape(3, -1)
    said, right = statistics[:, 0], statistics[:, 1]
    size = int(statistics.max()) + 1
    return np.array([np.bincount(each, minlength=size) for each in (said[said == right], said, right)])


def _pair(said: str, answers: Sequence[str]) -> tuple[str, str]:
    """The predicted label and the one that it is judged by."""
    return said, said if said in answers else answers[0]


def _of_sets(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
    import numpy as np

    pairs = [
        (said, nearest_set(said, answers))
        for said, answers in zip(map(label_set, predictions), references, strict=True)
    ]
    labels = sorted({label for pair in pairs for each in pair for label in each})
    held = np.array([[[label in each for label in labels] for each in pair] for pair in pairs], dtype=bool)
    held = held.reshape(len(pairs), 2, len(labels))
    return np.concatenate([held[:, 0] & held[:, 1], held[:, 0], held[:, 1]], axis=1)
