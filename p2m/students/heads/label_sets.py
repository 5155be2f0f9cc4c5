"""Any number of the labels a row: for each of them a linear map of the row's embedding, and a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.shapes import read_labels
from p2m.students.heads.base import Projection, Reach, Solution
from p2m.students.heads.labels import LOWEST_BIAS, LabelHead, place
from p2m.students.heads.rows import STRENGTH, RowHead
from p2m.students.losses import binary_cross_entropy
from p2m.students.solver import solved_sets
from p2m.types import Example, Shaping, Task, TaskType

THRESHOLD = 0.5  # of a label's probability, before rows that were held out say better
EMPTY = "[]"


class LabelSetHead(RowHead):
    """Multi-label classification."""

    @staticmethod
    def fits(task: Task) -> bool:
        return task.type is TaskType.MULTI_LABEL

    @staticmethod
    def described(task: Task, labels: Sequence[str], reach: Reach) -> Settings:
        """
        Raises:
            UserError: there are no two labels.
        """
        found = LabelHead.described(task, labels, reach)
        return replace(found, shape="labels", none=EMPTY, threshold=THRESHOLD)

    @staticmethod
    def projections(settings: Settings) -> tuple[Projection, ...]:
        return LabelHead.projections(settings)

    def aim(self, row: Example) -> list[int]:
        return [place(label, row, self.settings.labels) for label in read_labels(row.output)]

    def targets(self, features: Sequence[Mapping[str, Any]], length: int) -> dict[str, Any]:
        """`labels` (batch, labels): 1 of each that holds."""
        import torch

        return {"labels": torch.from_numpy(self._held(features))}

    def loss(self, outputs: Mapping[str, Any], batch: Mapping[str, Any], shaping: Shaping) -> Any:
        return binary_cross_entropy(outputs["logits"], batch["labels"], shaping)

    def solve(self, vectors: Any, features: Sequence[Mapping[str, Any]], *, balanced: bool) -> Solution:
        """A logistic regression a label; the loss is the mean over rows and labels, in nats."""
        import numpy as np

        labels = self.settings.labels
        answers = [[labels[number] for number in each["labels"]] for each in features]
        weights = solved_sets(vectors, answers, labels, strength=STRENGTH, balanced=balanced)
        bias = np.clip(weights.bias, LOWEST_BIAS, -LOWEST_BIAS)
        logits, held = vectors @ weights.matrix + bias, self._held(features)
        loss = float((np.logaddexp(0.0, logits) - held * logits).mean())
        return Solution("logits", weights.matrix.T.copy(), bias, loss)

    def _held(self, features: Sequence[Mapping[str, Any]]) -> Any:
        import numpy as np

        found = np.zeros((len(features), len(self.settings.labels)), dtype=np.float32)
        for row, each in enumerate(features):
            found[row, each["labels"]] = 1.0
        return found
