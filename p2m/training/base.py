"""What training is to the stages: `fit`, `predicted` and the schedule."""

from p2m.training.fit import fit, predicted
from p2m.training.schedule import Schedule, scheduled

__all__ = ["Schedule", "fit", "predicted", "scheduled"]
