"""split: rows to learn from, to stop by, and to be judged on, with nothing near or grouped across a border.

A user's own test set is kept whole and in its order, and all other rows give way to it; then to the user's
validation set. Without an own test set, rows are set aside from the most trusted origin that has enough of
them, and the evidence says which that was. Of few rows none is set aside: five of them would judge nothing,
and three would steer nothing, so that folds of the training rows do both.
Rows that people judged in service are those they saw something wrong with, or right, and no sample of what is
asked there: they are learnt from, and neither stopped by nor judged by.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2m.curation.base import (
    ORIGINS,
    Noted,
    Pool,
    Shingled,
    clusters,
    folded,
    hold_out,
    inputs,
    malformed,
    origin,
    shown,
)
from p2m.engine.handles import Run
from p2m.engine.rows import joined, picked
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.students.base import given
from p2m.types import CROSS_VALIDATION, Count, Example, Examples, Split, Splitting, Task, TaskType

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# Rows as near as this never sit on two sides. Looser than the default of curation: what is different enough
# to learn from may still be near enough to give an answer away.
BORDER = 0.8
_EVIDENCE = {"user": "set aside", "retrieved": "retrieved", "generated": "synthetic"}
GROUP = "data.group"
_LEAK = "a leak between files: of a group that the test set has, too"
_FEWEST = 6  # rows in all, below which there is nothing to learn from and to ask about
_FEWEST_TESTED = 200  # rows that judge, where there are five times as many: fewer prove little
_FEWEST_OF_ORIGIN = 100  # rows that an origin must have before test rows are taken from it


@dataclass(frozen=True, slots=True)
class _Placed:
    """The curated rows with their units, and what became of them and of the user's own sets."""

    pool: Pool
    free: Array  # numbers of curated rows that share no unit with the user's own sets
    validation: Sequence[Example]  # the user's, without rows that share a unit with the user's test set
    test: Sequence[Example]
    given_up: list[Count]
    is_grouped: bool  # whether the user's own column tells which rows belong together


@stage(version="2", kind="seeded")
def split(
    task: Task,
    curated: Examples,
    validation: Examples | None,
    test: Examples | None,
    *,
    splitting: Splitting,
    seed: int,
    run: Run | None = None,
) -> Split:
    """Cut `curated` into train, validation and test, where the user gave none of their own.

    Raises:
        DataError: too few rows, or rows too alike, or a label without a row to learn from.
    """
    import numpy as np

    check_sizes(curated, test, splitting)
    placed = _place(task, curated.rows, validation, test, None if run is None else run.folder)
    pool, free = placed.pool, placed.free
    lot = random.Random(f"split:{seed}")
    judged, stopping, evidence, unseen = placed.test, placed.validation, "gold", 0
    small = _is_small(task, pool, free, splitting)
    crossed = not judged and small
    if crossed:
        evidence = CROSS_VALIDATION
    elif not judged:
        allowed, name, number = _test_origin(pool, free, splitting)
        taken = sorted(hold_out(pool, allowed, number, templates=name == "generated", lot=lot))
        free = np.setdiff1d(free, taken, assume_unique=True)
        if name == "generated":
            unseen = int((~np.isin(pool.sources[taken], pool.sources[free])).sum())
        judged, evidence = _shuffled(pool.rows, taken, lot), _EVIDENCE[name]
    if not stopping and not small:
        number = max(1, min(splitting.max_validation, round(splitting.validation_share * len(pool.rows))))
        taken = sorted(hold_out(pool, _fair(pool, free), number, templates=False, lot=lot))
        free = np.setdiff1d(free, taken, assume_unique=True)
        stopping = _shuffled(pool.rows, taken, lot)
    order = free.tolist()
    lot.shuffle(order)
    learnt = picked(pool.rows, order)
    needed = crossed or task.type.is_chosen_for
    if placed.is_grouped:
        _check_groups(placed, order, splitting.folds if needed else 1)
    folds = folded(pool, order, splitting.folds, lot) if needed else ()
    kinds = np.unique(pool.answers[order]).tolist()
    known = {label for kind in kinds for label in pool.labels[kind]} - {""}
    require(task, learnt, judged or (learnt if crossed and folds else ()), known)
    sums = np.bincount(pool.origins[order], minlength=len(ORIGINS)).tolist()
    origins = Counter(dict(zip(ORIGINS, sums, strict=True)))
    return Split(
        train=learnt,
        validation=tuple(stopping),
        test=tuple(judged),
        evidence=evidence,
        counts=(*_counts(task, origins, stopping, judged, own=bool(placed.test)), *placed.given_up),
        figures=_figures(pool, learnt, stopping, judged) | {"test_rows_of_unseen_templates": float(unseen)},
        folds=folds,
    )


