"""probe: where the next round's rows should lie, by a quick student of the rows so far; no teacher is asked.

Inputs that wait for an answer are ranked by how unsure the student is of them times how far they lie from
every input that is answered or ranked before: a batch so neither asks about what is known nor asks one thing
twice. Where inputs must be written, needs say what for: answers that the student mistakes for one another,
labels with few rows, and inputs in regions that hardly any row is in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.stages.quick import Quick, text_of, vectors_of
from p2m.students.base import LinearStudent, Student, labels_of
from p2m.types import Encoder, Example, Examples, Inputs, Need, Needs, Task, TaskType

_MIXED_UP = 0.6  # share of a round for pairs of labels that the student mixes up
_FEW = 0.2  # share of a round for labels with few rows, where there are any; the rest is for thin regions
_PAIRS, _REGIONS, _SHOWN = 12, 4, 3  # at most; inputs shown for each need
_LOOKED = 20_000  # inputs that are looked at, those with most doubt; the others follow by doubt alone
_MOST = 5_000  # of them, that are ranked by doubt and distance
_CLOSE = 5  # neighbours by which a region is thick or thin
_CHUNK = 512


@stage(version="1", kind="seeded", cpus="all")
def probe(
    task: Task, encoder: Encoder | None, pool: Inputs | None, *answered: Examples, student: Student | None,
    seed: int, run: Run,
) -> Needs:  # fmt: skip
    """The needs of the next round, whose shares add up to 1, and the pool's inputs without an answer, ranked.

    Without an `encoder` nearness is of words; without a `student` for labels only thin regions are known.
    """
    rows = [row for part in answered for row in part.rows]
    if not rows:
        return Needs(())
    asked = {text_of(task, each.input) for part in answered for each in part.rows}
    asked |= {text_of(task, each.input) for part in answered for each in part.rejected}
    waiting: dict[str, int] = {}
    for number, each in enumerate(pool.rows if pool else ()):
        text = text_of(task, each.input)
        if text not in asked:
            waiting.setdefault(text, number)
    texts = [text_of(task, row.input) for row in rows]
    vectors, ahead = vectors_of(texts, encoder, run), vectors_of(list(waiting), encoder, run)
    doubts = None
    found: list[Need] = []
    labels = labels_of(task, rows)
    if isinstance(student, LinearStudent) and task.type is TaskType.CLASSIFICATION and len(labels) > 1:
        quick = Quick(task, student, encoder, labels, run)
        beliefs = quick.out_of_fold(rows, texts, vectors, seed=seed)
        found = [*_few(rows, labels), *_mixed_up(rows, labels, beliefs)]
        if waiting:
            doubts = _doubts(quick.beliefs(rows, vectors, list(waiting), ahead))
    thin = 1.0 - sum(need.share for need in found)
    numbers = list(waiting.values())
    if numbers:
        assert pool is not None
        ranked = _ranked(doubts, ahead, vectors)
        near = [pool.rows[numbers[n]].input for n in ranked[: _REGIONS * _SHOWN]]
        regions = [near[n::_REGIONS] for n in range(min(_REGIONS, len(near)))]
    else:
        ranked, regions = [], _thin(rows, vectors)
    found += [Need(thin / len(regions), "thin", near=tuple(each)) for each in regions]
    return Needs(tuple(found), tuple(numbers[n] for n in ranked))


def _few(rows: Sequence[Example], labels: Sequence[str]) -> list[Need]:
    """Labels with less than half of the rows that each would have if all had the same."""
    counts = Counter(row.output for row in rows)
    lacking = {label: len(rows) / len(labels) / 2 - counts[label] for label in labels}
    lacking = {label: number for label, number in lacking.items() if number > 0}
    total = sum(lacking.values())
    share = min(_FEW, total / len(rows))
    return [
        Need(share * number / total, f"few rows: {label}", aim=label, near=_shown(rows, label))
        for label, number in lacking.items()
    ]


def _shown(rows: Sequence[Example], label: str) -> tuple[dict[str, str], ...]:
    return tuple([row.input for row in rows if row.output == label][:_SHOWN])


def _mixed_up(rows: Sequence[Example], labels: Sequence[str], beliefs: Any) -> list[Need]:
    """Pairs of labels by how much belief goes to the wrong one of them, each for the label that is meant.

    What is meant is the teacher's votes where it gave several, so that a row that it was torn about, and the
    student is torn about alike, asks for nothing.
    """
    place = {label: number for number, label in enumerate(labels)}
    masses: dict[tuple[str, str], float] = defaultdict(float)
    worst: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for number, (row, belief) in enumerate(zip(rows, beliefs, strict=True)):
        if row.output not in place:
            continue
        excess = belief.copy()
        for answer, share in (row.votes or {row.output: 1.0}).items():
            if answer in place:
                excess[place[answer]] -= share
        excess[place[row.output]] = 0.0
        rival = int(excess.argmax())
        if excess[rival] > 0:
            pair = (row.output, labels[rival])
            masses[pair] += float(excess[rival])
            worst[pair].append((-float(excess[rival]), number))
    pairs = sorted(masses, key=lambda pair: (-masses[pair], pair))[:_PAIRS]
    total = sum(masses[pair] for pair in pairs)
    return [
        Need(
            _MIXED_UP * masses[pair] / total, f"unsure: {pair[0]} or {pair[1]}", aim=pair[0],
            near=tuple(rows[number].input for _, number in sorted(worst[pair])[:_SHOWN]),
        )
        for pair in pairs
    ]  # fmt: skip


def _doubts(beliefs: Any) -> Any:
    """(rows,): 1 less the margin between the two likeliest labels, 0 to 1."""
    import numpy as np

    ordered = np.sort(beliefs, axis=1)
    return 1.0 - (ordered[:, -1] - ordered[:, -2])


def _ranked(doubts: Any, ahead: Any, behind: Any) -> list[int]:
    """Numbers of the rows of `ahead`, the most telling first: doubt times distance to all before."""
    import numpy as np

    doubts = np.ones(ahead.shape[0]) if doubts is None else doubts
    order = np.argsort(-doubts, kind="stable")
    looked = np.sort(order[:_LOOKED])
    ahead, doubt, size = ahead[looked], doubts[looked], len(looked)
    near = np.concatenate([_most_alike(ahead[at : at + _CHUNK], behind) for at in range(0, size, _CHUNK)])
    left = np.ones(size, dtype=bool)
    found: list[int] = []
    for _ in range(min(size, _MOST)):
        telling = np.where(left, doubt * np.sqrt(np.clip(2 - 2 * near, 0, None)), -1.0)
        first = int(telling.argmax())
        found.append(first)
        left[first] = False
        near = np.maximum(near, _alike(ahead, ahead[first : first + 1])[:, 0])
    ranked = [int(looked[number]) for number in found]
    known = set(ranked)
    return ranked + [int(number) for number in order if int(number) not in known]


def _thin(rows: Sequence[Example], vectors: Any) -> list[list[dict[str, str]]]:
    """Inputs of rows with few neighbours, each of another region, with those nearest to it."""
    import numpy as np

    size = vectors.shape[0]
    depth = min(_CLOSE + 1, size)
    thick = np.concatenate(
        [
            np.sort(_alike(vectors[at : at + _CHUNK], vectors), axis=1)[:, -depth:].mean(axis=1)
            for at in range(0, size, _CHUNK)
        ]
    )
    far = np.ones(size)
    regions: list[list[dict[str, str]]] = []
    for _ in range(min(_REGIONS, size)):
        centre = int(((1 - thick) * far).argmax())
        alike = _alike(vectors, vectors[centre : centre + 1])[:, 0]
        near = np.argsort(-alike, kind="stable")[:_SHOWN]
        regions.append([rows[int(number)].input for number in near])
        far = np.minimum(far, np.clip(1 - alike, 0, None))
    return regions


def _alike(left: Any, right: Any) -> Any:
    """(left, right): cosines of unit vectors, dense or sparse."""
    import numpy as np

    found = left @ right.T
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)


def _most_alike(left: Any, right: Any) -> Any:
    return _alike(left, right).max(axis=1)
