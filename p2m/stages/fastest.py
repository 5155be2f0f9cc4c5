"""fastest: of the variants of the model the fastest that keeps the metric, by a race on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from p2m.engine.stage import stage
from p2m.stages.gating import exported_of, gated, taken
from p2m.types import Exported, Gated, Race, Task, Timed, Variant

_FASTER = 0.95  # of an earlier one's time, to take its place: two measurements of one differ by so much


@stage(version="1", kind="pure")
def fastest(
    task: Task,
    race: Race,
    *variants: Variant,
    tolerance: float,
    max_size: int | None,
    max_latency: float | None,
) -> Exported:
    """As `pick`, but the one with the lowest median latency within `max_size` (bytes) and `max_latency`
    (seconds, p95); where nothing is within both, within the size, and else the smallest.

    Raises:
        StageError: there is no variant.
    """
    made = exported_of(variants)
    times = {each.name: each for each in race.timed}
    found = tuple(
        _timed(gated(each, made, tolerance, max_size), times[each.name], max_latency) for each in made
    )
    best = _first([(each, times[each.name]) for each in found if each.kept], max_size, max_latency)
    return taken(task, made, found, best)


def _timed(gate: Gated, time: Timed, max_latency: float | None) -> Gated:
    """What the gate says, with what an answer costs."""
    said = f"{time.latency_p50 * 1000:.1f} ms, p95 {time.latency_p95 * 1000:.1f} ms"
    if max_latency is not None:
        fits = "within" if time.latency_p95 <= max_latency else "over"
        said += f", {fits} max_latency ({max_latency * 1000:g} ms)"
    return replace(gate, reason=f"{gate.reason}; {said}", latency=time.latency_p50)


def _first(kept: Sequence[tuple[Gated, Timed]], max_size: int | None, max_latency: float | None) -> Gated:
    """The fastest; of those that are as fast as can be told, the first."""
    small = [one for one in kept if max_size is None or one[0].size_bytes <= max_size]
    if not small:
        return min((each for each, _ in kept), key=lambda each: (each.size_bytes, each.name))
    soon = [one for one in small if max_latency is None or one[1].latency_p95 <= max_latency]
    found = soon or small
    least = min(time.latency_p50 for _, time in found)
    return next(each for each, time in found if time.latency_p50 * _FASTER <= least)
