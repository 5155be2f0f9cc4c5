"""Which rows are set aside: whole units, so that nothing learnt gives a held-out row away.

A unit is a cluster of near-duplicates and groups. Of generated rows whole templates are held out too, as part
of the share, so that a score tells how the model does on forms that it has never seen (a score over known
templates with new facts alone does not rank models).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from p2m.deploy.serving.shapes import read_labels
from p2m.types import Example, Task, TaskType

_TEMPLATE_SHARE = 0.5  # of the held-out rows, at most, come from templates held out whole
_FEWEST_TEMPLATES = 8  # with fewer, holding one out would take too much of the task away


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows that may be held out, and the unit of each."""

    task: Task
    rows: Sequence[Example]
    units: Sequence[int]


def hold_out(
    pool: Pool, allowed: Sequence[int], number: int, *, templates: bool, lot: random.Random
) -> set[int]:
    """Numbers of about `number` rows among `allowed`, whole units each; never more than `number`.

    A classification is stratified as far as units allow. With `templates`, about half of the rows come from
    sources that are held out whole.
    """
    members = _by_unit(pool, allowed)
    order = list(members)
    lot.shuffle(order)
    taken: set[int] = set()
    if templates:
        for unit in _whole_templates(pool, members, round(number * _TEMPLATE_SHARE), lot):
            taken.update(members.pop(unit))
    quota = _quota(pool, allowed, number)
    for row in taken:
        quota[_stratum(pool, row)] -= 1
    for unit in order:
        rows = members.get(unit, [])
        wanted = Counter(_stratum(pool, row) for row in rows)
        if (
            rows
            and len(taken) + len(rows) <= number
            and all(n <= quota[label] for label, n in wanted.items())
        ):
            taken.update(rows)
            quota.subtract(wanted)
    return taken


def _by_unit(pool: Pool, allowed: Sequence[int]) -> dict[int, list[int]]:
    """Rows by unit, of those units that `allowed` has whole."""
    inside = set(allowed)
    barred = {pool.units[row] for row in range(len(pool.rows)) if row not in inside}
    members: dict[int, list[int]] = {}
    for row in allowed:
        if pool.units[row] not in barred:
            members.setdefault(pool.units[row], []).append(row)
    return members


def _whole_templates(pool: Pool, members: dict[int, list[int]], number: int, lot: random.Random) -> list[int]:
    """Units that hold all rows of some sources, at most `number` rows; none that would take a label away.

    Where rows of several sources share a unit, as the questions of one passage do, those go along.
    """
    by_source: dict[str, set[int]] = {}
    for unit, rows in members.items():
        for row in rows:
            by_source.setdefault(pool.rows[row].source, set()).add(unit)
    sources = sorted(by_source)
    if len(sources) < _FEWEST_TEMPLATES:
        return []
    lot.shuffle(sources)
    left = Counter(_stratum(pool, row) for rows in members.values() for row in rows)
    chosen: set[int] = set()
    size = 0
    for source in sources:
        units = by_source[source] - chosen
        lost = Counter(_stratum(pool, row) for unit in units for row in members[unit])
        if size + lost.total() <= number and all(left[label] > 2 * n for label, n in lost.items()):
            chosen |= units
            size += lost.total()
            left.subtract(lost)
    return sorted(chosen)


def _quota(pool: Pool, allowed: Sequence[int], number: int) -> Counter[str]:
    """How many rows of each stratum to take: in proportion, one at least, never its last row."""
    sizes = Counter(_stratum(pool, row) for row in allowed)
    share = number / max(1, len(allowed))
    return Counter({label: min(size - 1, max(1, round(size * share))) for label, size in sizes.items()})


def _stratum(pool: Pool, row: int) -> str:
    """The label of a classification's row, or the first one; all other rows are of one stratum."""
    if pool.task.type is TaskType.MULTI_LABEL:
        return next(iter(read_labels(pool.rows[row].output)), "")
    return pool.rows[row].output if pool.task.type is TaskType.CLASSIFICATION else ""
