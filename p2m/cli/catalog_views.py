"""What `p2m catalog` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from p2m.catalogs.entries import Entry
from p2m.cli import common
from p2m.cli.text import table
from p2m.sizes import show_size

_MANY = 20  # columns and labels that are listed


def summary_text(files: Mapping[Path, tuple[str, tuple[Entry, ...]]]) -> str:
    """Each catalogue with what is in it, by task and licence."""
    lines = []
    for path, (day, entries) in files.items():
        kinds = Counter(entry.kind for entry in entries)
        told = ", ".join(f"{number:,} {kind}s" for kind, number in kinds.items()) or "nothing"
        lines.append(f"{common.relative(path)}: {told}" + (f", as of {day[:10]}" if day else ""))
        for name, counts in (
            ("tasks", Counter(task for entry in entries for task in entry.task_ids)),
            ("languages", Counter(language for entry in entries for language in entry.languages)),
            ("licences", Counter(entry.license or "not named" for entry in entries)),
        ):
            shown = ", ".join(f"{one} {number:,}" for one, number in counts.most_common(8))
            lines.append(f"  {name}: {shown or 'none'}")
    lines.append("next: p2m catalog show ID" if lines else "no catalogue; name one with --catalog FILE")
    return "\n".join(lines)


def entry_text(entry: Entry) -> str:
    """Everything that a catalogue says of one entry."""
    size = "not known" if entry.size_bytes is None else show_size(entry.size_bytes)
    rows = [
        ("kind", entry.kind),
        ("revision", entry.revision or "not known: pinned when it is first loaded"),
        ("licence", entry.license or "not named"),
        ("gated", "yes: its owner must let you in" if entry.gated else ""),
        ("tasks", ", ".join(entry.task_ids)),
        ("languages", ", ".join(entry.languages[:_MANY])),
        ("size", size),
        ("rows", "" if entry.rows is None else f"{entry.rows:,}"),
        ("parameters", "" if entry.parameters is None else f"{entry.parameters:,}"),
        ("architecture", entry.architecture),
        ("library", entry.library),
        ("downloads", f"{entry.downloads:,}" if entry.downloads else ""),
        ("likes", f"{entry.likes:,}" if entry.likes else ""),
        ("folder", entry.folder),
        ("unverified", entry.unverified_since and f"since {entry.unverified_since}"),
    ]
    for config in entry.configs[:_MANY]:
        parts = ", ".join(f"{name} {'?' if count is None else f'{count:,}'}" for name, count in config.parts)
        columns = ", ".join(f"{name} {kind}".strip() for name, kind in config.columns[:_MANY])
        rows.append((f"config {config.name}", f"{columns} ({parts})"))
    for column, names in entry.label_names.items():
        more = ", ..." if len(names) > _MANY else ""
        rows.append((f"labels {column}", ", ".join(list(names.values())[:_MANY]) + more))
    lines = [entry.id, table([row for row in rows if row[1]], indent=2)]
    return "\n".join([*lines, *([f"  {entry.description}"] if entry.description else [])])


def pin_text(pin: Mapping[str, str]) -> str:
    """A pinned base model, as it stands in a recipe."""
    settings = "\n".join(f"      {name}: {value}" for name, value in pin.items())
    return (
        f"in a recipe, with `student: hub` among its defaults:\nstudent:\n  candidates:\n    hub:\n{settings}"
    )
