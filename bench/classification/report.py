"""Results to lines: means over the same cells, verdicts beside the truth, and where a bar was missed.

The truth about a build is a paired comparison, on the rows to judge by, with each trivial baseline, the
majority and the nearest neighbour. It *beats* them where it is ahead of both by more than chance (exact
one-sided sign test on the rows that one of the two gets right and the other does not, p < 0.05); it is
*worse* where one of them is so ahead of it; else the rows do not decide. SHIP is right where it beats them,
FALLS SHORT where it does not, UNPROVEN where it does not or where there were fewer than 100 rows to learn
from.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .contestants import FAILED, P2M, SHIP, SHORT, TRIVIAL, UNPROVEN

LEVEL = 0.05
FEW = 100  # rows below which a build may say that it does not know
GAP = 2.0  # points that p2m may stay below the best peer on a table
RIGHT = 0.95  # share of right verdicts
BEATS, UNDECIDED, WORSE = "beats", "undecided", "worse"


@dataclass(frozen=True, slots=True)
class Cell:
    """Rows to learn from: so many a label of a table, drawn with a seed."""

    table: str
    size: str
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What one contestant did in one cell."""

    right: str  # "1" or "0" for each row to judge by
    rows: int  # to learn from
    seconds: float
    verdict: str = ""
    note: str = ""

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100 * self.right.count("1") / len(self.right)


Results = dict[Cell, dict[str, Result]]


def chance(better: str, other: str) -> float:
    """How likely `better` is to be ahead by as much if neither is: the exact one-sided sign test."""
    pairs = Counter(zip(better, other, strict=True))
    wins, losses = pairs["1", "0"], pairs["0", "1"]
    decided = wins + losses
    ways: int = sum(math.comb(decided, k) for k in range(wins, decided + 1))
    return ways / (1 << decided)


def truth(cell: dict[str, Result]) -> str:
    """Whether p2m beats both trivial baselines in the cell."""
    own, others = cell[P2M].right, [cell[name].right for name in TRIVIAL]
    if all(chance(own, other) < LEVEL for other in others):
        return BEATS
    return WORSE if any(chance(other, own) < LEVEL for other in others) else UNDECIDED


def is_right(result: Result, fact: str) -> bool:
    if result.verdict == SHIP:
        return fact == BEATS
    if result.verdict == SHORT:
        return fact != BEATS
    return result.verdict == UNPROVEN and (fact != BEATS or result.rows < FEW)


# --------------------------------------------------------------------------- means


def mean_of(results: Results, name: str, cells: Iterable[Cell]) -> float | None:
    """Over tables of the mean over sizes of the mean over seeds; None where nothing was measured."""
    seeds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for cell in cells:
        if name in results[cell]:
            seeds[cell.table, cell.size].append(results[cell][name].accuracy)
    sizes: dict[str, list[float]] = defaultdict(list)
    for (table, _), values in seeds.items():
        sizes[table].append(statistics.fmean(values))
    return statistics.fmean(map(statistics.fmean, sizes.values())) if sizes else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """p2m and the peer that is furthest ahead of it (or least behind), each on the cells that both have."""

    peer: str
    own: float
    other: float

    @property
    def gap(self) -> float:
        """Points that p2m stays below the peer; negative where it is ahead."""
        return self.other - self.own


def best_peer(results: Results, peers: Sequence[str], cells: Iterable[Cell]) -> Comparison | None:
    """None where no cell has p2m and a peer."""
    found = []
    for peer in peers:
        both = [cell for cell in cells if P2M in results[cell] and peer in results[cell]]
        own, other = mean_of(results, P2M, both), mean_of(results, peer, both)
        if own is not None and other is not None:
            found.append(Comparison(peer, own, other))
    return max(found, key=lambda comparison: comparison.gap, default=None)


# --------------------------------------------------------------------------- lines


def lines(results: Results, peers: Sequence[str], sizes: Sequence[str]) -> list[str]:
    """The whole report but for the bars."""
    by_table: dict[str, list[Cell]] = defaultdict(list)
    for cell in results:
        by_table[cell.table].append(cell)
    heads = "".join(f"{name:>10s}" for name in (P2M, *peers))
    said = [f"{'accuracy, %':24s}{'a label':>8s}{'rows':>7s}{heads}  ship/short/unproven  wrong  build s"]
    for table, cells in by_table.items():
        for size in sizes:
            some = [cell for cell in cells if cell.size == size]
            if some:
                said.append(f"{table:24s}{_line(results, peers, size, some)}")
    said.append("")
    for size in sizes:
        some = [cell for cell in results if cell.size == size]
        if some:
            count = f"mean, tables: {len({cell.table for cell in some})}"
            said.append(f"{count:24s}{_line(results, peers, size, some)}")
    said.append(f"{f'mean, tables: {len(by_table)}':24s}{_line(results, peers, 'each', list(results))}")
    if any("*" in line for line in said):
        said.append("* of fewer cells than the others; bars compare the cells of both")
    return [*said, *_worst(results, peers, by_table), *_verdicts(results)]


