"""solve: a linear student, fitted to all rows: it has nothing to stop by, so to the validation rows too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2m.deploy.serving.rows import laid_open, sides
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.lessons import Material, solve_and_decide
from p2m.stages.rows import origin_of
from p2m.students.base import LinearStudent, PairStudent, Student, longer
from p2m.types import Embeddings, Encoder, Example, Fit, Split, Task, Trained, Winner


@stage(version="1", kind="seeded", cpus="all")
def solve(
    task: Task,
    parts: Split,
    winner: Winner | None,
    encoder: Encoder | None,
    embeddings: Embeddings | None,
    *,
    name: str,
    student: Student,
    metric: Metric,
    run: Run,
) -> Trained:
    """The folder that is served; nothing where another student is the `winner`."""
    if winner is not None and winner.student != name:
        return Trained(None)
    assert isinstance(student, LinearStudent)
    material = Material(task, parts, encoder, embeddings)
    rows, vectors = material.all_to_learn(student)
    folder = run.folder / "checkpoint"
    read = encoder if student.encoder is not None else None
    parameters = solve_and_decide(
        student,
        material,
        (rows, vectors),
        metric=metric,
        folder=folder,
        encoder=read.folder if read else None,
    )
    every = len(parts.train) + len(parts.validation)
    drawn = f"{len(rows):,} of {every:,} rows, each label with its share"
    said = f"a sample of {drawn}," if len(rows) < every else f"{len(rows)} rows"
    run.say(f"solved for {said} and {len(material.labels)} labels")
    environment = {"precision": read.precision if read else "fp32", **origin_of(student)}
    if len(rows) < every:
        environment["rows"] = drawn
    is_cut = read is not None and student.encoder is not None and student.encoder.is_pooled
    cut = _cut(read, task, rows, by_side=isinstance(student, PairStudent)) if is_cut and read else 0
    return Trained(folder, Fit(parameters, environment=environment, rows=len(rows), cut=cut))


def _cut(encoder: Encoder, task: Task, rows: Sequence[Example], *, by_side: bool) -> int:
    """Rows of which the encoder did not read the end; `by_side`: of either text, which it reads apart."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(encoder.folder / "tokenizer.json"))
    fields = list(task.texts)
    if by_side:
        longest = (max(_apart(row.input, fields, task), key=len) for row in rows)
        rows, fields = [Example({"text": text}, "") for text in longest], ["text"]
    return longer(tokenizer, rows, fields, encoder.window)


def _apart(row: Mapping[str, str], fields: Sequence[str], task: Task) -> Sequence[str]:
    """The texts that are read apart."""
    if not task.options:
        return sides(row, fields, task.parts) or ("",)
    asked, options = laid_open(row, fields, task.options.values())
    return [asked, *(text or "" for text in options)]
