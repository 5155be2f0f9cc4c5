"""What a catalogue knows of a dataset or a model: the one schema, and the card that retrievers rank."""

from __future__ import annotations

from dataclasses import dataclass, field

from p2m.types import Card, Part

KINDS = ("dataset", "model")


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration of a dataset: its columns by dotted name with types, its parts with their rows."""

    name: str
    columns: tuple[tuple[str, str], ...] = ()
    parts: tuple[tuple[str, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A dataset or model of a catalogue, before anything of it is downloaded."""

    id: str  # `PolyAI/banking77`; of a folder of datasets the dataset's name there
    kind: str = "dataset"  # or "model"
    revision: str = ""  # commit, "" where it is not known
    task_ids: tuple[str, ...] = ()  # the Hub's task categories, task ids and pipeline tag
    languages: tuple[str, ...] = ()
    license: str = ""  # SPDX-like, lower case; "" where its card is silent
    gated: bool = False
    size_bytes: int | None = None  # what would be downloaded
    rows: int | None = None
    configs: tuple[Config, ...] = ()
    label_names: dict[str, dict[str, str]] = field(default_factory=dict)  # column -> number -> what it means
    downloads: int = 0
    likes: int = 0
    description: str = ""
    parameters: int | None = None  # of a model, as are the two that follow
    architecture: str = ""
    library: str = ""
    unverified_since: str = ""  # ISO date; "" of what was read from the source itself
    folder: str = ""  # of a folder of datasets: relative to its root


def card_of(entry: Entry) -> Card:
    """What retrievers rank: the columns and parts of all configurations, each name once."""
    columns = dict.fromkeys(name for config in entry.configs for name, _ in config.columns)
    rows: dict[str, int | None] = {}
    for config in entry.configs:
        for part, number in config.parts:
            rows[part] = None if number is None else (rows.get(part, 0) or 0) + number
    return Card(
        name=entry.id,
        description=entry.description,
        task_ids=entry.task_ids,
        languages=entry.languages,
        license=entry.license,
        columns=tuple(columns),
        parts=tuple(Part(part, (), number) for part, number in rows.items()),
        size_bytes=entry.size_bytes,
        folder=entry.folder,
        label_names=entry.label_names,
        kind=entry.kind,
        gated=entry.gated,
        rows=entry.rows,
        downloads=entry.downloads,
        likes=entry.likes,
        revision=entry.revision,
        parameters=entry.parameters,
        architecture=entry.architecture,
        library=entry.library,
    )
