"""Which rows are set aside: whole units, so that nothing learnt gives a held-out row away.

A unit is a cluster of near-duplicates and groups. Of generated rows whole templates are held out too, as part
of the share, so that a score tells how the model does on forms that it has never seen (a score over known
templates with new facts alone does not rank models).
"""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from p2m.curation.rules import ORIGINS, origin
from p2m.curation.shingles import hash64, ranges
from p2m.deploy.serving.shapes import read_labels
from p2m.types import FEEDBACK, Example, Task, TaskType

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_TEMPLATE_SHARE = 0.5  # of the held-out rows, at most, come from templates held out whole
_FEWEST_TEMPLATES = 8  # with fewer, holding one out would take too much of the task away


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows that may be held out: of each its unit, and numbers of its origin, its source and its labels."""

    rows: Sequence[Example]
    units: Array
    origins: Array  # places in ORIGINS
    sources: Array  # places in `names`
    answers: Array  # places in `labels`
    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]  # sets of labels; all rows without any are of ("",)

    @property
    def of_feedback(self) -> Array:
        """Whether people judged the row in service."""
        import numpy as np

        return np.array([name == FEEDBACK for name in self.names], dtype=bool)[self.sources]

    @property
    def strata(self) -> Array:
        """The number of each row's first label."""
        import numpy as np

        known: dict[str, int] = {}
        return np.array([known.setdefault(labels[0], len(known)) for labels in self.labels])[self.answers]