def _is_small(task: Task, pool: Pool, free: Array, splitting: Splitting) -> bool:
    """Whether there are so few rows, all of them the user's own, that none should be set aside.

    Written text is another matter: a student from scratch takes minutes for each fold, and must be watched on
    rows that it does not learn from.
    """
    few = len(free) < splitting.cross_validate_below and not pool.origins[free].any()
    return few and task.type is not TaskType.TEXT_TO_TEXT


def _place(
    task: Task,
    rows: Sequence[Example],
    validation: Examples | None,
    test: Examples | None,
    folder: Path | None,
) -> _Placed:
    """Find the units over all rows, and let rows give way to the user's own test and validation sets."""
    import numpy as np

    stopping = validation.rows if validation else ()
    judged = test.rows if test else ()
    everything = joined(rows, stopping, judged)
    noted = Noted(task)
    texts = Shingled((inputs(task, row) for row in noted.passing(everything)), folder)
    units = clusters(texts, threshold=BORDER, groups=noted.groups)
    units, own, barred = np.split(units, [len(rows), len(rows) + len(stopping)])
    is_barred, is_held = np.isin(units, barred), np.isin(units, own)
    is_own_barred = np.isin(own, barred)
    given = np.array(list(noted.given), dtype=np.uint64)
    of_test = np.intersect1d(noted.groups[len(rows) + len(stopping) :], given)
    is_shared = np.isin(noted.groups[: len(rows)], of_test)
    given_up = [
        _given_up(f"{_LEAK} ({GROUP})", rows, is_shared),
        _given_up("near a test row", rows, is_barred & ~is_shared),
        _given_up("near a validation row", rows, is_held & ~is_barred),
        _given_up("of the validation set, near a test row", stopping, is_own_barred),
    ]
    return _Placed(
        pool=noted.pool(rows, units),
        free=np.flatnonzero(~(is_barred | is_held)),
        validation=picked(stopping, np.flatnonzero(~is_own_barred)),
        test=judged,
        given_up=[count for count in given_up if count.rows],
        is_grouped=bool(noted.given),
    )


def _check_groups(placed: _Placed, order: Sequence[int], folds: int) -> None:
    """
    Raises:
        DataError: the rows to learn from are in too few groups for so many folds.
    """
    import numpy as np

    units = len(np.unique(placed.pool.units[order]))
    if units >= folds:
        return
    ways = [f"set split.folds={units}"] if units > 1 else []
    ways += (
        ["give a data.test of other groups"] if any(_LEAK in each.what for each in placed.given_up) else []
    )
    raise DataError(
        f"{GROUP}: the rows to learn from are in {units} group{'s' * (units != 1)} that share nothing, and"
        f" {folds} are needed, for none may be on both sides of a fold:"
        f" {', or '.join(('give rows of more groups', *ways, f'take {GROUP} out'))}"
    )


def _given_up(why: str, rows: Sequence[Example], gone: Array) -> Count:
    return Count(f"given up: {why}", int(gone.sum()), shown(rows[int(gone.argmax())]) if gone.any() else "")


