"""verdict: on a model: its recipe's contract, and whether it beats what needs no model."""

from __future__ import annotations

from p2m.deploy.verdict import verdict_on
from p2m.engine.stage import stage
from p2m.types import Account, Evaluated, Exported, Held, Measured, Requirement, Task, Verdict


@stage(version="2", kind="pure")
def verdict(
    task: Task,
    exported: Exported,
    evaluated: Evaluated,
    measured: Measured,
    account: Account | None,
    held: Held | None,
    *,
    requirements: tuple[Requirement, ...],
    max_parameters: int | None,
    max_size: int | None,
    max_latency: float | None,
    precision: float | None,
    smaller: tuple[str, ...],
) -> Verdict:
    """SHIP, FALLS SHORT or UNPROVEN, with the lines that it rests on and what to do next."""
    return verdict_on(
        task, requirements, exported, evaluated, measured, account, held,
        max_parameters=max_parameters, max_size=max_size, max_latency=max_latency,
        precision=precision, smaller=smaller,
    )  # fmt: skip
