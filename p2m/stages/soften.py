"""soften: the logits that a trained teacher gives to the training rows, and to the user's texts without an
answer; stored once, whatever is made of them.
"""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.sizes import count
from p2m.stages.taught import asked
from p2m.stages.unanswered import unanswered
from p2m.students.base import Student, TunedStudent, labels_of
from p2m.types import Inputs, Softened, Split, Task, Trained, Training


@stage(version="1", kind="seeded", cpus="all")
def soften(
    task: Task,
    parts: Split,
    texts: Inputs | None,
    trained: Trained,
    *,
    name: str,
    teacher: Student,
    top_k: int,
    training: Training,
    run: Run,
) -> Softened:
    """Ask the teacher about every training row, and every text that is near no row of the split.

    Of written text the `top_k` likeliest tokens of each place are kept.
    """
    assert isinstance(teacher, TunedStudent), name
    assert trained.checkpoint is not None, name
    learner = teacher.restore(task, labels_of(task, parts.train), trained.checkpoint)
    found, counts = unanswered(task, parts, texts)
    told = f"{name} ({count(trained.fit.parameters)} parameters, trained on {len(parts.train):,} rows)"
    softened = asked(
        learner, parts.train, found, told=told, counts=counts, top_k=top_k, training=training, run=run
    )
    run.say(f"{told} was asked about {len(parts.train) + len(found):,} rows")
    return softened
