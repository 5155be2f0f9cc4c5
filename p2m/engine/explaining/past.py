"""What a plan is compared with: the last build of it with the same overrides, else the nearest one.

Sweeps and overrides leave many builds of one recipe behind. Compared with whichever ran last, a plan would be
explained by what somebody tried in between and not by what was changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from p2m.engine.journal import RunRecord, StepRecord, finished_steps, runs
from p2m.engine.keys import Identity
from p2m.engine.plan import Plan, Step
from p2m.engine.sources import SourceState
from p2m.engine.store import Store

_BACK = 200  # runs that are looked at

Past = Mapping[str, StepRecord]


def nearest_past(
    plan: Plan,
    store: Store,
    overrides: Sequence[str],
    identities: Mapping[str, Identity],
    sources: Mapping[str, SourceState],
) -> Past:
    """For each step the record of the last run with these overrides that finished it; where none went to its
    end, the rest is that of the run with other overrides from which the fewest steps differ."""
    wanted = frozenset(overrides)
    found: dict[frozenset[str], list[RunRecord]] = {}
    for record in islice(runs(store, plan.name), _BACK):
        typed = frozenset(record.invocation.overrides)
        found.setdefault(typed, []).append(record)
        if typed == wanted and record.status == "done":
            return finished_steps(found[wanted])
    own = finished_steps(found.pop(wanted, []))
    measure = _Measure(plan, store, identities, sources)
    others = {typed: finished_steps(records) for typed, records in found.items()}
    best = min(others, key=lambda typed: (measure(others[typed]), len(typed ^ wanted)), default=wanted)
    return {**others.get(best, {}), **own}


class _Measure:
    """How many steps and sources are another than in a past build, by themselves."""

    def __init__(
        self, plan: Plan, store: Store, identities: Mapping[str, Identity], sources: Mapping[str, SourceState]
    ) -> None:
        self.plan, self.store, self.identities, self.sources = plan, store, identities, sources
        self.known: dict[str, Mapping[str, Any] | None] = {}  # key -> its preimage without the inputs

    def __call__(self, past: Past) -> int:
        return sum(self._differs(step, past.get(step.name)) for step in self.plan.steps)

    def _differs(self, step: Step, then: StepRecord | None) -> bool:
        if then is None:
            return True
        if step.is_source:
            return then.output != self.sources[step.name].digest
        if then.key not in self.known:
            action = self.store.entry(then.key)
            preimage = action.preimage if action is not None else None
            self.known[then.key] = preimage and {k: part for k, part in preimage.items() if k != "inputs"}
        return self.known[then.key] != self.identities[step.name].preimage
