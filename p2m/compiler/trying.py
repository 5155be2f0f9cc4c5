"""The steps that tell which candidate is best: each is cross-validated or tried on samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from p2m.compiler.places import Places
from p2m.compiler.rungs import of_encoders
from p2m.engine.plan import Plan, Ref
from p2m.spec import ModelSpec, contenders, rungs
from p2m.stages.afford import afford
from p2m.stages.cross_validate import cross_validate
from p2m.stages.halve import halve
from p2m.stages.latencies import latencies
from p2m.stages.linear_rung import linear_rung
from p2m.stages.paces import paces
from p2m.stages.room import room
from p2m.stages.rung import rung
from p2m.stages.within import within
from p2m.types import Choosing, Compressor, LinearStudent, Metric, Student, TunedStudent, VocabularyCompressor


@dataclass(frozen=True)
class Tried:
    """What choosing goes by."""

    said: dict[str, list[Ref]] = field(default_factory=dict)  # by student, what it says out of fold
    latencies: Ref | None = None
    within: Ref | None = None  # the limit of latency, where there is one

    @property
    def every(self) -> list[Ref]:
        return [ref for refs in self.said.values() for ref in refs]

    def last(self, name: str) -> Ref | None:
        """What the student said at last."""
        return self.said[name][-1] if name in self.said else None


def tried(
    plan: Plan, spec: ModelSpec, at: Places, metric: Metric, able: Mapping[str, Student],
    task: Ref, parts: Ref, base: Ref | None, embeddings: Ref | None,
) -> Tried:  # fmt: skip
    """All steps of the choice."""
    limit, places = spec.constraints.max_latency, at(metric="metrics.primary")
    timed = plan.add(
        "latencies", latencies, task, parts, base, embeddings, students=dict(able),
        compressor=_compressor(spec), metric=metric, seed=spec.seed,
        origins=places | at("seed", students="student.candidates", compressor="compression"),
    )  # fmt: skip
    quick = None
    if limit is not None:
        quick = plan.add("within", within, timed, max_latency=limit,
                         origins=at(max_latency="constraints.max_latency"))  # fmt: skip
    said: dict[str, list[Ref]] = {name: [] for name in able}
    tuned = [name for name, student in able.items() if isinstance(student, TunedStudent)]
    for name, student in able.items():
        if isinstance(student, LinearStudent):
            with plan.group(name):
                said[name].append(
                    plan.add(
                        f"cross-validate-{name}", cross_validate, task, parts, base, embeddings, name=name,
                        student=student, to_choose=True, metric=metric, origins=places | _place(at, name),
                    )
                )  # fmt: skip
    samples = rungs(spec.choosing, len(tuned))
    solved = [ref for name, refs in said.items() if name not in tuned for ref in refs]
    passed = first = quick
    if tuned and solved:
        passed = first = plan.add("room", room, quick, parts, *solved, students=tuple(tuned), metric=metric,
                                  origins=places | at(students="student.candidates"))  # fmt: skip
    if tuned:
        passed = first = _affordable(plan, spec, at, able, task, parts, passed, samples)
    for number in range(1, samples + 1):
        for name, student in able.items():
            with plan.group(name):
                inputs = (task, parts, base, embeddings, passed)
                said[name].append(_rung(plan, spec, at, metric, inputs, name, student, number, samples))
        if number < samples:
            passed = plan.add(f"halve-{number}", halve, parts, first, *(said[name][-1] for name in tuned),
                              metric=metric, origins=places)  # fmt: skip
    return Tried(said, timed, quick)


def _affordable(
    plan: Plan, spec: ModelSpec, at: Places, able: Mapping[str, Student], task: Ref, parts: Ref,
    quick: Ref | None, samples: int,
) -> Ref | None:  # fmt: skip
    """Those of the quick candidates whose probe trainings fit into the minutes that choosing may take."""
    minutes = spec.choosing.minutes
    if minutes is None:
        return quick
    tuned = {name: each for name, each in able.items() if isinstance(each, TunedStudent)}
    taking = plan.add(
        "paces", paces, task, parts, students=tuned, choosing=_of(spec.choosing, samples),
        training=spec.training, seed=spec.seed,
        origins=at("choosing", "training", "seed", students="student"),
    )  # fmt: skip
    order = tuple(each.name for each in contenders(able) if each.name in tuned)
    return plan.add("afford", afford, quick, taking, students=order, minutes=minutes,
                    origins=at(minutes="choosing.minutes"))  # fmt: skip


def _of(choosing: Choosing, samples: int) -> Choosing:
    """What probe trainings go by, without what only says which of them there are."""
    return replace(choosing, rungs=samples, trials=None, minutes=None)


def _rung(
    plan: Plan, spec: ModelSpec, at: Places, metric: Metric, inputs: Sequence[Ref | None], name: str,
    student: Student, number: int, samples: int,
) -> Ref:  # fmt: skip
    task, parts, base, embeddings, passed = inputs
    settings: dict[str, Any] = {
        "name": name, "student": student, "number": number, "metric": metric, "seed": spec.seed,
        "choosing": _of(spec.choosing, samples),
        "origins": _place(at, name) | at("choosing", "training", "seed", metric="metrics.primary"),
    }  # fmt: skip
    step = f"rung-{name}-{number}"
    if isinstance(student, LinearStudent):
        return plan.add(step, linear_rung, task, parts, base, embeddings, **settings)
    return plan.add(step, rung, task, parts, passed, training=spec.training, **settings)


def _place(at: Places, name: str) -> dict[str, str]:
    return at(student=f"student.candidates.{name}")


def _compressor(spec: ModelSpec) -> Compressor | None:
    """What makes models smaller in the first of the ways that only take weights."""
    ways = of_encoders(spec).values()
    return next((each for each in ways if not isinstance(each, VocabularyCompressor)), None)
