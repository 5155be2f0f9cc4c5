"""Execute a plan: look every step up by its key, and run what is not there.

`execute` is the whole of it; where and how many at once is said by its `executor`, and whoever wants a single
artifact without running anything asks `stored`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from p2m.engine.handles import Network
from p2m.engine.journal import Invocation
from p2m.engine.keys import identify_all
from p2m.engine.observer import Observer, Silent
from p2m.engine.plan import Plan, Step
from p2m.engine.running.inline import Inline, Means
from p2m.engine.running.scheduler import REPAIRS, Build, Interrupted, Outcome, Stopped
from p2m.engine.sources import digests_of, read_sources
from p2m.engine.store import DamagedError, Store
from p2m.engine.walk import Walk
from p2m.errors import StoreError

if TYPE_CHECKING:
    from p2m.engine.handles import Device
    from p2m.engine.running.local import Local

__all__ = [
    "Inline", "Interrupted", "Local", "Means", "Observer", "Outcome", "Result", "Silent", "Stopped",
    "execute", "stored",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """`Local` when it is asked for: it brings sockets and processes, and a build may have nothing to do."""
    if name == "Local":
        from p2m.engine.running.local import Local

        return Local
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass(frozen=True)
class Result:
    """A finished build."""

    run: str  # the run's id
    plan: Plan = field(repr=False)
    store: Store = field(repr=False)
    device: Device | None = field(repr=False)
    outcomes: tuple[Outcome, ...]
    seconds: float
    again: Callable[[], Result] = field(repr=False)  # the same build once more

    @property
    def counts(self) -> Mapping[str, int]:
        """Steps by status; sources are no steps."""
        return Counter(outcome.status for outcome in self.outcomes)

    def outcome(self, name: str) -> Outcome:
        return next(outcome for outcome in self.outcomes if outcome.step == self.plan.step(name).name)

    def value(self, name: str) -> Any:
        """The artifact of a step, its paths pointing into a verified copy; made anew if the store lost it."""
        from p2m.engine.running.work import load_artifact

        step = self.plan.step(name)
        result = self
        for _ in range(REPAIRS):
            try:
                with self.store.leased(self.run):  # the build's own has ended with it
                    return load_artifact(name, step.output, result.outcome(name).output, self.store)
            except DamagedError:
                result = self.again()
        raise StoreError(f"{self.store.root} keeps losing what {name} makes; check the disk")


def execute(
    plan: Plan,
    store: Store,
    device: Device | None = None,
    observer: Observer | None = None,
    *,
    executor: Means | None = None,
    network: Network | None = Network.ALL,
    invocation: Invocation | None = None,
) -> Result:
    """Build every step of the plan.

    Args:
        device: what stages are told of where they run; None for the defaults.
        executor: what carries the steps out; by default this process, one after the other.
        network: which steps may reach other machines; None: none, and not this one either.
        invocation: what the journal will say of who asked for it.

    Raises:
        UserError: a source is missing, or was edited while a step read it.
        Interrupted: Ctrl-C; what was finished before is kept.
        P2MError: whatever a stage raises; what was finished before is kept.
    """
    began = time.monotonic()
    means = executor or Inline()
    build = Build(plan, store, device, observer or Silent(), means, network=network, invocation=invocation)
    outcomes = build.run()
    seconds = time.monotonic() - began

    def again() -> Result:
        return execute(plan, store, device, executor=means, network=network)

    return Result(build.journal.id, plan, store, device, outcomes, seconds, again)


def stored(plan: Plan, store: Store, name: str) -> Any | None:
    """The artifact of a step if the store holds it for the plan as it is now, else None; nothing runs."""
    from p2m.engine.running.work import load_artifact

    wanted = plan.step(name)
    ancestors = _ancestors(plan, wanted)
    needed = [step for step in plan.steps if step.name in ancestors]
    sources = digests_of(read_sources(needed, store.stats))
    walk = Walk(identify_all(needed, store), sources, store.lookup)
    if not all(step.is_source or walk.at(step).made for step in needed):
        return None
    if wanted.is_source:
        return wanted.output(wanted.path)
    return load_artifact(name, wanted.output, walk.digests[name], store)


def _ancestors(plan: Plan, step: Step) -> set[str]:
    found = {step.name}
    for earlier in reversed(plan.steps):
        if earlier.name in found:
            found |= set(earlier.needs)
    return found
