"""ModelSpec to Plan: the pipeline, one line a step, edges visible. Nothing runs, and nothing is read but
whether a file among `retriever.sources` is a catalogue.

Steps that a recipe does not need (a catalogue that it does not name, say) are not in its plan. Where only
rows can tell which student is best, every candidate has steps of its own; those of the others end at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any, cast

from p2m.catalogs.files import is_catalogue
from p2m.compiler.places import Places
from p2m.compiler.teaching import Teaching
from p2m.compression.int8 import Int8
from p2m.deploy.backends.onnx import Onnx
from p2m.engine.hashing import keyed_fields
from p2m.engine.plan import Plan, Ref
from p2m.metrics.base import JudgeMetric
from p2m.spec import ROLES, ModelSpec, Teachers, allowed, contenders, refused
from p2m.stages.baselines import baselines
from p2m.stages.best import best
from p2m.stages.calibrate import calibrate
from p2m.stages.choose import choose
from p2m.stages.compress import compress
from p2m.stages.convert import convert
from p2m.stages.cross_validate import cross_validate
from p2m.stages.curate import curate
from p2m.stages.decisions import decisions
from p2m.stages.embed import embed
from p2m.stages.encoder import encoder
from p2m.stages.evaluate import evaluate
from p2m.stages.export import export
from p2m.stages.fastest import fastest
from p2m.stages.fold import fold
from p2m.stages.imagine import imagine
from p2m.stages.index import index
from p2m.stages.load import load
from p2m.stages.measure import measure
from p2m.stages.merge import merge
from p2m.stages.package import package
from p2m.stages.parse import parse
from p2m.stages.pick import pick
from p2m.stages.propose import propose
from p2m.stages.race import race
from p2m.stages.rank import rank
from p2m.stages.read import read
from p2m.stages.report import report
from p2m.stages.rerank import rerank
from p2m.stages.reshape import reshape
from p2m.stages.retrieve import retrieve
from p2m.stages.rewrite import rewrite
from p2m.stages.search import search
from p2m.stages.select import select
from p2m.stages.settle import settle
from p2m.stages.shortlist import shortlist
from p2m.stages.solve import solve
from p2m.stages.split import split
from p2m.stages.train import train
from p2m.stages.transform import place_of, transform
from p2m.stages.verdict import verdict
from p2m.stages.winner import winner
from p2m.students.sentence_encoder import SentenceEncoder
from p2m.types import (
    Backend,
    BaseEncoder,
    Compressor,
    ExtraBackend,
    FormatBackend,
    IndexRetriever,
    LinearStudent,
    Metric,
    RacingBackend,
    Shown,
    Student,
    Task,
    TaskType,
    TunedStudent,
    VocabularyCompressor,
)


# fmt: off
def compile_plan(
    spec: ModelSpec, understood: Task, origins: Mapping[str, str], *, shown: Shown | None = None
) -> Plan:
    """The plan of a recipe whose prompt is understood as `understood`, with what its own rows have `shown`.

    `origins` says where each setting was written ("training.epochs" -> "recipes/qa.yaml:14").
    """
    plan = Plan(spec.name)
    at = Places(origins)
    reported = _reported_metrics(spec, understood)
    primary, limits = reported[0], spec.constraints
    task = plan.add("parse", parse, **_parsing(spec), shown=shown,
                    origins=at("prompt", "examples", "task", shown="data.train"))
    train_rows, validation_rows, test_rows = (_own_rows(plan, task, getattr(spec.data, part), part, at)
                                              for part in ("train", "validation", "test"))
    retrieved, imagined, rewritten = _catalogues(plan, task, spec, at)
    base = _encoder(plan, spec, understood, at)
    quick = quick_student(spec, understood)
    teaching = Teaching(plan, spec, understood, primary, at, task, train_rows, test_rows, base, quick)
    examined = teaching.examined()
    made = teaching.rows(examined)
    generated = _merged(plan, "generated", made.rows, rewritten)
    curated = plan.add("curate", curate, task, generated, retrieved, train_rows, validation_rows, test_rows,
                       _decided(plan, task, spec, at), curation=spec.curation, seed=spec.seed,
                       origins=at("curation", "seed"))
    parts = plan.add("split", split, task, curated, validation_rows, test_rows,
                     splitting=spec.split, seed=spec.seed, origins=at("split", "seed", splitting="split"))
    embeddings = plan.add("embed", embed, task, parts, base) if base else None
    candidates = _Candidates(plan, spec, understood, primary, at, task, parts, base, embeddings)
    tried = candidates.tried()
    choice = plan.add("choose", choose, task, parts, *tried.values(), contenders=contenders(candidates.able),
                      refused=refused(spec.student.candidates, understood, limits), metric=primary,
                      origins=at(contenders="student", refused="constraints", metric="metrics.primary"))
    won = plan.add("winner", winner, choice)
    folds, variants = candidates.made(tried, won)
    picked = _picked(plan, spec, at, task, parts, variants)
    exported = _calibrated(plan, spec, at, primary, task, parts, won, picked, *tried.values(), *folds)
    rivals = plan.add("baselines", baselines, task, parts, base, embeddings,
                      students=_rivals(spec, understood), metric=primary,
                      origins=at(students="baselines", metric="metrics.primary"))
    said = teaching.judged(parts, examined)
    evaluated = plan.add("evaluate", evaluate, task, parts, won, exported, rivals, said, *tried.values(),
                         *folds, metrics=reported, backend=spec.runtime, seed=spec.seed,
                         bootstrap=spec.evaluation.bootstrap,
                         origins=at("seed", metrics="metrics", backend="runtime", bootstrap=_RESAMPLES))
    evaluated = teaching.graded(evaluated, _judging(spec))
    measured = plan.add("measure", measure, task, parts, exported, rows=spec.evaluation.latency_rows,
                        backend=spec.runtime, origins=at(rows="evaluation.latency_rows", backend="runtime"))
    counted = teaching.account(curated, evaluated, measured, made, examined, said, retrieved, imagined,
                               rewritten)
    decided = plan.add("verdict", verdict, task, exported, evaluated, measured, counted,
                       requirements=spec.metrics.require, max_parameters=limits.max_parameters,
                       max_size=limits.max_size, max_latency=limits.max_latency, precision=limits.precision,
                       origins=at(requirements="metrics.require", **_LIMITS))
    pictured = plan.add("report", report, task, curated, parts, choice, exported, evaluated, measured,
                        decided, counted, name=spec.name, origins=at("name"))
    plan.add("package", package, task, parts, choice, exported, evaluated, measured, decided, counted,
             pictured, name=spec.name, backend=spec.runtime, spec=_committed(spec),
             origins=at("name", backend="runtime", **_COMMITTED))
    return plan
# fmt: on

_RESAMPLES = "evaluation.bootstrap"
_LIMITS = {name: f"constraints.{name}" for name in ("max_parameters", "max_size", "max_latency", "precision")}


def _picked(plan: Plan, spec: ModelSpec, at: Places, task: Ref, parts: Ref, variants: Sequence[Ref]) -> Ref:
    """The variant that ships: the smallest or, where backends race, the fastest that keeps the metric."""
    gate: dict[str, Any] = {"tolerance": spec.compression.tolerance, "max_size": spec.constraints.max_size}
    places = at(tolerance="compression.tolerance", max_size="constraints.max_size")
    if not isinstance(spec.runtime, RacingBackend):
        return plan.add("pick", pick, task, *variants, **gate, origins=places)
    raced = plan.add(
        "race", race, task, parts, *variants, rows=spec.evaluation.latency_rows, backend=spec.runtime,
        origins=at(rows="evaluation.latency_rows", backend="runtime"),
    )  # fmt: skip
    return plan.add("pick", fastest, task, raced, *variants, **gate, max_latency=spec.constraints.max_latency,
                    origins=places | at(max_latency="constraints.max_latency"))  # fmt: skip


def _calibrated(plan: Plan, spec: ModelSpec, at: Places, primary: Metric, *inputs: Ref) -> Ref:
    """What is picked, its scores worth what they say."""
    return plan.add(
        "calibrate", calibrate, *inputs, metric=primary, precision=spec.constraints.precision,
        backend=spec.runtime, seed=spec.seed,
        origins=at("seed", metric="metrics.primary", precision="constraints.precision", backend="runtime"),
    )  # fmt: skip


def _encoder(plan: Plan, spec: ModelSpec, understood: Task, at: Places) -> Ref | None:
    """The base encoder that linear candidates and baselines read; None where none reads one."""
    read = _read_encoder(allowed(spec.student.candidates, understood, spec.constraints))
    read = read or _read_encoder(_rivals(spec, understood))
    if read is None:
        return None
    smaller = next(iter(spec.compression.candidates.values()), None)
    return plan.add("encoder", encoder, base=read, compressor=smaller and _reading(smaller, spec, understood),
                    origins=at(base="student", compressor="compression"))  # fmt: skip


def _reading(compressor: Compressor, spec: ModelSpec, understood: Task) -> Compressor:
    """The compressor; one that keeps what languages are written in, with those of the recipe."""
    if not isinstance(compressor, VocabularyCompressor) or compressor.languages:
        return compressor
    languages = spec.constraints.languages or understood.spoken
    return cast(Compressor, replace(cast(Any, compressor), languages=languages))


def quick_student(spec: ModelSpec, understood: Task) -> LinearStudent | None:
    """The linear student that a teacher's rows are looked at by: one that reads the encoder, if any does."""
    able = (*allowed(spec.student.candidates, understood, spec.constraints).values(),
            *_rivals(spec, understood).values())  # fmt: skip
    linear = [each for each in able if isinstance(each, LinearStudent)]
    return next((each for each in linear if each.encoder), next(iter(linear), None))


