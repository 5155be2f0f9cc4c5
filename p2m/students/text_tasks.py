"""Tasks as students that write text see them: everything is text, in its canonical spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.shapes import Layout
from p2m.types import Task, TaskType

INSTRUCTION, INPUT = "{instruction}", "{input}"
_SHAPES = {TaskType.MULTI_LABEL: "labels", TaskType.RECORDS: "record"}


def text_settings(
    kind: str, task: Task, labels: Sequence[str], *, prompt: str = INPUT, **more: Any
) -> Settings:
    """predictor.json of a model that writes the answers of `task`; `prompt` is around its inputs.

    Of a classification only the labels are written; spans and records are written as they are stored.
    """
    prefix, _, suffix = (each.replace(INSTRUCTION, task.instruction) for each in prompt.partition(INPUT))
    layout = Layout(**asdict(task.layout)) if task.layout else None
    fields = tuple(each.name for each in task.inputs)
    return Settings(
        kind,
        fields,
        context=task.context_field if len(fields) > 1 else "",
        labels=tuple(labels),
        prefix=prefix,
        suffix=suffix,
        shape=_SHAPES.get(task.type, "spans" if layout else "text"),
        none=task.none,
        layout=layout,
        record=tuple(asdict(each) for each in task.record),
        **more,
    )


def unwritten(task: Task, prompt: str = INPUT) -> str | None:
    """Why a model that writes text cannot learn the task; None where it can."""
    if task.type is TaskType.REGRESSION:
        return (
            "it writes text, digit by digit, and knows no near misses; student=minilm answers with a number"
        )
    if prompt.count(INPUT) != 1:
        return f"its prompt {prompt[:60]!r} must hold {INPUT} once, where the input goes"
    return None
