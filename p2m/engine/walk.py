"""The one walk of a plan: a source's digest, else the key once all inputs are known, and what lies under it.

Whoever builds, explains, locks or checks a plan asks here what is known of each step, so that all mean the
same by a step that is there. A volatile step is never looked up: only the build that ran it knows its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from p2m.engine.keys import Identity, Key, make_key
from p2m.engine.plan import Step
from p2m.engine.stage import VOLATILE


class Made(Protocol):
    """Something that a key gave: an entry of a store, or the outcome of a step."""

    @property
    def key(self) -> str: ...

    @property
    def output(self) -> str: ...


M = TypeVar("M", bound=Made)


@dataclass(frozen=True, slots=True)
class State(Generic[M]):
    """What is known of a step; of a source nothing but its digest."""

    key: Key | None = None  # None: an input is not known yet
    made: M | None = None  # what is there under that key
    waits: tuple[str, ...] = ()  # the needs that are not known yet


class Walk(Generic[M]):
    """What is known of a plan's steps, which are asked for in an order that puts needs first.

    Args:
        identities: of every step that is no source.
        sources: digests of the sources, and of whatever else is known beforehand.
        look: gives what is there under a key.
        made: by step, what this build has made already, which counts before `look` is asked.
    """

    def __init__(
        self,
        identities: Mapping[str, Identity],
        sources: Mapping[str, str],
        look: Callable[[str], M | None],
        made: Mapping[str, M] | None = None,
    ) -> None:
        self.identities = identities
        self.digests = dict(sources)  # step -> content digest, as far as it is known
        self._look, self._made = look, {} if made is None else made

    def at(self, step: Step) -> State[M]:
        """The state of a step; where something is there, its digest counts for those that need it."""
        if step.is_source:
            return State()
        waits = tuple(name for name in step.needs if name not in self.digests)
        if waits:
            return State(waits=waits)
        key = step_key(step, self.identities[step.name], self.digests)
        made = self._made.get(step.name)
        if made is None or made.key != key.value:
            made = None if step.kind == VOLATILE else self._look(key.value)
        if made is not None:
            self.digests[step.name] = made.output
        return State(key, made)


def step_key(step: Step, identity: Identity, digests: Mapping[str, str]) -> Key:
    """The key of a step whose needs have these digests."""
    return make_key(
        identity, {edge.parameter: digests[edge.step] if edge.step else None for edge in step.inputs}
    )
