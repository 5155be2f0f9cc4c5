"""What a build would do with each step, answered from keys, entries and the journal; nothing runs.

A step's reason is the exact difference between the preimage of its key now and that of the last build with
the same overrides, else of the nearest, or of a run that is named; the store keeps them. Where an input is
known only once an earlier step has run, the answer says so. A difference is listed if and only if it is part
of the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, cast

from p2m.engine.explaining.differences import Change, changed_files, compare
from p2m.engine.explaining.past import nearest_past
from p2m.engine.journal import RunRecord, StepRecord, runs
from p2m.engine.keys import Key, identify_all
from p2m.engine.plan import Plan, Step
from p2m.engine.sources import digests_of, read_sources
from p2m.engine.storage.blobs import DamagedError
from p2m.engine.store import Store
from p2m.engine.walk import Walk

T = TypeVar("T")
Status = Literal["cached", "run", "unknown", "source"]
_BACK = 50  # runs that are looked at for how long a step takes


@dataclass(frozen=True, slots=True)
class StepPreview:
    """What a build would do with one step."""

    step: str
    status: Status
    reason: str
    seconds: float | None = None  # how long it took when it last ran; None where it never did
    changes: tuple[Change, ...] = ()  # against that build; none where it is cached
    needs: tuple[str, ...] = field(default=())
    key: str = ""  # "" where it depends on what an earlier step makes
    output: str = ""  # digest of what it made, or of a source; "" where it is not made yet
    size: int | None = None  # bytes of what it made, or made last time
    waits: tuple[str, ...] = ()  # the needs whose outputs are not known yet
    note: str = ""  # where a cached result lies, if not here


class Survey:
    """One walk over a plan, built with `overrides`, beside a past build of it, or the run `against`.

    Raises:
        UserError: a source is missing.
    """

    def __init__(
        self, plan: Plan, store: Store, against: RunRecord | None = None, *, overrides: Sequence[str] = ()
    ) -> None:
        self.plan, self.store, self.against = plan, store, against
        self.identities = identify_all(plan.steps, store)
        self.sources = read_sources(plan.steps, store.stats)
        self.last = (
            nearest_past(plan, store, overrides, self.identities, self.sources)
            if against is None
            else _finished(against)
        )
        self.changed: dict[str, tuple[Change, ...]] = {}  # of a cached step too, as far as it is another
        self.keys: dict[str, Key] = {}
        self.walk = Walk(self.identities, digests_of(self.sources), store.glance)
        self.digests: Mapping[str, str] = self.walk.digests
        found = {}
        for step in plan.steps:
            found[step.name] = self._source(step) if step.is_source else self._step(step)
        self.found: Mapping[str, StepPreview] = self._with_old_times(found)

    def made(self, step: str, kind: type[T]) -> T | None:
        """What a step made, for the plan as it is now, where the store has it."""
        from p2m.engine.running.work import load_artifact

        digest = self.digests.get(step)
        try:
            return cast(T, load_artifact(step, kind, digest, self.store)) if digest else None
        except (DamagedError, OSError):
            return None

    @property
    def previews(self) -> tuple[StepPreview, ...]:
        return tuple(self.found.values())

    def before(self, name: str) -> Mapping[str, Any] | None:
        """What the step's key was made of then; None where it was not built, or that is not kept."""
        last = self.last.get(name)
        action = self.store.entry(last.key) if last is not None and last.key else None
        return action.preimage if action is not None else None

    def _source(self, step: Step) -> StepPreview:
        state = self.sources[step.name]
        size = sum(entry.size for entry in state.entries)
        told = StepPreview(step.name, "source", "never read before", output=state.digest, size=size)
        last = self.last.get(step.name)
        if last is None:
            return told
        if last.output == state.digest:
            return replace(told, reason="unchanged")
        changes = changed_files(self.store, last.listing, state.entries, step.origins.get("path", ""))
        return replace(told, reason=f"{step.path} changed", changes=changes)

    def _step(self, step: Step) -> StepPreview:
        last = self.last.get(step.name)
        before = self.before(step.name)
        identity = self.identities[step.name]
        seconds, size = self._seconds(last), self._size(last.output if last else "")
        told = StepPreview(step.name, "run", "never built", seconds, needs=step.needs, size=size)
        state = self.walk.at(step)
        if state.key is None:
            return self._waiting(step, identity.preimage, before, replace(told, waits=state.waits))
        key = self.keys[step.name] = state.key
        changes = self.changed[step.name] = compare(step, before, key.preimage) if before else ()
        told = replace(told, key=key.value)
        if step.kind == "volatile":
            return replace(told, reason="runs every time")
        action = state.made
        if action is not None:
            reason = "unchanged"
            if changes or before is None:
                reason = "built before with these inputs and settings"
            if action.shared:
                reason = "in the shared store"
            return replace(
                told, status="cached", reason=reason, seconds=action.seconds,
                output=action.output, size=self._size(action.output),
            )  # fmt: skip
        if before is None:
            lost = last is not None and last.key == key.value
            return replace(told, reason="its result is missing or damaged") if lost else told
        if not changes:
            return replace(told, reason="its result is missing or damaged")
        return replace(told, reason=_summary(changes), changes=changes)

    def _waiting(
        self, step: Step, preimage: Mapping[str, Any], before: Mapping[str, Any] | None, told: StepPreview
    ) -> StepPreview:
        """A step whose key is not known yet: it runs for reasons of its own, or only if an input changes."""
        if before is None:
            return told
        known = {
            edge.parameter: self.digests.get(edge.step) if edge.step else None
            for edge in step.inputs
            if edge.step not in told.waits
        }
        unknown = {edge.parameter for edge in step.inputs if edge.step in told.waits}
        old_inputs = {name: value for name, value in before["inputs"].items() if name not in unknown}
        changes = compare(step, {**before, "inputs": old_inputs}, {**preimage, "inputs": known})
        if changes:
            self.changed[step.name] = changes
            return replace(told, reason=_summary(changes), changes=changes)
        if step.kind == "volatile":
            return replace(told, reason="runs every time")
        reason = f"if the output of {listed(told.waits, 'or')} changes"
        return replace(told, status="unknown", reason=reason)

    def _seconds(self, last: StepRecord | None) -> float | None:
        if last is None:
            return None
        action = self.store.entry(last.key) if last.key else None
        return action.seconds if action is not None else last.seconds or None

    def _size(self, output: str) -> int | None:
        return size_of(self.store, output)

    def _with_old_times(self, found: dict[str, StepPreview]) -> dict[str, StepPreview]:
        """Durations from older runs where the last one does not tell them."""
        unknown = {name for name, told in found.items() if told.seconds is None and told.status != "source"}
        if not unknown:
            return found
        for number, record in enumerate(runs(self.store, self.plan.name)):
            for name in sorted(unknown & record.steps.keys()):
                if record.steps[name].seconds:
                    found[name] = replace(found[name], seconds=record.steps[name].seconds)
                    unknown.discard(name)
            if not unknown or number >= _BACK:
                break
        return found


def size_of(store: Store, output: str) -> int | None:
    """Bytes of an artifact; None where the store does not hold it."""
    try:
        return sum(entry.size for entry in store.tree(output)) if output else None
    except DamagedError:
        return None


def listed(names: Sequence[str], word: str = "and") -> str:
    """`a, b or c`."""
    return f" {word} ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else ""


# --------------------------------------------------------------------------- inside


def _finished(record: RunRecord) -> dict[str, StepRecord]:
    return {name: step for name, step in record.steps.items() if step.is_done}


def _summary(changes: Sequence[Change]) -> str:
    kinds = list(dict.fromkeys(change.kind for change in changes))
    return f"{', '.join(kinds)} changed"
