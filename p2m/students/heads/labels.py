"""One of the labels a row: a linear map of the row's embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p2m.deploy.serving.labels import LabelReader
from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import Settings
from p2m.errors import DataError, UserError, nearest
from p2m.students.heads.base import CHUNK, Projection, Reach, Solution
from p2m.students.lengths import longer
from p2m.students.losses import cross_entropy, soft_cross_entropy
from p2m.students.solver import solved
from p2m.types import Example, Shaping, Task, TaskType

STRENGTH = 20.0  # C of the head that training starts from, as frozen students have it
LOWEST_BIAS = -20.0  # of a label without a row: never chosen, and no more than label smoothing can bear


class LabelHead:
    """Classification."""

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        self._reader = LabelReader(settings, tokenizer)

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
        return Settings("classification", fields, labels=tuple(labels), max_length=reach.window)

    @staticmethod
    def projections(settings: Settings) -> tuple[Projection, ...]:
        return (Projection("logits", len(settings.labels), is_pooled=True),)

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a row.

        Raises:
            DataError: a row's answer is not one of the labels.
        """
        index = {label: i for i, label in enumerate(self.settings.labels)}
        features = []
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            length = min(max_length, self.settings.max_length)
            encodings = self._reader.encode([row.input for row in chunk], length)
            for i, (row, encoding) in enumerate(zip(chunk, encodings, strict=True)):
                if row.output not in index:
                    raise DataError(
                        f"a row of {row.source or 'the data'} has the label {row.output!r};"
                        f" {nearest(row.output, index)}"
                    )
                features.append(
                    {
                        "input_ids": encoding.ids,
                        "token_type_ids": encoding.type_ids,
                        "labels": index[row.output],
                        "row": start + i,
                    }
                )
                if shares := self._shares(row):
                    features[-1]["shares"] = shares
        return features

    def _shares(self, row: Example) -> list[float]:
        """Of the votes for each label, 1 together; [] where none is for one."""
        found = [row.votes.get(label, 0.0) for label in self.settings.labels] if row.votes else []
        total = sum(found)
        return [each / total for each in found] if total else []

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """Rows of more tokens than `encode` keeps."""
        length = min(max_length, self.settings.max_length)
        return longer(self._tokenizer, rows, self.settings.fields, length)

    def targets(self, features: Sequence[Mapping[str, Any]], length: int) -> dict[str, Any]:
        """`labels` (batch,) and, where a row has votes, `shares` (batch, labels)."""
        import torch

        labels = torch.tensor([each["labels"] for each in features], dtype=torch.long)
        if not any("shares" in each for each in features):
            return {"labels": labels}
        shares = torch.nn.functional.one_hot(labels, len(self.settings.labels)).float()
        for place, each in enumerate(features):
            if "shares" in each:
                shares[place] = torch.tensor(each["shares"])
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

    def items(self, rows: Sequence[Mapping[str, str]]) -> Sequence[Any]:
        return self._reader.items(rows)

    def answers(
        self, rows: Sequence[Mapping[str, str]], items: Sequence[Any], outputs: Sequence[Mapping[str, Any]]
    ) -> list[Answer]:
        import numpy as np

        return self._reader.answers(np.stack([each["logits"] for each in outputs])) if outputs else []