@dataclass(frozen=True)
class _Candidates:
    """The steps of each student that may be taken: the largest alone, where nothing but the task decides."""

    plan: Plan
    spec: ModelSpec
    understood: Task
    metric: Metric
    at: Places
    task: Ref
    parts: Ref
    base: Ref | None
    embeddings: Ref | None

    @property
    def able(self) -> dict[str, Student]:
        return allowed(self.spec.student.candidates, self.understood, self.spec.constraints)

    @property
    def is_choice(self) -> bool:
        """Whether only rows can tell which is the best."""
        return self.understood.type.is_chosen_for and len(self.able) > 1

    def tried(self) -> dict[str, Ref]:
        """By student, what it says out of fold, where there is a choice."""
        found = {}
        for name, student in self.able.items() if self.is_choice else ():
            with self.plan.group(name):
                found[name] = self._tried(name, student)
        return found

    def made(self, tried: Mapping[str, Ref], won: Ref) -> tuple[list[Ref], list[Ref]]:
        """The folds that judge, where none of the user's rows are kept for that, and what could ship."""
        students = self.able
        if not self.is_choice:
            first = contenders(students)[0].name
            students = {first: students[first]}
        decided = won if self.is_choice else None
        folds, variants = [], []
        for name, student in students.items():
            with self.plan.group(name) if self.is_choice else nullcontext():
                if not self.spec.data.test and self.understood.type is not TaskType.TEXT_TO_TEXT:
                    folds += self._folds(name, student, decided, tried.get(name))
                variants += self._variants(name, student, decided)
        return folds, variants

    def _step(self, what: str, name: str) -> str:
        return f"{what}-{name}" if self.is_choice else what

    def _tried(self, name: str, student: Student) -> Ref:
        step = f"cross-validate-{name}"
        if isinstance(student, LinearStudent):
            return self._cross_validated(step, name, student, to_choose=True)
        return self.plan.add(
            step, fold, self.task, self.parts, None, None, name=name, student=student, number=0,
            is_trial=True, **self._learning, origins=self._places(name) | self._learnt,
        )  # fmt: skip

    def _cross_validated(self, step: str, name: str, student: Student, *, to_choose: bool) -> Ref:
        return self.plan.add(
            step, cross_validate, self.task, self.parts, self.base, self.embeddings, name=name,
            student=student, to_choose=to_choose, metric=self.metric,
            origins=self._places(name) | self.at(metric="metrics.primary"),
        )  # fmt: skip

    def _folds(self, name: str, student: Student, won: Ref | None, trial: Ref | None) -> list[Ref]:
        if isinstance(student, LinearStudent):  # one that was tried was asked about every fold
            return [] if trial else [self._cross_validated("cross-validate", name, student, to_choose=False)]
        return [
            self.plan.add(
                f"{self._step('fold', name)}-{number}", fold, self.task, self.parts, won, trial, name=name,
                student=student, number=number - 1, is_trial=False, **self._learning,
                origins=self._places(name) | self._learnt | self.at(number="split.folds"),
            )
            for number in range(1, self.spec.split.folds + 1)
        ]  # fmt: skip

    def _variants(self, name: str, student: Student, won: Ref | None) -> list[Ref]:
        """The fitted student in full precision and, of one that is tuned, made smaller in each way; as graphs
        of onnx, and in the formats of the other backends that may run it.
        """
        backends = self._others(student)
        is_served = isinstance(self.spec.runtime, Onnx)
        scored = {"metric": self.metric if is_served else None, "seed": self.spec.seed}
        places = self.at("seed", metric="metrics.primary")
        full = self.plan.add(
            self._step("export", name), export, self.task, self.parts, self._fitted(name, student, won),
            student=student, **scored, origins=self._places(name) | places,
        )  # fmt: skip
        # The encoder of a linear one was made smaller before.
        ways = {} if isinstance(student, LinearStudent) else self.spec.compression.candidates
        read = is_served or not all(isinstance(each, FormatBackend) for each in backends)
        smaller = {
            way: self.plan.add(
                self._step(f"compress-{way}", name), compress, self.task, self.parts, full,
                compressor=_reading(compressor, self.spec, self.understood), **scored,
                origins=places | self.at(compressor=f"compression.candidates.{way}"),
            )
            for way, compressor in (ways.items() if read else ())
        }  # fmt: skip
        converted = [ref for each in backends for ref in self._converted(name, each, full, smaller)]
        return [full, *smaller.values(), *converted] if is_served else converted

    def _others(self, student: Student) -> tuple[Backend, ...]:
        """The backends but onnx that the student's graphs are converted for."""
        runtime = self.spec.runtime
        if not isinstance(runtime, RacingBackend):
            return () if isinstance(runtime, Onnx) else (runtime,)
        return tuple(
            each
            for each in runtime.rivals
            if not each.missing() and not each.refusal(self.understood) and not each.unfit(student)
        )

    def _converted(self, name: str, backend: Backend, full: Ref, smaller: Mapping[str, Ref]) -> list[Ref]:
        """Graphs as another backend runs them: in its own precisions, or each as it is."""
        if isinstance(backend, FormatBackend):
            sources = {precision: (full, precision) for precision in backend.precisions}
        else:
            first = backend.computes if isinstance(backend, ExtraBackend) else ""
            sources = {first: (full, first)} | (
                {} if first else {way: (one, "") for way, one in smaller.items()}
            )
        return [
            self.plan.add(
                self._step("-".join(("convert", backend.name, *([way] if way else []))), name), convert,
                self.task, self.parts, made, backend=backend, precision=precision, metric=self.metric,
                seed=self.spec.seed, origins=self.at("seed", metric="metrics.primary", backend="runtime"),
            )
            for way, (made, precision) in sources.items()
        ]  # fmt: skip

    def _fitted(self, name: str, student: Student, won: Ref | None) -> Ref:
        if isinstance(student, LinearStudent):
            return self.plan.add(
                self._step("train", name), solve, self.task, self.parts, won, self.base, self.embeddings,
                name=name, student=student, metric=self.metric,
                origins=self._places(name) | self.at(metric="metrics.primary"),
            )  # fmt: skip
        if self.spec.training.trials == 1:
            return self._trained(self._step("train", name), name, student, won, None)
        assert isinstance(student, TunedStudent), name
        with nullcontext() if self.is_choice else self.plan.group("tune"):
            return self._searched(name, student, won)

    def _searched(self, name: str, student: TunedStudent, won: Ref | None) -> Ref:
        """The best of several trainings, of which the first is the one that a recipe without trials makes."""
        made = [self._trained(f"{self._step('train', name)}-1", name, student, won, None)]
        for number in range(2, self.spec.training.trials + 1):
            proposal = self.plan.add(
                f"{self._step('propose', name)}-{number}", propose, number=number,
                learning_rate=self.spec.training.learning_rate or student.pace.learning_rate,
                seed=self.spec.seed,
                origins=self.at("seed", learning_rate="training.learning_rate", number="training.trials"),
            )  # fmt: skip
            step = f"{self._step('train', name)}-{number}"
            made.append(self._trained(step, name, student, won, proposal))
        return self.plan.add(self._step("best", name), best, *made)

    def _trained(self, step: str, name: str, student: Student, won: Ref | None, proposal: Ref | None) -> Ref:
        return self.plan.add(
            step, train, self.task, self.parts, won, proposal, name=name, student=student, **self._learning,
            origins=self._places(name) | self._learnt,
        )  # fmt: skip

    @property
    def _learning(self) -> dict[str, Any]:
        training = replace(self.spec.training, trials=1)  # how many there are decides no single one
        return {"metric": self.metric, "training": training, "seed": self.spec.seed}

    @property
    def _learnt(self) -> dict[str, str]:
        return self.at("training", "seed", metric="metrics.primary")

    def _places(self, name: str) -> dict[str, str]:
        return self.at(student=f"student.candidates.{name}")


