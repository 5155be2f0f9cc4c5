"""generate: a teacher writes the rows that are missing."""

from __future__ import annotations

from itertools import islice

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.sizes import on_a_line
from p2m.teachers.base import Teacher
from p2m.types import Count, Example, Examples, Files, Task


@stage(version="1", kind="seeded")
def generate(
    task: Task, texts: Files | None, *, teacher: Teacher, num_examples: int, seed: int, run: Run
) -> Examples:
    """Ask `teacher` for `num_examples` rows; a larger number only adds to those of a smaller one.

    Raises:
        StageError: the teacher ran out before the number was reached.
    """
    rows: list[Example] = []
    stream = teacher.generate(task, num_examples, seed=seed, texts=texts.path if texts else None)
    for row in islice(stream, num_examples):
        rows.append(row)
        if len(rows) % 500 == 0:
            run.progress(len(rows), num_examples, "rows")
    if len(rows) < num_examples:
        raise StageError(
            f"the teacher wrote {len(rows)} of {num_examples} rows and has no more;"
            f" set generation.num_examples={len(rows)}"
        )
    return Examples(tuple(rows), counts=_by_source(rows), figures=teacher.figures(task, rows))


def _by_source(rows: list[Example]) -> tuple[Count, ...]:
    """How many rows each domain of the teacher wrote ("embedded:qa.people", ...), most first."""
    counts: dict[str, int] = {}
    samples: dict[str, str] = {}
    for row in rows:
        domain = ".".join(row.source.split(".")[:2])
        counts[domain] = counts.get(domain, 0) + 1
        samples.setdefault(domain, on_a_line(row.input, row.output))
    ordered = sorted(counts, key=lambda domain: (-counts[domain], domain))
    return tuple(Count(domain, counts[domain], samples[domain]) for domain in ordered)
