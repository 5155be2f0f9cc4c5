"""What no student learns: its name, and what does instead."""

from __future__ import annotations

from p2m.types import Task


def not_built(task: Task, *, otherwise: str = "") -> tuple[str, str]:
    """Of a task that no text goes into, or none comes out of: what it is, and what to do instead.

    `otherwise` takes the place of what to write into the recipe, where there is none yet.
    """
    words = otherwise or "write task: {type: ...} where the prompt is misread"
    return (
        f"this is more than text in and text out ({task.type}), which p2m cannot build: {task.lacking}",
        f"give it the text of it, a transcript or a description; or {words}",
    )
