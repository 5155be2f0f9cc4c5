"""Which steps to look at next, and which of those that must run comes first; each in logarithmic time.

A plan of ten thousand steps ends a step thousands of times, so nothing here goes through the plan again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush

from p2m.engine.keys import Key
from p2m.engine.plan import Plan, Step
from p2m.engine.slots import Grant, Resources


class Agenda:
    """Steps that are to be looked at, in the order of the plan."""

    def __init__(self, plan: Plan) -> None:
        self._steps = plan.steps
        self._places = {step.name: place for place, step in enumerate(self._steps)}
        self._waiting: list[int] = list(range(len(self._steps)))
        self._queued = set(self._waiting)

    def add(self, names: Iterable[str]) -> None:
        for place in (self._places[name] for name in names):
            if place not in self._queued:
                self._queued.add(place)
                heappush(self._waiting, place)

    def next(self) -> Step | None:
        """Take the first one off; None where there is none."""
        if not self._waiting:
            return None
        place = heappop(self._waiting)
        self._queued.discard(place)
        return self._steps[place]


class Ready:
    """Steps that must run and wait for room, those first on which the longest chain of work hangs.

    Steps that ask for the same of the machine stand in one line, for where the first has no room, none has.
    """

    def __init__(self, plan: Plan, seconds: Callable[[str], float]) -> None:
        self._plan, self._seconds = plan, seconds
        self._ranks: dict[str, tuple[float, int]] = {}
        self._keys: dict[str, Key] = {}
        self._lines: dict[Resources, list[tuple[float, int, str]]] = defaultdict(list)

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, step: Step, key: Key) -> None:
        self._ranks = self._ranks or _ranks(self._plan, self._seconds)
        self._keys[step.name] = key
        heappush(self._lines[step.resources], (*self._ranks[step.name], step.name))

    def discard(self, name: str) -> None:
        self._keys.pop(name, None)

    def start(self, take: Callable[[str, Resources], Grant | None]) -> Iterator[tuple[str, Key, Grant]]:
        """Take off every step that `take` has room for, with its key and what it was given."""
        lines = {wanted: line for wanted, line in self._lines.items() if self._first(line)}
        while lines:
            wanted = min(lines, key=lambda each: lines[each][0])
            name = lines[wanted][0][2]
            grant = take(name, wanted)
            if grant is None:
                del lines[wanted]
                continue
            heappop(lines[wanted])
            yield name, self._keys.pop(name), grant
            if not self._first(lines[wanted]):
                del lines[wanted]

    def _first(self, line: list[tuple[float, int, str]]) -> bool:
        """Whether anybody stands in the line, now that those are gone that were discarded."""
        while line and line[0][2] not in self._keys:
            heappop(line)
        return bool(line)


def _ranks(plan: Plan, seconds: Callable[[str], float]) -> dict[str, tuple[float, int]]:
    """Each step's rank: by the longest chain of work that hangs on it, then as in the plan."""
    longest: dict[str, float] = defaultdict(float)  # of what comes after a step
    ranks = {}
    for place, step in reversed(list(enumerate(plan.steps))):
        length = longest[step.name] + (0.0 if step.is_source else seconds(step.name))
        ranks[step.name] = (-length, place)
        for need in step.needs:
            longest[need] = max(longest[need], length)
    return ranks
