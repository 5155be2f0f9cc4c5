"""A folder of datasets as entries of a catalogue: how a company searches its own data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path

from p2m.catalogs.cards import Skipped, open_catalogue, part_paths
from p2m.catalogs.columns import observe
from p2m.catalogs.entries import Config, Entry
from p2m.catalogs.files import read_catalog, write_catalog
from p2m.catalogs.rows import read_rows
from p2m.engine.hashing import digest_tree
from p2m.errors import DataError
from p2m.types import Card

_LOOK = 200  # rows by which columns are told


def add(folder: Path, path: Path) -> tuple[tuple[Entry, ...], tuple[Skipped, ...]]:
    """Put the datasets of a folder into a catalogue file, which is made where there is none.

    Entries of datasets that lie below the folder are made anew, all others stay.

    Returns:
        The folder's entries, and what was skipped.

    Raises:
        DataError: there is no dataset in the folder, or the file is no catalogue.
    """
    known = read_catalog(path) if path.is_file() else ()
    opened = open_catalogue(folder)
    made = tuple(_entries(folder, opened.cards, path.parent))
    if not made:
        raise DataError(f"{folder}: no dataset that can be read; {opened.skipped[0].reason}")
    below = _relative(folder, path.parent)
    others = [entry for entry in known if not f"{entry.folder}/".startswith(f"{below}/") or not entry.folder]
    names = {entry.id for entry in made}
    write_catalog([*(entry for entry in others if entry.id not in names), *made], path)
    return made, opened.skipped


def _relative(place: Path, root: Path) -> str:
    return Path(os.path.relpath(place.absolute(), root.absolute())).as_posix()


def _entries(root: Path, cards: tuple[Card, ...], beside: Path) -> Iterator[Entry]:
    def place(card: Card) -> Path:
        if root.is_file():
            return root
        files = [path for part in card.parts for path in part_paths(root, card, part)]
        return root / card.folder if card.folder else files[0] if len(files) == 1 else root

    for where, group in groupby(sorted(cards, key=lambda card: (str(place(card)), card.name)), key=place):
        several = list(group)
        first = several[0]
        name = first.name if len(several) == 1 else first.name.rpartition("/")[0]
        counts = [part.rows for card in several for part in card.parts]
        yield Entry(
            id=name,
            revision=digest_tree(where),
            task_ids=first.task_ids,
            languages=first.languages,
            license=first.license,
            size_bytes=sum(card.size_bytes or 0 for card in several),
            rows=None if None in counts else sum(count or 0 for count in counts),
            configs=tuple(_config(root, card, name) for card in several),
            label_names={column: names for card in several for column, names in card.label_names.items()},
            description=first.description,
            folder=_relative(where, beside),
        )


def _config(root: Path, card: Card, name: str) -> Config:
    rows = (row for part in card.parts for path in part_paths(root, card, part) for row in read_rows(path))
    try:
        columns = observe(list(islice(rows, _LOOK)), card.label_names)
    except DataError:
        columns = ()  # which is said when it is read as a whole
    kinds = tuple((column.name, column.kind) for column in columns)
    own = card.name.removeprefix(f"{name}/") if card.name != name else "default"
    return Config(
        own,
        kinds or tuple((column, "") for column in card.columns),
        tuple((part.name, part.rows) for part in card.parts),
    )
