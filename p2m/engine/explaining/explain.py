"""Why a build would do what a survey says: chains of reasons, causes with what they reach, and reuses."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from p2m.engine.explaining.differences import Change
from p2m.engine.explaining.survey import Status, StepPreview, Survey, listed, size_of
from p2m.engine.hashing import digest
from p2m.engine.journal import RunRecord, runs
from p2m.engine.plan import Plan, Step
from p2m.engine.store import Action

__all__ = [
    "VERBS", "Cause", "Reason", "Reuse", "StepPreview", "Survey", "apart", "causes", "listed",
    "size_of", "touched", "why", "why_not",
]  # fmt: skip

VERBS = {"cached": "is cached", "run": "runs", "unknown": "may run", "source": "is a source"}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one step is what it is, and why its inputs are what they are."""

    step: str
    status: Status
    text: str
    changes: tuple[Change, ...]
    because: tuple[Reason, ...]
    again: bool = False  # told above already


@dataclass(frozen=True, slots=True)
class Cause:
    """One change, or one fact such as "never built", and every step that runs for it."""

    what: str
    change: Change | None
    steps: tuple[str, ...]  # whose keys it changes by itself
    follow: tuple[str, ...]  # that run if the outputs of those change
    files: tuple[Change, ...] = ()  # of a source: which files


@dataclass(frozen=True, slots=True)
class Reuse:
    """Why a step is not run: what its key was made of, and who made its result."""

    step: str
    action: Action
    made_by: RunRecord | None  # None where no run in the journal did
    inputs: tuple[tuple[str, str, str], ...]  # parameter, the step that makes it, digest
    elsewhere: tuple[Cause, ...]  # what changed since the last build and does not reach it


def why(survey: Survey, step: str) -> Reason:
    """Why a step would run or not, chained to the leaf: a file, a setting with its place, a module.

    Raises:
        KeyError: the plan has no such step.
    """
    return _reason(survey, survey.plan.step(step).name, set())


def causes(survey: Survey) -> tuple[Cause, ...]:
    """Everything that makes steps run, each once, with the steps that it reaches: first by itself, then
    through what they make. Settings come first, then files, code, packages and the rest."""
    found: dict[Change | str, list[str]] = {}
    for name, told in survey.found.items():
        for leaf in _leaves(survey, told):
            steps = found.setdefault(_shortest(found, leaf), [])
            if name not in steps:
                steps.append(name)
    order = sorted(found, key=_rank)  # stable: else in the order of the plan
    return tuple(_cause(survey, leaf, found[leaf]) for leaf in order)


def why_not(survey: Survey, step: str) -> Reuse | None:
    """Why a step is not run; None where it is."""
    told = survey.found[survey.plan.step(step).name]
    action = survey.store.entry(told.key) if told.status == "cached" else None
    if action is None:
        return None
    inputs = tuple(
        (edge.parameter, edge.step, survey.digests[edge.step])
        for edge in survey.plan.step(step).inputs
        if edge.step is not None
    )
    elsewhere = tuple(cause for cause in causes(survey) if step not in cause.steps)
    return Reuse(step, action, _maker(survey, told.key), inputs, elsewhere)


def touched(survey: Survey, reuse: Reuse) -> tuple[str, ...]:
    """Modules of a reused step that were written after its result was made, to no effect on its key."""
    made = reuse.made_by.ended if reuse.made_by is not None else None
    if made is None:
        return ()
    found = set()
    for code in survey.identities[reuse.step].code:
        for path, (module, *_) in code.files.items():
            with suppress(OSError):
                if os.stat(path).st_mtime > made:
                    found.add(module)
    return tuple(sorted(found))


def apart(one: Plan, other: Plan) -> tuple[str, ...]:
    """The steps of `other` that `one` lacks, or has with other settings, edges or stages."""
    known = {step.name: step for step in one.steps}
    return tuple(step.name for step in other.steps if not _alike(known.get(step.name), step))


