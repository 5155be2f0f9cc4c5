"""What a recipe means: the validated `ModelSpec`, its units, and whether its wishes can be met at all."""

from p2m.spec.feasibility import feasibility
from p2m.spec.model import TEACHER_RATIO, ModelSpec, Retrieval, Section
from p2m.spec.problems import names_at, problems_of
from p2m.spec.schema import json_schema

__all__ = [
    "TEACHER_RATIO",
    "ModelSpec",
    "Retrieval",
    "Section",
    "feasibility",
    "json_schema",
    "names_at",
    "problems_of",
]
