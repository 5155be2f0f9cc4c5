"""What a build would do, and why: answered from keys, entries and the journal; nothing runs.

A step's reason is the exact difference between the preimage of its key now and that of the last build, which
the store keeps. Where an input is known only once an earlier step has run, the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from p2m.engine.differences import Change, changed_files, compare
from p2m.engine.executor import step_key
from p2m.engine.journal import StepRecord, last_steps
from p2m.engine.keys import identify_all
from p2m.engine.plan import Plan, Step
from p2m.engine.sources import read_source
from p2m.engine.store import Store

Status = Literal["cached", "run", "unknown", "source"]
_MARKS = {"cached": "=", "run": "+", "unknown": "?", "source": "."}
_COLORS = {"cached": "#d5f5d5", "run": "#ffe3b3", "unknown": "#eeeeee", "source": "#dce9ff"}


@dataclass(frozen=True, slots=True)
class StepPreview:
    """What a build would do with one step."""

    step: str
    status: Status
    reason: str
    seconds: float | None = None  # how long it took when it last ran; None where it never did
    changes: tuple[Change, ...] = ()  # against the last build
    needs: tuple[str, ...] = field(default=())


def preview(plan: Plan, store: Store) -> tuple[StepPreview, ...]:
    """What a build would do, step by step.

    Raises:
        UserError: a source is missing.
    """
    return _Survey(plan, store).previews()


def why(plan: Plan, store: Store, step: str) -> tuple[str, ...]:
    """Why a step would run or not, chained to the leaf: a file, a setting with its place, a module.

    Raises:
        KeyError: the plan has no such step.
    """
    wanted = plan.step(step)
    survey = _Survey(plan, store)
    known = {found.step: found for found in survey.previews()}
    lines: list[str] = []
    _chain(plan, known, wanted.name, "", lines, set())
    return tuple(lines)


def graph(plan: Plan, previews: Sequence[StepPreview] | None = None, fmt: str = "text") -> str:
    """The plan as text (a line a step with what it needs) or as a Mermaid flowchart, coloured by status.

    Raises:
        ValueError: another format.
    """
    status = {found.step: found.status for found in previews or ()}
    if fmt == "mermaid":
        return _mermaid(plan, status)
    if fmt != "text":
        raise ValueError(f"graph knows the formats text and mermaid, not {fmt!r}")
    width = max((len(step.name) for step in plan.steps), default=0)
    lines = []
    for step in plan.steps:
        mark = _MARKS[status[step.name]] + " " if step.name in status else ""
        needs = ", ".join(step.needs) if step.needs else (str(step.path) if step.is_source else "")
        lines.append(f"{mark}{step.name:<{width}}  {'<- ' + needs if needs else ''}".rstrip())
    return "\n".join(lines)


# --------------------------------------------------------------------------- survey


class _Survey:
    """One walk over a plan, beside what the journal remembers of it."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan, self.store = plan, store
        self.last = last_steps(store, plan.name)
        self.identities = identify_all(plan.steps, store)
        self.digests: dict[str, str] = {}
        self.found: dict[str, StepPreview] = {}

    def previews(self) -> tuple[StepPreview, ...]:
        for step in self.plan.steps:
            self.found[step.name] = self._source(step) if step.is_source else self._step(step)
        return tuple(self.found.values())

    def _source(self, step: Step) -> StepPreview:
        state = read_source(step)
        self.digests[step.name] = state.digest
        last = self.last.get(step.name)
        if last is None:
            return StepPreview(step.name, "source", "never read before")
        if last.output == state.digest:
            return StepPreview(step.name, "source", "unchanged")
        changes = changed_files(self.store, last.listing, state.entries, step.origins.get("path", ""))
        return StepPreview(step.name, "source", f"{step.path} changed", changes=changes)

    def _step(self, step: Step) -> StepPreview:
        last = self.last.get(step.name)
        before = self._preimage(last)
        seconds = self._seconds(last)
        identity = self.identities[step.name]
        missing = tuple(name for name in step.needs if name not in self.digests)
        if missing:
            return self._with_unknown_inputs(step, identity.preimage, before, seconds, missing)
        key = step_key(step, identity, self.digests)
        changes = compare(step, before, key.preimage) if before else ()
        if step.kind == "volatile":
            return StepPreview(step.name, "run", "runs every time", seconds, (), step.needs)
        action = self.store.lookup(key.value)
        if action is not None:
            self.digests[step.name] = action.output
            reason = "unchanged" if not changes else "built before with these inputs and settings"
            return StepPreview(step.name, "cached", reason, action.seconds, changes, step.needs)
        if before is None:
            return StepPreview(step.name, "run", "never built", seconds, (), step.needs)
        if not changes:
            return StepPreview(step.name, "run", "its result is missing or damaged", seconds, (), step.needs)
        return StepPreview(step.name, "run", _summary(changes), seconds, changes, step.needs)

    def _with_unknown_inputs(
        self,
        step: Step,
        preimage: Mapping[str, Any],
        before: Mapping[str, Any] | None,
        seconds: float | None,
        missing: tuple[str, ...],
    ) -> StepPreview:
        """A step whose key is not known yet: it runs for reasons of its own, or only if an input changes."""
        if before is None:
            return StepPreview(step.name, "run", "never built", seconds, (), step.needs)
        known = {
            edge.parameter: self.digests.get(edge.step) if edge.step else None
            for edge in step.inputs
            if edge.step not in missing
        }
        old_inputs = {name: value for name, value in before["inputs"].items() if name in known}
        changes = compare(step, {**before, "inputs": old_inputs}, {**preimage, "inputs": known})
        if changes:
            return StepPreview(step.name, "run", _summary(changes), seconds, changes, step.needs)
        reason = f"if the output of {' or '.join(missing)} changes"
        return StepPreview(step.name, "unknown", reason, seconds, (), step.needs)

    def _preimage(self, last: StepRecord | None) -> Mapping[str, Any] | None:
        action = self.store.entry(last.key) if last is not None and last.key else None
        return action.preimage if action is not None else None

    def _seconds(self, last: StepRecord | None) -> float | None:
        if last is None:
            return None
        action = self.store.entry(last.key) if last.key else None
        return action.seconds if action is not None else last.seconds


