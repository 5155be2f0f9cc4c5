"""select: rows of the datasets that retrieve found usable, as examples of the task."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from itertools import chain, islice
from pathlib import Path

from p2m.catalogs.base import Converter, gathering, learnable, part_paths, placeless, read_rows
from p2m.catalogs.transform import transformed
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.sizes import on_a_line
from p2m.stages.merge import together
from p2m.stages.transform import labelled_rows
from p2m.types import Candidate, Candidates, Count, Example, Examples, Files, Task

_LOOK = 2000  # rows that tell in which columns answers stand


@stage(version="1", kind="seeded")
def select(
    task: Task,
    found: Candidates,
    catalogue: Files | None,
    reranked: Candidates | None = None,
    *,
    max_rows: int,
    seed: int,
    run: Run,
) -> Examples:
    """At most `max_rows` rows over all usable datasets, an even share of each, a sample where one has more.

    Rows come from parts made to learn from, never from a validation or test part. What is left out is
    counted; a dataset that turns out broken is left out whole, with the place. What the teacher was asked
    about the search, `reranked` included, is told along with them.
    """
    rows: list[Example] = []
    counts: list[Count] = []
    usable = found.usable if catalogue is not None else ()
    chosen: list[list[Example]] = []
    for candidate in usable:
        taken, said = _rows(task, candidate, catalogue.path if catalogue else Path(), max_rows, seed, run)
        chosen.append(taken)
        counts.extend(said)
    for candidate, taken, quota in zip(
        usable, chosen, _quotas([len(one) for one in chosen], max_rows), strict=True
    ):
        kept = _sample(taken, quota, seed, candidate.card.name)
        rows.extend(kept)
        by_part = Counter(row.source for row in kept)
        counts.extend(Count(part, number, _shown(kept, part)) for part, number in sorted(by_part.items()))
    figures = {"datasets": float(sum(bool(one) for one in chosen))}
    spent = together(each.spent for each in (reranked, found) if each)
    return Examples(tuple(rows), tuple(counts), figures, spent=spent)


def _rows(
    task: Task, candidate: Candidate, root: Path, most: int, seed: int, run: Run
) -> tuple[list[Example], list[Count]]:
    """A uniform sample of one dataset's rows (algorithm R, Vitter 1985), in the order of the files."""
    card, names = candidate.card, candidate.card.label_names
    kept: list[tuple[int, Example]] = []
    refused: Counter[str] = Counter()
    shown: dict[str, str] = {}
    chance = random.Random(f"{seed}:{card.name}")
    seen = 0
    try:
        parts = {part.name: part_paths(root, card, part) for part in learnable(card)}
        if candidate.query:
            parts, names = {"train": (_made_over(candidate, root, run),)}, {}
        for part, paths in parts.items():
            converter = Converter(task, candidate.mapping or {}, f"{card.name}:{part}", names, True)
            for path in paths:
                first = list(islice(stream := read_rows(path), _LOOK))
                gather = gathering(task, first, names)
                for record in map(gather.row, chain(first, stream)):
                    row = converter.convert(record)
                    if isinstance(row, str):
                        refused[row] += 1
                        shown.setdefault(row, placeless(record.where, root))
                        continue
                    seen += 1
                    if len(kept) < most:
                        kept.append((seen, row))
                    elif (place := chance.randrange(seen)) < most:
                        kept[place] = (seen, row)
    except DataError as error:
        return [], [Count(f"{card.name}: left out, {placeless(str(error), root)}", 0)]
    counts = [
        Count(f"{card.name}: left out, {why}", number, shown[why]) for why, number in refused.most_common(8)
    ]
    if candidate.query:
        counts.insert(0, Count(f"{card.name}: made over by the teacher's query", seen, candidate.query))
    return [row for _, row in sorted(kept, key=lambda pair: pair[0])], counts


def _made_over(candidate: Candidate, root: Path, run: Run) -> Path:
    """What the candidate's query makes of its rows.

    Raises:
        DataError: it fails on all of them, though it held on some.
    """
    folder = run.folder / "made"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return transformed(candidate.query, labelled_rows(root, candidate.card), folder)


def _quotas(sizes: list[int], total: int) -> list[int]:
    """An even share each; what a small dataset leaves goes to the others, better ones first."""
    quotas = [0] * len(sizes)
    while total > 0 and any(quota < size for quota, size in zip(quotas, sizes, strict=True)):
        open_ones = [index for index, size in enumerate(sizes) if quotas[index] < size]
        share = max(1, total // len(open_ones))
        for index in open_ones:
            more = min(share, sizes[index] - quotas[index], total)
            quotas[index] += more
            total -= more
    return quotas


def _sample(rows: list[Example], quota: int, seed: int, name: str) -> list[Example]:
    if quota >= len(rows):
        return rows
    places = random.Random(f"{seed}:{name}:quota").sample(range(len(rows)), quota)
    return [rows[place] for place in sorted(places)]


def _shown(rows: list[Example], source: str) -> str:
    row = next(row for row in rows if row.source == source)
    return on_a_line(row.input, row.output)
