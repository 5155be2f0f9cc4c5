"""account: what teachers were asked, what became of it, what it cost, and when the model has paid for it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from p2m.engine.stage import stage
from p2m.sizes import on_a_line
from p2m.stages.rejects import counted
from p2m.types import (
    Account,
    Attributes,
    Count,
    Evaluated,
    Examined,
    Example,
    Examples,
    Imagined,
    Inputs,
    Measured,
    Spent,
)


@stage(version="1", kind="pure")
def account(
    curated: Examples,
    evaluated: Evaluated,
    measured: Measured,
    generated: Examples | None,
    attributes: Attributes | None,
    examined: Examined | None,
    judged: Examined | None,
    retrieved: Examples | None,
    imagined: Imagined | None,
    rewritten: Examples | None,
    *inputs: Inputs,
) -> Account:
    """`generated` are the rows that teachers answered, `inputs` what they were answers to; a teacher was
    `examined` before it was paid for them, and `judged` has its answers to the rows that judge the
    model; of `retrieved` rows it may have been asked for the columns, `imagined` datasets to look for, and
    `rewritten` rows one by one.

    Each artifact tells what its own step spent. A row is priced and timed by the rows that the teacher was
    examined on, each asked for once; without any by the requests that made the training rows.
    """
    parts = [
        part.spent
        for part in (
            attributes,
            examined,
            generated,
            judged,
            evaluated,
            retrieved,
            imagined,
            rewritten,
            *inputs,
        )
        if part is not None
    ]
    spent = sum((part for part in parts if part is not None), Spent())
    per_request, latency = _one_answer(judged or examined, generated)
    break_even, note = _earned(spent, per_request)
    return Account(
        spent=spent,
        funnel=tuple(_funnel(generated, inputs, curated)),
        votes=_agreement(generated.rows if generated else ()),
        per_request=per_request,
        latency=latency,
        student_latency=measured.latency_p50,
        break_even=break_even,
        note=note,
    )


def _one_answer(examined: Examined | None, generated: Examples | None) -> tuple[float | None, float]:
    """USD (None: not known) and seconds (0: not timed) of one answer."""
    cost = examined.cost if examined else None
    latency = examined.latency if examined else 0.0
    spent = generated.spent if generated else None
    if spent is not None and spent.requests:
        if cost is None and spent.cost is not None:
            cost = spent.cost / spent.requests
        latency = latency or spent.seconds / spent.requests
    return cost, latency


def _earned(spent: Spent, per_request: float | None) -> tuple[int | None, str]:
    """Requests to the model, which costs next to nothing, that would have cost the teacher as much; or why
    that is not known.
    """
    if spent.cost is None or per_request is None:
        return None, "the teacher's price is not known: give it as teacher.price"
    if per_request <= 0:
        return None, "the teacher takes no money for a request"
    return math.ceil(spent.cost / per_request), ""


def _funnel(generated: Examples | None, inputs: Sequence[Inputs], curated: Examples) -> Iterable[Count]:
    """From the inputs to the rows that were kept, each loss with one of what was lost."""
    rows = [row for part in inputs for row in part.rows]
    yours = [row for row in rows if row.source == "user"]
    invented = [row for row in rows if row.source != "user"]
    for what, some in (("inputs of your own", yours), ("inputs invented", invented)):
        if some:
            yield Count(what, len(some), on_a_line(some[0].input))
    yield from counted([each for part in inputs for each in part.rejected], "input rejected")
    if generated is None:
        return
    if (left := len(rows) - len(generated.rows) - len(generated.rejected)) > 0:
        yield Count("inputs not asked about", left)
    yield from counted(generated.rejected, "row rejected")
    if generated.rows:
        yield Count(
            "rows answered", len(generated.rows), on_a_line(generated.rows[0].input, generated.rows[0].output)
        )
    counts = {count.what: count.rows for count in curated.counts}
    kept = counts.get("kept: generated", 0)
    if dropped := counts.get("in: generated", kept) - kept:
        yield Count("rows dropped by curation", dropped)
    yield Count("rows kept", kept)


def _agreement(rows: Iterable[Example]) -> dict[str, int]:
    """How large a share of the samples gave a row's answer, the largest first; nothing where all agree."""
    shares = Counter(f"{max(row.votes.values()):.2f}" for row in rows if row.votes)
    return {} if set(shares) <= {"1.00"} else dict(sorted(shares.items(), reverse=True))
