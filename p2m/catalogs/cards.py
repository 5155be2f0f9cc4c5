"""A folder of datasets as cards: what each is, from its README's front matter, its files' names and rows.

A dataset is a folder with data files, usually beside a README.md whose YAML front matter follows the Hub's
(`configs`, `dataset_info`, `task_categories`, `language`, `license`, each as one value or a list). What is
broken is reported with its place and skipped, so that one bad card never hides the others.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from p2m.catalogs.front_matter import OPENING, FrontMatter, read_front_matter
from p2m.catalogs.rows import count_rows, data_format, labelled_texts, read_rows
from p2m.errors import DataError
from p2m.types import Card, Part

CARD = "README.md"
_HEAD = 512  # bytes of a README that tell whether it is a card
_PART = re.compile(
    r"(?:^|[-_./ ])(train(?:ing)?|valid(?:ation)?|dev(?:elopment)?|val|test(?:ing)?|eval(?:uation)?|all)"
    r"(?=$|[-_./ \d])",
    re.IGNORECASE,
)
_PARTS = {
    "trai": "train", "vali": "validation", "val": "validation", "dev": "validation", "deve": "validation",
    "test": "test", "eval": "test", "all": "all",
}  # fmt: skip
_INNER = frozenset(
    ("data", "train", "training", "validation", "valid", "dev", "val", "test", "eval", "all", "default")
)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A dataset that cannot be used, and why, with the place."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The datasets under a path, by name, and those that were skipped."""

    cards: tuple[Card, ...]
    skipped: tuple[Skipped, ...] = ()


def open_catalogue(root: Path) -> Catalogue:
    """The cards of a folder of datasets, of one dataset's folder, or of a single file.

    Raises:
        DataError: there is nothing at `root`, or no dataset in it.
    """
    if not root.exists():
        raise DataError(f"{root}: there is no such file or folder; give a folder of datasets, or a data file")
    cards: list[Card] = []
    skipped: list[Skipped] = []
    for folder, files in [(root.parent, [root])] if root.is_file() else list(_datasets(root)):
        name = root.name.partition(".")[0] if root.is_file() else _name(folder, files, root)
        try:
            cards.extend(_cards(name, folder, files, root))
        except DataError as error:
            skipped.append(Skipped(name, str(error)))
    if not cards and not skipped:
        raise DataError(
            f"{root}: no dataset in it; one is a folder with a {CARD} and data files such as train.jsonl"
        )
    return Catalogue(
        tuple(sorted(cards, key=lambda card: card.name)), tuple(sorted(skipped, key=lambda one: one.name))
    )


def part_paths(root: Path, card: Card, part: Part) -> tuple[Path, ...]:
    """The files of a part on disk."""
    return (root,) if root.is_file() else tuple(root / card.folder / file for file in part.files)


def learnable(card: Card) -> tuple[Part, ...]:
    """The parts that rows may be learnt from: never one that is made to validate or to test."""
    return tuple(part for part in card.parts if part.name in ("train", "all"))


def placeless(message: str, root: Path) -> str:
    """A message without the catalogue's own place, which differs between machines."""
    return message.replace(f"{root}/", "").replace(str(root), root.name)


