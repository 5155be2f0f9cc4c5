"""The steps of each student that may be taken, and of the linear ones that it must not be worse than."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from p2m.compiler.distilling import Lessons, lessons
from p2m.compiler.places import Places
from p2m.compiler.rungs import Rungs, goes_on, of_encoders, reading
from p2m.compiler.trying import Tried, tried
from p2m.deploy.backends.onnx import Onnx
from p2m.engine.plan import Plan, Ref
from p2m.spec import ModelSpec, allowed, contenders, is_choice, over_budget, refused, untaught
from p2m.stages.best import best
from p2m.stages.choose import choose
from p2m.stages.convert import convert
from p2m.stages.cross_validate import cross_validate
from p2m.stages.encoder import encoder
from p2m.stages.export import export
from p2m.stages.fold import fold
from p2m.stages.propose import propose
from p2m.stages.solve import solve
from p2m.stages.train import train
from p2m.stages.winner import winner
from p2m.tuning.base import applied
from p2m.types import (
    Backend,
    BaseEncoder,
    ExtraBackend,
    FormatBackend,
    LinearStudent,
    Metric,
    PairStudent,
    RacingBackend,
    Student,
    Task,
    TaskType,
    TunedStudent,
)


def base_encoder(plan: Plan, spec: ModelSpec, understood: Task, at: Places) -> Ref | None:
    """The base encoder that linear candidates and baselines read; None where none reads one."""
    read = _encoder_read(allowed(spec.student.candidates, understood, spec.limits))
    read = read or _encoder_read(rivals_of(spec, understood))
    if read is None:
        return None
    ways = list(of_encoders(spec).values())
    if spec.compression.ladder:  # one that could ship begins in full precision
        ways = [] if reads_encoder(spec, understood) else [way for way in ways if not goes_on(way)]
    smaller = next(iter(ways), None)
    return plan.add("encoder", encoder, base=read, compressor=smaller and reading(smaller, spec, understood),
                    origins=at(base="student", compressor="compression"))  # fmt: skip


def reads_encoder(spec: ModelSpec, understood: Task) -> bool:
    """Whether a student that could ship reads a frozen encoder."""
    return _encoder_read(allowed(spec.student.candidates, understood, spec.limits)) is not None


def quick_student(spec: ModelSpec, understood: Task) -> LinearStudent | None:
    """The linear student that a teacher's rows are looked at by: one that reads the encoder, if any does."""
    able = (*allowed(spec.student.candidates, understood, spec.limits).values(),
            *rivals_of(spec, understood).values())  # fmt: skip
    linear = [each for each in able if isinstance(each, LinearStudent) and not isinstance(each, PairStudent)]
    return next((each for each in linear if each.encoder), next(iter(linear), None))


