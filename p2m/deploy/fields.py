"""What a verdict says of the fields of records, of which the mean over all fields hides a useless one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from p2m.deploy.serving.shapes import record_in
from p2m.types import Evaluated, Task

_MOSTLY = 0.5  # share of rows in which a number is right to the digit, from which it is no estimate


def field_doubts(task: Task, evaluated: Evaluated) -> list[str]:
    """Fields that are told no better than by one value for all rows, and numbers that are estimates."""
    pairs = [(record_in(row.output) or {}, record_in(row.predicted) or {}) for row in evaluated.rows]
    found = []
    for name, kind in ((each.name, each.kind) for each in task.record):
        values = [(right[name], said.get(name)) for right, said in pairs if right.get(name) is not None]
        if not values:
            continue
        exact = sum(one == other for one, other in values) / len(values)
        if kind == "number" and exact < _MOSTLY:
            found.append(_estimate(name, values, exact))
            continue
        value, rows = Counter(json.dumps(right, ensure_ascii=False) for right, _ in values).most_common(1)[0]
        if exact <= rows / len(values) < 1:
            found.append(f"{name} is right in {exact:.2f} of rows, no more often than always {value}")
    return found


def _estimate(name: str, values: Sequence[tuple[Any, Any]], exact: float) -> str:
    numbers = [(one, other) for one, other in values if _is_number(one) and _is_number(other)]
    rights = [one for one, _ in values if _is_number(one)]
    line = f"{name} is an estimate, right to the digit in {exact:.2f} of rows"
    if not numbers:
        return line
    off = fmean(abs(one - other) for one, other in numbers)
    middle = median(rights)
    flat = fmean(abs(one - middle) for one in rights)
    told = f"; off by {off:.3g} on average"
    missing = f" of the {len(numbers)} rows that have it" if len(numbers) < len(values) else ""
    return f"{line}{told}{missing}, {'' if off < flat else 'no better than '}always the median by {flat:.3g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
