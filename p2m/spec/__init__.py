"""What a recipe means: the validated `ModelSpec`, its units, and whether its wishes can be met at all."""

from p2m.spec.candidates import allowed, contenders, is_choice, over_budget, refused, rungs, untaught
from p2m.spec.components import FAMILIES, build_component
from p2m.spec.feasibility import feasibility
from p2m.spec.model import (
    ROLES,
    ExecutorWords,
    ModelSpec,
    Retrieval,
    Teachers,
    Tuning,
)
from p2m.spec.problems import misplaced_booleans, problems_of
from p2m.spec.schema import json_schema

__all__ = [
    "FAMILIES", "ROLES", "ExecutorWords", "ModelSpec", "Retrieval", "Teachers", "Tuning", "allowed",
    "build_component", "contenders", "feasibility", "is_choice", "json_schema", "misplaced_booleans",
    "over_budget", "problems_of", "refused", "rungs", "untaught",
]  # fmt: skip