@dataclass(frozen=True)
class Candidates:
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
    texts: Ref | None = None  # the user's, that nobody but a teacher on this machine answers

    @cached_property
    def lessons(self) -> Lessons | None:
        """What a teacher on this machine says; None where there is none."""
        return lessons(self.plan, self.spec, self.understood, self.metric, self.at, self.task, self.parts,
                       self.texts)  # fmt: skip

    @cached_property
    def able(self) -> dict[str, Student]:
        found = allowed(self.spec.student.candidates, self.understood, self.spec.limits)
        return {name: student for name, student in found.items() if name not in self.left_out}

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Candidates that could be taken and are not tried, and why."""
        found = allowed(self.spec.student.candidates, self.understood, self.spec.limits)
        out = untaught(self.understood, found)
        rest = {name: student for name, student in found.items() if name not in out}
        return out | (over_budget(self.spec.choosing, rest) if is_choice(self.understood, rest) else {})

    @cached_property
    def is_choice(self) -> bool:
        """Whether only rows can tell which is the best."""
        return is_choice(self.understood, self.able)

    def tried(self) -> Tried:
        """What each says out of fold, where there is a choice."""
        if not self.is_choice:
            return Tried()
        return tried(self.plan, self.spec, self.at, self.metric, self.able, self.task, self.parts, self.base,
                     self.embeddings)  # fmt: skip

    def asked(self, tried: Tried, students: Mapping[str, Student]) -> list[Ref]:
        """What those of the linear `students` said out of fold that were tried."""
        return [tried.said[name][0] for name, each in students.items()
                if name in tried.said and self.able[name] == each]  # fmt: skip

    def chosen(self, tried: Tried) -> tuple[Ref, Ref]:
        """The choice, and its winner."""
        spec = self.spec
        choice = self.plan.add(
            "choose", choose, self.task, self.parts, tried.within, *tried.every, metric=self.metric,
            contenders=contenders(self.able),
            refused=self.left_out | refused(spec.student.candidates, self.understood, spec.limits),
            origins=self.at(contenders="student", refused="constraints", metric="metrics.primary"),
        )  # fmt: skip
        return choice, self.plan.add("winner", winner, choice)

    def made(self, tried: Tried, won: Ref) -> tuple[list[Ref], list[Ref]]:
        """The folds that judge, where none of the user's rows are kept for that, and what could ship."""
        students = self.able
        _ = self.lessons  # whose steps are in no student's group
        if not self.is_choice:
            first = contenders(students)[0].name
            students = {first: students[first]}
        decided = won if self.is_choice else None
        folds, variants = [], []
        for name, student in students.items():
            with self.plan.group(name) if self.is_choice else nullcontext():
                if not self.spec.data.test and self.understood.type is not TaskType.TEXT_TO_TEXT:
                    folds += self._folds(name, student, decided, tried.last(name))
                variants += self._variants(name, student, decided)
        return folds, variants

    def _step(self, what: str, name: str) -> str:
        return f"{what}-{name}" if self.is_choice else what

    def _folds(self, name: str, student: Student, won: Ref | None, trial: Ref | None) -> list[Ref]:
        if isinstance(student, LinearStudent):  # one that was tried was asked about every fold
            if trial is not None:
                return []
            return [self.plan.add(
                "cross-validate", cross_validate, self.task, self.parts, self.base, self.embeddings,
                name=name, student=student, to_choose=False, metric=self.metric,
                origins=self._places(name) | self.at(metric="metrics.primary"),
            )]  # fmt: skip
        if self.lessons and name in self.lessons.pupils:
            places = self._places(name) | self._learnt | self.at(number="split.folds")
            return [
                self.lessons.fold(
                    f"{self._step('fold', name)}-{number}", name, won, student=student, number=number - 1,
                    **self._learning, origins=places,
                )
                for number in range(1, self.spec.split.folds + 1)
            ]  # fmt: skip
        return [
            self.plan.add(
                f"{self._step('fold', name)}-{number}", fold, self.task, self.parts, won, trial, name=name,
                student=student, number=number - 1, **self._learning,
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
        is_judged = is_served or self.spec.compression.ladder
        scored = {"metric": self.metric if is_judged else None, "seed": self.spec.seed}
        fitted = self._fitted(name, student, won)
        full = self.plan.add(
            self._step("export", name), export, self.task, self.parts, fitted, student=student, **scored,
            origins=self._places(name) | self.at("seed", metric="metrics.primary"),
        )  # fmt: skip
        read = is_served or not all(isinstance(each, FormatBackend) for each in backends)
        smaller: dict[str, Ref] = {}
        if read and not isinstance(student, LinearStudent):  # whose encoder was made smaller before
            rungs = Rungs(
                self.plan, self.spec, self.understood, self.at, self.task, self.parts,
                lambda what: self._step(what, name), scored, self._learning,
            )  # fmt: skip
            smaller = rungs.smaller(student, fitted, full)
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
        if self.spec.tuning.trials == 1:
            return self._trained(self._step("train", name), name, student, won, None)
        assert isinstance(student, TunedStudent), name
        with nullcontext() if self.is_choice else self.plan.group("tune"):
            return self._searched(name, student, won)

    def _searched(self, name: str, student: TunedStudent, won: Ref | None) -> Ref:
        """The best of several trainings, of which the first is the one that a recipe without trials makes."""
        tuning, training = self.spec.tuning, self.spec.training
        looks_back = tuning.component.looks_back or tuning.prune
        made = [self._trained(f"{self._step('train', name)}-1", name, student, won, None)]
        for number in range(2, tuning.trials + 1):
            proposal = self.plan.add(
                f"{self._step('propose', name)}-{number}", propose, self.parts,
                *(made if looks_back and number > tuning.startup else ()), number=number,
                proposer=tuning.component, space=applied(tuning.space, student, training), student=student,
                training=training, prunes=tuning.prune and number > tuning.startup, seed=self.spec.seed,
                origins=self._places(name) | self.at(
                    "training", "seed", number="tuning.trials", proposer="tuning", space="tuning.space",
                    prunes="tuning.prune",
                ),
            )  # fmt: skip
            step = f"{self._step('train', name)}-{number}"
            made.append(self._trained(step, name, student, won, proposal))
        return self.plan.add(self._step("best", name), best, *made)

    def _trained(self, step: str, name: str, student: Student, won: Ref | None, proposal: Ref | None) -> Ref:
        if self.lessons and name in self.lessons.pupils:
            return self.lessons.train(
                step, name, (won, proposal), student=student, **self._learning,
                origins=self._places(name) | self._learnt,
            )  # fmt: skip
        return self.plan.add(
            step, train, self.task, self.parts, won, proposal, name=name, student=student, **self._learning,
            origins=self._places(name) | self._learnt,
        )  # fmt: skip

    @property
    def _learning(self) -> dict[str, Any]:
        return {"metric": self.metric, "training": self.spec.training, "seed": self.spec.seed}

    @property
    def _learnt(self) -> dict[str, str]:
        return self.at("training", "seed", metric="metrics.primary")

    def _places(self, name: str) -> dict[str, str]:
        return self.at(student=f"student.candidates.{name}")


def rivals_of(spec: ModelSpec, understood: Task) -> dict[str, Student]:
    """The linear students that a model must not be worse than: those that could be taken in its place.

    One that reads another encoder than the candidates do is left out: rows are embedded once.
    """
    able = allowed(spec.baselines.candidates, understood, spec.limits)
    read = _encoder_read(allowed(spec.student.candidates, understood, spec.limits)) or _encoder_read(able)
    return {name: student for name, student in able.items() if _encoder_read({name: student}) in (None, read)}


def _encoder_read(students: Mapping[str, Student]) -> BaseEncoder | None:
    """The encoder that linear students read, which is the same for all (`feasibility` sees to it)."""
    return next(
        (each.encoder for each in students.values() if isinstance(each, LinearStudent) and each.encoder), None
    )
