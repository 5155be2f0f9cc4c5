"""What a bundle answered to the rows that judged it, each row known by a digest: a later build holds its
model against that, without asking again, and knows which rows this bundle has not learnt from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from p2m.types import Judged

NAME = "answers.jsonl"  # in a bundle


def row_name(values: Mapping[str, str]) -> str:
    """16 hexadecimal digits that stand for an input."""
    plain = json.dumps(dict(sorted(values.items())), ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def as_lines(rows: Iterable[Judged]) -> str:
    """One a row, in the order of the rows."""
    told = ({"row": row_name(row.input), "output": row.predicted} for row in rows)
    return "".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in told)


def read_answers(path: Path) -> dict[str, str]:
    """Row -> answer.

    Raises:
        ValueError, KeyError, OSError: it is no such file.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    return {str(row["row"]): str(row["output"]) for row in rows}
