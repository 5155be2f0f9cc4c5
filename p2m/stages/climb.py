"""climb: all that was tried to make a model smaller, what was kept, and why not the others."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.stages.gating import loss, words
from p2m.stages.scoring import MAX_ROWS
from p2m.types import Exported, Ladder, Race, Rung, Split, Variant, Weighed


@stage(version="1", kind="pure")
def climb(
    parts: Split,
    exported: Exported,
    race: Race | None,
    weighed: Weighed | None,
    *variants: Variant,
    tolerance: float,
) -> Ladder:
    """In the order in which they were tried; the encoder's rungs where a linear student was taken."""
    if exported.fit.steps:
        weighed = None
    times = {each.name: each.latency_p50 for each in race.timed} if race else {}
    gates = {each.name: each for each in exported.variants}
    found = _of_encoder(weighed, tolerance) if weighed else []
    for each in variants:
        gate = gates.get(each.name)
        if gate is not None and each.model is not None:
            time = times.get(each.name)
            found.append(Rung(each.name, each.score, each.size_bytes, gate.kept, gate.reason, time))
        elif each.note:
            found.append(Rung(each.name, None, 0, False, each.note))
    return Ladder(tuple(found), weighed.judged if weighed else _judged(parts), exported.precision)


def _of_encoder(weighed: Weighed, tolerance: float) -> list[Rung]:
    full, found, size = weighed.tried[0], [], weighed.tried[0].size_bytes
    for each in weighed.tried:
        lost = loss(full.score, each.score)
        is_full, is_smaller = each is full, each.size_bytes < size
        reason = "the encoder itself" if is_full else words(lost, tolerance)
        if not is_full and not is_smaller:
            reason += "; not smaller than what was kept before"
        is_kept = is_full or (lost <= tolerance and is_smaller)
        size = each.size_bytes if is_kept else size
        found.append(Rung(each.name, each.score, each.size_bytes, is_kept, reason, of="encoder"))
    return found


def _judged(parts: Split) -> str:
    if parts.validation:
        return f"{min(MAX_ROWS, len(parts.validation)):,} validation rows"
    return "training rows, since none were held out: what a smaller model loses may not show there"
