"""What every backend of an extra says of its package."""

from __future__ import annotations

from importlib.util import find_spec


def missing(package: str, extra: str) -> str | None:
    """The extra, where its package is not installed; None where it is."""
    return None if find_spec(package) else extra
