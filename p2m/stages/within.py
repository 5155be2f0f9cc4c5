"""within: the candidates that answer soon enough on this machine."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.types import Latencies, Survivors

TOO_SLOW = "slower on this machine than constraints.max_latency"


@stage(version="1", kind="pure")
def within(latencies: Latencies, *, max_latency: float) -> Survivors:
    """Those whose p95 is at most `max_latency` seconds; the soonest, where none is that quick. Of those that
    were not timed nothing is known.
    """
    known = latencies.students
    quick = [name for name, each in known.items() if each.p95 <= max_latency]
    quick = quick or sorted(known, key=lambda name: (known[name].p95, name))[:1]
    return Survivors(tuple(sorted(quick)), {name: TOO_SLOW for name in sorted(known) if name not in quick})
