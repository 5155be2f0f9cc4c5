"""judge: the verdict on a model: its recipe's contract, and whether it beats what needs no model."""

from __future__ import annotations

from p2m.deploy import verdict
from p2m.engine.stage import stage
from p2m.types import Constraints, Evaluated, Exported, Measured, Requirement, Task, Verdict


@stage(version="1", kind="pure")
def judge(
    task: Task,
    exported: Exported,
    evaluated: Evaluated,
    measured: Measured,
    *,
    requirements: tuple[Requirement, ...],
    constraints: Constraints,
) -> Verdict:
    """SHIP, FALLS SHORT or UNPROVEN, with the lines that it rests on and what to do next."""
    return verdict.judge(task, requirements, constraints, exported, evaluated, measured)
