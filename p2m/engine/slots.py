"""What steps take of a machine, what a machine has, and what is free of it now.

A declaration says how a step is best run, never what it makes, so it enters no key. A step that asks for more
than there is still runs, with nothing beside it; so does one that measures.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

TAKES = "takes_of_machine"  # property of components: what steps with them take as well, as `stage` is told
CORES = "P2M_CORES"  # environment: processors that this process may use where it runs beside its like

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
          "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}  # fmt: skip
_SIZE = r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*"


@dataclass(frozen=True, slots=True)
class Resources:
    """What a stage declares."""

    cpus: int = 1  # 0: the whole machine
    memory: int = 0  # bytes; 0: not worth counting
    gpus: int = 0
    alone: bool = False  # nothing else of the build runs beside it, and it runs on the building machine
    asks: bool = False  # a teacher elsewhere
    here: bool = False  # what it leaves off with lies on the building machine

    def beside(self, other: Resources) -> Resources:
        """What a step takes that needs both at once, where and when it may run being its own."""
        cpus = min(self.cpus, other.cpus) and max(self.cpus, other.cpus)
        return replace(
            self, cpus=cpus, memory=max(self.memory, other.memory), gpus=max(self.gpus, other.gpus)
        )


@dataclass(frozen=True, slots=True)
class Capacity:
    """What there is to hand out."""

    cpus: int
    memory: int  # bytes; 0: not counted
    gpus: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What one running step was given."""

    cpus: int
    memory: int
    gpus: tuple[int, ...]  # which ones
    whole: bool  # all processors are its own
    alone: bool
    node: str = ""  # where; "" is the building machine


def declared(cpus: int | str = 1, memory: str | int = 0, gpus: int = 0, *, alone: bool = False) -> Resources:
    """A declaration as it is written at a stage.

    Raises:
        ValueError: not a number of processors ("all" or 0: every one), a size such as "2 GB", or of devices.
    """
    if cpus == "all":
        cpus = 0
    if type(cpus) is not int or cpus < 0:
        raise ValueError(f'cpus={cpus!r}: expected a number of processors, or "all"')
    if type(gpus) is not int or gpus < 0:
        raise ValueError(f"gpus={gpus!r}: expected a number of devices")
    return Resources(cpus, size(memory), gpus, alone)


def size(text: str | int) -> int:
    """Bytes of `2 GB`, `512 MiB` or a plain number.

    Raises:
        ValueError: anything else.
    """
    if type(text) is int and text >= 0:
        return text
    found = re.fullmatch(_SIZE, str(text), re.IGNORECASE)
    if found is None or found[2].lower() not in _UNITS:
        raise ValueError(f"{text!r} is no size in bytes; write it as 512 MB, 2 GB or 1.5 GiB")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def capacity(workers: int = 0, memory: int | None = None, gpus: int | None = None) -> Capacity:
    """What this machine has, but for what is said; 0 workers mean one a processor."""
    return Capacity(workers or processors(), _memory() if memory is None else memory, _gpus(gpus))


def cores() -> int:
    """Processors that the system lets this process use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def processors() -> int:
    """Processors that this process is to use: all of its cores, or fewer where it runs beside its like."""
    found, said = cores(), os.environ.get(CORES, "")
    return min(found, max(1, int(said))) if said.isdigit() else found


class Room(Protocol):
    """What there is to hand out, on one machine or on several."""

    def take(self, step: str, wanted: Resources, near: Iterable[str] = ()) -> Grant | None:
        """What the step needs, if that is free now, best where the steps `near` it ran."""

    def give_back(self, step: str) -> None: ...


class Slots:
    """Hands out what one machine has, and takes it back."""

    def __init__(self, capacity: Capacity, node: str = "") -> None:
        self.capacity, self.node = capacity, node
        self._held: dict[str, Grant] = {}
        self._free_gpus = list(range(capacity.gpus))

    @property
    def free(self) -> int:
        """Processors that nobody has."""
        return self.capacity.cpus - sum(grant.cpus for grant in self._held.values())

    def could_hold(self, wanted: Resources) -> bool:
        """Whether there is enough for it, were the machine idle."""
        there = self.capacity
        fits = not (there.memory and wanted.memory > there.memory)
        return fits and max(1, wanted.cpus) <= there.cpus and wanted.gpus <= there.gpus

    def take(self, step: str, wanted: Resources, near: Iterable[str] = ()) -> Grant | None:
        """What the step needs, if that is free now; nothing is too much for an idle machine."""
        everything = self.capacity
        cpus = min(wanted.cpus or everything.cpus, everything.cpus)
        gpus, memory = min(wanted.gpus, everything.gpus), wanted.memory
        alone = wanted.alone or not self.could_hold(wanted)
        if self._held and (alone or not self._fits(cpus, memory, gpus)):
            return None
        chosen = tuple(self._free_gpus[:gpus])
        self._free_gpus = self._free_gpus[gpus:]
        grant = Grant(cpus, memory, chosen, alone or cpus == everything.cpus, alone, self.node)
        self._held[step] = grant
        return grant

    def holds(self, step: str) -> bool:
        return step in self._held

    def give_back(self, step: str) -> None:
        grant = self._held.pop(step)
        self._free_gpus = sorted([*self._free_gpus, *grant.gpus])

    def _fits(self, cpus: int, memory: int, gpus: int) -> bool:
        held = self._held.values()
        if any(grant.alone for grant in held):
            return False
        used = sum(grant.memory for grant in held)
        room = not (self.capacity.memory and memory) or used + memory <= self.capacity.memory
        return cpus <= self.free and room and gpus <= len(self._free_gpus)


def _memory() -> int:
    """Bytes that this process and its children may use: the machine's, or less in a container."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limit = int((Path("/sys/fs/cgroup") / name).read_text())
        except (OSError, ValueError):
            continue
        total = min(total, limit)
    return total


def _gpus(said: int | None) -> int:
    """Devices that a step may be given, counted without loading any library."""
    if said is not None:
        return said
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    return sum(1 for path in Path("/dev").glob("nvidia*") if path.name[len("nvidia") :].isdigit())