def _test_origin(pool: Pool, free: Array, splitting: Splitting) -> tuple[Array, str, int]:
    """Rows that test rows may be taken from, their origin, and how many to take.

    At most half of an origin's rows are taken, so that a few rows of the user's still teach.
    """
    fair = _fair(pool, free)
    of_origin = {name: fair[pool.origins[fair] == place] for place, name in enumerate(ORIGINS)}
    enough = [name for name in ORIGINS if len(of_origin[name]) >= _FEWEST_OF_ORIGIN]
    name = enough[0] if enough else max(ORIGINS, key=lambda name: len(of_origin[name]))
    wanted = max(round(splitting.test_share * len(free)), min(_FEWEST_TESTED, len(free) // 5))
    number = min(splitting.max_test, wanted, len(of_origin[name]) // 2)
    return of_origin[name], name, max(1, number)


def _fair(pool: Pool, free: Array) -> Array:
    """Those that may judge, which all may where nothing else is there."""
    fair = free[~pool.of_feedback[free]]
    return fair if len(fair) else free


def _shuffled(rows: Sequence[Example], numbers: list[int], lot: random.Random) -> tuple[Example, ...]:
    lot.shuffle(numbers)
    return picked(rows, numbers)


def check_sizes(curated: Examples, test: Examples | None, splitting: Splitting) -> None:
    """Settings and sizes that cannot work, before any row is compared."""
    for name in ("validation_share", "test_share"):
        if not 0 < getattr(splitting, name) < 0.5:
            raise DataError(f"split.{name}={getattr(splitting, name):g} must lie between 0 and 0.5")
    for name in ("max_validation", "max_test"):
        if getattr(splitting, name) < 1:
            raise DataError(f"split.{name}={getattr(splitting, name)} must be at least 1")
    if test is not None and not test.rows:
        raise DataError("data.test has no rows: give a file with at least one, or set data.test=null")
    if len(curated.rows) < _FEWEST:
        raise DataError(
            f"{len(curated.rows)} rows are too few to learn from (at least {_FEWEST} are needed): add rows to"
            f" data.train{_or_more(curated.rows)}"
        )


def require(task: Task, train: Sequence[Example], judged: Sequence[Example], known: set[str]) -> None:
    """Every part must have rows, and every label must be learnable; `known` are those of `train`."""
    for name, part in (("learn from", train), ("be judged on", judged)):
        if not part:
            raise DataError(
                f"no rows are left to {name}: the rows are so alike, or in so few groups, that none can be"
                " set aside. Give own files as data.validation and data.test, or more varied rows in"
                f" data.train{_or_more(train or judged)}"
            )
    if task.type is TaskType.REGRESSION and all(row.output == train[0].output for row in train):
        raise DataError(
            f"every row to learn from answers with {train[0].output}: add rows of other numbers to data.train"
        )
    if not task.type.is_labelled:
        return
    asked = {label for row in judged for label in given(task, row.output)} if not task.labels else set()
    missing = sorted({*task.labels, *asked} - known - {task.none})
    if missing or len(known) < 2:
        named = ", ".join(map(repr, missing[:5])) or "a second label"
        raise DataError(
            f"there is no row to learn {named} from: add such rows to data.train{_or_more((*train, *judged))}"
            + (
                ", or take the label out where the recipe names it (prompt or task.labels)"
                if set(missing) & set(task.labels)
                else ""
            )
        )


def _or_more(rows: Sequence[Example]) -> str:
    """What else to do where rows are lacking and a teacher writes some."""
    return ", or raise generation.num_examples" if any(origin(row) == "generated" for row in rows) else ""


def _counts(
    task: Task,
    learnt: Counter[str],
    validation: Sequence[Example],
    test: Sequence[Example],
    *,
    own: bool,
) -> list[Count]:
    """Rows by part and origin, and test rows of a form that no answer can meet."""
    judged = Counter({"user": len(test)} if own else map(origin, test))
    counts = []
    for name, origins in (
        ("train", learnt),
        ("validation", Counter(map(origin, validation))),
        ("test", judged),
    ):
        counts += [Count(f"{name}: {kind}", origins[kind]) for kind in ORIGINS if origins[kind]]
    faults = malformed(task, test)
    for fault in sorted(set(faults) - {""}):
        rows = [row for row, found in zip(test, faults, strict=True) if found == fault]
        counts.append(Count(f"test rows that do not fit the task: {fault}", len(rows), shown(rows[0])))
    return counts


def _figures(
    pool: Pool, train: Sequence[Example], validation: Sequence[Example], test: Sequence[Example]
) -> dict[str, float]:
    import numpy as np

    _, sizes = np.unique(pool.units, return_counts=True)
    return {
        "train_rows": float(len(train)),
        "validation_rows": float(len(validation)),
        "test_rows": float(len(test)),
        "units": float(len(sizes)),
        "largest_unit_rows": float(sizes.max()),
    }
