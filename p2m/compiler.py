"""ModelSpec to Plan: the pipeline, one line a step, edges visible. Pure: nothing is read and nothing runs.

Steps that a recipe does not need (a catalogue that it does not name, say) are not in its plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from p2m.engine.plan import Plan, Ref
from p2m.spec import ModelSpec
from p2m.stages.baselines import baselines
from p2m.stages.choose import choose, refusal
from p2m.stages.compress import compress
from p2m.stages.cross_validate import cross_validate
from p2m.stages.curate import curate
from p2m.stages.embed import embed
from p2m.stages.encoder import encoder
from p2m.stages.evaluate import evaluate
from p2m.stages.fold import fold
from p2m.stages.generate import generate
from p2m.stages.judge import judge
from p2m.stages.measure import measure
from p2m.stages.merge import merge
from p2m.stages.package import package
from p2m.stages.parse import parse
from p2m.stages.read import read
from p2m.stages.report import report
from p2m.stages.retrieve import retrieve
from p2m.stages.select import select
from p2m.stages.split import split
from p2m.stages.train import train
from p2m.teachers.base import specialised
from p2m.types import BaseEncoder, LinearStudent, Metric, Shown, Student, Task, TaskType, Teacher


# fmt: off
def compile_plan(
    spec: ModelSpec, understood: Task, origins: Mapping[str, str], *, shown: Shown | None = None
) -> Plan:
    """The plan of a recipe whose prompt is understood as `understood`, with what its own rows have `shown`.

    `origins` says where each setting was written ("training.epochs" -> "recipes/qa.yaml:14").
    """
    plan = Plan(spec.name)
    at = _Places(origins)
    students, reported = spec.student.candidates, _reported_metrics(spec, understood)
    primary = reported[0]

    task = plan.add("parse", parse, **_parsing(spec), shown=shown,
                    origins=at("prompt", "examples", "task", shown="data.train"))
    train_rows = _own_rows(plan, task, spec.data.train, "train", at)
    validation_rows = _own_rows(plan, task, spec.data.validation, "validation", at)
    test_rows = _own_rows(plan, task, spec.data.test, "test", at)
    retrieved = _catalogues(plan, task, spec, at)
    generated = _teacher(plan, task, spec, understood, at)
    curated = plan.add("curate", curate, task, generated, retrieved, train_rows, validation_rows, test_rows,
                       curation=spec.curation, seed=spec.seed, origins=at("curation", "seed"))
    parts = plan.add("split", split, task, curated, validation_rows, test_rows,
                     splitting=spec.split, seed=spec.seed, origins=at("split", "seed", splitting="split"))
    base, embeddings = _embedded(plan, task, parts, spec, understood, at)
    learning = {"metric": primary, "training": spec.training, "seed": spec.seed}
    learnt = at("training", "seed", students="student", metric="metrics.primary")
    tried = _cross_validated(plan, task, parts, base, embeddings, spec, understood, learning, at)
    choice = plan.add("choose", choose, task, parts, *tried, students=students, constraints=spec.constraints,
                      metric=primary, origins=at("constraints", students="student", metric="metrics.primary"))
    folds = [] if spec.data.test or understood.type is TaskType.TEXT_TO_TEXT else [
        plan.add(f"fold-{number}", fold, task, parts, choice, base, embeddings, *tried, number=number - 1,
                 students=students, **learning, origins=learnt | at(number="split.folds"))
        for number in range(1, spec.split.folds + 1)
    ]
    trained = plan.add("train", train, task, parts, choice, base, embeddings, students=students, **learning,
                       origins=learnt)
    exported = plan.add("compress", compress, task, parts, choice, trained, students=students,
                        compressors=spec.compression.candidates, metric=primary,
                        tolerance=spec.compression.tolerance, constraints=spec.constraints,
                        seed=spec.seed, origins=at("constraints", "seed", compressors="compression",
                                   tolerance="compression.tolerance"))
    rivals = plan.add("baselines", baselines, task, parts, base, embeddings,
                      students=_rivals(spec, understood), metric=primary,
                      origins=at(students="baselines", metric="metrics.primary"))
    evaluated = plan.add("evaluate", evaluate, task, parts, choice, exported, rivals, *tried, *folds,
                         metrics=reported, teacher=_judge(spec), bootstrap=spec.evaluation.bootstrap,
                         seed=spec.seed,
                         origins=at("teacher", "seed", metrics="metrics",
                                    bootstrap="evaluation.bootstrap"))
    measured = plan.add("measure", measure, task, parts, exported, rows=spec.evaluation.latency_rows,
                        origins=at(rows="evaluation.latency_rows"))
    verdict = plan.add("judge", judge, task, exported, evaluated, measured,
                       requirements=spec.metrics.require, constraints=spec.constraints,
                       origins=at("constraints", requirements="metrics.require"))
    pictured = plan.add("report", report, task, curated, parts, choice, trained, exported, evaluated,
                        measured, verdict, name=spec.name, origins=at("name"))
    plan.add("package", package, task, parts, choice, trained, exported, evaluated, measured, verdict,
             pictured, name=spec.name, spec=_committed(spec), origins=at("name", **_COMMITTED))
    return plan
# fmt: on


def _embedded(
    plan: Plan, task: Ref, parts: Ref, spec: ModelSpec, understood: Task, at: _Places
) -> tuple[Ref | None, Ref | None]:
    """The base encoder that linear candidates and baselines read, and the rows through it; None without."""
    read = _read_encoder(_allowed(spec, understood, spec.student.candidates))
    read = read or _read_encoder(_rivals(spec, understood))
    if read is None:
        return None, None
    smaller = next(iter(spec.compression.candidates.values()), None)
    base = plan.add("encoder", encoder, base=read, compressor=smaller,
                    origins=at(base="student", compressor="compression"))  # fmt: skip
    return base, plan.add("embed", embed, task, parts, base)


def _cross_validated(
    plan: Plan, task: Ref, parts: Ref, base: Ref | None, embeddings: Ref | None, spec: ModelSpec,
    understood: Task, learning: Mapping[str, Any], at: _Places,
) -> list[Ref]:  # fmt: skip
    """What each candidate says out of fold, where there is a choice between several classifiers."""
    able = _allowed(spec, understood, spec.student.candidates)
    if understood.type is not TaskType.CLASSIFICATION or len(able) < 2:
        return []
    origins = at("training", "seed", metric="metrics.primary")
    return [
        plan.add(f"cross-validate-{name}", cross_validate, task, parts, base, embeddings, name=name,
                 student=student, **learning, origins=origins | at(student=f"student.candidates.{name}"))
        for name, student in able.items()
    ]  # fmt: skip


def _allowed(spec: ModelSpec, understood: Task, students: Mapping[str, Student]) -> dict[str, Student]:
    """The students that task and constraints allow."""
    return {
        name: student
        for name, student in students.items()
        if not refusal(student, understood, spec.constraints)
    }


def _rivals(spec: ModelSpec, understood: Task) -> dict[str, Student]:
    """The linear students that a model must not be worse than: those that could be taken in its place.

    One that reads another encoder than the candidates do is left out: rows are embedded once.
    """
    able = _allowed(spec, understood, spec.baselines.candidates)
    read = _read_encoder(_allowed(spec, understood, spec.student.candidates)) or _read_encoder(able)
    return {name: student for name, student in able.items() if _read_encoder({name: student}) in (None, read)}


def _read_encoder(students: Mapping[str, Student]) -> BaseEncoder | None:
    """The encoder that linear students read, which is the same for all (`feasibility` sees to it)."""
    return next(
        (each.encoder for each in students.values() if isinstance(each, LinearStudent) and each.encoder), None
    )


def primary_metric(spec: ModelSpec, task: Task) -> Metric:
    """The metric that steers early stopping and the gates: the recipe's, else the task's own."""
    name = spec.metrics.primary or next(name for name in task.metrics if name in spec.metric)
    return spec.metric[name]


def _reported_metrics(spec: ModelSpec, task: Task) -> tuple[Metric, ...]:
    """The primary one first, then what the recipe asks to see or requires, each once."""
    primary = primary_metric(spec, task)
    wanted = [*spec.metrics.also, *(requirement.metric for requirement in spec.metrics.require)]
    names = dict.fromkeys([primary.name, *(name for name in wanted if name in spec.metric)])
    return tuple(spec.metric[name] for name in names)


def _judge(spec: ModelSpec) -> Teacher | None:
    """The teacher that the student is compared with; one that cannot answer has no part in the evaluation."""
    return spec.teacher if spec.teacher is not None and spec.teacher.can_answer else None


def _committed(spec: ModelSpec) -> dict[str, Any]:
    """What the manifest says of the recipe, as plain data: what was decided, no place, no machine."""
    return {
        "name": spec.name, "prompt": spec.prompt, "seed": spec.seed,
        "metrics": {"primary": spec.metrics.primary, "also": list(spec.metrics.also)},
        "teacher": _described(spec.teacher), "num_examples": spec.generation.num_examples,
        "students": {name: _described(student) for name, student in spec.student.candidates.items()},
        "compression": {name: _described(way) for name, way in spec.compression.candidates.items()},
        "constraints": asdict(spec.constraints), "curation": asdict(spec.curation),
        "split": asdict(spec.split), "training": asdict(spec.training),
    }  # fmt: skip


# Where the parts of `_committed` come from, for their places.
_COMMITTED = {
    **{
        f"spec.{name}": name
        for name in ("name", "prompt", "seed", "metrics", "teacher", "constraints", "curation")
    },
    **{f"spec.{name}": name for name in ("split", "training")},
    "spec.num_examples": "generation.num_examples",
    "spec.students": "student.candidates",
    "spec.compression": "compression.candidates",
}


def _described(component: Any) -> dict[str, Any] | None:
    """A component as a recipe would write it."""
    if component is None:
        return None
    made = type(component)
    return {"target": f"{made.__module__}.{made.__qualname__}", **asdict(component)}


class _Places:
    """Says where settings were written: `at("seed", rows="evaluation.latency_rows")`."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self._origins = origins

    def __call__(self, *same: str, **renamed: str) -> dict[str, str]:
        """Setting -> place; of a section also that of each key inside it ("training.epochs")."""
        places: dict[str, str] = {}
        for setting, path in ({name: name for name in same} | renamed).items():
            for written, place in self._origins.items():
                if written == path or written.startswith(path + "."):
                    places[setting + written[len(path) :]] = place
        return places


