"""Kinds of tasks that are told apart and have no students yet: their names, and what does instead."""

from __future__ import annotations

from p2m.types import Task, TaskType

_WAYS = {
    TaskType.MULTI_LABEL: (
        "several labels a row",
        "make one recipe a label that answers yes or no, or give each row one label",
        "write task: {type: text-classification} where one label a row is enough",
    ),
    TaskType.REGRESSION: (
        "a number on a scale",
        "sort the numbers into a few ranges, each with a name",
        "write task: {type: text-classification} where they are such names",
    ),
    TaskType.RECORDS: (
        "a JSON object",
        "make one recipe a field, a classification or an extraction each",
        "write task: {type: text2text-generation} to have the object written as text",
    ),
    TaskType.UNSUPPORTED: (
        "more than text in, text out",
        "give it the text of it, a transcript or a description",
        "write task: {type: ...} where the prompt is misread",
    ),
}


def not_built(task: Task, *, otherwise: str = "") -> tuple[str, str]:
    """Of a task whose kind is known and which no student learns: what it is, and what to do instead.

    `otherwise` takes the place of what to write into the recipe, where there is none yet.
    """
    name, way, words = _WAYS[task.type]
    return (
        f"this is a task of {name} ({task.type}), which p2m cannot build yet: {task.lacking}",
        f"{way}; or {otherwise or words}",
    )
