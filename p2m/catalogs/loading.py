"""A dataset of a Hub, as a folder like any other: its card, and a sample of its rows.

The revision is pinned, every file is verified or, where only parts of it were taken, named with the digest
that the commit gives. Nothing of a repository is run or unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from p2m.catalogs.cards import CARD, chosen_files, files_by_name
from p2m.catalogs.front_matter import ONE_OF_SEVERAL, FrontMatter, read_front_matter
from p2m.catalogs.hub import RemoteFile, Repository, RepositoryFault, fetched, opened
from p2m.catalogs.reading import Piece, sampled, unpacked
from p2m.catalogs.rows import data_format
from p2m.catalogs.sampling import parts_of
from p2m.engine.hashing import digest_tree
from p2m.errors import DataError
from p2m.types import Card, Part

LEARNT = ("train", "all")  # parts that rows may be learnt from
FOLDER = "folder"  # as the kind of a repository: a dataset on this machine
_CONFIGS = 3  # configurations of a dataset that are read
_CARD_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that rows came from."""

    path: str
    size: int
    digest: str  # sha256
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Remote:
    """A dataset of a Hub at a commit, with what its card says; no row of it is here."""

    repository: Repository
    front: FrontMatter

    @property
    def card(self) -> Card:
        """What it says of itself at that commit."""
        return Card(
            name=self.repository.id, description=self.front.description(), task_ids=self.front.tasks(),
            languages=self.front.languages(), license=self.front.license(),
            parts=tuple(Part(part, ()) for part in self.parts(self.configs()[0])),
            size_bytes=self.repository.size_bytes, revision=self.repository.commit,
        )  # fmt: skip

    def configs(self) -> tuple[str, ...]:
        return self.front.configs() or ("",)

    def parts(self, config: str) -> dict[str, list[str]]:
        """part -> files of a configuration.

        Raises:
            RepositoryFault: no file of it can be read.
        """
        paths = [Path(path) for path in self.repository.files if data_format(Path(path))]
        paths = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
        if not paths and self.repository.kind != FOLDER:
            paths = [Path(path) for path in self.repository.files if path.endswith(".zip")]
        if not paths:
            raise RepositoryFault(_no_data(self.repository))
        wanted = self.front.data_files(config)
        chosen = chosen_files(wanted, paths, Path(), self.front) if wanted else files_by_name(paths, Path())
        return {part: [path.as_posix() for path in files] for part, files in chosen.items()}


def _no_data(repository: Repository) -> str:
    scripts = [path for path in repository.files if path.endswith(".py")]
    if scripts:
        return f"it is made by a program ({scripts[0]}), and no code of a dataset is run"
    shown = ", ".join(sorted(path for path in repository.files if not path.startswith("."))[:4])
    return f"none of its files can be read without running code ({shown or 'it has none'})"


def looked_at(name: str, revision: str, scratch: Path) -> Remote:
    """A dataset's files and card at a revision.

    Raises:
        RepositoryFault: see `hub.opened`; or its card is broken.
        DataError: the Hub cannot be reached.
    """
    repository = opened(name, "dataset", revision)
    file = repository.files.get(CARD)
    if file is None:
        return Remote(repository, FrontMatter({}, "", Path(CARD)))
    if file.size > _CARD_BYTES:
        raise RepositoryFault(f"its card has {file.size:,} bytes")
    path = fetched(repository, file, scratch)
    try:
        front = read_front_matter(path)
    except DataError as error:
        raise RepositoryFault(str(error).replace(str(path), CARD)) from None
    return Remote(repository, front)


def at_hand(path: Path, name: str, digest: str) -> Remote:
    """A dataset on this machine as if it came from a Hub; `digest` is its pin.

    Raises:
        RepositoryFault: it is gone or changed, or its card is broken.
    """
    if not path.exists():
        raise RepositoryFault("its folder is gone; type: p2m catalog add FOLDER")
    if digest_tree(path) != digest:
        raise RepositoryFault("it changed under its pin; type: p2m catalog add FOLDER")
    folder = path if path.is_dir() else path.parent
    there = sorted(path.rglob("*")) if path.is_dir() else [path]
    files = {
        file.relative_to(folder).as_posix(): RemoteFile(
            file.relative_to(folder).as_posix(), file.stat().st_size, "", ""
        )
        for file in there
        if file.is_file()
    }
    try:
        front = read_front_matter(path / CARD) if CARD in files else FrontMatter({}, "", Path(CARD))
    except DataError as error:
        raise RepositoryFault(str(error).replace(f"{folder}/", "")) from None
    return Remote(Repository(name, FOLDER, digest, files), front)


