"""Which rows to ask about: representatives of what is there, then what a quick student is in doubt about.

Rows are seen through a frozen encoder, and cut into as many clusters as there are answers and questions. Of
the clusters without an answer those are asked about that hold the most doubt, by the row that is most typical
of each (TypiClust: Hacohen et al., 2022, arXiv 2202.02794, which counts rows instead).
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.curation.decisions import Key, key_of
from p2m.deploy.serving.linear import LinearHead
from p2m.review.desk import Asked, Item, Ranker
from p2m.students.base import Lesson, LinearStudent, labels_of
from p2m.types import Example, Task, TaskType

FOLDS = 5
EACH = 2  # answers a label, below which asking always pays
_NEIGHBOURS = 20  # by which a row is typical of its cluster
_LOOKED = 5_000  # rows that are clustered, drawn evenly
_FEWEST = 20  # answers from which a cross-validation says something
PAYS = 0.02  # of accuracy, that as many answers again must promise
SURE = 0.9  # of the answered rows, surely right (Wilson, 1927), from which all right is no chance: 35 of 35
UNTRIED = (
    "No student is tried between rounds where an answer is more than one label: p2m build says how good a"
    " model of the answers is."
)
_Z = 1.96


@dataclass(frozen=True, slots=True)
class QuickStudent:
    """A linear student over frozen embeddings, fitted anew to every set of answers."""

    task: Task
    student: LinearStudent
    words: Any  # embeddings of the labels' words; None where there are none
    folder: Path

    def beliefs(self, labels: Sequence[str], rows: Sequence[Example], vectors: Any, asked: Any) -> Any:
        """(asked, labels): how likely each label is of rows with the vectors `asked`, after `rows`."""
        import numpy as np

        known = vectors if self.words is None else np.concatenate([vectors, self.words])
        with tempfile.TemporaryDirectory(dir=self.folder) as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # scikit-learn's, of few rows a label
            self.student.solve(Lesson(self.task, tuple(labels), tuple(rows), known, None), Path(folder))
            logits = LinearHead(Path(folder), len(labels)).logits([""] * len(asked), asked)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


@dataclass
class Learning:
    """Ranks rows without answers for a classifier that learns from those given so far."""

    task: Task
    vectors: dict[Key, Any]  # of unit length, of every row
    student: QuickStudent | None  # None where the task has no labels: clusters alone
    seed: int = 0
    _curve: list[tuple[int, float]] = field(default_factory=list)

    def next(self, left: Sequence[Item], decided: Sequence[Example], number: int) -> list[Asked]:
        import numpy as np

        left = [item for item in left if item.key in self.vectors]
        if not left:
            return []
        ahead = np.stack([self.vectors[item.key] for item in left])
        rows, behind = self._known(decided)
        if self.student is None or len({row.output for row in rows}) < 2:
            order = representatives(ahead, behind, np.ones(len(ahead)), number, seed=self.seed)
            return [Asked(left[place], "typical of rows like it") for place in order]
        labels = labels_of(self.task, rows)
        beliefs = self.student.beliefs(labels, rows, behind, ahead)
        ordered = np.sort(beliefs, axis=1)
        doubts = 1.0 - (ordered[:, -1] - ordered[:, -2])
        order = representatives(ahead, behind, doubts, number, seed=self.seed)
        top = np.argsort(-beliefs, axis=1)[:, :2]
        why = [" or ".join(labels[place] for place in top[row]) for row in order]
        return [Asked(left[row], f"unsure: {said}?") for row, said in zip(order, why, strict=True)]

    def quality(self, decided: Sequence[Example]) -> dict[str, Any]:
        rows, vectors = self._known(decided)
        few = {"advice": f"After {_FEWEST} answers a model of them says how good it is."}
        if self.student is None:
            return {"advice": UNTRIED}
        if len(rows) < _FEWEST or len({row.output for row in rows}) < 2:
            return few
        labels = labels_of(self.task, rows)
        right, right_of_half = self._right(labels, rows, vectors)
        low, high = interval(sum(right), len(rows))
        accuracy, gain = sum(right) / len(rows), (sum(right) - sum(right_of_half)) / len(rows)
        self._curve = [*(each for each in self._curve if each[0] < len(rows)), (len(rows), accuracy)]
        lacking = [label for label, count in counted(labels, rows).items() if count < EACH]
        told = {"rows": len(rows), "accuracy": accuracy, "low": low, "high": high, "curve": self._curve}
        is_sure = accuracy == 1 and low >= SURE
        pays = bool(lacking) or (gain >= PAYS and not is_sure)
        return told | {"gain": gain, "pays": pays, "advice": advice(gain, lacking, is_sure=is_sure)}

    def _known(self, decided: Sequence[Example]) -> tuple[list[Example], Any]:
        import numpy as np

        rows = [row for row in decided if key_of(row.input) in self.vectors]
        width = len(next(iter(self.vectors.values())))
        found = [self.vectors[key_of(row.input)] for row in rows]
        return rows, np.stack(found) if found else np.zeros((0, width), dtype=np.float32)

    def _right(
        self, labels: Sequence[str], rows: Sequence[Example], vectors: Any
    ) -> tuple[list[bool], list[bool]]:
        """Of each row, whether it is told rightly after the other folds, and after half of these."""
        import numpy as np

        assert self.student is not None
        order = stratified(rows, self.seed)
        folds = np.empty(len(rows), dtype=int)
        folds[order] = np.arange(len(rows)) % FOLDS
        answers = np.array([row.output for row in rows])
        names = np.array(labels)
        found = np.zeros((2, len(rows)), dtype=bool)
        for fold in range(FOLDS):
            inside = np.flatnonzero(folds == fold)
            outside = [place for place in order if folds[place] != fold]
            for half, learnt in enumerate((outside, outside[::2])):
                beliefs = self.student.beliefs(
                    labels, [rows[n] for n in learnt], vectors[learnt], vectors[inside]
                )
                found[half, inside] = names[beliefs.argmax(axis=1)] == answers[inside]
        return found[0].tolist(), found[1].tolist()


@dataclass(frozen=True, slots=True)
class Doubt:
    """Ranks rows with answers: those first that the others speak against, or that votes were torn about."""

    doubts: dict[Key, tuple[float, str]]  # 0 to 1, and why

    def next(self, left: Sequence[Item], decided: Sequence[Example], number: int) -> list[Asked]:
        order = sorted(left, key=lambda item: (-self.doubts.get(item.key, (0.0, ""))[0], item.id))
        return [Asked(item, self.doubts.get(item.key, (0.0, "not looked at"))[1]) for item in order[:number]]

    def quality(self, decided: Sequence[Example]) -> dict[str, Any]:
        return {}


@dataclass
class First:
    """Puts some rows before all others, which `rest` ranks."""

    keys: frozenset[Key]
    why: str
    rest: Ranker

    def next(self, left: Sequence[Item], decided: Sequence[Example], number: int) -> list[Asked]:
        first = [item for item in left if item.key in self.keys]
        if first:
            return [Asked(item, self.why) for item in first[:number]]
        return self.rest.next(left, decided, number)

    def quality(self, decided: Sequence[Example]) -> dict[str, Any]:
        return self.rest.quality(decided)


def representatives(ahead: Any, behind: Any, doubts: Any, number: int, *, seed: int) -> list[int]:
    """Numbers of the rows of `ahead` that are most typical of clusters without a row of `behind`, those with
    most doubt first."""
    import numpy as np
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    looked = np.arange(0, len(ahead), math.ceil(len(ahead) / _LOOKED))
    rows = ahead[looked]
    if len(rows) <= number:
        return [int(row) for row in looked[np.argsort(-doubts[looked], kind="stable")]]
    points = np.concatenate([rows, behind])
    clusters = min(len(behind) + number, len(points))
    with threadpool_limits(1):  # sums in another order would give other clusters
        found = KMeans(clusters, n_init=1, max_iter=30, random_state=seed).fit_predict(points)
    mine, covered = found[: len(rows)], set(found[len(rows) :].tolist())
    masses = np.bincount(mine, weights=doubts[looked], minlength=clusters)
    held = set(mine.tolist()) - covered
    open_ = [int(each) for each in np.argsort(-masses, kind="stable") if int(each) in held][:number]
    picked = [_typical(rows, np.flatnonzero(mine == cluster)) for cluster in open_]
    known = set(picked)
    rest = [row for row in np.argsort(-doubts[looked], kind="stable").tolist() if row not in known]
    return [int(looked[row]) for row in [*picked, *rest[: number - len(picked)]]]


def _typical(rows: Any, members: Any) -> int:
    """Of a cluster the row that is nearest to its neighbours there."""
    import numpy as np

    inside = rows[members]
    alike = np.sort(inside @ inside.T, axis=1)[:, -_NEIGHBOURS - 1 :]
    return int(members[int(alike.mean(axis=1).argmax())])


def counted(labels: Sequence[str], rows: Sequence[Example]) -> dict[str, int]:
    """How many rows each label has."""
    counts = Counter(row.output for row in rows)
    return {label: counts[label] for label in labels}


def stratified(rows: Sequence[Example], seed: int) -> list[int]:
    """Numbers of the rows, label after label, by lot within each."""
    import random

    lot = random.Random(f"review:{seed}")
    noise = [lot.random() for _ in rows]
    return sorted(range(len(rows)), key=lambda place: (rows[place].output, noise[place]))


def interval(right: int, rows: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share (1927)."""
    share, square = right / rows, _Z * _Z
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = _Z * math.sqrt(share * (1 - share) / rows + square / (4 * rows * rows)) / (1 + square / rows)
    return middle - half, middle + half


