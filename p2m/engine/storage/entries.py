"""The entry of a key: what it gave and what the key was made of, sealed, as it lies in every store.

The first line is the digest of the rest, so a torn or altered entry is known as such; the preimage gives the
key again, so an entry of another key is too. In a shared store lines with signatures may follow (`signing`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p2m.engine import hashing

FORMAT = 1  # of the store's layout
KEY_TAG = "p2m.step.v1"
SIGNATURE = b"signature "  # begins the lines that may follow


@dataclass(frozen=True, slots=True)
class Action:
    """The entry of a key: what it gave, what the key was made of, and how long it took."""

    key: str
    output: str  # digest of the artifact's folder
    preimage: Mapping[str, Any]  # a plain tree; its digest is the key
    seconds: float
    shared: bool = False  # it came, or would come, from the shared store; never written down


def entry_bytes(action: Action) -> bytes:
    """An entry as it is stored."""
    body = {
        "format": FORMAT,
        "key": action.key,
        "output": action.output,
        "seconds": round(action.seconds, 3),
        "preimage": action.preimage,
    }
    text = json.dumps(body, indent=1, sort_keys=True) + "\n"
    return f"{hashing.digest_bytes(text.encode())}\n{text}".encode()


def parse_entry(content: bytes, key: str) -> Action:
    """What `entry_bytes` wrote for `key`.

    Raises:
        ValueError, KeyError, TypeError: these bytes are no entry, or that of another key.
    """
    seal, _, text = signed_part(content).partition(b"\n")
    if seal.decode("ascii", "replace") != hashing.digest_bytes(text):
        raise ValueError("its seal is broken")
    body = json.loads(text)
    if body["key"] != key or hashing.digest_tree_of_plain(body["preimage"], tag=KEY_TAG) != key:
        raise ValueError("its preimage does not give its key")
    return Action(key, body["output"], body["preimage"], body["seconds"])


def signed_part(content: bytes) -> bytes:
    """An entry without the lines that may follow it; no line of its own begins as they do."""
    end = content.find(b"\n" + SIGNATURE)
    return content if end < 0 else content[: end + 1]
