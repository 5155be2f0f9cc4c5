"""The steps in which a teacher takes part: it writes whole rows; or it is examined, invents inputs and
answers them in one round or several, each of which asks for what a quick student of those before it lacks.
"""

from __future__ import annotations

import random
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from p2m.compiler.places import Places, files_of
from p2m.engine.plan import Plan, Ref
from p2m.metrics.base import JudgeMetric
from p2m.spec import ModelSpec
from p2m.stages.account import account
from p2m.stages.answer import answer
from p2m.stages.attributes import attributes
from p2m.stages.collect import collect
from p2m.stages.draw import draw
from p2m.stages.examine import examine
from p2m.stages.examine_judged import examine_judged
from p2m.stages.gate import gate
from p2m.stages.gather import gather
from p2m.stages.gather_answers import gather_answers
from p2m.stages.generate import generate
from p2m.stages.invent import invent
from p2m.stages.judge import judge
from p2m.stages.merge import merge
from p2m.stages.probe import probe
from p2m.stages.share import share
from p2m.stages.vet import vet
from p2m.teachers.base import specialised
from p2m.teachers.chat import ChatTeacher
from p2m.types import Caps, LinearStudent, Metric, Task

SHARD = 50_000  # rows that a teacher writes, or answers, in one step; more take several
LOCAL_SHARD = 2_000  # that a chat model on this machine answers in one step, which is hours of work


def seed_of(seed: int, shard: int) -> int:
    """The seed of a shard, counted from 1: the first has the recipe's, which it has without shards."""
    return seed if shard == 1 else random.Random(f"{seed}/{shard}").randrange(2**31)


@dataclass(frozen=True)
class Taught:
    """What teachers made, and of what."""

    rows: Ref | None = None
    answered: Ref | None = None  # of the rows, those that a chat model answered
    attributes: Ref | None = None
    inputs: tuple[Ref, ...] = ()


