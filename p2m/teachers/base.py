"""What A teacher is to the stages: the Protocol, re-exported, and nothing else."""

from p2m.types import Teacher

__all__ = ["Teacher"]
