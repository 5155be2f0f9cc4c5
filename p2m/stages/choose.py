"""choose: the student family that the task and the constraints allow, and why not the others."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.students.base import Student
from p2m.types import Choice, Constraints, Task


@stage(version="1", kind="pure")
def choose(task: Task, *, students: dict[str, Student], constraints: Constraints) -> Choice:
    """The largest candidate that is allowed: among small models that fit, weights are what quality costs.

    A pretrained encoder refuses what it cannot express (free text), so it is taken for spans and labels, and
    a sequence-to-sequence model for the rest.

    Raises:
        StageError: no candidate is allowed; says of each why.
    """
    refused = {name: reason for name in students if (reason := _refusal(students[name], task, constraints))}
    able = sorted(
        (name for name in students if name not in refused), key=lambda n: (-students[n].parameters, n)
    )
    if not able:
        listed = "".join(f"\n    {name}: {reason}" for name, reason in sorted(refused.items()))
        raise StageError(
            f"no student can be taken{listed or ': there are no candidates'}"
            "\n    loosen constraints, or student=auto"
        )
    best = able[0]
    reasons = [f"{best} fits {task.type} with {students[best].parameters / 1e6:.1f}M parameters"]
    reasons += [
        f"its smallest export takes about {students[best].size_bytes / 1e6:.0f} MB,"
        f" licence {students[best].license}"
    ]
    for name in able[1:]:
        refused[name] = (
            f"smaller than {best} ({students[name].parameters / 1e6:.1f}M parameters), which fits too"
        )
        reasons.append(f"larger than {name}, and allowed")
    return Choice(best, tuple(reasons), refused)


def _refusal(student: Student, task: Task, constraints: Constraints) -> str:
    """Every reason why the student cannot be taken, or ""."""
    found = [reason] if (reason := student.refusal(task)) else []
    if constraints.max_parameters is not None and student.parameters > constraints.max_parameters:
        found.append(f"{student.parameters:,} parameters, at most {constraints.max_parameters:,} allowed")
    if constraints.max_size is not None and student.size_bytes > constraints.max_size:
        found.append(f"about {student.size_bytes:,} bytes exported, at most {constraints.max_size:,} allowed")
    accepted = {name.lower() for name in constraints.licenses}
    if accepted and student.license.lower() not in accepted:
        found.append(f"licence {student.license}, accepted: {', '.join(constraints.licenses)}")
    return "; ".join(found)
