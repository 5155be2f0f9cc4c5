"""What a retriever is to the stages: the Protocol, re-exported, and nothing else."""

from p2m.types import Retriever

__all__ = ["Retriever"]
