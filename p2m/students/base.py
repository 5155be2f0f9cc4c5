"""What a student family is to the stages: the Protocol, re-exported, and nothing else."""

from p2m.types import Learner, Student

__all__ = ["Learner", "Student"]
