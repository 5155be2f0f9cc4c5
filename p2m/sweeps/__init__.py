"""A recipe's variants: checked together, built side by side from one store, ranked as they end."""

from p2m.sweeps.board import Board
from p2m.sweeps.job import Ended, Job
from p2m.sweeps.variants import Sweep, Variant, prepare

__all__ = ["Board", "Ended", "Job", "Sweep", "Variant", "prepare"]
