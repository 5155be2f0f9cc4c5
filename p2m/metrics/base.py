"""What a metric is to the stages: the Protocol, re-exported, and what one is that a teacher has part in."""

from typing import Protocol, runtime_checkable

from p2m.metrics.answers import number_pairs
from p2m.types import Metric

__all__ = ["JudgeMetric", "Metric", "number_pairs"]


@runtime_checkable
class JudgeMetric(Metric, Protocol):
    """A metric over grades that a step of its own asks a teacher for; it can neither steer nor choose."""

    @property
    def asks_teacher(self) -> bool: ...

    @property
    def rubric(self) -> str:
        """What a good answer is; "": what the task says."""

    @property
    def rows(self) -> int:
        """Of those that judge the model, how many are graded."""