def _rivals(spec: ModelSpec, understood: Task) -> dict[str, Student]:
    """The linear students that a model must not be worse than: those that could be taken in its place.

    One that reads another encoder than the candidates do is left out: rows are embedded once.
    """
    able = allowed(spec.baselines.candidates, understood, spec.constraints)
    read = _read_encoder(allowed(spec.student.candidates, understood, spec.constraints)) or _read_encoder(
        able
    )
    return {name: student for name, student in able.items() if _read_encoder({name: student}) in (None, read)}


def _read_encoder(students: Mapping[str, Student]) -> BaseEncoder | None:
    """The encoder that linear students read, which is the same for all (`feasibility` sees to it)."""
    return next(
        (each.encoder for each in students.values() if isinstance(each, LinearStudent) and each.encoder), None
    )


def primary_metric(spec: ModelSpec, task: Task) -> Metric:
    """The metric that steers early stopping and the gates: the recipe's, else the task's own."""
    name = spec.metrics.primary or next(name for name in task.metrics if name in spec.metric)
    return _suited(spec.metric[name], task)


def _suited(metric: Metric, task: Task) -> Metric:
    """The metric as the task's answers are written, where that makes a difference."""
    suited: Metric = metric.suited(task) if hasattr(metric, "suited") else metric
    return suited


