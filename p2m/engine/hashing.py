"""Every digest of p2m, in one file: typed, canonical, tagged, and held by golden vectors in the tests.

A value is first written as a plain tree (`plain`), which is also what action entries keep on disk, and the
tree is then encoded with tags and lengths: 1, 1.0, "1", True and None differ; so do {a: bc} and {ab: c}.
Changing any encoding here changes every key: raise the tag's version when that is meant.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

VALUE_TAG = "p2m.value.v1"
TREE_TAG = "p2m.tree.v1"
_SEQUENCES = (tuple, list)


def digest(value: object, *, tag: str = VALUE_TAG) -> str:
    """The sha256, in hex, of plain data; a tuple and a list of the same items are the same sequence.

    Raises:
        TypeError: something inside is not plain data; the message names the path to it.
    """
    return digest_tree_of_plain(plain(value), tag=tag)


def digest_tree_of_plain(tree: object, *, tag: str = VALUE_TAG) -> str:
    """The digest of what `plain` returned, for instance after it came back from a JSON file."""
    parts: list[bytes] = [_text(tag)]
    _encode(tree, parts)
    return hashlib.sha256(b"".join(parts)).hexdigest()


def is_digest(text: object) -> bool:
    """Whether this is 64 letters of hexadecimal, as every key and digest is, and so safe as a name."""
    return isinstance(text, str) and len(text) == 64 and not text.strip("0123456789abcdef")


def digest_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def new_hash() -> hashlib._Hash:
    """What `digest_bytes` is made of, for content that comes in pieces."""
    return hashlib.sha256()


def digest_file(path: Path) -> str:
    """The sha256 of a file's content, read in pieces."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_tree(path: Path) -> str:
    """The digest of a file's content, or of a folder as `tree_object` writes it, whatever mode and times."""
    if path.is_dir():
        return digest_bytes(tree_object(tree_entries(path)))
    return digest_file(path)


# --------------------------------------------------------------------------- plain data


def plain(value: object) -> Any:
    """`value` as a JSON tree that no other value shares (tuples as lists).

    Dataclasses become {"$type": qualified name, field: ...}, without fields that are `unkeyed`; enum members
    {"$enum": qualified name, "name": ...}; a key that begins with "$" gets another one, so that no dict can
    pass for these.
    """
    return _plain(value, "value")


def qualified_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def is_frozen_dataclass(value: object) -> bool:
    """Whether `value` is an instance of a frozen dataclass."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def keyed_fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a dataclass that can change a result: all but those that `p2m.types.unkeyed` made."""
    return tuple(one for one in dataclasses.fields(kind) if one.metadata.get("keyed", True))


def _plain(value: object, path: str) -> Any:
    if value is None or type(value) in (bool, int):
        return value
    if type(value) is str:
        return _checked_text(value, path)
    if type(value) is float:
        return _plain_float(value, path)
    if isinstance(value, Enum):
        return {"$enum": qualified_name(type(value)), "name": value.name}
    if type(value) is bytes:
        return {"$bytes": value.hex()}
    if type(value) in _SEQUENCES:
        return [_plain(item, f"{path}[{index}]") for index, item in enumerate(value)]  # type: ignore[var-annotated,arg-type]
    if type(value) is dict:
        return _plain_dict(value, path)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_dataclass(value, path)
    raise TypeError(f"{path} is a {qualified_name(type(value))}, which is not plain data{_hint(value)}")


def _plain_float(value: float, path: str) -> Any:
    if math.isnan(value):
        raise TypeError(f"{path} is not a number (NaN), which equals nothing and so cannot enter a key")
    return {"$float": "inf" if value > 0 else "-inf"} if math.isinf(value) else value


