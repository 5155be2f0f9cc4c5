"""Where rows lie among each other: a map in two dimensions, and of each wrong answer the nearest row that was
learnt from. Rows are compared by the embeddings of the build or, where it has none, by their pieces of words.

Map: t-SNE (van der Maaten & Hinton, 2008) over the principal components.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.deploy.serving.rows import joined
from p2m.engine.files.arrays import read
from p2m.types import Evaluated, Example, Judged, Split, Task

JUDGED, LEARNT = 250, 150  # rows that a map has at most
ASKED = 300  # wrong answers whose neighbours are looked for
_FEWEST = 8  # rows that make a map
_COMPARED, _EMBEDDED = 5_000, 100_000  # learnt rows that are compared by their words, or embeddings
_READ = 2_000  # characters of a row that its words are taken from
_COMPONENTS = 50
_ROUNDS = 300
_SEED = 1


@dataclass(frozen=True, slots=True)
class Spot:
    """A row on the map, from 0 to 1 across and down: `row` counts among the judged rows or, of one that was
    learnt from, among these.
    """

    x: float
    y: float
    row: int
    is_judged: bool


@dataclass(frozen=True, slots=True)
class Atlas:
    """What is known of rows by where they lie."""

    spots: tuple[Spot, ...] = ()
    nearest: dict[int, Example] = field(default_factory=dict)  # judged row -> the learnt one most like it
    by: str = ""  # what rows were compared by


def surveyed(
    task: Task, parts: Split, evaluated: Evaluated, wrong: Sequence[int], vectors: Path | None
) -> Atlas:
    """The atlas of a build, of which `wrong` are the judged rows with a wrong answer, the worst first.

    `vectors` are `Embeddings`, which are all of unit length.
    """
    lot = random.Random(_SEED)
    learnt = [] if parts.is_cross_validated else list(range(len(parts.train)))
    most = _COMPARED if vectors is None else _EMBEDDED
    if len(learnt) > most:
        learnt = sorted(lot.sample(learnt, most))
    wrong = wrong[:ASKED]
    shown = _sampled(lot, wrong, len(evaluated.rows))
    ours = list(dict.fromkeys([*wrong, *shown]))
    found = _embedded(parts, evaluated.rows, ours, learnt, vectors) if vectors else None
    by = "embeddings" if found else "pieces of words"
    found = found or _by_words(task, parts, evaluated.rows, ours, learnt)
    if found is None:
        return Atlas()
    judged, taught = found
    beside = sorted(lot.sample(range(len(learnt)), min(LEARNT, len(learnt))))
    places = _laid_out(judged[[ours.index(row) for row in shown]], taught[beside])
    rows = [(row, True) for row in shown] + [(learnt[row], False) for row in beside]
    spots = tuple(Spot(x, y, *row) for (x, y), row in zip(places, rows, strict=False))
    nearest = _nearest(parts, wrong, judged, learnt, taught)
    return Atlas(spots, nearest, by) if spots or nearest else Atlas()


def _sampled(lot: random.Random, wrong: Sequence[int], rows: int) -> list[int]:
    """Judged rows for the map: wrong ones, half of it at most while right ones are there to fill it."""
    known = set(wrong)
    right = [row for row in range(rows) if row not in known]
    errors = wrong[: max(JUDGED // 2, JUDGED - len(right))]
    return sorted([*errors, *lot.sample(right, min(len(right), JUDGED - len(errors)))])


def _embedded(
    parts: Split, judged: Sequence[Judged], ours: Sequence[int], learnt: Sequence[int], vectors: Path
) -> tuple[Any, Any] | None:
    """Vectors of judged and of learnt rows; None where a judged row is in no part."""
    import numpy as np

    part = "train" if parts.is_cross_validated else "test"
    places = {tuple(row.input.values()): place for place, row in enumerate(parts.judged)}
    wanted = [places.get(tuple(judged[row].input.values())) for row in ours]
    if None in wanted or not wanted:
        return None
    return read(vectors, part)[wanted], read(vectors, "train")[np.asarray(learnt, dtype=int)]


def _by_words(
    task: Task, parts: Split, judged: Sequence[Judged], ours: Sequence[int], learnt: Sequence[int]
) -> tuple[Any, Any] | None:
    """TF-IDF of pieces of words, sparse; None where the rows have none."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    names = [each.name for each in task.inputs]
    rows: list[Judged | Example] = [judged[row] for row in ours]
    rows += [parts.train[row] for row in learnt]
    texts = [joined(row.input, names)[:_READ] for row in rows]
    try:
        made = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=20_000)
        found = made.fit_transform(texts)
    except ValueError:  # no row has a word
        return None
    return found[: len(ours)], found[len(ours) :]


def _nearest(
    parts: Split, wrong: Sequence[int], judged: Any, learnt: Sequence[int], taught: Any
) -> dict[int, Example]:
    """Of each wrong row, which `judged` has first, the learnt one of the largest cosine."""
    import numpy as np

    if not wrong or not len(learnt):
        return {}
    alike = judged[: len(wrong)] @ taught.T
    alike = np.asarray(alike.todense() if hasattr(alike, "todense") else alike)
    best = alike.argmax(axis=1)
    return {row: parts.train[learnt[at]] for row, at in zip(wrong, best, strict=True)}


def _laid_out(judged: Any, taught: Any) -> list[tuple[float, float]]:
    """Places from 0 to 1 of all these rows, in their order; none of too few rows, or of rows all alike."""
    import numpy as np
    from sklearn.manifold import TSNE

    main = _principal(judged, taught)
    if len(np.unique(main.round(6), axis=0)) < _FEWEST:
        return []
    start = main[:, :2] / max(float(main[:, 0].std()), 1e-12) * 1e-4
    made = TSNE(
        2, perplexity=min(30.0, (len(main) - 1) / 3), init=start.astype(np.float32), random_state=_SEED,
        max_iter=_ROUNDS,
    )  # fmt: skip
    found = made.fit_transform(main.astype(np.float32))
    low, high = found.min(axis=0), found.max(axis=0)
    scaled = (found - low) / np.maximum(high - low, 1e-9)
    return [(round(float(x), 3), round(float(y), 3)) for x, y in scaled]


def _principal(judged: Any, taught: Any) -> Any:
    """Both sets of rows, sparse or not, by their first principal components: (rows, at least 2)."""
    import numpy as np
    import scipy.sparse

    rows = (
        scipy.sparse.vstack([judged, taught])
        if scipy.sparse.issparse(judged)
        else np.concatenate([judged, taught])
    )
    products = rows @ rows.T
    products = np.asarray(
        products.todense() if scipy.sparse.issparse(products) else products, dtype=np.float64
    )
    products -= products.mean(axis=0)
    products -= products.mean(axis=1, keepdims=True)
    weights, axes = np.linalg.eigh(products)  # the least first
    kept = slice(None, -_COMPONENTS - 1, -1)
    main = axes[:, kept] * np.sqrt(np.maximum(weights[kept], 0.0))
    return np.pad(main, ((0, 0), (0, max(0, 2 - main.shape[1]))))
