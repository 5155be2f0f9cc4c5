"""What the stages use of evaluation: reported values, intervals, comparisons, and what a model must beat."""

from p2m.evaluation.baselines import majority, trivial
from p2m.evaluation.bootstrap import scored
from p2m.evaluation.compare import needed_rows, swaps
from p2m.evaluation.reported import reported

__all__ = ["majority", "needed_rows", "reported", "scored", "swaps", "trivial"]
