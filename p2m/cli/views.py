"""Recipes, builds and artifacts as text. Pure: values in, lines out."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from p2m.answers.canonical import is_shaped
from p2m.build import Built
from p2m.cli.common import relative
from p2m.cli.data_views import data_lines
from p2m.cli.text import duration
from p2m.compiler import primary_metric
from p2m.engine.rows import Rows
from p2m.inspection import Inspection
from p2m.project import Understood
from p2m.sizes import short
from p2m.spec import ROLES, ModelSpec, refused
from p2m.teachers.chat import named
from p2m.types import Student, Task

WIDTH = 110  # characters of a shown value


def build_text(built: Built) -> str:
    """The last lines of a build: what was done, the verdict, and where the bundle is."""
    counts = built.result.counts
    done = [f"{counts.get(status, 0)} {word}" for status, word in (("reused", "reused"), ("ran", "ran"))]
    if counts.get("cut-off"):
        done.append(f"{counts['cut-off']} cut off early")
    fetched = sum(outcome.shared for outcome in built.result.outcomes)
    if fetched:
        done[0] += f" ({fetched} from the shared store)"
    total = sum(counts.values())
    if built.sent:
        done[-1] += f"; sent {built.sent} step{'s' * (built.sent != 1)} to the shared store"
    lines = [f"{total} steps: {', '.join(done)}. {duration(built.result.seconds)}."]
    lines += [f"shared store: {built.spent}"] if built.spent else []
    lines.append(verdict_text(built))
    return "\n".join(lines)


def verdict_text(built: Built) -> str:
    """SHIP, or what falls short of the recipe's contract, with the figures and the bundle's path."""
    verdict = built.verdict
    evidence = "" if verdict.evidence == "gold" else f" (by {verdict.evidence})"
    marks = dict.fromkeys(verdict.unproven, "?") | dict.fromkeys(verdict.failures, "x")
    lines = [f"{verdict.decision}{evidence}"]
    lines += [f"  ! {line}" for line in verdict.warnings if line not in verdict.lines]
    marks |= dict.fromkeys((line for line in verdict.warnings if line in verdict.lines), "!")
    lines += [f"  {marks.get(line, ' ')} {line}" for line in verdict.lines]
    lines += [f"  next: {line}" for line in verdict.advice]
    lines.append(f"  -> {relative(built.folder)}")
    return "\n".join(lines)


def task_lines(recipe: Path, task: Task, *, is_sound: bool) -> list[str]:
    """What was understood of a prompt."""
    state = "a valid recipe for" if is_sound else "not to be built as it is; understood as"
    lines = [f"{relative(recipe)}: {state} {task.type.value}"]
    lines.append(f"  inputs   {', '.join(field.name for field in task.inputs)}  ->  {task.output.name}")
    if task.labels:
        lines.append(f"  labels   {', '.join(task.labels)}")
    if is_shaped(task) or (task.none is not None and not task.labels):
        lines.append(f"  answers  {task.output_format}")
    return lines


def recipe_text(read: Understood, found: Inspection) -> str:
    """What `check` understood of a recipe and of its data, whether it can be built or not."""
    spec, task = read.composed.spec, read.task
    lines = task_lines(read.composed.recipe, task, is_sound=not (read.problems or found.problems))
    if not any(problem.path == "metrics.primary" for problem in read.problems):
        lines.append(f"  metric   {primary_metric(spec, task).name}")
    reasons = refused(spec.student.candidates, task, spec.limits)
    able = [name for name in spec.student.candidates if name not in reasons]
    lines.append(f"  students {', '.join(able) or 'none'}")
    kin = [
        name
        for name, each in spec.student.candidates.items()
        if not each.refusal(_in_own_language(task, each))
    ]
    lines += [f"  without  {name}: {reasons[name]}" for name in kin if name in reasons]
    lines += _teacher_lines(spec)
    lines += [f"  because  {reason}" for reason in task.reasons]
    lines += data_lines(found)
    lines += [f"  ! {doubt}" for doubt in task.doubts]
    for note in found.notes:
        lines += [f"  ! {note.text}", *([f"      {note.rows}"] if note.rows else [])]
    return "\n".join(lines)


def _teacher_lines(spec: ModelSpec) -> list[str]:
    """Each chat model with its roles, and what keeps it from being asked here: no fault of a recipe."""
    roles: dict[str, list[str]] = {}
    problems: dict[str, str | None] = {}
    for role in ROLES:
        teacher = spec.teacher.chat(role)
        if teacher is not None:
            name = named(teacher)
            roles.setdefault(name, []).append(role)
            problems[name] = teacher.problem()
    lines = []
    for name, those in roles.items():
        lines.append(f"  teacher  {name}" + (f": {', '.join(those)}" if len(roles) > 1 else ""))
        if problem := problems[name]:
            lines.append(f"  ! {name} cannot be asked here: {problem}")
    return lines


def _in_own_language(task: Task, student: Student) -> Task:
    known = getattr(student, "languages", ())
    return replace(task, language=known[0], languages=()) if known else task


def artifact_text(value: Any, *, rows: int) -> str:
    """An artifact, field by field; of long tuples the first `rows`."""
    lines: list[str] = []
    for item in fields(value):
        content = getattr(value, item.name)
        is_tuple = isinstance(content, tuple | Rows)
        if is_tuple and content and is_dataclass(content[0]):
            lines.append(f"{item.name}: {len(content):,}")
            lines += [f"  {_one_line(row)}" for row in content[:rows]]
        elif isinstance(content, Path):
            lines.append(f"{item.name}: {', '.join(_tree(content))}")
        elif is_tuple:
            lines.append(f"{item.name}: {len(content):,}" if len(content) > rows else f"{item.name}:")
            lines += [f"  {_short(entry)}" for entry in content[:rows]]
        else:
            lines.append(f"{item.name}: {_short(content)}")
    return "\n".join(lines)


def _one_line(row: Any) -> str:
    parts = {item.name: getattr(row, item.name) for item in fields(row)}
    return _short(
        json.dumps({k: v for k, v in parts.items() if v not in ("", (), {})}, ensure_ascii=False, default=str)
    )


def _short(value: Any) -> str:
    text = _one_line(value) if is_dataclass(value) else str(value)
    return short(text, WIDTH * 3)


def _tree(path: Path) -> list[str]:
    if path.is_file():
        return [f"{path.name} ({path.stat().st_size:,} bytes)"]
    files = sorted(entry for entry in path.rglob("*") if entry.is_file())
    return [f"{entry.relative_to(path)} ({entry.stat().st_size:,} bytes)" for entry in files]
