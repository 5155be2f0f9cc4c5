"""JSON Schema of a recipe as users write it, for editors."""

from __future__ import annotations

from typing import Any


def json_schema() -> dict[str, Any]:
    return {}
