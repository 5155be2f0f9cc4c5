"""What a compressor is to the stages: the Protocols, re-exported, and nothing else."""

from p2m.types import Compressor, Pruner

__all__ = ["Compressor", "Pruner"]
