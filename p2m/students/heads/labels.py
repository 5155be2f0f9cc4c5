"""One of the labels a row: a linear map of the row's embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p2m.deploy.serving.settings import Settings
from p2m.errors import DataError, UserError, nearest
from p2m.students.heads.base import Projection, Reach, Solution
from p2m.students.heads.rows import STRENGTH, RowHead
from p2m.students.losses import cross_entropy, soft_cross_entropy
from p2m.students.solver import solved
from p2m.students.voted import believed
from p2m.types import Example, Shaping, Task, TaskType

LOWEST_BIAS = -20.0  # of a label without a row: never chosen, and no more than label smoothing can bear


class LabelHead(RowHead):
    """Classification."""

    @staticmethod
    def fits(task: Task) -> bool:
        return task.type is TaskType.CLASSIFICATION

    @staticmethod
    def described(task: Task, labels: Sequence[str], reach: Reach) -> Settings:
        """
        Raises:
            UserError: there are no two labels.
        """
        if len(labels) < 2:
            raise UserError(
                f"a classification needs two labels, there is {list(labels)}; name them: task.labels=[a,b]"
            )
        fields = tuple(each.name for each in task.inputs)
        none = task.none if task.type is TaskType.CLASSIFICATION else None
        return Settings("classification", fields, labels=tuple(labels), max_length=reach.window, none=none)

    @staticmethod
    def projections(settings: Settings) -> tuple[Projection, ...]:
        found = (Projection("logits", len(settings.labels), is_pooled=True),)
        if settings.shape == "labels" or settings.none is None:
            return found
        return (*found, Projection("embeddings", 0, is_pooled=True))

    def aim(self, row: Example) -> int:
        return place(row.output, row, self.settings.labels)

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """As of any row; with `shares` where a row has votes: how likely each label is by these."""
        import numpy as np

        features = super().encode(rows, max_length=max_length)
        voted = [(each, shares) for each in features if (shares := self._shares(rows[each["row"]]))]
        if voted:
            likely = believed(np.array([shares for _, shares in voted]))
            for (each, _), found in zip(voted, likely.tolist(), strict=True):
                each["shares"] = found
        return features

    def _shares(self, row: Example) -> list[float]:
        """Of the votes for each label, 1 together; [] where none is for one."""
        found = [row.votes.get(label, 0.0) for label in self.settings.labels] if row.votes else []
        total = sum(found)
        return [each / total for each in found] if total else []

    def targets(self, features: Sequence[Mapping[str, Any]], length: int) -> dict[str, Any]:
        """`labels` (batch,) and, where a row has votes, `shares` (batch, labels)."""
        import torch

        labels = torch.tensor([each["labels"] for each in features], dtype=torch.long)
        if not any("shares" in each for each in features):
            return {"labels": labels}
        shares = torch.nn.functional.one_hot(labels, len(self.settings.labels)).float()
        for number, each in enumerate(features):
            if "shares" in each:
                shares[number] = torch.tensor(each["shares"])
        return {"labels": labels, "shares": shares}

    def loss(self, outputs: Mapping[str, Any], batch: Mapping[str, Any], shaping: Shaping) -> Any:
        if shaping.soft and "shares" in batch:
            return soft_cross_entropy(outputs["logits"], batch["shares"], shaping)
        return cross_entropy(outputs["logits"], batch["labels"], shaping)

    def solve(self, vectors: Any, features: Sequence[Mapping[str, Any]], *, balanced: bool) -> Solution:
        """Logistic regression (LP-FT: Kumar et al., 2022, arXiv 2202.10054).

        Training then starts at the level of frozen embeddings, and a random head's gradients cannot spoil
        them. The loss is the mean cross-entropy in nats.
        """
        import numpy as np
        import torch

        labels = self.settings.labels
        answers = [labels[each["labels"]] for each in features]
        weights = solved(vectors, answers, labels, strength=STRENGTH, balanced=balanced)
        bias = np.maximum(weights.bias, LOWEST_BIAS)
        logits = torch.from_numpy(vectors @ weights.matrix + bias)
        wanted = torch.tensor([each["labels"] for each in features])
        loss = float(torch.nn.functional.cross_entropy(logits, wanted))
        return Solution("logits", weights.matrix.T.copy(), bias, loss)


def place(label: str, row: Example, labels: Sequence[str]) -> int:
    """The number of a row's label.

    Raises:
        DataError: it is none of the labels.
    """
    if label not in labels:
        raise DataError(
            f"a row of {row.source or 'the data'} has the label {label!r}; {nearest(label, labels)}"
        )
    return labels.index(label)
