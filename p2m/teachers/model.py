"""What the chat models that p2m asks share: settings of asking, and how the ledger knows a question."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from p2m.teachers.chat import Ask, Line
from p2m.types import Task, unkeyed

THINKING = 4096  # tokens beyond a reply's own, for a model that thinks first


@dataclass(frozen=True, slots=True)
class ChatModel(ABC):
    """A `ChatTeacher`. What is keyed decides the answer; where and how fast it is reached does not."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    model: str = ""
    options: dict[str, Any] = field(default_factory=dict)  # further fields of a request, sent as they are
    concurrency: int = unkeyed(64)  # requests in flight at most
    attempts: int = unkeyed(8)  # at one request
    timeout: float = unkeyed(120.0)  # seconds that one request may take

    def __post_init__(self) -> None:
        for name in ("concurrency", "attempts", "timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")

    @property
    @abstractmethod
    def provider(self) -> str: ...

    @property
    def calls_out(self) -> bool:
        return True

    @property
    @abstractmethod
    def is_local(self) -> bool: ...

    @property
    @abstractmethod
    def takes_temperature(self) -> bool: ...

    @property
    def takes_schema(self) -> bool:
        return True

    @property
    def weights(self) -> str:
        """What the answers come of: the model's name, or what says better which model it is."""
        return self.model

    def refusal(self, task: Task) -> str | None:
        return None

    @abstractmethod
    def problem(self) -> str | None: ...

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Line]: ...

    def identity(self, ask: Ask) -> dict[str, Any]:
        """What the ledger knows the question by; a setting that is not sent is no part of it."""
        said: dict[str, Any] = {
            "format": 1, "provider": self.provider, "model": self.weights, "system": ask.system,
            "turns": [{"role": turn.role, "text": turn.text} for turn in ask.turns],
            "schema": ask.schema, "max_tokens": ask.max_tokens,
        }  # fmt: skip
        if ask.temperature is not None and self.takes_temperature:
            said["temperature"] = float(ask.temperature)
        sent = self.sent_settings()
        return said | ({"settings": sent} if sent else {})

    def sent_settings(self) -> dict[str, Any]:
        """Those of the teacher's own settings that decide an answer."""
        return {"options": self.options} if self.options else {}
