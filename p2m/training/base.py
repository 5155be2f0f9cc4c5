"""What training is to the stages: `fit`, `predicted`, the schedule and how long it takes."""

from p2m.training.fit import fit, predicted
from p2m.training.probe import characters, expected_seconds, probe
from p2m.training.schedule import Schedule, planned, scheduled

__all__ = ["Schedule", "characters", "expected_seconds", "fit", "planned", "predicted", "probe", "scheduled"]
