"""The ledger alone: what another teacher answered once, and nothing new. Nobody is asked, nothing is paid.

`of` is the teacher that was recorded, as the recipe had it, so that its requests are found again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import Any, ClassVar

from p2m.teachers.chat import Ask, ChatTeacher, Line, Received, TeacherError
from p2m.types import Task, unkeyed

TOGETHER = 0.2  # seconds in which requests that are missing are counted together
_PACKAGE = "p2m.teachers."


@dataclass(frozen=True, slots=True)
class Replay:
    """Answers as they were recorded; a request without one ends the step."""

    calls_out: ClassVar[bool] = True
    is_local: ClassVar[bool] = True
    asks_elsewhere: ClassVar[bool] = False  # so its steps need no network

    of: Any = None  # the teacher that was recorded: {target: p2m.teachers.anthropic.Anthropic, model: ...}
    concurrency: int = unkeyed(64)
    attempts: int = unkeyed(1)
    timeout: float = unkeyed(1.0)  # seconds

    def __post_init__(self) -> None:
        if isinstance(self.of, Mapping):
            object.__setattr__(self, "of", _built(self.of))
        if self.of is not None and not isinstance(self.of, ChatTeacher):
            raise ValueError("of is the teacher that was recorded: {target: p2m.teachers.openai.OpenAI, ...}")

    @property
    def recorded(self) -> ChatTeacher:
        """The teacher whose answers are replayed.

        Raises:
            TeacherError: none is named.
        """
        if self.of is None:
            raise TeacherError(self.problem() or "")
        teacher: ChatTeacher = self.of
        return teacher

    @property
    def provider(self) -> str:
        return self.recorded.provider

    @property
    def model(self) -> str:
        return self.recorded.model if self.of is not None else ""

    @property
    def takes_temperature(self) -> bool:
        return self.recorded.takes_temperature

    @property
    def takes_schema(self) -> bool:
        return self.recorded.takes_schema

    def refusal(self, task: Task) -> str | None:
        return self.recorded.refusal(task) if self.of is not None else None

    def problem(self) -> str | None:
        if self.of is not None:
            return None
        return "it does not say whose answers are replayed: teacher.of='{target: p2m.teachers.openai.OpenAI}'"

    def identity(self, ask: Ask) -> dict[str, Any]:
        return self.recorded.identity(ask)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        yield _Nobody(self)


class _Nobody:
    """Whom a request reaches that is not recorded."""

    def __init__(self, teacher: Replay) -> None:
        self._teacher = teacher
        self._missing = 0

    async def send(self, ask: Ask) -> Received:
        self._missing += 1
        await asyncio.sleep(TOGETHER)
        many = "a request has" if self._missing == 1 else f"at least {self._missing} requests have"
        first = " ".join(ask.turns[-1].text.split())[:60] if ask.turns else ""
        raise TeacherError(
            f"{many} no answer of {self._teacher.provider} {self._teacher.model} in the ledger, and"
            f" teacher=replay asks nobody; one is {first!r}. Bring the records: p2m ledger import FILE; or"
            " have them answered: the same without teacher=replay"
        )


def _built(given: Mapping[str, Any]) -> Any:
    """The teacher that a mapping describes; of p2m's own alone, so that no foreign code is imported."""
    from pydantic import TypeAdapter, ValidationError

    fields = dict(given)
    module, _, name = str(fields.pop("target", "")).rpartition(".")
    if not module.startswith(_PACKAGE) or module == __name__:
        raise ValueError(f"of.target names a teacher, {_PACKAGE}<module>.<Class>")
    try:
        found = getattr(import_module(module), name, None)
    except ImportError:
        found = None
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"of.target={module}.{name} is no teacher; one is {_PACKAGE}openai.OpenAI")
    try:
        return TypeAdapter(found).validate_python(fields)
    except ValidationError as error:
        wrong = (f"of.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError("; ".join(wrong)) from None
