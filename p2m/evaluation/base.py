"""What the stages use of evaluation: reported values, intervals, comparisons, and what a model must beat."""

from p2m.evaluation.baselines import constant, trivial
from p2m.evaluation.bootstrap import Units, draws, interval, scored, units_of
from p2m.evaluation.calibration import FEWEST, covered, expected_error, fitted, least_scores
from p2m.evaluation.compare import ROUGH, both, needed_rows, standard_error, swaps
from p2m.evaluation.paired import beside, matched
from p2m.evaluation.reported import component, reported, suited
from p2m.evaluation.robustness import ROWS, compared, variants
from p2m.evaluation.slices import slices

__all__ = [
    "FEWEST", "ROUGH", "ROWS", "Units", "beside", "both", "compared", "component", "constant", "covered",
    "draws", "expected_error", "fitted", "interval", "least_scores", "matched", "needed_rows", "reported",
    "scored", "slices", "standard_error", "suited", "swaps", "trivial", "units_of", "variants",
]  # fmt: skip
