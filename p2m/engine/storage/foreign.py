"""What comes from elsewhere, held to everything that it would be had it been made here.

A digest proves only that these are the bytes that were meant; who meant them may be confused, or worse. So an
entry must have the exact form of ours, and a folder's listing may name nothing outside that folder.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace

from p2m.engine import hashing
from p2m.engine.hashing import TreeEntry, is_digest
from p2m.engine.storage.entries import FORMAT, Action, entry_bytes, parse_entry, signed_part


def checked_entry(content: bytes, key: str) -> Action:
    """An entry from elsewhere, held to everything that one made here would be.

    Raises:
        Exception: of whatever kind, where it is not such an entry.
    """
    action, content = parse_entry(content, key), signed_part(content)
    body = json.loads(content.partition(b"\n")[2])
    if body["format"] != FORMAT or set(body) != {"format", "key", "output", "seconds", "preimage"}:
        raise ValueError("its form is not that of an entry")
    if not is_digest(action.output):
        raise ValueError("its output is no digest")
    seconds = action.seconds
    if type(seconds) not in (int, float) or not math.isfinite(seconds) or seconds < 0:
        raise ValueError("its seconds are no duration")
    if entry_bytes(action) != content:
        raise ValueError("its form is not that of an entry")
    return replace(action, shared=True)


def checked_tree(content: bytes, digest: str) -> tuple[TreeEntry, ...]:
    """The entries of a folder's listing from elsewhere.

    Raises:
        Exception: it is not canonical, or names a place outside the folder, or one place twice.
    """
    if hashing.digest_bytes(content) != digest:
        raise ValueError("its content does not match its name")
    entries = hashing.parse_tree(content)
    if hashing.tree_object(entries) != content:
        raise ValueError("its form is not that of a folder")
    files, empty, parents = set[str](), set[str](), set[str]()
    for entry in entries:
        folder = entry.name.endswith("/")
        parts = entry.name.removesuffix("/").split("/")
        if folder != (not entry.digest) or (folder and entry.size) or entry.size < 0:
            raise ValueError(f"it lists {entry.name[:80]!r} as neither file nor folder")
        if entry.digest and not is_digest(entry.digest):
            raise ValueError(f"it lists {entry.name[:80]!r} without a digest")
        path = "/".join(parts)
        if path in files or path in empty:
            raise ValueError(f"it names {entry.name[:80]!r} twice")
        (empty if folder else files).add(path)
        parents.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    if files & empty or (files | empty) & parents:
        raise ValueError("it names something that is a folder with content too")
    return entries
