"""What training is to the stages: `fit`, and nothing else."""

from p2m.training.fit import Scorer, fit

__all__ = ["Scorer", "fit"]