def _datasets(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Folders that are datasets, each with its data files; two levels deep (`owner/name`)."""
    own = _data_files(root, deep=False)
    if (root / CARD).is_file() and read_is_card(root / CARD):
        yield root, _data_files(root, deep=True)
        return
    if own and not any(_PART.search(path.name) for path in own) and len(own) > 1:
        yield from ((root, [path]) for path in own)  # loose files, each a dataset of its own
    elif own:
        yield root, _data_files(root, deep=True)
        return
    if texts := text_folders(root):
        yield root, texts
        return
    for folder in _folders(root):
        if _is_dataset(folder):
            yield folder, _data_files(folder, deep=True)
        else:
            yield from (
                (inner, _data_files(inner, deep=True)) for inner in _folders(folder) if _is_dataset(inner)
            )


def text_folders(root: Path) -> list[Path]:
    """Folders of texts in folders that are called like their labels: the one itself, or one a part."""
    if labelled_texts(root):
        return [root]
    inner = _folders(root)
    are_parts = all(each.name.lower() in _INNER and labelled_texts(each) for each in inner)
    return inner if are_parts else []


def _is_dataset(folder: Path) -> bool:
    inner = any(_data_files(path, deep=False) for path in _folders(folder) if path.name.lower() in _INNER)
    return (folder / CARD).is_file() or bool(_data_files(folder, deep=False)) or inner


def read_is_card(path: Path) -> bool:
    """Whether a README opens with front matter, whatever is in it."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD).decode("utf-8-sig", errors="replace")
    return OPENING.match(head.replace("\r", "\n")) is not None


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _data_files(folder: Path, *, deep: bool) -> list[Path]:
    paths = folder.rglob("*") if deep else folder.iterdir()
    return sorted(
        path
        for path in paths
        if path.is_file()
        and data_format(path)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.name not in ("dataset_infos.json", "dataset_info.json", "state.json")
    )


def _name(folder: Path, files: Sequence[Path], root: Path) -> str:
    if folder == root:
        return (
            files[0].name.partition(".")[0]
            if len(files) == 1 and not _PART.search(files[0].name)
            else root.name
        )
    return folder.relative_to(root).as_posix()


def _cards(name: str, folder: Path, files: Sequence[Path], root: Path) -> Iterator[Card]:
    """One card for each configuration of a dataset."""
    path = folder / CARD
    front = read_front_matter(path) if path.is_file() and not root.is_file() else FrontMatter({}, "", path)
    configs = front.configs()
    relative = "" if folder == root or root.is_file() else folder.relative_to(root).as_posix()
    for config in configs or ("",):
        wanted = front.data_files(config)
        chosen = chosen_files(wanted, files, folder, front) if wanted else files_by_name(files, folder)
        if not chosen:
            raise DataError(f"{path if path.is_file() else folder}: no data file beside it")
        info = front.info(config)
        yield _card(f"{name}/{config}" if front.several() else name, folder, relative, chosen, front, info)


def _card(
    name: str,
    folder: Path,
    relative: str,
    chosen: Mapping[str, list[Path]],
    front: FrontMatter,
    info: Mapping[str, Any],
) -> Card:
    paths = [path for files in chosen.values() for path in files]
    first = next(files[0] for files in chosen.values())
    columns = dict.fromkeys(key for record in islice(read_rows(first), 20) for key in record.values)
    if not columns:
        raise DataError(f"{first}: it has no rows")
    return Card(
        name=name,
        description=front.description(),
        task_ids=front.tasks(),
        languages=front.languages(),
        license=front.license(),
        columns=tuple(columns),
        parts=tuple(_part(part, files, folder, front.rows(info, part)) for part, files in chosen.items()),
        size_bytes=sum(path.stat().st_size for path in paths),
        folder=relative,
        label_names=front.label_names(info),
    )


def _part(name: str, files: Sequence[Path], folder: Path, rows: int | None) -> Part:
    if rows is None:
        counts = [count_rows(path) for path in files]
        rows = None if None in counts else sum(count or 0 for count in counts)
    return Part(name, tuple(path.relative_to(folder).as_posix() for path in files), rows)


def part_name(path: str) -> str:
    """`data/train-00000-of-00002.parquet` is of `train`; a name that tells nothing is of `all`."""
    stem = PurePosixPath(path)
    found = _PART.findall(f"{stem.parent.as_posix()}/{stem.name.partition('.')[0]}")
    return normal_part(found[-1]) if found else "all"


def normal_part(word: str) -> str:
    """`dev`, `valid` and `val` are validation; `training` is train; other words stay."""
    low = word.lower()
    return _PARTS.get(low) or _PARTS.get(low[:4], low)


def files_by_name(files: Sequence[Path], folder: Path) -> dict[str, list[Path]]:
    chosen: dict[str, list[Path]] = {}
    for path in files:
        chosen.setdefault(part_name(path.relative_to(folder).as_posix()), []).append(path)
    return _ordered(chosen)


def chosen_files(
    wanted: Sequence[tuple[str, str]], files: Sequence[Path], folder: Path, front: FrontMatter
) -> dict[str, list[Path]]:
    """The files that the card's patterns name, by part."""
    chosen: dict[str, list[Path]] = {}
    for split, pattern in wanted:
        found = [path for path in files if fnmatch.fnmatch(path.relative_to(folder).as_posix(), pattern)]
        if not found:
            raise DataError(f"{front.place('data_files')}: no file fits {pattern!r} in {folder}")
        for path in found:
            part = normal_part(split) if split else part_name(path.relative_to(folder).as_posix())
            chosen.setdefault(part, []).append(path)
    return _ordered(chosen)


def _ordered(chosen: Mapping[str, list[Path]]) -> dict[str, list[Path]]:
    order = ("train", "all", "validation", "test")
    rank = {name: index for index, name in enumerate(order)}
    return {
        name: sorted(set(chosen[name])) for name in sorted(chosen, key=lambda name: (rank.get(name, 9), name))
    }
