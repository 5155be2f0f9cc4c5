"""The teacher that travels with p2m: rows by rule, with no key, no network and no model.

What it knows lies in `domains`, a package a kind of task, found by its folder. Labels are right by
construction, and whatever the user asks beyond them is refused before anything is spent.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path

from p2m.errors import StageError
from p2m.teachers import domains
from p2m.teachers.domains.base import RuleTeacher, not_known
from p2m.types import Example, Task


@dataclass(frozen=True, slots=True)
class Embedded:
    """Writes rows for the tasks that its domains know; cannot answer rows that others wrote."""

    text_share: float = 0.5  # of reading comprehension rows, 0 to 1: made from texts that a recipe brings

    def __post_init__(self) -> None:
        _domains(self)  # each refuses settings that it cannot take

    def for_task(self, task: Task) -> RuleTeacher | None:
        """The domain that writes the task's rows, with the settings that concern it, if there is one.

        A subclass may write rows of its own, so it has none.
        """
        return _domain(self, task) if type(self) is Embedded else None

    def refusal(self, task: Task) -> str | None:
        """Why no rows can be written for `task`; None where they can."""
        known = _domains(self)
        if any(domain.refusal(task) is None for domain in known):
            return None
        return not_known([domain.knows for domain in known], task)

    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        """Yield `number` rows in the task's own field names; the first n do not depend on `number`.

        Raises:
            StageError: the task is of no kind known here.
            DataError: `texts` holds no text that questions can be made of.
        """
        domain = _domain(self, task)
        if domain is None:
            raise StageError(self.refusal(task) or "no domain fits")
        return domain.generate(task, number, seed=seed, texts=texts)

    def figures(self, task: Task, rows: Sequence[Example]) -> dict[str, float]:
        """Counts for the data report, by the domain that wrote the rows."""
        domain = _domain(self, task)
        return {} if domain is None else domain.figures(task, rows)


def _domain(teacher: Embedded, task: Task) -> RuleTeacher | None:
    """The first domain by name that knows the task."""
    return next((domain for domain in _domains(teacher) if domain.refusal(task) is None), None)


def _domains(teacher: Embedded) -> list[RuleTeacher]:
    """Every domain of the folder, by name, with those of the teacher's settings that it has."""
    found = sorted(module.name for module in pkgutil.iter_modules(domains.__path__) if module.ispkg)
    made = []
    for name in found:
        domain = import_module(f"{domains.__name__}.{name}.domain").Domain
        settings = [field.name for field in fields(domain) if hasattr(teacher, field.name)]
        made.append(domain(**{setting: getattr(teacher, setting) for setting in settings}))
    return made
