"""The user's texts that nobody answers, for a teacher on this machine to say what it makes of them."""

from __future__ import annotations

from itertools import chain

from p2m.curation.base import Shingled, inputs, near_to
from p2m.engine.rows import joined
from p2m.stages.split import BORDER
from p2m.types import Count, Example, Inputs, Split, Task

SOURCE = "distilled"  # of such texts


def unanswered(task: Task, parts: Split, texts: Inputs | None) -> tuple[list[Example], tuple[Count, ...]]:
    """The texts, without an answer yet, that are near no row of the split and no other text; and how many go.

    So nothing is learnt of what the model is judged by, or training is stopped by.
    """
    if texts is None:
        return [], ()
    known = joined(parts.validation, parts.test, parts.train)
    held = len(parts.validation) + len(parts.test)
    rows = [Example(each.input, "", source=SOURCE, group=each.group) for each in texts.rows]
    near = near_to(Shingled(inputs(task, row) for row in chain(known, rows)), len(known), BORDER)
    kept = [row for row, other in zip(rows, near, strict=True) if other is None]
    barred = sum(other is not None and other < held for other in near)
    counts = (
        Count("of your texts, answered by the teacher alone", len(kept)),
        Count("of your texts, given up: near a test or a validation row", barred),
        Count("of your texts, given up: near a training row or another text", len(rows) - len(kept) - barred),
    )
    return kept, tuple(count for count in counts if count.rows)
