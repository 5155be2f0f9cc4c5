"""None of these: what serving needs to know of the rows that were learnt from, and of some that were not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2m.deploy.serving.rows import answered
from p2m.deploy.serving.scope import ARRAYS, nearness, share_of
from p2m.deploy.serving.settings import Settings
from p2m.types import Example, Metric, merit

REFUSED = 0.05  # share of the rows with a label that are turned away, where nothing tells better
LEAST = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)  # shares that are tried
MOST = 10_000  # rows whose embeddings are kept, of a small encoder four kilobytes each ten


@dataclass(frozen=True, slots=True)
class Held:
    """Rows that were not learnt from: logits (rows, labels), and how near each is (`nearness`)."""

    rows: Sequence[Example]
    logits: Any
    near: Any


def held_out(
    settings: Settings, rows: Sequence[Example], logits: Any, vectors: Any,
    learnt: Sequence[Example], known: Any,
) -> Held:  # fmt: skip
    """Of rows with logits and embeddings, after the `learnt` ones with theirs; None without an encoder."""
    return Held(rows, logits, nearness(logits, vectors, _kept(settings, learnt, known), settings))


def scoped(
    settings: Settings, held: Held, learnt: Sequence[Example], vectors: Any, metric: Metric, folder: Path
) -> Settings:
    """Write scope.npz to `folder`; the settings with the least share that a row with a label has there.

    Without rows that fit no label the threshold turns away REFUSED of those that do; with some it is the
    share that the metric likes best.
    """
    import numpy as np

    fits = np.array([row.output != settings.none for row in held.rows], dtype=bool)
    near = np.sort(held.near[fits])
    kept = _kept(settings, learnt, vectors)
    scale = float(np.abs(kept).max()) / 127 if kept.size else 1.0
    small = np.rint(kept / scale).astype(np.int8)
    np.savez_compressed(folder / ARRAYS, rows=small, scale=np.float32(scale), known=near.astype(np.float32))
    threshold = REFUSED
    if not fits.all() and fits.any():
        right = [row.answers for row in held.rows]
        said = [each.output for each in answered(held.logits, settings)]
        shares = share_of(held.near, near)

        def worth(least: float) -> float:
            decided = [
                (settings.none or "") if share < least else text
                for text, share in zip(said, shares, strict=True)
            ]
            return merit(metric, metric.value(metric.statistics(decided, right)))

        threshold = max(LEAST, key=worth)
    return replace(settings, threshold=threshold)


def _kept(settings: Settings, rows: Sequence[Example], vectors: Any) -> Any:
    """Embeddings of rows that have a label, an even share of them where they are many; none without any."""
    import numpy as np

    if vectors is None:
        return np.zeros((0, 0), dtype=np.float32)
    places = [place for place, row in enumerate(rows) if row.output != settings.none]
    every = -(-len(places) // MOST) or 1
    return np.asarray(vectors, dtype=np.float32)[places[::every]]