def _alike(one: Step | None, other: Step) -> bool:
    if one is None or one.path != other.path or one.inputs != other.inputs:
        return False
    return one.stage is other.stage and digest(dict(one.settings)) == digest(dict(other.settings))


# --------------------------------------------------------------------------- inside


def _reason(survey: Survey, name: str, seen: set[str]) -> Reason:
    told = survey.found[name]
    if name in seen:
        return Reason(name, told.status, told.reason, (), (), again=True)
    is_asked = not seen
    seen.add(name)
    changes = told.changes or survey.changed.get(name, ())
    if told.status == "cached" and (is_asked or not changes):
        return Reason(name, told.status, told.reason, (), ())
    inner = tuple(
        _reason(survey, need, seen)
        for need in survey.plan.step(name).needs
        if survey.found[need].status in ("run", "unknown") or _moved(survey, need)
    )
    return Reason(name, told.status, told.reason, changes, inner)


def _moved(survey: Survey, name: str) -> bool:
    """Whether an input that is there is another than then."""
    last = survey.last.get(name)
    return last is not None and last.output != survey.found[name].output


def _leaves(survey: Survey, told: StepPreview) -> Iterator[Change | str]:
    """What makes a step run by itself: changes that are no other step's doing, or a fact."""
    if told.status != "run":
        return
    if not told.changes:
        yield told.reason
    makers = {edge.parameter: edge.step for edge in survey.plan.step(told.step).inputs}
    for change in told.changes:
        maker = makers.get(change.path.partition(" (")[0]) if change.kind == "input" else None
        if maker is None:
            yield change
        elif survey.plan.step(maker).is_source:
            yield Change("source", maker, change.old, change.new, _place(survey, maker))
        elif not survey.changed.get(maker):
            yield change  # the same key gave something else, or the edge is new
        else:
            yield from _upstream(survey, maker)


def _shortest(found: Mapping[Change | str, list[str]], leaf: Change | str) -> Change | str:
    """The setting that a step takes by itself where `leaf` is the same one inside a larger setting, such as
    `seed` of `spec.seed`; both stand in one place and have changed alike."""
    if isinstance(leaf, str) or leaf.kind != "setting" or not leaf.where:
        return leaf
    for other in found:
        if not isinstance(other, Change) or not leaf.path.endswith(f".{other.path}"):
            continue
        if replace(leaf, path=other.path) == other:
            return other
    return leaf


def _upstream(survey: Survey, name: str) -> Iterator[Change | str]:
    """The leaves behind a step that is cached, but with another output than then."""
    yield from _leaves(
        survey, replace(survey.found[name], status="run", changes=survey.changed.get(name, ()))
    )


def _place(survey: Survey, source: str) -> str:
    return survey.plan.step(source).origins.get("path", "")


def _rank(leaf: Change | str) -> int:
    kinds = ("setting", "source", "input", "code", "package", "machine", "stage")
    return kinds.index(leaf.kind) if isinstance(leaf, Change) and leaf.kind in kinds else len(kinds)


def _cause(survey: Survey, leaf: Change | str, steps: Sequence[str]) -> Cause:
    reached = set(steps)
    follow = []
    for step in survey.plan.steps:
        told = survey.found[step.name]
        if step.name in reached or step.is_source or told.status == "cached":
            continue
        if reached & set(step.needs):
            reached.add(step.name)
            if told.status == "unknown":
                follow.append(step.name)
    if isinstance(leaf, str):
        return Cause(leaf, None, tuple(steps), tuple(follow))
    files = survey.found[leaf.path].changes if leaf.kind == "source" else ()
    return Cause(str(leaf), leaf, tuple(steps), tuple(follow), files)


def _maker(survey: Survey, key: str) -> RunRecord | None:
    """The run that made the result of that key: of this plan, else of any."""
    for plan in (survey.plan.name, None):
        for record in runs(survey.store, plan):
            if any(step.key == key and step.status in ("ran", "cut-off") for step in record.steps.values()):
                return record
    return None