def _reported_metrics(spec: ModelSpec, task: Task) -> tuple[Metric, ...]:
    """The primary one first, then what the recipe asks to see or requires, each once; without the judge."""
    primary = primary_metric(spec, task)
    names = dict.fromkeys([primary.name, *spec.wanted_metrics])
    found = (_suited(spec.metric[name], task) for name in names)
    return tuple(each for each in found if not isinstance(each, JudgeMetric))


def _judging(spec: ModelSpec) -> JudgeMetric | None:
    """The metric that a teacher grades by, where the recipe asks to see it."""
    found = (spec.metric[name] for name in spec.wanted_metrics)
    return next((each for each in found if isinstance(each, JudgeMetric)), None)


def _committed(spec: ModelSpec) -> dict[str, Any]:
    """What the manifest says of the recipe, as plain data: what was decided, no place, no machine."""
    return {
        "name": spec.name, "prompt": spec.prompt, "seed": spec.seed,
        "metrics": {"primary": spec.metrics.primary, "also": list(spec.metrics.also)},
        "teacher": _described_teachers(spec.teacher), "num_examples": spec.rows_wanted,
        "students": {name: _described(student) for name, student in spec.student.candidates.items()},
        "compression": {name: _described(way) for name, way in spec.compression.candidates.items()},
        "runtime": _described(spec.runtime),
        "constraints": asdict(spec.constraints), "curation": asdict(spec.curation),
        "split": asdict(spec.split), "training": asdict(spec.training),
    }  # fmt: skip


