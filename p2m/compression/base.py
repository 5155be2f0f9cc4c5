"""What a compressor is to the stages: the Protocol, re-exported, and nothing else."""

from p2m.types import Compressor

__all__ = ["Compressor"]
