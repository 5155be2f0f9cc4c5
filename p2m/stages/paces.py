"""paces: how long the probe trainings of each candidate that is tuned would take here."""

from __future__ import annotations

from collections.abc import Mapping

from p2m.engine.handles import Run
from p2m.engine.rows import picked
from p2m.engine.stage import stage
from p2m.stages.folds import held_out
from p2m.stages.samples import FOLD, drawn, samples, untried
from p2m.students.base import TunedStudent, labels_of
from p2m.training.base import planned, probe
from p2m.types import Choosing, Paces, Split, Task, Training

ANSWERED = 1 / 3  # what a row that is answered takes, of one that is learnt from


@stage(version="1", kind="measured")
def paces(
    task: Task, parts: Split, *, students: Mapping[str, TunedStudent], choosing: Choosing, training: Training,
    seed: int, run: Run,
) -> Paces:  # fmt: skip
    """By a few steps of each, over rows of its last sample; students that are not tried take nothing."""
    labels = labels_of(task, parts.train)
    found: dict[str, float] = {}
    for name, student in students.items():
        if FOLD not in parts.folds or untried(student, task, len(parts.train), max(1, len(labels))):
            continue
        run.say(f"some steps of {name}")
        outside, inside = held_out(parts, FOLD)
        sizes = samples(choosing, len(outside))
        rows = picked(parts.train, drawn(task, parts.train, outside, sizes[-1], seed))
        seconds = probe(student, task, labels, rows, training, run.device)
        for size in sizes:
            schedule = planned(student, training, size)
            answered = training.evaluations * len(parts.validation) + len(inside)
            found[name] = found.get(name, 0.0) + seconds * (
                schedule.steps + ANSWERED * answered / schedule.batch_size
            )
    return Paces(found)
