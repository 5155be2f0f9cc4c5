"""The loss of a batch, with label smoothing (Szegedy et al., 2016) for every kind of head."""

from __future__ import annotations

from typing import Any


def batch_loss(model: Any, inputs: dict[str, Any], smoothing: float) -> Any:
    """Mean cross-entropy of a batch, a scalar tensor.

    `inputs` has `labels` ((batch,) or (batch, length) with -100 for none), or `start_positions` and
    `end_positions` (batch,), of which the mean is taken.
    """
    from torch.nn.functional import cross_entropy

    outputs = model(**inputs)
    if not smoothing:
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
    return cross_entropy(
        logits.reshape(len(labels), -1), labels, ignore_index=-100, label_smoothing=smoothing
    )
