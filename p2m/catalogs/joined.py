"""Several columns as one text, by a template: `{subject}: {body}`.

A template may name columns and nothing else: no expression, no attribute, no format. What a dataset's column
is called outranks it, whatever braces the name holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from p2m.catalogs.columns import Column, flatten, text_of

_NAMED = re.compile(r"\{([^{}\n]+)\}")
V = TypeVar("V")


def columns_of(written: str) -> tuple[str, ...]:
    """The columns that a template names, in order; of a plain name, itself."""
    return tuple(dict.fromkeys(_NAMED.findall(written))) or (written,)


def of_dataset(name: str, written: Mapping[str, V]) -> tuple[str, V] | None:
    """What is written for a dataset, and under which name: its own, else that of what it is a configuration
    of (`glue` for `glue/sst2`)."""
    while name:
        if name in written:
            return name, written[name]
        name = name.rpartition("/")[0]
    return None


def is_mapped(name: str, written: Iterable[str]) -> bool:
    """Whether a dataset, what it is a configuration of, or a configuration of it stands there."""
    return any(f"{name}/".startswith(f"{each}/") or each.startswith(f"{name}/") for each in written)


def with_joined(values: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """A row's values by dotted names, with those of the templates among a mapping's columns."""
    flat = dict(flatten(values))
    for written in mapping.values():
        if written not in flat and _NAMED.search(written):
            flat[written] = _filled(written, {name: text_of(flat, name) for name in columns_of(written)})
    return flat


def joined_column(written: str, columns: Sequence[Column]) -> Column:
    """What a template's column holds, by the sampled values of those that it names."""
    parts = [column for column in columns if column.name in columns_of(written)]
    samples = tuple(
        _filled(written, dict(zip((part.name for part in parts), texts, strict=True)))
        for texts in zip(*(part.samples for part in parts), strict=True)
    )
    return Column(
        written,
        "text",
        max(part.rows for part in parts),
        max(part.filled for part in parts),
        words=sum(part.words for part in parts),
        samples=samples,
    )


def _filled(written: str, texts: Mapping[str, str]) -> str:
    """The template's text; "" where none of its columns has any."""
    return _NAMED.sub(lambda found: texts[found[1]], written).strip() if any(texts.values()) else ""
