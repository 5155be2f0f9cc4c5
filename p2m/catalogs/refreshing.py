"""The catalogue of a whole Hub, from the pages of its listing: what changed since the last time alone.

The listing is asked for newest first, so a refresh ends where it meets what is known. Each page is kept as it
comes, with the address of the next, so that a refresh that was interrupted goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from p2m.catalogs.cards import normal_part
from p2m.catalogs.entries import Config, Entry
from p2m.catalogs.files import dated, read_catalog, write_catalog
from p2m.catalogs.front_matter import FrontMatter, normal_license, texts
from p2m.catalogs.hub import listed
from p2m.errors import DataError

_EXPAND = {  # what the listing is asked for
    kind: (*special.split(), *["cardData", "downloads", "gated", "lastModified", "likes", "sha", "tags"])
    for kind, special in (
        ("dataset", "description mainSize"),
        ("model", "config library_name pipeline_tag safetensors"),
    )
}
_WORDS = 120  # of a description that are kept
_COLUMNS = 60  # of a configuration
_CONFIGS = 40


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did."""

    entries: int  # in the catalogue now
    read: int  # entries that the Hub was asked for
    changed: int  # of these, new ones or with another commit
    pages: int


def refresh(
    path: Path, kind: str, *, filters: tuple[str, ...] = (), most: int | None = None,
    progress: Callable[[int], None] = lambda _number: None,
) -> Refreshed:  # fmt: skip
    """Bring a catalogue file up to date; it is made where there is none.

    Where the last refresh had other filters, or was cut off by `most`, all is read again. What left the Hub
    stays until something asks for it. Counts of downloads and likes are those of the day on
    which the dataset was last read.

    Raises:
        DataError: the Hub cannot be reached, or limits requests for long; the same call goes on from there.
    """
    known = {entry.id: entry for entry in read_catalog(path)} if path.is_file() else {}
    day, _, of = (dated(path) if path.is_file() else "").partition(" ")
    mark = day if of == " ".join(filters) else ""  # of other filters nothing is known
    kept = path.with_name(f".{path.name}.part")
    about = {"kind": kind, "filters": list(filters), "mark": mark}
    found, following = _kept(kept, about)
    read, pages, is_new = len(found), 0, not found
    newest = max((one["modified"] for one in found), default="")
    with kept.open("w" if is_new else "a", encoding="utf-8") as stream:
        if is_new:
            stream.write(json.dumps(about) + "\n")
        for page, after in listed(kind, _EXPAND[kind], filters, following):
            pages += 1
            fresh = [one for one in page if str(one.get("lastModified", "")) >= mark]
            rows = [
                {"modified": str(one.get("lastModified", "")), "entry": asdict(entry_of(one, kind))}
                for one in fresh
            ]
            newest = max(newest, *(str(row["modified"]) for row in rows), "")
            ends = len(fresh) < len(page) or not after or (most is not None and read + len(fresh) >= most)
            stream.writelines(json.dumps(row) + "\n" for row in rows)
            stream.write(json.dumps({"next": "" if ends else after}) + "\n")
            stream.flush()
            found += rows
            read += len(rows)
            progress(read)
            if ends:
                break
    fresh_entries = [_entry(row["entry"]) for row in found[: most or len(found)]]
    changed = sum(
        entry.id not in known or known[entry.id].revision != entry.revision for entry in fresh_entries
    )
    known |= {entry.id: entry for entry in fresh_entries}
    is_cut = most is not None and read >= most  # what is older was not asked for
    write_catalog(known.values(), path, day="" if is_cut else " ".join([newest or mark, *filters]))
    kept.unlink()
    return Refreshed(len(known), read, changed, pages)


