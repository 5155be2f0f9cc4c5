"""The task of a prompt as the rules and a teacher read it together, for a recipe that its user looks over.

What the prompt states outright, or a table shows, stays; elsewhere the teacher's reading is taken. Wherever
the two differ it is said, and so is what cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from p2m.errors import RecipeError
from p2m.parsing import parse_prompt, sure_of
from p2m.spec import units
from p2m.table_task import TableTask
from p2m.teachers.craft.refinement import Refined
from p2m.types import Task, TaskType

_SUITING = {
    TaskType.CLASSIFICATION: ("accuracy", "macro_f1"),
    TaskType.MULTI_LABEL: ("micro_f1", "macro_f1", "exact_match"),
    TaskType.REGRESSION: ("spearman", "mae"),
    TaskType.RECORDS: ("exact_match",),
    TaskType.QUESTION_ANSWERING: ("exact_match", "token_f1"),
    TaskType.EXTRACTION: ("exact_match", "token_f1"),
    TaskType.TEXT_TO_TEXT: ("chrf", "rouge_l", "exact_match"),
}
_LIMITS: Mapping[str, Callable[[Any], Any]] = {
    "max_parameters": units.parameters, "max_size": units.size, "max_latency": units.duration,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agreed:
    """A task for a recipe, and all that the recipe should say beside it."""

    task: Task
    descriptions: dict[str, str] = field(default_factory=dict)  # label -> what it means
    fields: dict[str, str] = field(default_factory=dict)  # field -> what it holds
    limits: dict[str, str] = field(default_factory=dict)  # "max_size" -> "30 MB"
    metric: str = ""  # other than the task's own
    require: dict[str, str] = field(default_factory=dict)  # metric -> ">= 0.9"
    stays_local: bool = False
    unclear: tuple[str, ...] = ()  # questions that the prompt leaves open
    differences: tuple[str, ...] = ()  # where rules and teacher differ, and what of both is not used


def together(prompt: str, refined: Refined, table: TableTask | None = None) -> Agreed:
    """Both readings as one."""
    rules = parse_prompt(prompt) if table is None else _of_table(prompt, table)
    sure = sure_of(prompt) if table is None else frozenset(("type", "inputs", "output", "labels"))
    said: list[str] = []
    words = _words(rules, refined, sure, said)
    try:
        task = parse_prompt(prompt, **words)
    except RecipeError as error:
        first = error.problems[0].message
        said.append(
            f"the teacher's reading does not suit the prompt's own examples ({first}): the rules' stays"
        )
        task = rules
    written = _folded(prompt)
    if table is None and (made := [label for label in task.labels if _folded(label) not in written]):
        said.append(f"labels: {', '.join(made)} stand nowhere in the prompt: proposed by the teacher")
    limits = {name: text for name, text in refined.limits.items() if _is_read(name, text, said)}
    metric, require = _judged(task, refined, said)
    known = set(task.labels)
    return Agreed(
        task,
        descriptions={
            label: text for label, text in _meant(task, refined).items() if label in known and text
        },
        fields=_fields(task, refined),
        limits=limits,
        metric=metric,
        require=require,
        stays_local=refined.stays_local,
        unclear=refined.unclear,
        differences=tuple(said),
    )


def _of_table(prompt: str, table: TableTask) -> Task:
    return parse_prompt(
        prompt, type=table.type, inputs=table.inputs, output=table.output, labels=tuple(table.labels),
        none=table.none, layout=table.layout, scale=table.scale, record=table.record,
    )  # fmt: skip


def _words(rules: Task, refined: Refined, sure: frozenset[str], said: list[str]) -> dict[str, Any]:
    """What overrules the rules where the prompt is read anew; differences are added to `said`."""
    kind = _settled("type", rules.type, refined.type, "type" in sure, said)
    listed = refined.labels if kind.is_labelled else {}
    labels = rules.labels if kind.is_labelled else ()
    if {_folded(label) for label in labels} != {_folded(label) for label in listed} and listed:
        labels = _settled("labels", labels, tuple(listed), "labels" in sure and bool(labels), said)
    names = tuple(each.name for each in refined.inputs)
    inputs = tuple(each.name for each in rules.inputs)
    if names and names != inputs:
        inputs = _settled("inputs", inputs, names, "inputs" in sure, said)
    output, named = rules.output.name, refined.output.name if refined.output else ""
    if named and named not in (output, *inputs):
        output = _settled("output", output, named, "output" in sure, said)
    language = None
    if refined.languages and refined.languages[0] not in rules.spoken:
        language = _settled(
            "language", rules.language, refined.languages[0], bool(rules.demonstrations), said
        )
    found = {"type": kind, "inputs": inputs, "output": output, "labels": labels}
    return found | ({"language": language} if language else {})


def _settled(name: str, rules: Any, teacher: Any, is_sure: bool, said: list[str]) -> Any:
    """One of two values, and what is said of it where they differ."""
    if rules == teacher:
        return rules
    one, other = (rules, teacher) if is_sure else (teacher, rules)
    kept, left = ("rules", "teacher") if is_sure else ("teacher", "rules")
    beside = f"; the {left} read {_shown(other)}" if _shown(other) else f", where the {left} found none"
    said.append(f"{name}: {_shown(one)}, as the {kept} read it{beside}")
    return one


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _folded(label: str) -> str:
    return " ".join(label.casefold().split())


def _meant(task: Task, refined: Refined) -> dict[str, str]:
    """Label -> meaning, for labels spelt as the task has them."""
    by_fold = {_folded(label): text for label, text in refined.labels.items()}
    return {label: by_fold.get(_folded(label), "") for label in task.labels}


def _fields(task: Task, refined: Refined) -> dict[str, str]:
    found = {each.name: each.description for each in refined.inputs}
    names = {each.name for each in task.inputs}
    fields = {name: text for name, text in found.items() if name in names and text}
    form = refined.output.description if refined.output else ""
    return fields | ({task.output.name: form} if form else {})


def _is_read(name: str, text: str, said: list[str]) -> bool:
    """Whether a limit is a quantity."""
    try:
        _LIMITS[name](text)
    except ValueError as error:
        said.append(f"constraints.{name}: {error}: not written")
        return False
    return True


def _judged(task: Task, refined: Refined, said: list[str]) -> tuple[str, dict[str, str]]:
    """The metric, "" where it is the task's own, and what it must reach."""
    metric = refined.metric
    if metric and metric not in _SUITING.get(task.type, ()):
        said.append(f"metrics.primary: {metric} does not suit {task.type.value}: not written")
        metric = ""
    require = {metric: f">= {refined.at_least:g}"} if metric and refined.at_least else {}
    own = task.metrics[0] if task.metrics else ""
    if metric and metric != own:
        said.append(f"metrics.primary: {metric}, as the teacher reads it; the rules read {own or 'none'}")
    return (metric if metric != own else ""), require