def load_dataset(
    remote: Remote, target: Path, scratch: Path, *, rows: int, budget: int, seed: int,
    languages: Sequence[str], named: Sequence[str] = (),
) -> tuple[Taken, ...]:  # fmt: skip
    """Write the dataset's folder: a card and at most `rows` rows of every part to learn from.

    Raises:
        RepositoryFault, DataError: it cannot be read, with the reason.
    """
    configs = _preferred(remote.configs(), languages, named)
    taken: dict[str, Taken] = {}
    made: dict[str, dict[str, int]] = {}
    label_names: dict[str, dict[str, dict[str, str]]] = {}
    for config in configs:
        parts = {part: paths for part, paths in remote.parts(config).items() if part in LEARNT}
        if not parts:
            continue
        files = [remote.repository.files[path] for paths in parts.values() for path in paths]
        is_whole = sum(file.size for file in files) <= budget // len(configs)
        is_whole = is_whole or remote.repository.kind == FOLDER  # which costs nothing to fetch
        pieces = _pieces(remote, parts, scratch, rows, budget // len(configs), f"{seed}:{config}", is_whole)
        label_names[config] = remote.front.label_names(remote.front.info(config)) | _features(pieces)
        folder = target / _plain(config or "default")
        try:
            made[config] = sampled(pieces, folder, rows=rows, seed=f"{seed}:{remote.repository.id}:{config}")
        except DataError as error:
            raise RepositoryFault(str(error).replace(f"{scratch}/", "")) from None
        taken |= {
            file.path: _taken(file, scratch, is_whole) for file in files if (scratch / file.path).exists()
        }
    made = {config: {part: n for part, n in counts.items() if n} for config, counts in made.items()}
    if not any(made.values()):
        raise RepositoryFault("it has no rows to learn from")
    _write_card(remote, target, made, label_names)
    return tuple(sorted(taken.values(), key=lambda one: one.path))


def _preferred(configs: Sequence[str], languages: Sequence[str], named: Sequence[str]) -> list[str]:
    """Those that are named; else a few, called like most of the languages, in the card's order."""
    if wanted := [config for config in configs if config in named]:
        return wanted
    held = {config: len({*re.split(r"[-_.]", config.lower())} & {*languages}) for config in configs}
    most = max(held.values())
    return [config for config in configs if held[config] == most][:_CONFIGS]


def _pieces(
    remote: Remote,
    parts: Mapping[str, Sequence[str]],
    scratch: Path,
    rows: int,
    budget: int,
    seed: str,
    whole: bool,
) -> list[Piece]:
    repository, pieces = remote.repository, []
    for part, paths in parts.items():
        files = [repository.files[path] for path in paths]
        if not whole and not any(path.endswith(".zip") for path in paths):
            share = max(1, budget // len(parts))
            pieces += parts_of(repository, files, scratch, part, rows=rows, budget=share, seed=seed)
            continue
        for file in files:
            if not whole:
                raise RepositoryFault(f"{file.path} has {file.size:,} bytes; raise retriever.max_download")
            is_here = repository.kind == FOLDER
            path = scratch / file.path if is_here else fetched(repository, file, scratch)
            try:
                inner = unpacked(path, scratch / "unpacked") if path.suffix == ".zip" else [path]
            except DataError as error:
                raise RepositoryFault(str(error)) from None
            pieces += [Piece(str(one), part) for one in inner]
    return pieces


def _taken(file: RemoteFile, scratch: Path, is_whole: bool) -> Taken:
    if file.sha256 or not is_whole:
        return Taken(file.path, file.size, file.sha256 or f"git:{file.blob}", is_whole)
    with (scratch / file.path).open("rb") as stream:
        return Taken(file.path, file.size, hashlib.file_digest(stream, "sha256").hexdigest(), is_whole)


def _features(pieces: Sequence[Piece]) -> dict[str, dict[str, str]]:
    """Class labels that a Parquet file of the Hub carries: column -> number -> name."""
    if not pieces or data_format(Path(pieces[0].path)) != "parquet":
        return {}
    import pyarrow.parquet

    try:
        about = pyarrow.parquet.read_metadata(pieces[0].path).metadata or {}
        told = json.loads(about.get(b"huggingface", b"{}"))["info"]["features"]
        from datasets import Features  # which takes seconds, and most files need it not

        return dict(_class_labels(Features.from_dict(told), ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}  # numbers then stay numbers


def _class_labels(feature: Any, name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The class labels of a feature and of those within it, by dotted name; those of a list by the list's."""
    from datasets import ClassLabel

    if isinstance(feature, Mapping):
        for key, inner in feature.items():
            yield from _class_labels(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(feature, ClassLabel):
        yield name, {str(number): str(each) for number, each in enumerate(feature.names or ())}
    elif hasattr(feature, "feature"):
        yield from _class_labels(feature.feature, name)


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name).lstrip(".") or "default"


def _write_card(
    remote: Remote,
    target: Path,
    made: Mapping[str, Mapping[str, int]],
    label_names: Mapping[str, Mapping[str, Mapping[str, str]]],
) -> None:
    """A card as the Hub has them, with what is here alone."""
    configs: list[Any] = []
    infos: list[Any] = []
    for config, counts in made.items():
        if not counts:
            shutil.rmtree(target / _plain(config or "default"), ignore_errors=True)
            continue
        name = config or "default"
        files = [{"split": part, "path": f"{_plain(name)}/{part}.jsonl"} for part in counts]
        configs.append({"config_name": name, "data_files": files})
        features = [
            {"name": column, "dtype": {"class_label": {"names": dict(names)}}}
            for column, names in label_names[config].items()
        ]
        splits = [{"name": part, "num_examples": number} for part, number in counts.items()]
        infos.append({"config_name": name, "features": features, "splits": splits})
    card = remote.card
    front = {
        "license": card.license.split(", ") if card.license else [],
        "language": list(card.languages), "task_categories": list(card.task_ids),
        "configs": configs, "dataset_info": infos, ONE_OF_SEVERAL: len(remote.configs()) > 1,
    }  # fmt: skip
    text = yaml.safe_dump(front, allow_unicode=True, sort_keys=False)
    (target / CARD).write_text(f"---\n{text}---\n{card.description}\n", encoding="utf-8")
