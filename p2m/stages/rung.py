"""rung: what a candidate says to the first fold of the training rows after a sample of the others.

Candidates that take long are tried by successive halving (Jamieson and Talwalkar, 2016): all learn from a
small sample, and those that do better learn from larger ones. Linear ones, which take seconds, learn from
every sample, so that there is something to hold the others against.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.folds import gathered, held_out, none
from p2m.stages.lessons import Material, picked, solve_and_ask
from p2m.stages.rows import sample
from p2m.stages.tuned import tuned_and_asked
from p2m.students.base import LinearStudent, Student, TunedStudent, labels_of
from p2m.types import (
    Choosing,
    Embeddings,
    Encoder,
    Example,
    OutOfFold,
    Split,
    Survivors,
    Task,
    Training,
)

FEWEST_ROWS = 500  # training rows below which frozen embeddings are not beaten by tuning them
FEWEST_PER_LABEL = 20
FOLD = 0  # that is held out
TOO_SLOW = "not tried: slower on this machine than constraints.max_latency"
ETA = 3  # times as many rows as the sample before


@stage(version="1", kind="seeded", cpus="all")
def rung(
    task: Task,
    parts: Split,
    encoder: Encoder | None,
    embeddings: Embeddings | None,
    survivors: Survivors | None,
    *,
    name: str,
    student: Student,
    number: int,
    choosing: Choosing,
    metric: Metric,
    training: Training | None,
    seed: int,
    run: Run,
) -> OutOfFold:
    """Answers after sample `number`, from 1, or a note why there are none: the rows are too few, the student
    is not among the `survivors`, or the last sample is every row, so that smaller ones tell nothing.
    """
    labels, rows = labels_of(task, parts.train), parts.train
    if FOLD not in parts.folds:
        return none(name, "there is nothing to choose by: no folds")
    if isinstance(student, TunedStudent) and (why := untried(student, len(rows), max(1, len(labels)))):
        return none(name, why)
    if survivors is not None and name not in survivors.students:
        return none(name, TOO_SLOW if number == 1 else "others did better on a smaller sample")
    outside, inside = held_out(parts, FOLD)
    sizes = samples(choosing, len(outside))
    if number < choosing.rungs and sizes[-1] == len(outside):
        return none(name, "the last sample is every row")
    numbers = _drawn(task, rows, outside, sizes[number - 1], seed)
    is_whole = len(numbers) == len(outside)
    if isinstance(student, LinearStudent):
        if is_whole:
            return none(name, "cross-validated")
        said = _solved(task, parts, encoder, embeddings, student, numbers, inside, metric, run)
    else:
        assert isinstance(student, TunedStudent)
        assert training is not None
        said = tuned_and_asked(
            task, parts, student, labels, numbers, inside, metric=metric, training=training, seed=seed,
            run=run,
        )  # fmt: skip
    return gathered(
        name, dict(zip(inside, said, strict=True)), [FOLD], learnt=0 if is_whole else len(numbers)
    )


def samples(choosing: Choosing, rows: int) -> list[int]:
    """How many of so many rows each sample has, the smallest first."""
    last = min(rows, max(choosing.least_rows, round(choosing.sample * rows)))
    return [max(1, round(last / ETA**before)) for before in reversed(range(choosing.rungs))]


def untried(student: TunedStudent, rows: int, labels: int) -> str:
    """Why a student that is tuned is no candidate for so many rows and labels; "" where it is one."""
    if student.pace.from_scratch:
        return "not tried: from scratch, labels are learnt from tens of thousands of rows at best"
    fewest = max(FEWEST_ROWS, FEWEST_PER_LABEL * labels)
    if rows < fewest:
        return (
            f"not tried: {rows} rows of {labels} labels are too few for fine-tuning to beat frozen embeddings"
            f" (from {fewest} rows on)"
        )
    return ""


def _drawn(task: Task, rows: Sequence[Example], outside: Sequence[int], most: int, seed: int) -> list[int]:
    """Numbers of at most so many rows, as many of each label as may be; a larger sample has all of them."""
    place = {id(rows[number]): number for number in outside}
    return sorted(place[id(row)] for row in sample(task, [rows[number] for number in outside], most, seed))


def _solved(
    task: Task, parts: Split, encoder: Encoder | None, embeddings: Embeddings | None, student: LinearStudent,
    outside: Sequence[int], inside: Sequence[int], metric: Metric, run: Run,
) -> list[tuple[str, float]]:  # fmt: skip
    material = Material(task, parts, encoder, embeddings)
    rows, vectors = parts.train, material.vectors("train")
    answers = solve_and_ask(
        student, material, picked(rows, vectors, outside), picked(rows, vectors, inside), metric=metric,
        folder=run.folder / "solved",
    )  # fmt: skip
    return [(one.output, one.score) for one in answers]