def _line(results: Results, peers: Sequence[str], size: str, cells: Sequence[Cell]) -> str:
    shown = "".join(f"{_mean(results, name, cells):>10s}" for name in (P2M, *peers))
    rows = statistics.median(next(iter(results[cell].values())).rows for cell in cells if results[cell])
    text = f"{size:>8s}{rows:7.0f}{shown}"
    own = [(cell, results[cell][P2M]) for cell in cells if P2M in results[cell]]
    if not own:
        return text
    counts = Counter(result.verdict for _, result in own)
    wrong = sum(not is_right(result, truth(results[cell])) for cell, result in own)
    said = f"{counts[SHIP]}/{counts[SHORT]}/{counts[UNPROVEN]}"
    said += f" {counts[FAILED]} {FAILED}" if counts[FAILED] else ""
    return f"{text}  {said:19s}  {wrong:5d}  {statistics.median(result.seconds for _, result in own):7.1f}"


def _mean(results: Results, name: str, cells: Sequence[Cell]) -> str:
    """`-` where it was not run, and a star where it was not run in every cell."""
    value = mean_of(results, name, cells)
    if value is None:
        return "-"
    return f"{value:.1f}" + ("" if all(name in results[cell] for cell in cells) else "*")


def _worst(results: Results, peers: Sequence[str], by_table: dict[str, list[Cell]]) -> list[str]:
    """Each table beside its best peer, and the size where p2m stays furthest below one."""
    said = []
    for table, cells in by_table.items():
        found = best_peer(results, peers, cells)
        if found:
            said.append(f"  {table:24s}{-found.gap:+6.1f} points to {found.peer} (over the cells of both)")
    places = {(cell.table, cell.size) for cell in results}
    worst: tuple[float, str] | None = None
    for table, size in sorted(places):
        found = best_peer(results, peers, [cell for cell in by_table[table] if cell.size == size])
        if found and (worst is None or found.gap > worst[0]):
            worst = found.gap, f"{table}, {size} a label: {-found.gap:+.1f} points to {found.peer}"
    return (
        ["", "p2m beside the best peer of each table:", *said, f"  worst cell: {worst[1]}"] if worst else []
    )


def _verdicts(results: Results) -> list[str]:
    """How often each verdict met each truth."""
    met: Counter[tuple[str, str]] = Counter()
    few: Counter[str] = Counter()
    for cell in results.values():
        if P2M in cell:
            met[cell[P2M].verdict, truth(cell)] += 1
            few[truth(cell)] += cell[P2M].verdict == UNPROVEN and cell[P2M].rows < FEW
    if not met:
        return []
    facts = (BEATS, UNDECIDED, WORSE)
    head = "verdict, and what the rows to judge by say"
    said = ["", f"{head:44s}" + "".join(f"{fact:>11s}" for fact in facts)]
    for verdict in (SHIP, SHORT, UNPROVEN, FAILED):
        said.append(f"  {verdict:42s}" + "".join(f"{met[verdict, fact]:11d}" for fact in facts))
    below = f"of the unproven, with fewer than {FEW} rows"
    said.append(f"  {below:42s}" + "".join(f"{few[fact]:11d}" for fact in facts))
    beating = sum(met[verdict, BEATS] for verdict in (SHIP, SHORT, UNPROVEN, FAILED))
    unproven = f"{met[UNPROVEN, BEATS]} of the {beating} builds that beat the baselines"
    return [*said, f"UNPROVEN was said of {unproven}"]


# --------------------------------------------------------------------------- bars


def bars(results: Results, peers: Sequence[str]) -> list[tuple[bool, str]]:
    """Each bar: whether it is met, and how; none where p2m was not run."""
    overall = best_peer(results, peers, results)
    if overall is None:
        return []
    text = f"mean over tables {overall.own:.1f}, best peer ({overall.peer}) {overall.other:.1f}"
    judged = [(overall.gap <= 0, text)]
    gaps = {}
    for table in dict.fromkeys(cell.table for cell in results):
        found = best_peer(results, peers, [cell for cell in results if cell.table == table])
        if found:
            gaps[table] = found
    worst = max(gaps, key=lambda table: gaps[table].gap)
    text = f"worst table {worst}: {-gaps[worst].gap:+.1f} points to {gaps[worst].peer}, bar -{GAP:.1f}"
    judged.append((gaps[worst].gap <= GAP, text))
    own = [cell for cell in results.values() if P2M in cell]
    right = sum(is_right(cell[P2M], truth(cell)) for cell in own)
    text = f"{right} of {len(own)} verdicts right ({right / len(own):.0%}), bar {RIGHT:.0%}"
    return [*judged, (right >= RIGHT * len(own), text)]