def _summary(changes: Sequence[Change]) -> str:
    kinds = list(dict.fromkeys(change.kind for change in changes))
    return f"{', '.join(kinds)} changed"


def _chain(
    plan: Plan, known: Mapping[str, StepPreview], name: str, indent: str, lines: list[str], seen: set[str]
) -> None:
    """Append the reasons of a step and, below it, those of every input that is not what it was."""
    found = known[name]
    verb = {"cached": "is cached", "run": "runs", "unknown": "may run", "source": "is a source"}[found.status]
    if name in seen:
        lines.append(f"{indent}{name} {verb} (see above)")
        return
    seen.add(name)
    lines.append(f"{indent}{name} {verb}: {found.reason}")
    lines.extend(f"{indent}  {change}" for change in found.changes)
    if found.status == "cached" and not found.changes:
        return
    for need in plan.step(name).needs:
        if known[need].status in ("run", "unknown") or known[need].changes:
            _chain(plan, known, need, indent + "  ", lines, seen)


def _mermaid(plan: Plan, status: Mapping[str, str]) -> str:
    ids = {step.name: f"s{number}" for number, step in enumerate(plan.steps)}
    lines = ["flowchart TD"]
    for step in plan.steps:
        left, right = ("[(", ")]") if step.is_source else ("[", "]")
        lines.append(f'    {ids[step.name]}{left}"{step.name}"{right}')
    for step in plan.steps:
        lines += [f"    {ids[need]} --> {ids[step.name]}" for need in step.needs]
    for name, found in status.items():
        lines.append(f"    style {ids[name]} fill:{_COLORS[found]}")
    return "\n".join(lines)
