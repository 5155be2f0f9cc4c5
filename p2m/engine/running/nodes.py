"""Room for steps on several machines: each has slots of its own, and comes and goes while a build runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from p2m.engine.slots import Grant, Resources, Slots


@dataclass(eq=False)
class NodeSlots:
    """What the machines of a cluster have that are ready, by name; the building one is "".

    A step goes where most of what it takes was made, else where most processors are free; one that measures,
    and one that asks a teacher elsewhere where `asks_here`, to the building machine alone.
    """

    connect: Callable[[], None]  # called before anything is handed out
    asks_here: bool = True
    nodes: dict[str, Slots] = field(default_factory=dict)
    _places: dict[str, str] = field(default_factory=dict)  # of steps that run or ran

    def take(self, step: str, wanted: Resources, near: Iterable[str] = ()) -> Grant | None:
        self.connect()
        made = [self._places.get(name) for name in near]
        order = sorted(
            self._suitable(wanted),
            key=lambda each: (made.count(each.node), each.free, each.node),
            reverse=True,
        )
        for each in order:
            grant = each.take(step, wanted)
            if grant is not None:
                self._places[step] = each.node
                return grant
        return None

    def give_back(self, step: str) -> None:
        slots = self.nodes.get(self._places[step])
        if slots is not None and slots.holds(step):  # else it is gone, or came again
            slots.give_back(step)

    def _suitable(self, wanted: Resources) -> list[Slots]:
        if wanted.alone or wanted.here or (wanted.asks and self.asks_here):
            return [self.nodes[""]] if "" in self.nodes else []
        there = [each for each in self.nodes.values() if each.capacity.cpus]
        return [each for each in there if each.could_hold(wanted)] or there
