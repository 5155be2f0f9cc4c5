"""Whether two samples are of one distribution, by permutation: exact whatever the sizes and ties.

Which of all rows are the service's is dealt out anew; the p-value is the share of these deals, with the one
that was seen, whose figure is at least as large (Phipson and Smyth, 2010, arXiv 1603.05766), and the
threshold the figure that a test at that level must pass. So nothing here is tuned to data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

DEALS = 1999
NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Test:
    """One figure, beside what it must reach for the two to differ."""

    value: float
    threshold: float  # at `level`
    p: float
    level: float
    expected: float  # mean over the deals

    @property
    def differs(self) -> bool:
        return self.p <= self.level


def nearest(service: Any, others: Any, *, level: float, seed: int) -> Test:
    """Of vectors of unit length: the share of service inputs among the nearest neighbours of each, 0 to 1.

    After Schilling (1986) and Henze (1988): in samples of one distribution neighbours are mixed.
    """
    import numpy as np

    points = np.concatenate([service, others]).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(points))  # so that ties favour neither side
    alike = points[order] @ points[order].T
    np.fill_diagonal(alike, -np.inf)
    count = min(NEIGHBOURS, len(points) - 1)
    around = order[np.argsort(-alike, axis=1, kind="stable")[:, :count]][np.argsort(order)]

    def share(mine: Any) -> float:
        return float(mine[around[mine]].mean())

    return _dealt(share, len(service), len(points), level, seed)


def shares(service: Sequence[str], others: Sequence[str], *, level: float, seed: int) -> Test:
    """Of categories: the total variation distance of their shares, 0 to 1."""
    import numpy as np

    names = {name: place for place, name in enumerate(sorted({*service, *others}))}
    of = np.array([names[name] for name in (*service, *others)])
    every = np.bincount(of, minlength=len(names))

    def apart(mine: Any) -> float:
        found = np.bincount(of[mine], minlength=len(names))
        rest = every - found
        return float(np.abs(found / found.sum() - rest / rest.sum()).sum() / 2)

    return _dealt(apart, len(service), len(of), level, seed)


def distances(service: Sequence[float], others: Sequence[float], *, level: float, seed: int) -> Test:
    """Of numbers: the largest distance of their cumulative shares, 0 to 1 (Kolmogorov and Smirnov)."""
    import numpy as np

    values = np.array([*service, *others], dtype=np.float64)
    order = np.argsort(values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)  # the last of equal values

    def apart(mine: Any) -> float:
        found = mine[order]
        here, there = np.cumsum(found)[ends], np.cumsum(~found)[ends]
        return float(np.abs(here / here[-1] - there / there[-1]).max())

    return _dealt(apart, len(service), len(values), level, seed)


def _dealt(figure: Callable[[Any], float], first: int, rows: int, level: float, seed: int) -> Test:
    import numpy as np

    lot = np.random.default_rng(seed)
    mine = np.arange(rows) < first
    seen = figure(mine)
    dealt = np.sort([figure(lot.permutation(mine)) for _ in range(DEALS)])
    reached = int((dealt >= seen - 1e-12).sum())
    rank = int(level * (DEALS + 1))  # so many of all deals may reach the threshold
    threshold = float(dealt[-rank]) if rank else 1.0
    return Test(seen, threshold, (reached + 1) / (DEALS + 1), level, float(dealt.mean()))
