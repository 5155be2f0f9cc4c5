"""curate: which rows are fit to learn from, and what became of the others.

What people decided goes first. Then rules run from the cheapest: form, repeats and contradictions,
contamination and near duplicates, balance.
Rows are ordered by trust (the user's own, then retrieved, then generated); of two alike the earlier stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from p2m.answers.canonical import labels_in
from p2m.answers.labels import told_alike, told_missing
from p2m.curation.base import (
    ORIGINS,
    Index,
    Protected,
    Shingled,
    contaminated,
    from_origin,
    inputs,
    malformed,
    near_duplicates,
    origin,
    repeated,
    settled,
    sift,
    summary,
    surplus,
    with_span_first,
)
from p2m.engine.handles import Run
from p2m.engine.rows import joined, mapped
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.types import Count, Curation, Decisions, Example, Examples, Task


@stage(version="1", kind="pure")
def curate(
    task: Task,
    generated: Examples | None,
    retrieved: Examples | None,
    train: Examples | None,
    validation: Examples | None,
    test: Examples | None,
    decisions: Decisions | None = None,
    *,
    curation: Curation,
    seed: int,
    run: Run | None = None,
) -> Examples:
    """One set of rows to learn from; `validation` and `test` are the user's own, and only guarded here.

    Counts tell how many rows came in, stayed and went, and why, each with an example.

    Raises:
        DataError: no row is left, or a setting cannot be met.
    """
    _check(curation)
    given = {"user": train, "retrieved": retrieved, "generated": generated}
    arrived = Counter({name: len(part.rows) for name, part in given.items() if part and len(part.rows)})
    rows = joined(*(from_origin(_rows(given[name]), name) for name in ORIGINS))
    rows = mapped(partial(with_span_first, task), rows)
    dropped: list[Count] = []
    if decisions is not None:
        decided = settled(task, rows, decisions)
        rows, dropped = decided.rows, list(decided.dropped)
    protected = protected_rows(task, validation, test)
    rules: tuple[Callable[[Sequence[Example]], list[str]], ...] = (
        partial(malformed, task),
        partial(repeated, task),
        partial(too_near, task, protected, curation, folder=None if run is None else run.folder),
        partial(surplus, max_share=curation.max_share_of_answer, seed=seed),
    )
    for rule in rules:
        sifted = sift(rows, rule(rows))
        rows, dropped = sifted.rows, [*dropped, *sifted.dropped]
    if not len(rows):
        raise DataError(_nothing_left(arrived, dropped, generated.counts if generated else ()))
    if run is not None:
        for said in alike(task, rows):
            run.say(said)
    kept = Counter(map(origin, rows))
    return Examples(
        rows,
        counts=(
            *(Count(f"in: {name}", arrived[name]) for name in ORIGINS if arrived[name]),
            *(decisions.counts if decisions else ()),
            *dropped,
            *(Count(f"kept: {name}", kept[name]) for name in ORIGINS if arrived[name] or kept[name]),
        ),
        figures=_inherited(generated, retrieved)
        | summary(task, rows)
        | {"rows_in": float(arrived.total())}
        | (decisions.figures if decisions else {}),
    )


def alike(task: Task, rows: Sequence[Example]) -> tuple[str, ...]:
    """Which labels of the task or the rows may be one, spelt in two ways, and which may be none at all."""
    if not task.type.is_labelled:
        return ()
    labels = (*task.labels, *sorted({one for row in rows for one in labels_in(task, row.output)}))
    return (*told_alike(labels), *told_missing(labels))


def too_near(
    task: Task,
    protected: Sequence[Protected],
    curation: Curation,
    rows: Sequence[Example],
    *,
    folder: Path | None = None,
) -> list[str]:
    """Contamination and near duplicates over one index, which lies in `folder`."""
    guards = protected if curation.decontaminate else ()
    texts = (inputs(task, row) for row in chain(rows, (guard.row for guard in guards)))
    index = Index(Shingled(texts, folder), threshold=curation.near_duplicate)
    return near_duplicates(task, rows, index, contaminated(task, rows, guards, index))


def protected_rows(task: Task, validation: Examples | None, test: Examples | None) -> list[Protected]:
    """What training must not see; a row that is in several is called by the first."""
    return [
        *(Protected("test row", row) for row in _rows(test)),
        *(Protected("validation row", row) for row in _rows(validation)),
        *(Protected("demonstration", row) for row in task.demonstrations),
    ]


def _rows(examples: Examples | None) -> tuple[Example, ...]:
    return examples.rows if examples else ()


def _inherited(generated: Examples | None, retrieved: Examples | None) -> dict[str, float]:
    """The figures of the steps before, under the name of the origin."""
    parts = (("generated", generated), ("retrieved", retrieved))
    return {
        f"{name}.{figure}": value
        for name, part in parts
        if part
        for figure, value in sorted(part.figures.items())
    }


def _check(curation: Curation) -> None:
    """Both shares must lie in (0, 1]."""
    for name in ("near_duplicate", "max_share_of_answer"):
        value = getattr(curation, name)
        if not 0 < value <= 1:
            raise DataError(f"curation.{name}={value:g} must be above 0 and at most 1; 1 switches it off")


def _nothing_left(arrived: Counter[str], dropped: Sequence[Count], written: Sequence[Count]) -> str:
    limit = next((count.what for count in written if count.what.startswith("not asked: ")), "")
    if not arrived and limit:
        return (
            f"there are no rows to learn from: {limit.removeprefix('not asked: ')} ended the asking before an"
            " answer was kept\n    raise it and build again: what was paid for is kept"
        )
    if not arrived:
        return (
            "there are no rows to learn from: give data.train, a teacher that writes rows (teacher=embedded),"
            " or a catalogue (retriever.sources)"
        )
    reasons = "".join(
        f"\n    {count.rows} {count.what}, e.g. {count.example}"
        for count in sorted(dropped, key=lambda count: -count.rows)[:5]
    )
    return (
        f"none of {arrived.total()} rows is fit to learn from:{reasons}\n"
        "    correct the rows, or the prompt's fields and labels (`task`), or see `curation` in the plan"
    )
