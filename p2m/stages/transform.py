"""transform: datasets of the catalogues made over by the recipe's queries, as a catalogue of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from p2m.catalogs.base import RawRow, learnable, of_dataset, open_catalogue, part_paths, placeless, read_rows
from p2m.catalogs.transform import labelled, transformed
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import DataError, nearest
from p2m.types import Card, Files


@stage(version="1", kind="pure")
def transform(*catalogues: Files, queries: dict[str, str], run: Run) -> Files:
    """A folder of datasets: of each that `queries` names, what its query makes of the rows to learn from.

    Its card keeps the licence, the languages and the sort of task; class numbers are names.

    Raises:
        DataError: with the config path: there is no such dataset, or the query fails.
    """
    target = run.folder / "transformed"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    found: dict[str, int] = {}
    names: list[str] = []
    for catalogue in catalogues:
        for card in open_catalogue(catalogue.path).cards:
            names.append(card.name)
            if query := of_dataset(card.name, queries):
                if place_of(card.name) != card.name and query[0] != card.name:
                    why = f"it has configurations; name one, e.g. {card.name}"
                    raise DataError(f"retriever.transform.{query[0]}: {why}")
                rows = _made(catalogue.path, card, *query, target)
                run.say(f"{card.name}: {rows:,} rows by retriever.transform.{query[0]}")
                found[query[0]] = rows
    for name in queries:
        if name not in found:
            raise DataError(f"retriever.transform.{name}: there is no such dataset; {nearest(name, names)}")
    return Files(target)


def place_of(name: str) -> str:
    """The folder of a transformed dataset, and so its name: an owner and one word at most."""
    owner, _, rest = name.partition("/")
    return f"{owner}/{rest.replace('/', '-')}" if rest else owner


def _made(root: Path, card: Card, written: str, sql: str, target: Path) -> int:
    """Writes one dataset; the number of its rows."""
    folder = target / place_of(card.name)
    folder.mkdir(parents=True)
    try:
        made = transformed(sql, labelled_rows(root, card), folder)
    except DataError as error:
        raise DataError(f"retriever.transform.{written}: {placeless(str(error), root)}") from None
    with made.open("rb") as stream:
        rows = sum(1 for _ in stream)
    if not rows:
        raise DataError(f"retriever.transform.{written}: the query makes no rows of {card.name}")
    made.rename(folder / "train.jsonl")
    front = {"license": card.license, "language": card.languages, "task_categories": card.task_ids}
    kept = "".join(f"{name}: {json.dumps(value)}\n" for name, value in front.items() if value)
    text = f"---\n{kept}---\n\n# {card.name}\n\n{card.description}\n"
    (folder / "README.md").write_text(text, encoding="utf-8")
    return rows


def labelled_rows(root: Path, card: Card) -> Iterator[RawRow]:
    """The rows to learn from of a dataset, class numbers by their names."""
    paths = (path for part in learnable(card) for path in part_paths(root, card, part))
    return (labelled(row, card.label_names) for row in chain.from_iterable(map(read_rows, paths)))
