"""The steps in which a teacher makes rows, answers them, or is examined."""

from __future__ import annotations

from p2m.compiler.places import Places
from p2m.engine.plan import Plan, Ref
from p2m.spec import ModelSpec
from p2m.stages.generate import generate
from p2m.teachers.base import ChatTeacher, specialised
from p2m.types import Task


def taught(plan: Plan, task: Ref, spec: ModelSpec, understood: Task, at: Places) -> Ref | None:
    """The rows that come of the teachers; None where there are none."""
    return _written(plan, task, spec, understood, at)


def _written(plan: Plan, task: Ref, spec: ModelSpec, understood: Task, at: Places) -> Ref | None:
    """The whole rows of a teacher that writes such; None where there is none, or it cannot."""
    teacher, number = spec.teacher.of("generate"), spec.rows_wanted
    if teacher is None or isinstance(teacher, ChatTeacher) or teacher.refusal(understood) or not number:
        return None
    texts = None
    if spec.data.texts is not None:
        texts = plan.source("data.texts", spec.data.texts, origin=at("data.texts").get("data.texts", ""))
    return plan.add(
        "generate", generate, task, texts, teacher=specialised(teacher, understood), num_examples=number,
        seed=spec.seed,
        origins=at("seed", teacher=spec.teacher.place("generate"), num_examples="generation.num_examples"),
    )  # fmt: skip
