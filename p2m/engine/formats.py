"""An artifact on disk: a folder that a person can read.

`value.json` holds the plain fields, `<field>.jsonl` the rows of a field that is a tuple of dataclasses, and a
field of type `Path` is the file or folder `<field>`. What comes back equals what was saved, but for its
paths, which point into the folder loaded; rows that are many stay in their file (`rows`).
pydantic is imported on first use: planning needs none of it.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import types
import typing
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from p2m.engine import rows
from p2m.engine.hashing import qualified_name
from p2m.engine.rows import FormatError, adapter, dump, encoded

__all__ = ["FormatError", "load", "save"]

VALUE = "value.json"
FORMAT = 1
T = TypeVar("T")


class _Field(NamedTuple):
    name: str
    hint: Any
    role: Literal["plain", "rows", "path"]
    optional: bool  # a path that may be None


def save(value: Any, folder: Path) -> None:
    """Write `value`, a dataclass, into the empty or new folder `folder`.

    Raises:
        FormatError: a field that does not hold what its annotation says, or a path that is not there.
        TypeError: a type that cannot be an artifact.
    """
    fields = _fields(type(value))
    folder.mkdir(parents=True, exist_ok=True)
    plain: dict[str, Any] = {}
    for field in fields:
        content = getattr(value, field.name)
        where = f"{type(value).__name__}.{field.name}"
        if field.role == "rows":
            if not isinstance(content, tuple | rows.Rows):
                raise FormatError(
                    f"{where} does not hold what its type says ({field.hint}): {content!r:.200}"
                )
            with open(folder / f"{field.name}.jsonl", "wb") as stream:
                rows.write(stream, typing.get_args(field.hint)[0], content, where)
        elif field.role == "path" and content is not None:
            _copy(content, folder / field.name, where)
            plain[field.name] = field.name
        else:
            plain[field.name] = None if content is None else dump(field.hint, content, where)
    document = {"type": qualified_name(type(value)), "format": FORMAT, "fields": plain}
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    (folder / VALUE).write_bytes(encoded(text, type(value).__name__))


def load(type: type[T], folder: Path) -> T:
    """The value that was saved in `folder`.

    Raises:
        FormatError: the folder does not hold such a value.
        OSError: it could not be read.
    """
    try:
        return _load(type, folder)
    except (FileNotFoundError, KeyError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{folder} does not hold a {type.__name__}: {error}") from error


def _load(kind: type[T], folder: Path) -> T:
    document = json.loads((folder / VALUE).read_bytes())
    if document["type"] != qualified_name(kind) or document["format"] != FORMAT:
        found = f"{document['type']} of format {document['format']}"
        raise FormatError(f"{folder} holds a {found}, not a {qualified_name(kind)} of format {FORMAT}")
    values: dict[str, Any] = {}
    for field in _fields(kind):
        if field.role == "rows":
            values[field.name] = rows.opened(folder / f"{field.name}.jsonl", typing.get_args(field.hint)[0])
        elif field.role == "path":
            stored = document["fields"][field.name]
            values[field.name] = None if stored is None else folder / field.name
        else:
            values[field.name] = adapter(field.hint).validate_python(document["fields"][field.name])
    return kind(**values)


# --------------------------------------------------------------------------- what a type's fields are


def _fields(kind: type) -> tuple[_Field, ...]:
    return _read_fields(kind)  # type: ignore[arg-type]  # a class is hashable, which mypy denies


@cache
def _read_fields(kind: Any) -> tuple[_Field, ...]:
    if not dataclasses.is_dataclass(kind):
        raise TypeError(f"{qualified_name(kind)} is no dataclass, so it cannot be an artifact")
    hints = typing.get_type_hints(kind)
    return tuple(
        _field(kind, field.name, hints[field.name]) for field in dataclasses.fields(kind) if field.init
    )


def _field(kind: Any, name: str, hint: Any) -> _Field:
    members = _members(hint)
    if Path in members:
        if set(members) - {Path, types.NoneType}:
            raise TypeError(f"{kind.__name__}.{name}: a path may be Path or Path | None, not {hint}")
        return _Field(name, hint, "path", types.NoneType in members)
    if _holds_path(hint, frozenset()):
        raise TypeError(f"{kind.__name__}.{name}: only a field of the artifact itself may be a Path")
    arguments = typing.get_args(hint)
    rows = typing.get_origin(hint) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis
    return _Field(name, hint, "rows" if rows and dataclasses.is_dataclass(arguments[0]) else "plain", False)


def _members(hint: Any) -> tuple[Any, ...]:
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if union else (hint,)


def _holds_path(hint: Any, seen: frozenset[Any]) -> bool:
    if isinstance(hint, type) and issubclass(hint, Path):
        return True
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint not in seen:
        inner = typing.get_type_hints(hint)
        return any(_holds_path(inner[field.name], seen | {hint}) for field in dataclasses.fields(hint))
    return any(_holds_path(argument, seen) for argument in typing.get_args(hint))


# --------------------------------------------------------------------------- files


def _copy(source: Path, target: Path, where: str) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.is_file():
        shutil.copyfile(source, target)
    else:
        raise FormatError(f"{where} is {source}, where there is neither a file nor a folder")
