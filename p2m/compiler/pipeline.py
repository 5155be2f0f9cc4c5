"""ModelSpec to Plan: the pipeline, one line a step, edges visible. Nothing runs.

Steps that a recipe does not need (a catalogue that it does not name, say) are not in its plan. Where only
rows can tell which student is best, every candidate has steps of its own; those of the others end at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from p2m.compiler.candidates import Candidates, base_encoder, quick_student, reads_encoder, rivals_of
from p2m.compiler.committed import COMMITTED, committed
from p2m.compiler.finding import catalogues, merged
from p2m.compiler.places import Places, files_of
from p2m.compiler.rungs import smaller_encoder
from p2m.compiler.teaching import Teaching
from p2m.engine.plan import Plan, Ref
from p2m.evaluation.base import suited
from p2m.metrics.base import JudgeMetric
from p2m.spec import ModelSpec, allowed
from p2m.stages.baselines import baselines
from p2m.stages.calibrate import calibrate
from p2m.stages.climb import climb
from p2m.stages.curate import curate
from p2m.stages.decisions import decisions
from p2m.stages.embed import embed
from p2m.stages.evaluate import evaluate
from p2m.stages.fastest import fastest
from p2m.stages.hold import hold
from p2m.stages.measure import measure
from p2m.stages.package import package
from p2m.stages.parse import parse
from p2m.stages.pick import pick
from p2m.stages.race import race
from p2m.stages.read import read
from p2m.stages.report import report
from p2m.stages.split import split
from p2m.stages.verdict import verdict
from p2m.types import LinearStudent, Metric, PairStudent, RacingBackend, Shown, Task, TaskType


# fmt: off
def compile_plan(
    spec: ModelSpec, understood: Task, origins: Mapping[str, str], *, shown: Shown | None = None,
    last: Path | None = None,
) -> Plan:
    """The plan of a recipe whose prompt is understood as `understood`, with what its own rows have `shown`.

    `last`: the manifest of the bundle that the model must not be worse than, where there is one;
    `origins`: where each setting was written ("training.epochs" -> "recipes/qa.yaml:14").
    """
    plan, at = Plan(spec.name), Places(origins)
    reported = _reported_metrics(spec, understood)
    primary = reported[0]
    task = plan.add("parse", parse, **_parsing(spec), shown=shown,
                    origins=at("prompt", "examples", "task", shown="data.train"))
    train_rows, validation_rows, test_rows = (_own_rows(plan, task, spec, part, at)
                                              for part in ("train", "validation", "test"))
    retrieved, imagined, rewritten = catalogues(plan, task, spec, at)
    base, quick = base_encoder(plan, spec, understood, at), quick_student(spec, understood)
    teaching = Teaching(plan, spec, understood, primary, at, task, train_rows, test_rows, base, quick)
    examined = teaching.examined()
    made = teaching.rows(examined)
    generated = merged(plan, "generated", made.rows, rewritten)
    curated = plan.add("curate", curate, task, generated, retrieved, train_rows, validation_rows, test_rows,
                       _decided(plan, task, spec, at), curation=spec.curation, seed=spec.seed,
                       origins=at("curation", "seed"))
    parts = plan.add("split", split, task, curated, validation_rows, test_rows,
                     splitting=spec.split, seed=spec.seed, origins=at("split", "seed", splitting="split"))
    base, embeddings, weighed = _read(plan, spec, understood, primary, at, task, parts, base, quick)
    candidates = Candidates(plan, spec, understood, primary, at, task, parts, base, embeddings, teaching.pool)
    tried = candidates.tried()
    choice, won = candidates.chosen(tried)
    folds, variants = candidates.made(tried, won)
    picked, ladder = _picked(plan, spec, at, task, parts, weighed, variants)
    exported = _calibrated(plan, spec, at, primary, task, parts, won, picked, *tried.every, *folds)
    others = rivals_of(spec, understood)
    rivals = plan.add("baselines", baselines, task, parts, base, embeddings,
                      *candidates.asked(tried, others), students=others, metric=primary,
                      origins=at(students="baselines", metric="metrics.primary"))
    said = teaching.judged(parts, examined)
    evaluated = plan.add("evaluate", evaluate, task, parts, won, exported, rivals, said, *tried.every,
                         *folds, metrics=reported, backend=spec.runtime, seed=spec.seed,
                         bootstrap=spec.evaluation.bootstrap,
                         origins=at("seed", metrics="metrics", backend="runtime", bootstrap=_RESAMPLES))
    evaluated = teaching.graded(evaluated, _judging(spec))
    measured = plan.add("measure", measure, task, parts, exported, rows=spec.evaluation.latency_rows,
                        backend=spec.runtime, origins=at(rows="evaluation.latency_rows", backend="runtime"))
    held = _held(plan, spec, at, primary, last, task, parts, evaluated)
    counted = teaching.account(curated, evaluated, measured, made, examined, said, retrieved, imagined,
                               rewritten)
    decided = plan.add("verdict", verdict, task, exported, evaluated, measured, counted, held,
                       requirements=spec.metrics.require, **_limits(spec), smaller=_smaller(spec, understood),
                       origins=at(requirements="metrics.require", smaller="student", **_LIMITS))
    judged = (evaluated, measured, decided, counted, held)
    pictured = plan.add("report", report, task, curated, parts, choice, exported, *judged, tried.latencies,
                        ladder, embeddings, name=spec.name, origins=at("name"))
    plan.add("package", package, task, parts, choice, exported, *judged, pictured, name=spec.name,
             **_shipping(spec, reported), origins=at("name", backend="runtime", **COMMITTED))
    return plan
# fmt: on


_RESAMPLES = "evaluation.bootstrap"


def _limits(spec: ModelSpec) -> dict[str, Any]:
    """What the verdict holds the model to, beside its figures."""
    return {name: getattr(spec.constraints, name) for name in _LIMITS}


_LABELS = (TaskType.CLASSIFICATION, TaskType.MULTI_LABEL, TaskType.REGRESSION)
_SMALLEST = {
    **dict.fromkeys(_LABELS, "linear_tfidf"),
    TaskType.EXTRACTION: "linear_tagger",
    TaskType.RECORDS: "linear_records",
}


def _smaller(spec: ModelSpec, understood: Task) -> tuple[str, ...]:
    """What could still be chosen for a smaller model, as typed."""
    students = spec.student.candidates.values()
    ways: tuple[str, ...] = () if spec.compression.ladder else ("compression=ladder",)
    name = _SMALLEST.get(understood.type, "")
    is_able = name in allowed(spec.baselines.candidates, understood, spec.limits)
    if is_able and not all(isinstance(each, LinearStudent) and each.encoder is None for each in students):
        ways += (f"student={name}",)
    return ways


def _shipping(spec: ModelSpec, reported: Sequence[Metric]) -> dict[str, Any]:
    return {"backend": spec.runtime, "spec": committed(spec, reported)}


_LIMITS = {name: f"constraints.{name}" for name in ("max_parameters", "max_size", "max_latency", "precision")}


def _read(
    plan: Plan, spec: ModelSpec, understood: Task, metric: Metric, at: Places, task: Ref, parts: Ref,
    base: Ref | None, quick: LinearStudent | None,
) -> tuple[Ref | None, Ref | None, Ref | None]:  # fmt: skip
    """The encoder that is read, the rows through it and, after a ladder, what each of its rungs is worth."""
    weighed = None
    if base and quick and spec.compression.ladder and reads_encoder(spec, understood):
        base, weighed = smaller_encoder(plan, spec, understood, at, metric, quick, task, parts, base)
    return base, _embedded(plan, spec, understood, at, task, parts, base), weighed


def _embedded(
    plan: Plan, spec: ModelSpec, understood: Task, at: Places, task: Ref, parts: Ref, base: Ref | None
) -> Ref | None:
    """The rows through the encoder and, where a student asks for it, how their inputs compare."""
    if base is None:
        return None
    able = allowed(spec.student.candidates, understood, spec.limits) | rivals_of(spec, understood)
    readers = [each.encoder for each in able.values() if isinstance(each, LinearStudent) and each.encoder]
    if not any(each.is_pooled for each in readers):  # they read states of words, of rows as they learn them
        return None
    pairs = any(isinstance(each, PairStudent) for each in able.values())
    return plan.add("embed", embed, task, parts, base, pairs=pairs, origins=at(pairs="student"))


def _picked(
    plan: Plan, spec: ModelSpec, at: Places, task: Ref, parts: Ref, weighed: Ref | None,
    variants: Sequence[Ref],
) -> tuple[Ref, Ref | None]:  # fmt: skip
    """The variant that ships: the smallest or, where backends race, the fastest that keeps the metric; and,
    of a ladder, what was tried.
    """
    gate: dict[str, Any] = {"tolerance": spec.compression.tolerance, "max_size": spec.constraints.max_size}
    places = at(tolerance="compression.tolerance", max_size="constraints.max_size")
    raced = None
    if isinstance(spec.runtime, RacingBackend) or spec.compression.ladder:
        raced = plan.add(
            "race", race, task, parts, *variants, rows=spec.evaluation.latency_rows, backend=spec.runtime,
            origins=at(rows="evaluation.latency_rows", backend="runtime"),
        )  # fmt: skip
    if raced and isinstance(spec.runtime, RacingBackend):
        picked = plan.add(
            "pick", fastest, task, raced, *variants, **gate, max_latency=spec.constraints.max_latency,
            origins=places | at(max_latency="constraints.max_latency"),
        )  # fmt: skip
    else:
        picked = plan.add("pick", pick, task, *variants, **gate, origins=places)
    if not spec.compression.ladder:
        return picked, None
    return picked, plan.add("climb", climb, parts, picked, raced, weighed, *variants,
                            tolerance=spec.compression.tolerance,
                            origins=at(tolerance="compression.tolerance"))  # fmt: skip


def _held(
    plan: Plan, spec: ModelSpec, at: Places, primary: Metric, last: Path | None, *inputs: Ref
) -> Ref | None:
    """The model beside the bundle that it must not be worse than, where the recipe names one."""
    wanted = spec.metrics.no_worse_than
    if wanted is None:
        return None
    place = at.of("metrics.no_worse_than")
    before = plan.source("before", last, origin=place, is_made=wanted == "last") if last else None
    name = "last bundle" if wanted == "last" else str(Path(wanted).name)
    return plan.add("held", hold, *inputs, before, name=name, metric=primary, seed=spec.seed,
                    bootstrap=spec.evaluation.bootstrap,
                    origins=at("seed", name="metrics.no_worse_than", metric="metrics.primary",
                               bootstrap=_RESAMPLES))  # fmt: skip


def _calibrated(plan: Plan, spec: ModelSpec, at: Places, primary: Metric, *inputs: Ref) -> Ref:
    """What is picked, its scores worth what they say."""
    return plan.add(
        "calibrate", calibrate, *inputs, metric=primary, precision=spec.constraints.precision,
        backend=spec.runtime, seed=spec.seed,
        origins=at("seed", metric="metrics.primary", precision="constraints.precision", backend="runtime"),
    )  # fmt: skip


def primary_metric(spec: ModelSpec, task: Task) -> Metric:
    """The metric that steers early stopping and the gates: the recipe's, else the task's own."""
    name = spec.metrics.primary or next(name for name in task.metrics if name in spec.metric)
    return suited(spec.metric[name], task)


def _reported_metrics(spec: ModelSpec, task: Task) -> tuple[Metric, ...]:
    """The primary one first, then what the recipe asks to see or requires, each once; without the judge."""
    primary = primary_metric(spec, task)
    names = dict.fromkeys([primary.name, *spec.wanted_metrics])
    found = (suited(spec.metric[name], task) for name in names)
    return tuple(each for each in found if not isinstance(each, JudgeMetric))


def _judging(spec: ModelSpec) -> JudgeMetric | None:
    """The metric that a teacher grades by, where the recipe asks to see it."""
    found = (spec.metric[name] for name in spec.wanted_metrics)
    return next((each for each in found if isinstance(each, JudgeMetric)), None)


def _parsing(spec: ModelSpec) -> dict[str, Any]:
    """What the recipe says of its task."""
    return {"prompt": spec.prompt, "examples": spec.examples, **dict(spec.task)}


def _own_rows(plan: Plan, task: Ref, spec: ModelSpec, role: str, at: Places) -> Ref | None:
    """The user's own rows of this role, where the recipe names any."""
    paths, group = getattr(spec.data, role), spec.data.group
    if paths is None:
        return None
    files = files_of(plan, f"data.{role}", paths, at)
    return plan.add(
        f"read-{role}", read, task, *files, role=role, group=group, origins=at(group="data.group")
    )


def _decided(plan: Plan, task: Ref, spec: ModelSpec, at: Places) -> Ref | None:
    """What people decided in review."""
    if spec.data.decisions is None:
        return None
    place = at.of("data.decisions")
    return plan.add(
        "decisions", decisions, task, plan.source("data.decisions", spec.data.decisions, origin=place)
    )
