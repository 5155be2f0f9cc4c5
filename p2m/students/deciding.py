"""What only rows that were not learnt from can tell: from which probability on a label holds, how large
errors are. It goes into predictor.json, where any backend reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from p2m.deploy.serving.rows import Answer, answered, laid
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.shapes import read_labels
from p2m.students.labels import aimed
from p2m.types import Example, Metric, Scale, merit

THRESHOLDS = tuple(step / 40 for step in range(2, 39))  # of a label's probability


def decided(settings: Settings, logits: Any, rows: Sequence[Example], metric: Metric) -> Settings:
    """The settings with what `logits` (rows, columns) of rows that were held out say of them.

    Of several labels the threshold that the metric likes best, of equals the one nearest to 0.5, and whether
    each row has one; of numbers the standard error. Without rows they stay as they are.
    """
    if not rows:
        return settings
    if settings.shape == "labels":
        return _with_threshold(settings, logits, rows, metric)
    return _with_error(settings, logits, rows) if settings.shape == "number" else settings


def with_none(
    settings: Settings, spans: Sequence[tuple[Answer, float]], rows: Sequence[Example], metric: Metric
) -> Settings:
    """The settings with the margin over no answer that the metric likes best, of equals the one nearest to 0.

    `spans` are those of `SpanReader.spans`. Where no row has none, 0 stays.
    """
    none = settings.none
    if none is None or not any(row.output == none for row in rows):
        return settings
    right = [row.answers for row in rows]
    margins = sorted(margin for _, margin in spans if abs(margin) < float("inf"))
    steps = max(1, len(margins) // 100)

    def worth(threshold: float) -> tuple[float, float]:
        said = [span.output if margin > threshold else none for span, margin in spans]
        return merit(metric, metric.value(metric.statistics(said, right))), -abs(threshold)

    return replace(settings, threshold=max((0.0, *margins[::steps]), key=worth))


def _with_threshold(settings: Settings, logits: Any, rows: Sequence[Example], metric: Metric) -> Settings:
    right = [row.answers for row in rows]
    if all(read_labels(row.output) for row in rows):
        settings = replace(settings, none=None)

    def worth(threshold: float) -> tuple[float, float]:
        said = [each.output for each in answered(logits, replace(settings, threshold=threshold))]
        return merit(metric, metric.value(metric.statistics(said, right))), -abs(threshold - 0.5)

    return replace(settings, threshold=max(THRESHOLDS, key=worth))


def _with_error(settings: Settings, logits: Any, rows: Sequence[Example]) -> Settings:
    import numpy as np

    assert settings.scale is not None
    offset = settings.log_offset
    low, high = (laid(end, offset) for end in settings.scale[:2])
    said = low + ((high - low) or 1.0) * np.asarray(logits, dtype=np.float64)[:, 0]
    right = [aimed(row, Scale(*settings.scale), offset) for row in rows]
    missed = np.clip(said, low, high) - (low + ((high - low) or 1.0) * np.array(right))
    return replace(settings, error=float(np.sqrt((missed**2).mean())))