def _parsing(spec: ModelSpec) -> dict[str, Any]:
    """What the recipe says of its task."""
    return {
        "prompt": spec.prompt,
        "examples": spec.examples,
        "type": spec.task.type,
        "inputs": spec.task.inputs,
        "output": spec.task.output,
        "labels": spec.task.labels,
        "language": spec.task.language,
    }


def _own_rows(plan: Plan, task: Ref, paths: tuple[Path, ...] | None, role: str, at: _Places) -> Ref | None:
    """The user's own rows of this role, where the recipe names any."""
    if paths is None:
        return None
    name = f"data.{role}"
    places = at(name)
    files = [
        plan.source(
            f"{name}-{number}" if len(paths) > 1 else name,
            path,
            origin=places.get(f"{name}[{number - 1}]", places.get(name, "")),
        )
        for number, path in enumerate(paths, start=1)
    ]
    return plan.add(f"read-{role}", read, task, *files, role=role)


def _catalogues(plan: Plan, task: Ref, spec: ModelSpec, at: _Places) -> Ref | None:
    """The rows of relevant datasets of every catalogue; None where the recipe names no catalogue."""
    retrieval, rows = spec.retriever, []
    for number, source in enumerate(retrieval.sources, start=1):
        suffix = f"-{number}" if len(retrieval.sources) > 1 else ""
        catalogue = plan.source(
            f"catalogue{suffix}", source, origin=at("retriever.sources").get("retriever.sources", "")
        )
        found = plan.add(
            f"retrieve{suffix}",
            retrieve,
            task,
            catalogue,
            retriever=retrieval.component,
            limit=retrieval.limit,
            constraints=spec.constraints,
            origins=at("retriever", "constraints", limit="retriever.limit"),
        )
        rows.append(
            plan.add(
                f"select{suffix}",
                select,
                task,
                found,
                catalogue,
                max_rows=retrieval.max_rows,
                seed=spec.seed,
                origins=at("seed", max_rows="retriever.max_rows"),
            )
        )
    if len(rows) > 1:
        return plan.add("merge", merge, *rows)
    return rows[0] if rows else None


def _teacher(plan: Plan, task: Ref, spec: ModelSpec, understood: Task, at: _Places) -> Ref | None:
    """The rows that the teacher writes; None where there is none, or where it cannot write such rows."""
    teacher = spec.teacher
    if teacher is None or teacher.refusal(understood) is not None or not spec.generation.num_examples:
        return None
    texts = None
    if spec.data.texts is not None:
        texts = plan.source("data.texts", spec.data.texts, origin=at("data.texts").get("data.texts", ""))
    return plan.add(
        "generate",
        generate,
        task,
        texts,
        teacher=specialised(teacher, understood),
        num_examples=spec.generation.num_examples,
        seed=spec.seed,
        origins=at("teacher", "seed", num_examples="generation.num_examples"),
    )
