"""What the evaluate stage uses of evaluation: reported values, intervals, and what a model must beat."""

from p2m.evaluation.baselines import baselines
from p2m.evaluation.bootstrap import judge
from p2m.evaluation.reported import through_evaluate

__all__ = ["baselines", "judge", "through_evaluate"]
