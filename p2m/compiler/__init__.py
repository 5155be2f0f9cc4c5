"""ModelSpec to Plan, a straight-line program over the stages: `pipeline` has its whole course, `finding` the
steps that search catalogues, `teaching` those that a teacher takes part in, and `candidates` those of each
student. Pure: nothing is read and nothing runs.
"""

from p2m.compiler.candidates import quick_student
from p2m.compiler.pipeline import compile_plan, primary_metric

__all__ = ["compile_plan", "primary_metric", "quick_student"]
