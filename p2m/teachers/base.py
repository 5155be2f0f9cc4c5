"""What a teacher is to the stages: the Protocol, how one that calls a service is bound to the ledger, and how
one that knows several kinds of tasks hands over the part that knows the task at hand.
"""

from typing import Protocol, runtime_checkable

from p2m.engine.handles import Recorder, Run
from p2m.teachers.chat import ChatTeacher
from p2m.types import Task, Teacher

__all__ = ["ChatTeacher", "RemoteTeacher", "Teacher", "bound", "specialised"]


@runtime_checkable
class RemoteTeacher(Teacher, Protocol):
    """A teacher whose answers are paid for. A stage binds it to the recorder before it asks it anything."""

    @property
    def calls_out(self) -> bool:
        """Whether it calls a service; steps that it has part in are replayed from the ledger."""

    def recorded_by(self, recorder: Recorder) -> Teacher:
        """The same teacher, every call of which goes through `recorder`."""


def bound(teacher: Teacher, run: Run) -> Teacher:
    """The teacher with its calls recorded; one that makes its rows by itself stays as it is."""
    return teacher.recorded_by(run.recorder) if isinstance(teacher, RemoteTeacher) else teacher


@runtime_checkable
class Specialising(Teacher, Protocol):
    """A teacher made of parts, of which a task needs one: that part's code and settings alone enter a key."""

    def for_task(self, task: Task) -> Teacher | None:
        """The part that writes the task's rows; None where the teacher itself does."""


def specialised(teacher: Teacher, task: Task) -> Teacher:
    """The teacher, or its part for the task where it has one."""
    part = teacher.for_task(task) if isinstance(teacher, Specialising) else None
    return teacher if part is None else part
