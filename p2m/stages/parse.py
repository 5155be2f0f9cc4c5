"""parse: the prompt becomes a typed task. By rules, so quick and pure that planning does the same."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.parsing import parse_prompt
from p2m.types import Example, Task, TaskType


@stage(version="1", kind="pure")
def parse(
    *,
    prompt: str,
    examples: tuple[Example, ...] = (),
    type: TaskType | None = None,
    inputs: tuple[str, ...] = (),
    output: str | None = None,
    labels: tuple[str, ...] = (),
    language: str | None = None,
) -> Task:
    """Read `prompt` and the recipe's `examples`; the other settings overrule what would be read.

    Raises:
        RecipeError: the prompt is empty, or demonstrations do not fit the task's fields or labels.
    """
    return parse_prompt(
        prompt, examples, type=type, inputs=inputs, output=output, labels=labels, language=language
    )