def _plain_dict(value: dict[Any, Any], path: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, item in value.items():
        if type(key) is not str:
            raise TypeError(
                f"{path} has the key {key!r} of type {type(key).__name__}; only text keys are plain data"
            )
        name = _checked_text(key, f"a key of {path}")
        tree["$" + name if name.startswith("$") else name] = _plain(item, f"{path}[{key!r}]")
    return tree


def _plain_dataclass(value: Any, path: str) -> dict[str, Any]:
    if not is_frozen_dataclass(value):
        raise TypeError(f"{path} is a {qualified_name(type(value))}, a dataclass that is not frozen")
    tree: dict[str, Any] = {"$type": qualified_name(type(value))}
    for field in keyed_fields(type(value)):
        tree[field.name] = _plain(getattr(value, field.name), f"{path}.{field.name}")
    return tree


def _checked_text(value: str, path: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TypeError(f"{path} is not text: it holds half of a surrogate pair at {error.start}") from None
    return value


def _hint(value: object) -> str:
    if isinstance(value, PurePath):
        return "; a path would put a place into the key: make it a source of the plan"
    if isinstance(value, (set, frozenset)):
        return "; sort it into a tuple"
    if callable(value):
        return "; make it a component, a frozen dataclass with methods"
    return (
        "; use None, bool, int, float, str, enums, tuples, text-keyed dicts and frozen dataclasses of these"
    )


# --------------------------------------------------------------------------- canonical encoding


def _encode(tree: object, parts: list[bytes]) -> None:
    if tree is None:
        parts.append(b"n;")
    elif type(tree) is bool:
        parts.append(b"b1;" if tree else b"b0;")
    elif type(tree) is int:
        parts.append(b"i%s;" % _integer(tree))
    elif type(tree) is float:
        parts.append(b"f%s;" % tree.hex().encode())
    elif type(tree) is str:
        parts.append(_text(tree))
    elif type(tree) is list:
        parts.append(b"l%d:" % len(tree))
        for item in tree:
            _encode(item, parts)
    elif type(tree) is dict:
        parts.append(b"d%d:" % len(tree))
        for key in sorted(tree, key=str.encode):
            parts.append(_text(key))
            _encode(tree[key], parts)
    else:
        raise TypeError(f"not a plain tree: {type(tree).__name__}")


def _integer(value: int) -> bytes:
    # hexadecimal: decimal conversion of very large integers is refused by Python
    return b"%x" % value if value >= 0 else b"-%x" % -value


def _text(value: str) -> bytes:
    content = value.encode("utf-8")
    return b"s%d:%s" % (len(content), content)


# --------------------------------------------------------------------------- folders


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file of a folder, or an empty folder in it (name ends with "/", digest "")."""

    name: str  # relative, posix
    digest: str
    size: int  # bytes


def tree_entries(folder: Path) -> tuple[TreeEntry, ...]:
    """Every file below `folder`, hashed, in canonical order.

    Raises:
        ValueError: a link, a socket or another thing that is neither file nor folder.
    """
    found = []
    for name, path, stat in walk(folder):
        if stat is None:
            found.append(TreeEntry(name, "", 0))
        else:
            found.append(TreeEntry(name, digest_file(path), stat.st_size))
    return tuple(sorted(found, key=lambda entry: os.fsencode(entry.name)))


def tree_object(entries: tuple[TreeEntry, ...]) -> bytes:
    """The canonical bytes of a folder; their sha256 is the folder's digest."""
    lines = [TREE_TAG]
    for entry in sorted(entries, key=lambda entry: os.fsencode(entry.name)):
        lines.append(f"{entry.digest or '-'} {entry.size} {json.dumps(entry.name)}")
    return ("\n".join(lines) + "\n").encode("ascii")


def parse_tree(content: bytes) -> tuple[TreeEntry, ...]:
    """The entries of a tree object.

    Raises:
        ValueError: these bytes are no tree object, or name a place outside the folder.
    """
    lines = content.decode("ascii").splitlines()
    if not lines or lines[0] != TREE_TAG:
        raise ValueError("not a tree object")
    entries = []
    for line in lines[1:]:
        value, size, name = line.split(" ", 2)
        entries.append(TreeEntry(_inside(name), "" if value == "-" else value, int(size)))
    return tuple(entries)


def _inside(text: str) -> str:
    """The name that is written so, if it stays below the folder: any file may pass for a listing."""
    try:
        name = json.loads(text)
    except RecursionError:
        name = None
    if not isinstance(name, str):
        raise ValueError("it names something that is no text")
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"it names {name[:80]!r}")
    return name


def walk(folder: Path, prefix: str = "") -> Iterator[tuple[str, Path, os.stat_result | None]]:
    """Files with their relative names and stats, and empty folders with a trailing slash and no stats.

    Raises:
        ValueError: a link, a socket or another thing that is neither file nor folder.
    """
    empty = True
    with os.scandir(folder) as listing:
        entries = list(listing)
    for entry in entries:
        empty = False
        name = prefix + entry.name
        if entry.is_symlink():
            raise ValueError(f"{entry.path} is a link; put the file itself there")
        if entry.is_dir():
            yield from walk(Path(entry.path), name + "/")
        elif entry.is_file():
            yield name, Path(entry.path), entry.stat(follow_symlinks=False)
        else:
            raise ValueError(f"{entry.path} is neither a file nor a folder")
    if empty and prefix:
        yield prefix, folder, None
