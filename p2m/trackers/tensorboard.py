"""Event files that TensorBoard shows: scalars, curves, and the settings as hyperparameters.

    tensorboard --logdir outputs/.tracking/tensorboard

Written by tensorboard's own package, without TensorFlow or torch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from p2m.trackers.base import TrackedRun


@dataclass(frozen=True)
class TensorBoard:
    folder: Path | None = None  # of the event files; null: outputs/.tracking/tensorboard of the project

    def log(self, run: TrackedRun) -> str:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary import Writer
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        at = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**6:06d}"  # a folder is a run there
        place = (self.folder or run.folder / "tensorboard") / run.recipe / run.group / run.name / at
        settings = EventFileWriter(str(place))
        settings.add_event(
            Event(wall_time=time.time(), summary=hparams_pb({**run.parameters, **run.tags}, str(place)))
        )
        settings.close()
        writer = Writer(str(place))
        for name, value in run.metrics.items():
            writer.add_scalar(name, value, 0)
        for name, curve in run.curves.items():
            for step, value in curve:
                writer.add_scalar(name, value, step)
        writer.close()
        return str(place)
