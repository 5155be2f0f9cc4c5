"""The loss of a batch, with label smoothing (Szegedy et al., 2016) for every kind of head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any


def batch_loss(model: Any, inputs: dict[str, Any], smoothing: float, weights: Any = None) -> Any:
    """Mean cross-entropy of a batch, a scalar tensor.

    `inputs` has `labels` ((batch,) or (batch, length) with -100 for none), or `start_positions` and
    `end_positions` (batch,), of which the mean is taken. `weights` (labels,) are what a row of each label
    counts, 1 on the average row.
    """
    from torch.nn.functional import cross_entropy

    outputs = model(**inputs)
    if not smoothing and weights is None:
        return outputs.loss
    if "labels" not in inputs:
        losses = [
            cross_entropy(
                getattr(outputs, f"{side}_logits").float(),
                inputs[f"{side}_positions"],
                label_smoothing=smoothing,
            )
            for side in ("start", "end")
        ]
        return (losses[0] + losses[1]) / 2
    labels, logits = inputs["labels"].flatten(), outputs.logits.float()
    logits = logits.reshape(len(labels), -1)
    if weights is None:
        return cross_entropy(logits, labels, ignore_index=-100, label_smoothing=smoothing)
    each = cross_entropy(logits, labels, weight=weights, label_smoothing=smoothing, reduction="none")
    return each.mean()  # over rows: torch's own mean would undo the weights within a batch of one label


def balanced_weights(answers: Sequence[int], labels: int) -> list[float]:
    """What a row of each of so many labels counts so that all count alike, 1 on the average row.

    As scikit-learn's `class_weight="balanced"` (King and Zeng, 2001); a label without a row counts 1.
    """
    counts = Counter(answers)
    return [len(answers) / (len(counts) * counts[label]) if counts[label] else 1.0 for label in range(labels)]