class Noted:
    """What setting aside asks of rows, noted while they pass."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._groups, self._origins = array("Q"), array("b")
        self.given: set[int] = set()  # of the groups those that the user's own column tells
        self._sources, self._answers = array("q"), array("q")
        self._names: dict[str, int] = {}
        self._labels: dict[tuple[str, ...], int] = {}

    def passing(self, rows: Iterable[Example]) -> Iterator[Example]:
        names, labels = self._names, self._labels
        for row in rows:
            made_by = origin(row)
            group = hash64(row.group and (row.group if row.is_grouped else f"{made_by}:{row.group}"))
            self._groups.append(group)
            if row.is_grouped:
                self.given.add(group)
            self._origins.append(ORIGINS.index(made_by))
            self._sources.append(names.setdefault(row.source, len(names)))
            self._answers.append(labels.setdefault(_labels(self._task, row), len(labels)))
            yield row

    @property
    def groups(self) -> Array:
        """(rows,), the `hashes` of their groups; a group of another origin is another group, unless the
        user's own column tells it.
        """
        import numpy as np

        return np.array(self._groups)

    def pool(self, rows: Sequence[Example], units: Array) -> Pool:
        """Of the first rows that passed, which these are."""
        import numpy as np

        origins, sources, answers = (
            np.array(each[: len(rows)]) for each in (self._origins, self._sources, self._answers)
        )
        return Pool(rows, units, origins, sources, answers, tuple(self._names), tuple(self._labels))


def hold_out(pool: Pool, allowed: Array, number: int, *, templates: bool, lot: random.Random) -> set[int]:
    """Numbers of about `number` rows among `allowed`, whole units each; never more than `number`.

    A classification is stratified as far as units allow: where units are so large that hardly one is within
    its labels' quotas, each may take up to half of what there is of them. With `templates`, about half of the
    rows come from sources that are held out whole.
    """
    import numpy as np

    members, strata = _Members(pool, allowed), pool.strata
    order = list(range(len(members)))
    lot.shuffle(order)
    taken: set[int] = set()
    whole: set[int] = set()
    if templates:
        whole.update(_whole_templates(pool, members, round(number * _TEMPLATE_SHARE), lot))
        taken.update(row for unit in whole for row in members.of(unit).tolist())
    quota = _quota(pool, allowed, number)
    half = np.bincount(strata[allowed]) // 2
    for most in (quota, half):
        left = most - np.bincount(strata[sorted(taken)], minlength=len(most))
        for unit in order:
            if len(taken) >= number:
                break
            rows = members.of(unit)
            if unit in whole or len(taken) + len(rows) > number:
                continue
            wanted = np.bincount(strata[rows], minlength=len(left))
            if (wanted <= np.where(wanted > 0, left, 0)).all():
                whole.add(unit)
                taken.update(rows.tolist())
                left -= wanted
        if len(taken) >= number // 2:
            break
    return taken


def folded(pool: Pool, order: Sequence[int], folds: int, lot: random.Random) -> tuple[int, ...]:
    """The fold of each row in `order`: whole units, stratified by label, about equally many rows each.

    A unit goes where its labels are rarest so far, then where fewest rows are. () where all are one unit,
    for without its fold there would be nothing to learn from.
    """
    import numpy as np

    _, which, counts = np.unique(pool.units[order], return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return ()
    members, ends = np.argsort(which, kind="stable"), np.cumsum(counts)
    noise = np.zeros(len(counts))
    noise[np.argsort(-counts, kind="stable")] = [lot.random() for _ in counts]
    answers = pool.answers[order]
    of_label: Counter[tuple[int, str]] = Counter()
    sizes = [0] * folds
    found = np.zeros(len(order), dtype=np.int64)
    for unit in np.lexsort((noise, -counts)):
        places = members[ends[unit] - counts[unit] : ends[unit]]
        strata = Counter(label for answer in answers[places].tolist() for label in pool.labels[answer])
        fold = min(
            range(folds),
            key=lambda number: (sum(of_label[number, each] * n for each, n in strata.items()), sizes[number]),
        )
        for each, n in strata.items():
            of_label[fold, each] += n
        sizes[fold] += len(places)
        found[places] = fold
    return tuple(found.tolist())


class _Members:
    """The rows of each unit that `rows` (ascending) have whole; units in the order of their first rows."""

    def __init__(self, pool: Pool, rows: Array) -> None:
        import numpy as np

        everywhere = np.bincount(pool.units, minlength=1)
        rows = rows[
            (np.bincount(pool.units[rows], minlength=len(everywhere)) == everywhere)[pool.units[rows]]
        ]
        _, first, which, sizes = np.unique(
            pool.units[rows], return_index=True, return_inverse=True, return_counts=True
        )
        ranks = np.argsort(np.argsort(first))[which]
        self.rows = rows[np.argsort(ranks, kind="stable")]
        self.starts = np.concatenate([[0], np.cumsum(sizes[np.argsort(first)])])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, unit: int) -> Array:
        found: Array = self.rows[self.starts[unit] : self.starts[unit + 1]]
        return found


def _whole_templates(pool: Pool, members: _Members, number: int, lot: random.Random) -> list[int]:
    """Units that hold all rows of some sources, at most `number` rows; none that would take a label away.

    Where rows of several sources share a unit, as the questions of one passage do, those go along.
    """
    import numpy as np

    sources, strata = pool.sources[members.rows], pool.strata[members.rows]
    sizes = np.diff(members.starts)
    by_source = np.argsort(sources, kind="stable")
    unit_of = np.repeat(np.arange(len(members)), sizes)[by_source]
    ends = np.cumsum(np.bincount(sources, minlength=len(pool.names)))
    order = sorted(np.unique(sources).tolist(), key=lambda source: pool.names[source])
    if len(order) < _FEWEST_TEMPLATES:
        return []
    lot.shuffle(order)
    left = np.bincount(strata)
    is_chosen = np.zeros(len(members), dtype=bool)
    size = 0
    for source in order:
        units = np.unique(unit_of[ends[source - 1] if source else 0 : ends[source]])
        units = units[~is_chosen[units]]
        lost = np.bincount(strata[ranges(members.starts[units], sizes[units])], minlength=len(left))
        if size + lost.sum() <= number and (left > 2 * lost)[lost > 0].all():
            is_chosen[units] = True
            size += int(lost.sum())
            left -= lost
    found: list[int] = np.flatnonzero(is_chosen).tolist()
    return found


def _quota(pool: Pool, allowed: Array, number: int) -> Array:
    """How many rows of each stratum to take: in proportion, one at least, never its last row."""
    import numpy as np

    sizes = np.bincount(pool.strata[allowed])
    share = number / max(1, len(allowed))
    return np.array([min(size - 1, max(1, round(size * share))) for size in sizes.tolist()])


def _labels(task: Task, row: Example) -> tuple[str, ...]:
    """What every part should have its share of: a row's labels, and rows without any."""
    if task.type is TaskType.MULTI_LABEL:
        return tuple(read_labels(row.output)) or ("",)
    return (row.output,) if task.type is TaskType.CLASSIFICATION else ("",)
