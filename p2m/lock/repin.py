"""Pins brought up to date one by one: what is named is pinned anew, what is not stays as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from p2m.errors import UserError, nearest
from p2m.lock.compare import Difference, Place, causes, differences
from p2m.lock.model import Lock

_WHOLE = ("recipe", "code", "packages", "p2m", "teacher", "weights")


@dataclass(frozen=True)
class Upgrade:
    """A new lock, what is new in it, and what of the world it still does not match."""

    lock: Lock
    changes: tuple[Difference, ...]
    left: tuple[Difference, ...]


def upgrade(old: Lock, new: Lock, names: Sequence[str], place: Place = lambda _path: "") -> Upgrade:
    """`old` with the pins of `names` taken from `new`; without names all of them.

    Where the pins that result are not those of any build that the store knows, the results (keys, outputs,
    metrics) are left out, until the next build writes them.

    Raises:
        UserError: a name that neither lock knows.
    """
    if not names:
        return Upgrade(new, differences(old, new, place), ())
    lock = old
    for name in names:
        lock = _repinned(lock, new, name)
    changes, left = causes(differences(old, lock, place)), causes(differences(lock, new, place))
    if not changes:
        return Upgrade(old, (), left)
    if not left:
        return Upgrade(new, differences(old, new, place), ())
    return Upgrade(replace(lock, steps={}, metrics={}, datasets={}, model=None), changes, left)


def _repinned(lock: Lock, new: Lock, name: str) -> Lock:
    students = {pin.student: pin.model for pin in (lock.weights, new.weights) if pin}
    if name == "recipe":
        return replace(lock, settings=new.settings, recipe=new.recipe, name=new.name)
    if name in ("code", "p2m"):
        return replace(lock, **{name: getattr(new, name)})
    if name == "packages":
        return replace(lock, packages=new.packages)
    if name == "teacher":
        return _with_settings(replace(lock, teacher=new.teacher), new, "teacher")
    if name in ("weights", *students, *students.values()):
        student = new.weights.student if new.weights else ""
        return _with_settings(replace(lock, weights=new.weights), new, f"student.candidates.{student}")
    if name in lock.inputs or name in new.inputs:
        section = "retriever.sources" if name.startswith("catalogue") else name
        return _with_settings(replace(lock, inputs=_taken(lock.inputs, new.inputs, name)), new, section)
    if name in lock.packages or name in new.packages:
        return replace(lock, packages=_taken(lock.packages, new.packages, name))
    known = [*_WHOLE, *students, *lock.inputs, *new.inputs, *lock.packages]
    raise UserError(f"there is no pin {name!r} in the lock: {nearest(name, known)}")


def _with_settings(lock: Lock, new: Lock, section: str) -> Lock:
    """The settings of that section from `new`, all others from `lock`."""

    def inside(path: str) -> bool:
        return path == section or path.startswith((f"{section}.", f"{section}["))

    kept = {path: value for path, value in lock.settings.items() if not inside(path)}
    taken = {path: value for path, value in new.settings.items() if inside(path)}
    return replace(lock, settings=kept | taken)


def _taken(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> dict[str, Any]:
    """`old` with one entry as in `new`, which may mean without it."""
    kept = {key: value for key, value in old.items() if key != name}
    return kept | ({name: new[name]} if name in new else {})