# Where the parts of `_committed` come from, for their places.
_COMMITTED = {
    **{
        f"spec.{name}": name
        for name in ("name", "prompt", "seed", "metrics", "teacher", "constraints", "curation", "runtime")
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
    return {"target": f"{made.__module__}.{made.__qualname__}", **_keyed(component)}


def _described_teachers(teachers: Teachers) -> dict[str, Any] | None:
    """The teacher of all roles, or the one of each that is named, as a recipe would write them."""
    if not teachers.named:
        return _described(teachers.component)
    return {role: _described(teachers.of(role)) for role in ROLES}


def _keyed(value: Any) -> Any:
    """Plain data of `value`, of dataclasses at any depth only the fields that can change a result."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _keyed(getattr(value, each.name)) for each in keyed_fields(type(value))}
    if isinstance(value, (tuple, list)):
        return type(value)(map(_keyed, value))
    return {name: _keyed(each) for name, each in value.items()} if isinstance(value, dict) else value


def _parsing(spec: ModelSpec) -> dict[str, Any]:
    """What the recipe says of its task."""
    return {
        "prompt": spec.prompt,
        "examples": spec.examples,
        "type": spec.task.type,
        "inputs": spec.task.inputs,
        "output": spec.task.output,
        "labels": spec.task.labels,
        "descriptions": spec.task.descriptions,
        "language": spec.task.language,
        "none": spec.task.none,
        "layout": spec.task.layout,
        "scale": spec.task.scale,
        "record": spec.task.record,
    }


def _own_rows(plan: Plan, task: Ref, paths: tuple[Path, ...] | None, role: str, at: Places) -> Ref | None:
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


_CAPS = {f"caps.{name}": f"constraints.{name}" for name in ("max_cost", "max_requests", "max_tokens")}


def card_reader(plan: Plan, able: IndexRetriever, at: Places) -> Ref:
    """The encoder that cards and prompts are compared by, in eight bits."""
    base = SentenceEncoder(able.model, able.revision, able.sha256)
    return plan.add("card-reader", encoder, base=base, compressor=Int8(), origins=at(base="retriever.model"))


def _ranked(
    plan: Plan, task: Ref, catalogue: Ref, reader: Ref, imagined: Ref | None, able: IndexRetriever,
    suffix: str, at: Places,
) -> Ref:  # fmt: skip
    """The catalogue's cards by an index of them, best first."""
    cards = plan.add(f"index{suffix}", index, catalogue, reader, window=able.window,
                     origins=at(window="retriever.window"))  # fmt: skip
    return plan.add(f"rank{suffix}", rank, task, cards, reader, imagined, retriever=able,
                    origins=at("retriever"))  # fmt: skip


def _imagined(plan: Plan, task: Ref, spec: ModelSpec, at: Places) -> Ref | None:
    """Datasets that a teacher describes for the search; None where the recipe does not ask for any."""
    teacher, number = spec.teacher.chat("answer"), spec.retriever.hypothetical
    if teacher is None or not number or not spec.retriever.sources:
        return None
    places = at(number="retriever.hypothetical", teacher=spec.teacher.place("answer"), **_CAPS)
    return plan.add("imagine", imagine, task, teacher=teacher, number=number, caps=spec.constraints.caps,
                    origins=places)  # fmt: skip


def _reranked(plan: Plan, task: Ref, spec: ModelSpec, at: Places, suffix: str, ranked: Ref) -> Ref | None:
    """What a teacher votes for among the candidates; None where the recipe does not ask for votes."""
    teacher, asked = spec.teacher.chat("answer"), spec.retriever.rerank
    if teacher is None or asked is None:
        return None
    mapping = spec.retriever.mapping | {name: {} for name in spec.retriever.transform}
    settings, places = _searching(spec, at, mapping)
    judging = ("mapping", "licenses", "languages")
    return plan.add(
        f"rerank{suffix}", rerank, task, ranked, teacher=teacher, top=asked.top, votes=asked.votes,
        max_size=spec.retriever.max_size, granted=spec.retriever.granted, caps=spec.constraints.caps,
        **{name: settings[name] for name in judging},
        origins=at(top="retriever.rerank.top", votes="retriever.rerank.votes", max_size="retriever.max_size",
                   granted="retriever.granted", teacher=spec.teacher.place("answer"), **_CAPS)
        | {name: places[name] for name in judging if name in places},
    )  # fmt: skip


def _decided(plan: Plan, task: Ref, spec: ModelSpec, at: Places) -> Ref | None:
    """What people decided in review."""
    if spec.data.decisions is None:
        return None
    place = at("data.decisions").get("data.decisions", "")
    return plan.add(
        "decisions", decisions, task, plan.source("data.decisions", spec.data.decisions, origin=place)
    )


def _catalogues(
    plan: Plan, task: Ref, spec: ModelSpec, at: Places
) -> tuple[Ref | None, Ref | None, Ref | None]:
    """The rows of relevant datasets of every catalogue, what was imagined to find them, and the rows that a
    teacher makes of such rows.
    """
    retrieval, imagined = spec.retriever, _imagined(plan, task, spec, at)
    made = {name: retrieval.mapping.get(name, {}) for name in retrieval.queries}
    rest = {name: each for name, each in retrieval.mapping.items() if name not in made}
    folders, rows, reader = [], [], None
    for number, source in enumerate(retrieval.sources, start=1):
        suffix = f"-{number}" if len(retrieval.sources) > 1 else ""
        place = at("retriever.sources").get("retriever.sources", "")
        catalogue, ranked = plan.source(f"catalogue{suffix}", source, origin=place), None
        if isinstance(able := retrieval.component, IndexRetriever):
            reader = reader or card_reader(plan, able, at)
            ranked = _ranked(plan, task, catalogue, reader, imagined, able, suffix, at)
        elif imagined or retrieval.rerank:
            ranked = plan.add(f"search{suffix}", search, task, catalogue, imagined, retriever=able,
                              origins=at("retriever"))  # fmt: skip
        voted = _reranked(plan, task, spec, at, suffix, ranked) if ranked else None
        ranked = voted or ranked
        if is_catalogue(source):
            ranked, catalogue = _fetched(plan, task, spec, at, suffix, (catalogue, ranked))
        folders.append(catalogue)
        rows.append(_found(plan, task, spec, at, suffix, (catalogue, ranked, voted), rest))
    if made and folders:
        over = plan.add("transform", transform, *folders, queries=retrieval.queries,
                        origins=at(queries="retriever.transform"))  # fmt: skip
        named = {place_of(name): each for name, each in made.items()}
        rows.append(_found(plan, task, spec, at, "-transformed", (over, None, None), named))
    return _merged(plan, "merge", *rows), imagined, _rewritten(plan, task, spec, folders, at)


def _merged(plan: Plan, name: str, *rows: Ref | None) -> Ref | None:
    """All rows as one artifact, by a step of that name where there are several."""
    known = [each for each in rows if each is not None]
    return plan.add(name, merge, *known) if len(known) > 1 else known[0] if known else None


def _rewritten(plan: Plan, task: Ref, spec: ModelSpec, folders: Sequence[Ref], at: Places) -> Ref | None:
    """What a chat teacher makes of the rows of datasets that the recipe has a wish for."""
    wishes, teacher = spec.retriever.wishes, spec.teacher.chat("answer")
    if not (wishes and folders and teacher):
        return None
    return plan.add(
        "rewrite", rewrite, task, *folders, wishes={name: each.prompt for name, each in wishes.items()},
        rows={name: each.rows for name, each in wishes.items()}, teacher=teacher,
        caps=spec.constraints.caps, seed=spec.seed,
        origins=at("seed", wishes="retriever.transform", rows="retriever.transform",
                   teacher=spec.teacher.place("answer"), **_CAPS),
    )  # fmt: skip


def _fetched(
    plan: Plan, task: Ref, spec: ModelSpec, at: Places, suffix: str, searched: tuple[Ref, Ref | None]
) -> tuple[Ref, Ref]:
    """What a catalogue file offers, ranked, and what of it was fetched."""
    retrieval, (catalogue, found) = spec.retriever, searched
    settings, places = _searching(spec, at, retrieval.mapping | {name: {} for name in retrieval.transform})
    ranked = plan.add(
        f"shortlist{suffix}", shortlist, task, catalogue, found, max_size=retrieval.max_size,
        granted=retrieval.granted, origins=places | at(max_size="retriever.max_size",
                                                       granted="retriever.granted"), **settings,
    )  # fmt: skip
    limits = {name: settings[name] for name in ("licenses", "languages")}
    fetched = {name: f"retriever.{name}" for name in ("max_rows", "max_download", "granted")}
    loaded = plan.add(
        f"load{suffix}", load, task, catalogue, ranked, max_rows=retrieval.max_rows,
        max_download=retrieval.max_download, granted=retrieval.granted, seed=spec.seed, **limits,
        origins=at("seed", **fetched, **{name: f"constraints.{name}" for name in limits}),
    )  # fmt: skip
    return ranked, loaded


def _found(
    plan: Plan, task: Ref, spec: ModelSpec, at: Places, suffix: str,
    catalogue: tuple[Ref, Ref | None, Ref | None], mapping: dict[str, dict[str, str]],
) -> Ref:  # fmt: skip
    """The rows of relevant datasets of one catalogue: its place, what was ranked, and by which votes."""
    retrieval, (folder, ranked, voted) = spec.retriever, catalogue
    settings, places = _searching(spec, at, mapping)
    found = plan.add(
        f"retrieve{suffix}", retrieve, task, folder, ranked,
        without=() if suffix == "-transformed" else tuple(retrieval.transform),
        origins=places | at(without="retriever.transform"), **settings,
    )  # fmt: skip
    if teacher := spec.teacher.chat("answer"):
        found = plan.add(
            f"settle{suffix}", settle, task, found, folder, teacher=teacher, mapping=mapping,
            caps=spec.constraints.caps,
            origins=at(mapping="retriever.mapping", teacher=spec.teacher.place("answer"), **_CAPS),
        )  # fmt: skip
    if teacher and retrieval.proposals and suffix != "-transformed":
        found = plan.add(
            f"reshape{suffix}", reshape, task, found, folder, teacher=teacher, number=retrieval.proposals,
            mapping=mapping, caps=spec.constraints.caps,
            origins=at(number="retriever.proposals", mapping="retriever.mapping",
                       teacher=spec.teacher.place("answer"), **_CAPS),
        )  # fmt: skip
    return plan.add(f"select{suffix}", select, task, found, folder, voted, max_rows=retrieval.max_rows,
                    seed=spec.seed, origins=at("seed", max_rows="retriever.max_rows"))  # fmt: skip


def _searching(
    spec: ModelSpec, at: Places, mapping: dict[str, dict[str, str]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What ranking goes by, and where it was written."""
    settings: dict[str, Any] = {
        "retriever": spec.retriever.component, "limit": spec.retriever.limit, "mapping": mapping,
        "licenses": spec.constraints.licenses, "languages": spec.constraints.languages,
    }  # fmt: skip
    places = at(
        "retriever", limit="retriever.limit", mapping="retriever.mapping",
        licenses="constraints.licenses", languages="constraints.languages",
    )  # fmt: skip
    return settings, places