def _kept(path: Path, about: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The entries of whole pages that an interrupted refresh left, and the address of the next page."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return [], ""
    if not lines or lines[0] != about:
        return [], ""
    ends = [number for number, line in enumerate(lines) if "next" in line]
    if not ends or not lines[ends[-1]]["next"]:
        return [], ""
    rows = [line for line in lines[1 : ends[-1]] if "entry" in line]
    whole = "".join(json.dumps(line) + "\n" for line in lines[: ends[-1] + 1])
    path.write_text(whole, encoding="utf-8")
    return rows, str(lines[ends[-1]]["next"])


def _entry(values: Mapping[str, Any]) -> Entry:
    """What JSON made of an entry's tuples, undone."""
    configs = tuple(
        Config(
            one["name"],
            tuple((name, kind) for name, kind in one["columns"]),
            tuple((name, rows) for name, rows in one["parts"]),
        )
        for one in values["configs"]
    )
    lists = {name: tuple(values[name]) for name in ("task_ids", "languages")}
    return Entry(**{**values, "configs": configs, **lists})


def entry_of(item: Mapping[str, Any], kind: str) -> Entry:
    """An entry of what the Hub's API says of a dataset or model.

    Raises:
        DataError: it has no name.
    """
    if not isinstance(item.get("id"), str):
        raise DataError(f"the Hub listed a {kind} without a name: {str(item)[:80]}")
    card = item.get("cardData")
    front = FrontMatter(card if isinstance(card, dict) else {}, "", Path())
    tags = [tag for tag in item.get("tags") or () if isinstance(tag, str)]
    tagged = _tagged(tags)
    description = " ".join([*texts(front.fields.get("pretty_name")), str(item.get("description") or "")])
    configs = tuple(_configs(front)) if kind == "dataset" else ()
    counts = [rows for config in configs for _, rows in config.parts]
    licenses = front.license() or ", ".join(normal_license(one) for one in tagged.get("license", ()))
    weights, config = item.get("safetensors"), item.get("config")
    architectures = config.get("architectures") if isinstance(config, dict) else None
    return Entry(
        id=item["id"], kind=kind, revision=str(item.get("sha") or ""),
        task_ids=tuple(dict.fromkeys([
            *texts(item.get("pipeline_tag")), *front.tasks(),
            *tagged.get("task_categories", ()), *tagged.get("task_ids", ()),
        ])),
        languages=front.languages() or tuple(tagged.get("language", ())),
        license=licenses,
        gated=bool(item.get("gated")) or bool(item.get("private")),
        size_bytes=_number(item.get("mainSize")),
        rows=sum(rows or 0 for rows in counts) if counts and None not in counts else None,
        configs=configs,
        label_names={
            column: names
            for info in _infos(front)[:_CONFIGS]
            for column, names in front.label_names(info).items() if len(names) <= 1000
        },
        downloads=_number(item.get("downloads")) or 0, likes=_number(item.get("likes")) or 0,
        description=" ".join(description.split()[:_WORDS]),
        parameters=_number(weights.get("total")) if isinstance(weights, dict) else None,
        architecture=", ".join(texts(architectures)), library=str(item.get("library_name") or ""),
    )  # fmt: skip


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _tagged(tags: list[str]) -> dict[str, list[str]]:
    """`license:mit` as license -> mit."""
    found: dict[str, list[str]] = {}
    for tag in tags:
        name, colon, value = tag.partition(":")
        if colon and value:
            found.setdefault(name, []).append(value)
    return found


def _infos(front: FrontMatter) -> list[Mapping[str, Any]]:
    found = front.fields.get("dataset_info")
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _configs(front: FrontMatter) -> Iterator[Config]:
    for info in _infos(front)[:_CONFIGS]:
        splits = info.get("splits")
        parts = [one for one in (splits if isinstance(splits, list) else ()) if isinstance(one, dict)]
        yield Config(
            str(info.get("config_name", "default")),
            tuple(list(_columns(info.get("features"), ""))[:_COLUMNS]),
            tuple(
                (normal_part(str(one.get("name"))), front.rows(info, str(one.get("name")))) for one in parts
            ),
        )


def _columns(features: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """Columns by dotted name, as `observe` names those of rows, from the Hub's way to write features."""
    for one in features if isinstance(features, list) else ():
        if not isinstance(one, dict) or "name" not in one:
            continue
        name = f"{prefix}{one['name']}"
        inner = next((one[key] for key in ("struct", "list", "sequence") if key in one), None)
        if isinstance(inner, dict):
            inner = inner.get("struct", inner.get("dtype"))
        if isinstance(inner, list) and prefix.count(".") < 2:
            yield from _columns(inner, f"{name}.")
        elif inner is not None:
            yield name, f"list<{inner if isinstance(inner, str) else 'item'}>"
        else:
            kind = one.get("dtype")
            yield name, kind if isinstance(kind, str) else "ClassLabel" if isinstance(kind, dict) else "other"
