"""What a teacher that writes rows by itself is to the stages, and how one that knows several kinds of tasks
hands over the part that knows the task at hand. Chat models are `chat`'s.
"""

from typing import Protocol, runtime_checkable

from p2m.types import Task, Teacher

__all__ = ["Teacher", "specialised"]


@runtime_checkable
class Specialising(Teacher, Protocol):
    """A teacher made of parts, of which a task needs one: that part's code and settings alone enter a key."""

    def for_task(self, task: Task) -> Teacher | None:
        """The part that writes the task's rows; None where the teacher itself does."""


def specialised(teacher: Teacher, task: Task) -> Teacher:
    """The teacher, or its part for the task where it has one."""
    part = teacher.for_task(task) if isinstance(teacher, Specialising) else None
    return teacher if part is None else part
