"""The seam between the scheduler and whatever carries steps out, and its simplest side: this very process.

A `Means` is plain data (how steps are to be run); `open` makes an `Executor` of it for one build. The
scheduler starts no more than the executor's room holds and asks for events; what a step is granted says where
it runs.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from p2m.engine.handles import Network
from p2m.engine.observer import Teller
from p2m.engine.slots import Capacity, Room, Slots
from p2m.engine.stage import Stage
from p2m.engine.store import Store

if TYPE_CHECKING:
    from p2m.engine.running.task import Call, Done, Sources


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over: either done or failed."""

    step: str
    done: Done | None = None
    error: BaseException | None = None
    lost: bool = False  # what carried it out is gone, for that reason; it may be started again


class Executor(Protocol):
    """Carries calls out."""

    @property
    def slots(self) -> Room:
        """What there is for steps; it may grow and shrink between events."""

    def start(self, call: Call, stage: Stage[..., Any]) -> None:
        """Take a call on; returns at once."""

    def events(self, timeout: float | None, teller: Teller) -> Sequence[Ended]:
        """Tell of running steps until one has ended, there is more room, or the time (seconds) is over;
        returns those ended."""

    def stop(self) -> None:
        """End whatever still runs, within a second; nothing of it is left."""


class Means(Protocol):
    """How steps are run: plain data."""

    def open(
        self, store: Store, run: str, sources: Sources, *, network: Network | None, code: frozenset[str]
    ) -> Executor:  # fmt: skip
        """Ready for the build of that id, whose `sources` lie here; nothing is started yet.

        `code`: the top-level packages and modules that the steps' own code is in.
        """


@dataclass(frozen=True, slots=True)
class Inline:
    """One step after the other, in this process: for debuggers, and for stages that no name leads to."""

    def open(
        self, store: Store, run: str, sources: Sources, *, network: Network | None, code: frozenset[str]
    ) -> Executor:  # fmt: skip
        return Here(store, sources)


class Here:
    """Carries out in `events` what was started. Whether the network is forbidden is this process's affair."""

    def __init__(self, store: Store, sources: Sources) -> None:
        self.slots = Slots(Capacity(1, 0, 0))
        self._store, self._sources = store, sources
        self._waiting: list[tuple[Call, Stage[..., Any]]] = []

    @property
    def is_busy(self) -> bool:
        return bool(self._waiting)

    def start(self, call: Call, stage: Stage[..., Any]) -> None:
        # A stage may change a list that it was given, which steps of this process may share.
        self._waiting.append((replace(call, settings=copy.deepcopy(dict(call.settings))), stage))

    def events(self, timeout: float | None, teller: Teller) -> Sequence[Ended]:
        if not self._waiting:
            return ()
        from p2m.engine.running.task import carry_out  # most builds of a finished plan carry out nothing

        call, stage = self._waiting.pop(0)
        try:
            return (Ended(call.step, carry_out(call, self._store, teller, stage, self._sources)),)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return (Ended(call.step, error=error),)

    def stop(self) -> None:
        self._waiting.clear()


def guarded(allowed: Network | None) -> AbstractContextManager[None]:
    """Within the block this process reaches no host but where a step may; None: no step may either."""
    if allowed is Network.ALL:
        return nullcontext()
    from p2m.engine.running import network

    return network.without_network(allowed)
