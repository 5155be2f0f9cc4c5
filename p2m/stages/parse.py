"""parse: the prompt becomes a typed task, so quickly and purely that planning does the same."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.parsing import parse_prompt
from p2m.types import Example, Layout, RecordField, Scale, Shown, Task, TaskType


@stage(version="3", kind="pure")
def parse(
    *,
    prompt: str,
    examples: tuple[Example, ...] = (),
    type: TaskType | None = None,
    inputs: tuple[str, ...] = (),
    output: str | None = None,
    labels: tuple[str, ...] = (),
    descriptions: dict[str, str] | None = None,
    language: str | None = None,
    none: str | None = None,
    layout: Layout | None = None,
    scale: Scale | None = None,
    record: tuple[RecordField, ...] = (),
    shown: Shown | None = None,
    run: Run | None = None,
) -> Task:
    """Read `prompt` and the recipe's `examples`; the other settings overrule what would be read, and `shown`
    is what the recipe's own rows say of it.

    Raises:
        RecipeError: the prompt is empty, or demonstrations do not fit the task's fields or answers.
    """
    task = parse_prompt(
        prompt,
        examples,
        type=type,
        inputs=inputs,
        output=output,
        labels=labels,
        descriptions=descriptions or {},
        language=language,
        none=none,
        layout=layout,
        scale=scale,
        record=record,
        shown=shown,
    )
    if run is not None:
        for doubt in task.doubts:
            run.say(doubt)
    return task
