"""vet: a teacher's answers that the other rows contradict go, with the reason.

Noise in labels does not agree with itself, so a student that has not learnt from a row knows better than a
wrong answer to it (confident learning: Northcutt et al., 2021, arXiv 1911.00068). The threshold is a ratio,
not a rank: of rows that are all right, hardly any goes. What two samples agree on has a witness more, and
takes that ratio twice over to go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.stages.quick import Quick, text_of, vectors_of
from p2m.students.base import LinearStudent, Student, labels_of
from p2m.types import Count, Encoder, Example, Examples, Rejected, Task, TaskType

FEWEST = 4  # rows of a label outside a fold, from which its absence says something


@stage(version="1", kind="seeded", cpus="all")
def vet(
    task: Task, encoder: Encoder | None, answered: Examples, *, student: Student | None, contradicted: float,
    samples: int, seed: int, run: Run,
) -> Examples:  # fmt: skip
    """`answered` without the rows of which `student`, after the other rows, holds another label
    `contradicted` times likelier than the teacher's, its square where it gave several `samples`; those are
    among `rejected`.
    """
    if not isinstance(student, LinearStudent) or task.type is not TaskType.CLASSIFICATION:
        return answered
    labels = labels_of(task, answered.rows)
    rows = [row for row in answered.rows if row.output in labels]
    if len({row.output for row in rows}) < 2:
        return answered
    texts = [text_of(task, row.input) for row in rows]
    quick = Quick(task, student, encoder, labels, run)
    beliefs = quick.out_of_fold(rows, texts, vectors_of(texts, encoder, run), seed=seed)
    least = contradicted if samples == 1 else contradicted**2
    gone: list[Rejected] = []
    kept: list[Example] = [row for row in answered.rows if row.output not in labels]
    for row, belief, known in zip(rows, beliefs, quick.outside(rows, texts, seed=seed), strict=True):
        best = int(belief.argmax())
        if known >= FEWEST and belief[best] > least * belief[labels.index(row.output)]:
            gone.append(Rejected(row.input, row.output, f"the other rows say {labels[best]}"))
        else:
            kept.append(row)
    counts = (*answered.counts, *_counted(gone))
    return replace(answered, rows=tuple(kept), rejected=(*answered.rejected, *gone), counts=counts)


def _counted(gone: Sequence[Rejected]) -> list[Count]:
    """How many went, by what the teacher said and what the student says."""
    pairs = Counter((row.output, row.reason) for row in gone)
    return [Count(f"contradicted: {said}, {why}", number) for (said, why), number in pairs.most_common(20)]
