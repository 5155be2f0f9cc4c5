"""What a teacher is to the stages: the Protocol, and how one that calls a service is bound to the ledger."""

from p2m.types import RemoteTeacher, Run, Teacher

__all__ = ["RemoteTeacher", "Teacher", "bound"]


def bound(teacher: Teacher, run: Run) -> Teacher:
    """The teacher with its calls recorded; one that makes its rows by itself stays as it is."""
    return teacher.recorded_by(run.recorder) if isinstance(teacher, RemoteTeacher) else teacher
