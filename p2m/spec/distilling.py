"""Who teaches which student by its logits, and why a teacher cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from p2m.answers.label_sets import differing
from p2m.deploy.serving.settings import BundleError, Settings
from p2m.errors import command
from p2m.marked_yaml import show
from p2m.spec.candidates import allowed, rounded
from p2m.spec.model import ModelSpec
from p2m.types import Instructor, LinearStudent, Student, Task, TaskType, TunedStudent

FROM = "distil.from"
MODEL = "model"  # of a bundle, the folder of what is served
_LOGITS = ("classification", "linear")  # kinds of models that answer with labels


def taught(spec: ModelSpec, task: Task) -> dict[str, TunedStudent]:
    """The students that the recipe's teacher teaches, by name: tuned ones that are smaller, and answer as it
    does, by labels and places or by written text.
    """
    source = spec.distil.source
    if source is None:
        return {}
    able = allowed(spec.student.candidates, task, spec.limits)
    tuned = {name: each for name, each in able.items() if isinstance(each, TunedStudent)}
    if source.student is None:
        return {name: each for name, each in tuned.items() if not _writes(each)}
    return {
        name: each
        for name, each in tuned.items()
        if each.parameters < source.student.parameters and _writes(each) == _writes(source.student)
    }


def _writes(student: Any) -> bool:
    """Whether its answers are text, token by token."""
    return bool(getattr(student, "writes", ""))


def distil_problems(spec: ModelSpec, task: Task) -> Iterator[tuple[str, str, str]]:
    """What keeps the teacher from teaching: (config path, message, what to type instead)."""
    source = spec.distil.source
    if source is None:
        return
    if reason := _untaught(task):
        yield FROM, reason, "leave it out, or let a chat model answer inputs: teacher=anthropic"
    elif source.student is not None:
        yield from _of_family(spec, task, source)
    else:
        yield from _of_bundle(spec, task, source)
    data, writes = spec.data, spec.teacher.of("generate") is not None
    if data.inputs and not (data.train or data.decisions or writes or spec.retriever.sources):
        message = "there are no rows with answers, which the student learns beside the teacher's logits"
        yield "data.train", message, "give some with data.train=FILE, or a chat model that answers your texts"


def _untaught(task: Task) -> str:
    kinds = (TaskType.CLASSIFICATION, TaskType.MULTI_LABEL, TaskType.TEXT_TO_TEXT)
    if task.type in kinds or task.is_span:
        return ""
    return f"a teacher's logits are learnt of labels, of one span and of written text, not of {task.type}"


def _of_family(spec: ModelSpec, task: Task, source: Instructor) -> Iterator[tuple[str, str, str]]:
    teacher: Student = source.student
    if isinstance(teacher, LinearStudent):
        yield FROM, f"{source.name} is solved, not tuned, and has no logits to hand on", _A_FAMILY
    elif reason := teacher.refusal(task):
        yield FROM, f"{source.name} cannot learn the task: {reason}", _A_FAMILY
    elif not (found := taught(spec, task)):
        yield FROM, _no_pupil(spec, task, source), _A_PUPIL
    else:
        for name, each in found.items():
            words = [_words(one) for one in (teacher, each)]
            if _writes(each) and None not in words and words[0] != words[1]:
                message = f"{source.name} writes {words[0]:,} different tokens, {name} {words[1]:,}"
                yield FROM, f"the tokenizers of teacher and student do not match: {message}", _ONE_KIND


def _no_pupil(spec: ModelSpec, task: Task, source: Instructor) -> str:
    """Why the teacher has nobody to teach."""
    able = allowed(spec.student.candidates, task, spec.limits)
    tuned = {name: each for name, each in able.items() if isinstance(each, TunedStudent)}
    if not tuned:
        return "there is no student to teach: linear ones are solved, and learn no logits"
    alike = {name: each for name, each in tuned.items() if _writes(each) == _writes(source.student)}
    if not alike:
        told = "writes its answers" if _writes(source.student) else "marks labels and places"
        return f"{source.name} {told}, and {', '.join(tuned)} does not"
    sizes = ", ".join(f"{name} has {rounded(each.parameters)}" for name, each in alike.items())
    most = rounded(source.student.parameters)
    return f"no student is smaller than its teacher {source.name}: {sizes} parameters, the teacher {most}"


def _words(student: Any) -> int | None:
    """Tokens that a writing student can tell apart, as far as is known before it is loaded."""
    shape = getattr(student, "shape", None) or getattr(student, "_shape", None) or {}
    found = shape.get("vocab_size")
    return None if found is None else int(found)


_A_FAMILY = "name a student that is tuned, e.g. distil.from=minilm"
_A_PUPIL = "take a smaller student, e.g. student=minilm_l3, or a larger teacher, or leave it out"
_ONE_KIND = "take two of one kind, e.g. student=t5_small distil.from=flan_t5_base"


def _of_bundle(spec: ModelSpec, task: Task, source: Instructor) -> Iterator[tuple[str, str, str]]:
    assert source.bundle is not None
    bundle, hint = source.bundle, "name a bundle's folder, such as outputs/NAME, or a recipe"
    if not (bundle / MODEL).is_dir():
        place = show(bundle)
        if source.recipe is not None:
            hint = f"build it first: {command('build', show(source.recipe))}"
            yield FROM, f"{show(source.recipe)} is not built yet: there is no bundle in {place}", hint
        else:
            yield FROM, f"{place} is no bundle: it has no folder {MODEL}", hint
        return
    try:
        settings = Settings.read(bundle / MODEL)
    except BundleError as error:
        yield FROM, str(error), hint
        return
    yield from _unlike(task, settings, bundle / MODEL)
    if not taught(spec, task):
        yield FROM, "there is no student to teach: none of them is tuned and marks labels", _A_PUPIL


def _unlike(task: Task, settings: Settings, model: Path) -> Iterator[tuple[str, str, str]]:
    """Why a bundle's model cannot teach the task."""
    shape = {TaskType.CLASSIFICATION: "text", TaskType.MULTI_LABEL: "labels"}.get(task.type)
    fields = tuple(each.name for each in task.inputs)
    where = show(model / "predictor.json")
    if shape is None:
        message = (
            "a bundle teaches labels; spans and written text are taught by a student that is trained first"
        )
        yield FROM, message, _A_FAMILY
    elif settings.kind not in _LOGITS or settings.shape != shape:
        yield FROM, f"{where}: this model does not answer with labels as the task does", _A_FAMILY
    elif settings.fields != fields:
        message = f"{where}: it reads {', '.join(settings.fields)}, the task has {', '.join(fields)}"
        yield FROM, message, "name the task's inputs alike: task.inputs"
    elif task.labels and (wrong := differing(settings.labels, task.labels)):
        yield FROM, f"{where}: it {wrong}", "name the labels of both recipes alike: task.labels"
