"""How what others wrote stands in a prompt: as JSON, between two marks that no text in it can write."""

from __future__ import annotations

import json
import re
from typing import Any

OPEN, CLOSE = "<data>", "</data>"
_MARK = re.compile(r"<(?=\s*/?\s*data)", re.IGNORECASE)


def fenced(value: Any) -> str:
    """`value`, plain data, as a line of JSON between the marks."""
    return f"{OPEN}\n{_MARK.sub(_escaped, json.dumps(value, ensure_ascii=False))}\n{CLOSE}"


def _escaped(mark: re.Match[str]) -> str:
    return "\\u003c"  # JSON's own spelling of "<"
