"""What a teacher is to the stages: the Protocol, and how one that calls a service is bound to the ledger."""

from typing import Protocol, runtime_checkable

from p2m.engine.handles import Recorder, Run
from p2m.types import Teacher

__all__ = ["RemoteTeacher", "Teacher", "bound"]


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
