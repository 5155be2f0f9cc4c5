"""draw: which of the user's own inputs are answered next."""

from __future__ import annotations

import hashlib
import json

from p2m.engine.stage import stage
from p2m.types import Count, Inputs, Needs, Task, Unanswered


@stage(version="1", kind="pure")
def draw(task: Task, pool: Inputs, needs: Needs | None, *earlier: Inputs, number: int, seed: int) -> Inputs:
    """At most `number` inputs of the pool that no earlier draw has: the most telling first, else by `seed`.

    By seed, each input has a place of its own, so a larger number, or a larger pool, only adds.
    """
    taken = {_said(row.input) for each in earlier for row in each.rows}
    ranked = [pool.rows[place] for place in needs.ranked] if needs and needs.ranked else []
    rest = sorted(pool.rows, key=lambda row: hashlib.sha256(f"{seed}:{_said(row.input)}".encode()).digest())
    found: list[Unanswered] = []
    for row in (*ranked, *rest):
        if len(found) < number and (said := _said(row.input)) not in taken:
            taken.add(said)
            found.append(row)
    return Inputs(tuple(found), (Count(f"drawn of {len(pool.rows)} of your own inputs", len(found)),))


def _said(values: dict[str, str]) -> str:
    return json.dumps(values, sort_keys=True)  # ASCII, so lone surrogates are no harm
