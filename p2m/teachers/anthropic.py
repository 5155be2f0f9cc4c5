"""Anthropic's models, through its SDK and the Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.teachers.anthropic_batches import AnthropicLine
from p2m.teachers.chat import Ask, Outcome, Reply, Usage
from p2m.teachers.chat_completions import count
from p2m.teachers.model import THINKING
from p2m.teachers.remote import Remote
from p2m.teachers.schemas import closed, is_closable
from p2m.types import unkeyed

CACHED_FROM = 4096  # characters of a system prompt, some 1,000 tokens: below it no model caches
EFFORTS = ("low", "medium", "high", "xhigh", "max")
THINKINGS = ("disabled", "adaptive", "between_tools")

_OUTCOMES = {"max_tokens": Outcome.TRUNCATED, "model_context_window_exceeded": Outcome.TOO_LONG}


@dataclass(frozen=True, slots=True)
class Anthropic(Remote):
    """A model at api.anthropic.com. None of today's takes a temperature: diversity comes from the prompt."""

    provider: ClassVar[str] = "anthropic"
    takes_temperature: ClassVar[bool] = False
    sdk: ClassVar[str] = "anthropic"
    path: ClassVar[str] = "/v1/messages"
    models_page: ClassVar[str] = "https://platform.claude.com/docs/en/about-claude/models/overview"
    billing_page: ClassVar[str] = "https://platform.claude.com/settings/billing"

    model: str = "claude-haiku-5-5"
    thinking: str | None = "disabled"  # adaptive, disabled, between_tools, by model; null: the model's own
    effort: str | None = None  # low, medium, high, xhigh or max; null: the model's own
    base_url: str = unkeyed("https://api.anthropic.com")
    key_env: str = unkeyed("ANTHROPIC_API_KEY")
    batch: bool = unkeyed(False)  # through the batch API: half the price, hours instead of minutes

    def __post_init__(self) -> None:
        Remote.__post_init__(self)
        if self.effort is not None and self.effort not in EFFORTS:
            raise ValueError(f"effort is one of {', '.join(EFFORTS)}, or null for the model's own")
        if self.thinking is not None and self.thinking not in THINKINGS:
            raise ValueError(f"thinking is one of {', '.join(THINKINGS)}, or null for the model's own")

    @property
    def thinking_tokens(self) -> int:
        """What a reply may have beyond `max_tokens`."""
        return THINKING if self.thinking in (None, "adaptive") else 0

    def sent_settings(self) -> dict[str, Any]:
        settings = {"thinking": self.thinking, "effort": self.effort}
        return Remote.sent_settings(self) | {name: each for name, each in settings.items() if each}

    def line(self) -> AnthropicLine:
        return AnthropicLine(self)

    def body(self, ask: Ask) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model, "max_tokens": ask.max_tokens + self.thinking_tokens,
            "messages": [{"role": turn.role, "content": turn.text} for turn in ask.turns],
        }  # fmt: skip
        if ask.system:
            cached = {"cache_control": {"type": "ephemeral"}} if len(ask.system) >= CACHED_FROM else {}
            body["system"] = [{"type": "text", "text": ask.system} | cached]
        if self.thinking:
            body["thinking"] = {"type": self.thinking}
        output: dict[str, Any] = {"effort": self.effort} if self.effort else {}
        if ask.schema is not None and is_closable(ask.schema):
            output["format"] = {"type": "json_schema", "schema": _taken(ask.schema)}
        return body | ({"output_config": output} if output else {}) | self.options

    def read(self, answer: Mapping[str, Any]) -> Reply | None:
        content = answer.get("content")
        if not isinstance(content, list):
            return None
        stop, details = str(answer.get("stop_reason")), answer.get("stop_details")
        usage, model = _usage(answer.get("usage")), str(answer.get("model") or "")
        if stop == "refusal":
            said = details if isinstance(details, dict) else {}
            is_competing = said.get("category") == "frontier_llm"
            detail = str(said.get("explanation") or said.get("category") or "")
            return Reply(Outcome.COMPETING if is_competing else Outcome.REFUSED, "", usage, model, detail)
        parts = (part for part in content if isinstance(part, dict) and part.get("type") == "text")
        text = "".join(str(part.get("text") or "") for part in parts)
        return Reply(_OUTCOMES.get(stop, Outcome.ANSWERED), text, usage, model)

    def client(self, key: str, http_client: Any) -> Any:
        import anthropic

        return anthropic.AsyncAnthropic(
            api_key=key, base_url=self.base_url, max_retries=0, timeout=http_client.timeout,
            http_client=http_client,
        )  # fmt: skip


def _taken(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as the API takes it: what it knows no keyword for goes into descriptions."""
    from anthropic import transform_schema

    return transform_schema(closed(schema))


def _usage(found: object) -> Usage:
    """Of input tokens the API names those that were neither read from nor written to its cache."""
    if not isinstance(found, dict):
        return Usage()
    cached = count(found.get("cache_read_input_tokens"))
    written = count(found.get("cache_creation_input_tokens"))
    details = found.get("output_tokens_details")
    thinking = details.get("thinking_tokens") if isinstance(details, dict) else 0
    return Usage(
        input=count(found.get("input_tokens")) + cached + written, output=count(found.get("output_tokens")),
        cached=cached, cache_written=written, reasoning=count(thinking),
    )  # fmt: skip
