"""Reading comprehension by rule: passages, questions and answers from fact grammars and from the user's texts."""

from __future__ import annotations

from p2m.types import Task, TaskType


def matches(task: Task) -> bool:
    """Whether the task is a question and a passage in, a span of the passage out."""
    return task.type is TaskType.QUESTION_ANSWERING and len(task.inputs) == 2
