"""A number a row: a linear map of the row's embedding, on the scale of the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p2m.deploy.serving.settings import Settings
from p2m.students.heads.base import Projection, Reach, Solution
from p2m.students.heads.rows import RowHead
from p2m.students.labels import aimed, scale_of
from p2m.students.losses import squares
from p2m.students.solver import ridge
from p2m.types import Example, Scale, Shaping, Task, TaskType

STRENGTH = 2.0  # inverse of the penalty on weights, of numbers from 0 to 1 over embeddings of unit length


class NumberHead(RowHead):
    """Regression."""

    @staticmethod
    def fits(task: Task) -> bool:
        return task.type is TaskType.REGRESSION

    @staticmethod
    def described(task: Task, labels: Sequence[str], reach: Reach) -> Settings:
        scale = scale_of(task, labels)
        return Settings(
            "classification", tuple(each.name for each in task.inputs), max_length=reach.window,
            shape="number", scale=(scale.low, scale.high, scale.step),
        )  # fmt: skip

    @staticmethod
    def projections(settings: Settings) -> tuple[Projection, ...]:
        return (Projection("logits", 1, is_pooled=True),)

    def aim(self, row: Example) -> float:
        assert self.settings.scale is not None
        return aimed(row, Scale(*self.settings.scale))

    def targets(self, features: Sequence[Mapping[str, Any]], length: int) -> dict[str, Any]:
        """`labels` (batch,): 0 is the low end of the scale and 1 the high one."""
        import torch

        return {"labels": torch.tensor([each["labels"] for each in features], dtype=torch.float32)}

    def loss(self, outputs: Mapping[str, Any], batch: Mapping[str, Any], shaping: Shaping) -> Any:
        return squares(outputs["logits"][:, 0], batch["labels"])

    def solve(self, vectors: Any, features: Sequence[Mapping[str, Any]], *, balanced: bool) -> Solution:
        """Ridge regression; the loss is the mean squared error, in scales."""
        import numpy as np

        wanted = np.array([each["labels"] for each in features])
        weights = ridge(vectors, wanted, strength=STRENGTH)
        missed = (vectors @ weights.matrix + weights.bias)[:, 0] - wanted
        return Solution("logits", weights.matrix.T.copy(), weights.bias, float((missed**2).mean()))
