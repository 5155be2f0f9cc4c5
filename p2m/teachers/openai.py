"""OpenAI's own models, through its SDK and Chat Completions.

Chat Completions rather than Responses: compatible servers speak it too, so there is one way to ask both, and
usage, refusals, strict schemas and batches are the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.teachers import chat_completions
from p2m.teachers.chat import Ask, Reply
from p2m.teachers.model import THINKING
from p2m.teachers.openai_batches import OpenAILine
from p2m.teachers.remote import Remote
from p2m.teachers.schemas import closed, is_closable
from p2m.types import unkeyed

_REASONS = re.compile(r"^(ft:)?(o\d|gpt-([5-9]|\d\d))(?!.*chat-latest)")  # it may think before it answers
_ALWAYS = re.compile(r"^(ft:)?(o\d|gpt-5(-|$))(?!.*chat-latest)")  # it cannot be told not to
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class OpenAI(Remote):
    """A model at api.openai.com, or at Azure by its /openai/v1 URL."""

    provider: ClassVar[str] = "openai"
    sdk: ClassVar[str] = "openai"
    path: ClassVar[str] = "/chat/completions"
    models_page: ClassVar[str] = "https://developers.openai.com/api/docs/models"
    billing_page: ClassVar[str] = "https://platform.openai.com/settings/organization/billing"

    model: str = "gpt-6-luna"
    effort: str | None = "none"  # of reasoning; none: sampling can be set. null: the model's own
    base_url: str = unkeyed("https://api.openai.com/v1")
    key_env: str = unkeyed("OPENAI_API_KEY")
    batch: bool = unkeyed(False)  # through the batch API: half the price, hours instead of minutes

    def __post_init__(self) -> None:
        Remote.__post_init__(self)
        if self.effort is not None and self.effort not in EFFORTS:
            raise ValueError(f"effort is one of {', '.join(EFFORTS)}, or null for the model's own")
        if self.effort == "none" and _ALWAYS.match(self.model):
            raise ValueError(f"{self.model} always reasons: effort=minimal or low, or another model")

    @property
    def takes_temperature(self) -> bool:
        """A model that reasons takes none."""
        return not _REASONS.match(self.model) or self.effort == "none"

    @property
    def thinking_tokens(self) -> int:
        """What a reply may have beyond `max_tokens`."""
        return THINKING if _REASONS.match(self.model) and self.effort != "none" else 0

    def sent_settings(self) -> dict[str, Any]:
        sent = Remote.sent_settings(self)
        # A name that is not OpenAI's (a deployment) is sent an effort only where one is asked for.
        if self.effort is not None and (self.effort != "none" or _REASONS.match(self.model)):
            sent["effort"] = self.effort
        return sent

    def line(self) -> OpenAILine:
        return OpenAILine(self)

    def body(self, ask: Ask) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model, "messages": chat_completions.messages_of(ask),
            "max_completion_tokens": ask.max_tokens + self.thinking_tokens,
        }  # fmt: skip
        if ask.temperature is not None and self.takes_temperature:
            body["temperature"] = ask.temperature
        if "effort" in self.sent_settings():
            body["reasoning_effort"] = self.effort
        if ask.schema is not None:
            strict = is_closable(ask.schema)
            schema = closed(ask.schema) if strict else ask.schema
            body["response_format"] = chat_completions.schema_format(schema, strict=strict)
        return body | self.options

    def read(self, answer: Mapping[str, Any]) -> Reply | None:
        return chat_completions.read(answer)

    def client(self, key: str, http_client: Any) -> Any:
        import openai

        return openai.AsyncOpenAI(
            api_key=key, base_url=self.base_url, max_retries=0, timeout=http_client.timeout,
            http_client=http_client,
        )  # fmt: skip
