"""A lock around a build: what must hold before it, what must hold after it, and the new lock at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from p2m.engine.running.network import without_network
from p2m.engine.store import Store
from p2m.errors import LockDrift, StoreError, UserError, command, nearest
from p2m.lock.compare import GROUPS, Difference, differences, holds
from p2m.lock.contents import Now, Subject, is_of_now, lock_of, lock_of_result, look
from p2m.lock.files import lock_path, read_lock_of, standing, unlocked_build, write_lock
from p2m.lock.model import Lock
from p2m.marked_yaml import show

Mode = Literal["write", "skip", "locked", "frozen"]
Done = Mapping[str, tuple[str, str]]  # step -> key and output
Alike = Callable[[Lock, Sequence[Difference]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a build does with the lock: write it, leave it alone, or hold to it; `frozen` is `locked` without
    network. `ignore` names groups of differences that do not count.
    """

    mode: Mode = "write"
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.ignore:
            if name not in GROUPS:
                raise UserError(f"there is no group {name!r} of differences: {nearest(name, GROUPS)}")

    @property
    def holds(self) -> bool:
        """Whether the build must be what the lock says."""
        return self.mode in ("locked", "frozen")


@dataclass(frozen=True)
class Watch:
    """What was looked at before a build began."""

    policy: Policy
    path: Path
    store: Store
    now: Now | None = None  # None where the lock is left alone
    old: Lock | None = None
    wrong: str = ""  # what is wrong with the lock that stands, and will be written anew


def watch(subject: Subject, store: Store, policy: Policy, alike: Alike) -> Watch:
    """Look at the lock before a build; `alike` is asked for inputs that differ in their layout alone.

    Raises:
        LockDrift: the build must hold to a lock, and there is none, or what is there is not what it pins.
        LockError: the lock is damaged, foreign or too new.
    """
    path = lock_path(subject.recipe)
    if policy.mode == "skip":
        return Watch(policy, path, store)
    if not policy.holds:
        old, wrong = standing(subject.recipe)
        return Watch(policy, path, store, look(subject, store), old, wrong)
    old = read_lock_of(subject.recipe)
    register(store, path)
    now = look(subject, store, student=old.weights.student if old.weights else "")
    with without_network() if policy.mode == "frozen" else nullcontext():  # a shared store is asked too
        found = differences(old, lock_of(now, store, known=old), subject.place)
    if found := counted(found, policy.ignore):
        option = f"--{policy.mode}"
        raise LockDrift(drift_message(path, found, subject.recipe, option, alike=alike(old, found)))
    return Watch(policy, path, store, now, old)


def hold(watched: Watch, done: Done) -> None:
    """Refuse a build that gave something else than its lock says.

    Raises:
        LockDrift: with what is locked and what was made.
    """
    if not watched.policy.holds:
        return
    assert watched.now is not None
    assert watched.old is not None
    made = lock_of_result(watched.now, watched.store, done)
    left = counted(differences(watched.old, made), watched.policy.ignore)
    if left:
        option = f"--{watched.policy.mode}"
        raise LockDrift(
            f"what was built is not what {show(watched.path)} says; the last bundle was left as it was\n"
            f"{drift_text(left)}\n"
            f"    if that is right, pin it: {unlocked_build(watched.now.subject.recipe, option)}"
        )


def update_lock(watched: Watch, done: Done, *, stands: bool) -> str:
    """Write the lock of a finished build where it changed; says what was done in a line, "" for nothing.

    A lock names the model that stands in the outputs, so a build whose bundle did not take that place
    (`stands` is False) leaves it alone.
    """
    if watched.policy.mode != "write":
        return ""
    assert watched.now is not None
    name = show(watched.path)
    if not stands:
        return f"{name} was left as it was: this build does not ship, and the bundle before it stands"
    if not is_of_now(watched.now, done):
        return f"{name} was not written: a file was edited while the build began; run the same command again"
    lock = lock_of_result(watched.now, watched.store, done)
    if watched.old is not None and lock != watched.old and holds(watched.old, lock):
        register(watched.store, watched.path)
        return f"{name} holds and was left as it is: only what may differ between machines does"
    try:
        changed = write_lock(watched.path, lock)
    except OSError as error:
        return f"{name} was not written: {error.strerror or error}"
    register(watched.store, watched.path)
    if watched.wrong:
        return f"{name} was written anew: the one there {watched.wrong}"
    return f"{name} was {'written' if watched.old is None else 'brought up to date'}" if changed else ""


def register(store: Store, path: Path) -> None:
    """Keep what the lock names from being collected; where nothing can be written, nothing is collected."""
    with suppress(StoreError):
        store.register_root(path.absolute())


def counted(found: tuple[Difference, ...], ignore: Sequence[str]) -> tuple[Difference, ...]:
    return tuple(one for one in found if one.group not in ignore)


def drift_message(
    path: Path, found: tuple[Difference, ...], recipe: Path, option: str = "", *, alike: Sequence[str] = ()
) -> str:
    """All differences, and what to type where `option` made them count; `alike` names inputs that differ in
    their layout alone, where nothing else does."""
    number = f"{len(found)} difference{'s' if len(found) > 1 else ''}"
    state = "is out of date"
    if alike:
        state = f"pins another layout of {', '.join(alike)}, of the same rows"
    lines = [f"{show(path)} {state}: {number}", drift_text(found)]
    lines.append(f"    to build with what is there now, and lock it: {unlocked_build(recipe, option)}")
    if any(one.group == "inputs" for one in found) and not alike:
        lines.append(f"    for the rows that changed: {command('why', show(recipe))}")
    if {one.group for one in found} == {"code"}:
        lines.append("    to let changed code pass: --ignore code")
    return "\n".join(lines)


def drift_text(found: Sequence[Difference]) -> str:
    """The differences by group; `locked -> now`."""
    lines: list[str] = []
    for group, meaning in GROUPS.items():
        members = [one for one in found if one.group == group]
        if members:
            lines.append(f"  {group} ({meaning}), locked -> now:")
            lines += [f"    {one}" for one in members]
    return "\n".join(lines)
