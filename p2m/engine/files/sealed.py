"""Small files with their own digest in the first line, so that a torn or altered one is known as such."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from p2m.engine.hashing import digest_bytes


def seal(value: Any) -> bytes:
    """A JSON value under its seal."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")  # of names
    return digest_bytes(text).encode() + b"\n" + text


def unseal(content: bytes) -> Any:
    """What `seal` was given.

    Raises:
        ValueError: the content is not what was sealed.
    """
    head, _, text = content.partition(b"\n")
    if head.decode("ascii", "replace") != digest_bytes(text):
        raise ValueError("its seal is broken")
    return json.loads(text)


def read_sealed(path: Path) -> Any | None:
    """The value in a file; None where there is none or it is damaged."""
    try:
        return unseal(path.read_bytes())
    except (OSError, ValueError):
        return None
