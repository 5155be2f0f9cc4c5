"""What a search is to the compiler and the stages: which settings it may set, and a trial's own ones."""

from p2m.tuning.random_search import RandomSearch
from p2m.tuning.space import NAMES, OF_STUDENT, SPACE, applied, left_out, resolved, usual

__all__ = [
    "NAMES", "OF_STUDENT", "SPACE", "RandomSearch", "applied", "left_out", "resolved", "usual",
]  # fmt: skip
