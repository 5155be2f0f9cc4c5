"""What a metric is to the stages: the Protocol, re-exported, and nothing else."""

from p2m.types import Metric

__all__ = ["Metric"]
