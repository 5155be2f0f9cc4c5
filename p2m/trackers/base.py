"""What a tracker is told of a build, and what it must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

Curve = tuple[tuple[int, float], ...]  # (step, value), ascending


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """One build, or one trial of a search, as trackers are told of it."""

    recipe: str  # the model's name, which is that of the experiment or the project
    name: str  # of the run: the recipe's, a variant's, a trial's
    parameters: Mapping[str, str | int | float | bool]  # config path -> value, every default included
    metrics: Mapping[str, float]  # "accuracy", "accuracy.low", "accuracy.high", "size_bytes", ...
    curves: Mapping[str, Curve]  # "training/loss", ...
    tags: Mapping[str, str]  # verdict, digests, versions
    folder: Path  # where what is kept on this machine goes; may not exist yet
    group: str = ""  # the sweep or the search that it belongs to
    is_offline: bool = False  # whether nothing may leave this machine


@runtime_checkable
class Tracker(Protocol):
    """Somewhere that runs are kept to be looked at and compared."""

    def log(self, run: TrackedRun) -> str:
        """Keep the run; where it is, in words. May raise anything: no build fails for it."""