def advice(gain: float, lacking: Sequence[str], *, is_sure: bool) -> str:
    """Whether asking more pays, in words; it does not where all that were answered are right, surely not by
    chance.
    """
    if lacking:
        more = ", ..." if len(lacking) > 5 else ""
        return f"Go on: fewer than {EACH} answers are {', '.join(lacking[:5])}{more}."
    if is_sure:
        return (
            "Asking more hardly pays: it is right in every row that was answered. End with Ctrl-C and build."
        )
    if gain >= PAYS:
        return f"Go on: with half of the answers it is {100 * gain:.0f} points worse; as many again may help."
    return (
        f"Asking more hardly pays: with half of the answers it is {max(0.0, 100 * gain):.1f} points worse."
        " End with Ctrl-C and build."
    )


def doubts(
    task: Task, items: Sequence[Item], vectors: dict[Key, Any], student: QuickStudent | None, *, seed: int
) -> dict[Key, tuple[float, str]]:
    """How doubtful the answer of each row is, by votes and by a student of the other rows."""
    import numpy as np

    found = {item.key: (1 - share, f"votes: {share:.0%} for it") for item in items
             if (share := item.votes.get(item.was, 1.0)) < 1}  # fmt: skip
    rows = [Example(item.input, item.was) for item in items if item.was and item.key in vectors]
    labels = labels_of(task, rows)
    if student is None or task.type is not TaskType.CLASSIFICATION or len({row.output for row in rows}) < 2:
        return found
    space = np.stack([vectors[key_of(row.input)] for row in rows])
    order = stratified(rows, seed)
    for fold in range(FOLDS):
        inside, outside = order[fold::FOLDS], [n for at, n in enumerate(order) if at % FOLDS != fold]
        beliefs = student.beliefs(labels, [rows[n] for n in outside], space[outside], space[inside])
        for number, belief in zip(inside, beliefs, strict=True):
            row, rival = rows[number], labels[int(belief.argmax())]
            doubt = 1.0 - float(belief[labels.index(row.output)])
            why = f"the other rows say {rival}" if rival != row.output else "a model of the others is unsure"
            found[key_of(row.input)] = max(found.get(key_of(row.input), (0.0, "")), (doubt, why))
    return found
