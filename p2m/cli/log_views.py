"""Runs as text. Pure: values in, lines out."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from p2m.cli.text import duration, table, when
from p2m.engine.explaining.graphs import MARKS
from p2m.engine.journal import RunRecord, StepRecord

_DONE = {"reused": "reused", "ran": "ran", "cut-off": "cut off", "failed": "failed", "interrupted": "stopped"}
_LEFT = {"killed": "killed"}  # state of a run -> what became of steps that had begun and never ended


def command(run: RunRecord) -> str:
    """What was typed; the recipe and its overrides where that is not known."""
    typed = run.invocation
    if typed.argv:
        return shlex.join(["p2m", *typed.argv])
    return shlex.join(["p2m", "build", typed.recipe or run.plan, *typed.overrides])


def counts(run: RunRecord, state: str = "") -> str:
    """`9 reused, 3 ran, 1 killed`."""
    found = Counter(step.status for step in run.steps.values())
    words = {**_DONE, "running": _LEFT.get(state, "running")}
    return ", ".join(f"{found[status]} {word}" for status, word in words.items() if found[status]) or "none"


def log_text(runs: Sequence[tuple[RunRecord, str, str]]) -> str:
    """A line a run: (record, state, verdict)."""
    rows = []
    for run, state, verdict in runs:
        took = duration(run.seconds) if run.seconds is not None else ""
        typed = shlex.join([run.invocation.recipe or run.plan, *run.invocation.overrides])
        rows.append((run.id, state, counts(run, state), took, verdict, typed))
    header = ("run", "status", "steps", "took", "verdict", "recipe")
    return table(rows, header=header, right={3: 10}) if rows else "no runs"


def run_text(run: RunRecord, state: str, verdict: str, said: Sequence[str]) -> str:
    """One run: what was typed, its steps with their times, and what the stages said."""
    took = "" if run.seconds is None else f" in {duration(run.seconds)}"
    head = [f"{run.id}  {when(run.started)}  {state}{took}" + (f"  {verdict}" if verdict else "")]
    head.append(f"  {command(run)}")
    steps = [step for step in run.steps.values() if step.status != "source"]
    width = max((len(step.step) for step in steps), default=0)
    for step in steps:
        head.append(step_line(step, width, state))
        head += [f"      {line.partition(': ')[2]}" for line in said if line.startswith(f"{step.step}: ")]
    if not steps:
        head.append("  no step was reached")
    return "\n".join(head)


def step_line(step: StepRecord, width: int = 12, state: str = "") -> str:
    """`+ train  ran  6.4 s`; `! train  killed` of a step that ran when its run was killed."""
    left = _LEFT.get(state) if step.status == "running" else None
    if left:
        return f"  ! {step.step:<{width}}  {left}"
    took = duration(step.seconds) if step.status in ("ran", "cut-off") else ""
    return f"  {MARKS.get(step.status, ' ')} {step.step:<{width}}  {step.status:<11}  {took:>10}".rstrip()