@dataclass(frozen=True)
class Teaching:
    """What the steps of teachers are made of."""

    plan: Plan
    spec: ModelSpec
    understood: Task
    metric: Metric
    at: Places
    task: Ref
    train: Ref | None  # the user's rows with their answers
    test: Ref | None
    base: Ref | None  # the encoder of the quick student
    quick: (
        LinearStudent | None
    )  # what learns from a teacher's rows to say what they lack, and which are wrong

    def rows(self, examined: Ref | None) -> Taught:
        """Everything that the teachers make."""
        written, taught = self._written(), self._answered(examined)
        if written is None or taught.answered is None:
            return replace(taught, rows=written or taught.answered)
        return replace(taught, rows=self.plan.add("taught", merge, written, taught.answered))

    def examined(self) -> Ref | None:
        """What the teacher says to rows with known answers, where there is a gate."""
        teacher, known = self.spec.teacher.chat("answer"), self.test or self.train
        if teacher is None or self.spec.teacher.gate is None or known is None:
            return None
        return self.plan.add(
            "examine", examine, self.task, known, self.train, teacher=teacher,
            number=self.spec.evaluation.teacher_rows, caps=self.spec.constraints.caps, seed=self.spec.seed,
            origins=self._asked("answer") | self.at("seed", number="evaluation.teacher_rows"),
        )  # fmt: skip

    def judged(self, parts: Ref, before: Ref | None) -> Ref | None:
        """What the teacher says to the rows that judge the model; None where it is not asked."""
        teacher, number = self.spec.teacher.chat("answer"), self.spec.evaluation.teacher_rows
        if teacher is None or not number:
            return None
        return self.plan.add(
            "examine-judged", examine_judged, self.task, parts, before, self.train, teacher=teacher,
            number=number, caps=self.spec.constraints.caps, seed=self.spec.seed,
            origins=self._asked("answer") | self.at("seed", number="evaluation.teacher_rows"),
        )  # fmt: skip

    def graded(self, evaluated: Ref, metric: JudgeMetric | None) -> Ref:
        """The evaluation, with the grades of a judge where the recipe asks for them."""
        teacher = self.spec.teacher.chat("judge")
        if metric is None or teacher is None:
            return evaluated
        return self.plan.add(
            "judge", judge, self.task, evaluated, metric=metric, teacher=teacher,
            caps=self.spec.constraints.caps, bootstrap=self.spec.evaluation.bootstrap, seed=self.spec.seed,
            origins=self._asked("judge")
            | self.at("seed", metric=f"metric.{metric.name}", bootstrap="evaluation.bootstrap"),
        )  # fmt: skip

    def account(
        self, curated: Ref, evaluated: Ref, measured: Ref, taught: Taught, examined: Ref | None,
        said: Ref | None, retrieved: Ref | None, imagined: Ref | None,
        rewritten: Ref | None,
    ) -> Ref | None:  # fmt: skip
        """What teachers were asked and what it cost; None where none that is paid has a part."""
        teachers = [step.settings.get("teacher") for step in self.plan.steps]
        if not any(isinstance(each, ChatTeacher) for each in teachers):
            return None
        return self.plan.add(
            "account", account, curated, evaluated, measured, taught.answered, taught.attributes, examined,
            said, retrieved, imagined, rewritten, *taught.inputs,
        )  # fmt: skip

    # ----------------------------------------------------------------------- whole rows

    def _written(self) -> Ref | None:
        """The rows of a teacher that writes whole ones; None where there is none, or it cannot."""
        teacher, number = self.spec.teacher.of("generate"), self.spec.rows_wanted
        if teacher is None or isinstance(teacher, ChatTeacher):
            return None
        if teacher.refusal(self.understood) or not number:
            return None
        place, texts = self.spec.teacher.place("generate"), self._texts()
        origins = self.at("seed", teacher=place, num_examples="generation.num_examples")
        able = specialised(teacher, self.understood)
        if number <= SHARD:
            return self.plan.add(
                "generate", generate, self.task, texts, teacher=able, num_examples=number,
                seed=self.spec.seed, origins=origins,
            )  # fmt: skip
        with self.plan.group("shards"):
            shards = [
                self.plan.add(
                    f"generate-{turn}", generate, self.task, texts, teacher=able,
                    num_examples=min(SHARD, number - start), seed=seed_of(self.spec.seed, turn),
                    origins=origins,
                )
                for turn, start in enumerate(range(0, number, SHARD), start=1)
            ]  # fmt: skip
        return self.plan.add(
            "generate", gather, self.task, *shards, teacher=able, origins=self.at(teacher=place)
        )

    @cached_property
    def pool(self) -> Ref | None:
        """The user's texts that no chat model answers, where a teacher on this machine is asked instead."""
        if self.spec.distil.source is None or self.spec.teacher.chat("answer") is not None:
            return None
        return self._collected()

    def _texts(self) -> Ref | None:
        if self.spec.data.texts is None:
            return None
        place = self.at.of("data.texts")
        return self.plan.source("data.texts", self.spec.data.texts, origin=place)

    # ----------------------------------------------------------------------- inputs, and their answers

    def _answered(self, examined: Ref | None) -> Taught:
        """The inputs that a chat model answers, the user's own before invented ones."""
        spec, writer = self.spec, self.spec.teacher.chat("generate")
        number = spec.rows_wanted if writer else spec.generation.num_examples or 0
        invents = writer is not None and number > 0
        if spec.teacher.chat("answer") is None or not (invents or spec.data.inputs is not None):
            return Taught()
        pool, passed = self._collected(), self._passed(examined)
        ways = self._attributes(passed) if invents else None
        texts = self._texts() if invents else None
        rounds = spec.generation.rounds if number else 1
        if rounds == 1 and pool is not None and ways is not None:
            return self._filled(passed, pool, ways, texts, number)
        inputs: list[Ref] = []
        answers: list[Ref] = []
        for turn in range(1, rounds + 1):
            with self.plan.group(f"round-{turn}") if rounds > 1 else nullcontext():
                suffix = f"-{turn}" if rounds > 1 else ""
                wanted = number * turn // rounds - number * (turn - 1) // rounds
                needs = self._needs(suffix, pool, answers) if answers else None
                made = self._made(suffix, passed, pool, ways, texts, needs, inputs, wanted)
                answers.append(self._answers(suffix, passed, ways, made, number if rounds == 1 else 0))
                inputs += made
        together = self.plan.add("answered", merge, *answers) if rounds > 1 else answers[0]
        return Taught(answered=self._vetted(together), attributes=ways, inputs=tuple(inputs))

    def _filled(self, passed: Ref | None, pool: Ref, ways: Ref, texts: Ref | None, number: int) -> Taught:
        """The user's inputs are answered first, and what these answers leave thin is invented."""
        drawn = self._drawn("", pool, None, [], number)
        real = self._answers("-1", passed, ways, [drawn], number)
        invented = self._invented("", passed, ways, texts, None, drawn, real, [], number)
        rest = self._answers("-2", passed, ways, [invented], number)
        answered = self.plan.add("answered", merge, real, rest)
        return Taught(answered=self._vetted(answered), attributes=ways, inputs=(drawn, invented))

    def _made(
        self, suffix: str, passed: Ref | None, pool: Ref | None, ways: Ref | None, texts: Ref | None,
        needs: Ref | None, before: list[Ref], wanted: int,
    ) -> list[Ref]:  # fmt: skip
        """The inputs of a round: the user's own, and invented ones where these are too few."""
        drawn = self._drawn(suffix, pool, needs, before, wanted) if pool is not None else None
        made = [drawn] if drawn is not None else []
        if ways is None:
            return made
        return [*made, self._invented(suffix, passed, ways, texts, needs, drawn, None, before, wanted)]

    def _invented(
        self, suffix: str, passed: Ref | None, ways: Ref, texts: Ref | None, needs: Ref | None,
        drawn: Ref | None, real: Ref | None, before: list[Ref], wanted: int,
    ) -> Ref:  # fmt: skip
        """As many new inputs as `drawn` leaves of those wanted; `real` has the answers to these."""
        told = self.spec.generation
        return self.plan.add(
            f"invent{suffix}", invent, self.task, passed, ways, texts, self.train, needs, drawn, real,
            *before,
            teacher=self.spec.teacher.chat("generate"), number=wanted, per_request=told.per_request,
            temperature=self.spec.temperature, caps=self.spec.constraints.caps, seed=self.spec.seed,
            origins=self._asked("generate")
            | self.at(
                "seed", "temperature", number="generation.num_examples", per_request="generation.per_request"
            ),
        )  # fmt: skip

    def _collected(self) -> Ref | None:
        """The user's inputs without answers."""
        paths = self.spec.data.inputs
        if paths is None:
            return None
        files = files_of(self.plan, "data.inputs", paths, self.at)
        return self.plan.add("collect", collect, self.task, *files, group=self.spec.data.group,
                             origins=self.at(group="data.group"))  # fmt: skip

    def _passed(self, examined: Ref | None) -> Ref | None:
        known = self.test or self.train
        if examined is None or known is None:
            return None
        return self.plan.add(
            "gate", gate, self.task, known, examined, metric=self.metric, floor=self.spec.teacher.gate,
            origins=self.at(floor="teacher.gate", metric="metrics.primary"),
        )  # fmt: skip

    def _attributes(self, passed: Ref | None) -> Ref:
        return self.plan.add(
            "attributes", attributes, self.task, passed, self.train,
            teacher=self.spec.teacher.chat("generate"), given=self.spec.generation.attributes,
            caps=self.spec.constraints.caps,
            origins=self._asked("generate") | self.at(given="generation.attributes"),
        )  # fmt: skip

    def _needs(self, suffix: str, pool: Ref | None, answers: list[Ref]) -> Ref:
        return self.plan.add(
            f"probe{suffix}", probe, self.task, self.base, pool, *answers, student=self.quick,
            seed=self.spec.seed, origins=self.at("seed", student="student"),
        )  # fmt: skip

    def _drawn(self, suffix: str, pool: Ref, needs: Ref | None, before: list[Ref], wanted: int) -> Ref:
        """As many of the user's inputs as are wanted, all of them where no number is."""
        if not wanted:
            return pool
        return self.plan.add(
            f"draw{suffix}", draw, self.task, pool, needs, *before, number=wanted, seed=self.spec.seed,
            origins=self.at("seed", number="generation.num_examples"),
        )  # fmt: skip

    def _answers(
        self, suffix: str, passed: Ref | None, ways: Ref | None, inputs: list[Ref], number: int
    ) -> Ref:
        """The answers to at most `number` inputs (0: nobody knows), in shards where these are many.

        What a cap ends, and what a provider limits, is one row of requests, so there a share waits for the
        answers to the one before. The first shard, a sample of all, shows whether enough can be used.
        """
        teacher, floor = self.spec.teacher.chat("answer"), self.spec.generation.min_acceptance
        assert teacher is not None
        size = LOCAL_SHARD if teacher.is_local else SHARD
        if number <= size:
            return self._answer(suffix, passed, ways, inputs, floor)
        waits = not teacher.is_local or self.spec.constraints.caps != Caps()
        shards: list[Ref] = []
        with self.plan.group(f"shards{suffix}"):
            for turn, start in enumerate(range(0, number, size), start=1):
                before = shards[-1] if waits and shards else None
                mine = self.plan.add(
                    f"share{suffix}-{turn}", share, before, *inputs, start=start, number=size
                )
                least = 0.0 if shards else floor
                shards.append(self._answer(f"{suffix}-{turn}", passed, ways, [mine], least))
        places = self.at(floor="generation.min_acceptance")
        return self.plan.add(f"answer{suffix}", gather_answers, *shards, floor=floor, origins=places)

    def _answer(
        self, suffix: str, passed: Ref | None, ways: Ref | None, inputs: list[Ref], floor: float
    ) -> Ref:
        told = self.spec.generation
        fitting = tuple(each for each in self.spec.verifier.values() if not each.refusal(self.understood))
        return self.plan.add(
            f"answer{suffix}", answer, self.task, passed, ways, self.train, *inputs,
            teacher=self.spec.teacher.chat("answer"), samples=told.samples, agreement=told.agreement,
            verifiers=fitting, floor=floor, caps=self.spec.constraints.caps,
            origins=self._asked("answer")
            | self.at(
                samples="generation.samples", agreement="generation.agreement", verifiers="verifier",
                floor="generation.min_acceptance",
            ),
        )  # fmt: skip

    def _vetted(self, answered: Ref) -> Ref:
        """The answers that the other rows do not contradict."""
        least = self.spec.generation.contradicted
        if self.quick is None or not least:
            return answered
        return self.plan.add(
            "vet", vet, self.task, self.base, answered, student=self.quick, contradicted=least,
            samples=self.spec.generation.samples, seed=self.spec.seed,
            origins=self.at(
                "seed", student="student", contradicted="generation.contradicted",
                samples="generation.samples",
            ),
        )  # fmt: skip

    # ----------------------------------------------------------------------- shared

    def _asked(self, role: str) -> dict[str, Any]:
        """Where teacher and caps were written."""
        caps = {f"caps.{name}": f"constraints.{name}" for name in ("max_cost", "max_requests", "max_tokens")}
        return self.at(teacher=self.spec.teacher.place(role), **caps)
