"""Two steps whose outputs a teacher's step takes in: what the desk does, and messages for it."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.types import Field, Inputs, Task, TaskType, Unanswered

LABELS = ("billing", "delivery", "returns")


@stage(version="1", kind="pure")
def desk() -> Task:
    return Task(TaskType.CLASSIFICATION, "Say which team answers.", (Field("text"),), Field("team"), LABELS)


@stage(version="1", kind="pure")
def messages(*, number: int) -> Inputs:
    return Inputs(tuple(Unanswered({"text": f"My parcel {n} is late."}, "user") for n in range(number)))
