"""ModelSpec to Plan, a straight-line program over the stages: `pipeline` has its whole course, `teaching` the
steps that a teacher takes part in. Pure: nothing is read and nothing runs.
"""

from p2m.compiler.pipeline import compile_plan, primary_metric, quick_student

__all__ = ["compile_plan", "primary_metric", "quick_student"]
