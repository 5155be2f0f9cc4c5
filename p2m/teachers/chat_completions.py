"""How Chat Completions write a question and answer it; OpenAI's own servers and those that are like them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2m.teachers.chat import Ask, Outcome, Reply, Usage

_OUTCOMES = {"length": Outcome.TRUNCATED, "content_filter": Outcome.FILTERED}


def messages_of(ask: Ask) -> list[dict[str, str]]:
    """The conversation, its system prompt first."""
    system = [{"role": "system", "content": ask.system}] if ask.system else []
    return [*system, *({"role": turn.role, "content": turn.text} for turn in ask.turns)]


def schema_format(schema: dict[str, Any], *, strict: bool) -> dict[str, Any]:
    """`response_format` of a reply that is held to a JSON Schema."""
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": strict}}


def read(answer: Mapping[str, Any]) -> Reply | None:
    """The reply in an answer; None where there is none. Servers leave out what they like."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return None
    usage, model = _usage(answer.get("usage")), str(answer.get("model") or "")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        return Reply(Outcome.REFUSED, "", usage, model, detail=refusal)
    outcome = _OUTCOMES.get(str(choice.get("finish_reason")), Outcome.ANSWERED)
    return Reply(outcome, _text(message.get("content")), usage, model)


def _text(content: object) -> str:
    """The text of a message; some servers write it in parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _usage(found: object) -> Usage:
    if not isinstance(found, dict):
        return Usage()
    asked, answered = found.get("prompt_tokens_details"), found.get("completion_tokens_details")
    asked, answered = (each if isinstance(each, dict) else {} for each in (asked, answered))
    return Usage(
        input=count(found.get("prompt_tokens")),
        output=count(found.get("completion_tokens")),
        cached=count(asked.get("cached_tokens")),
        cache_written=count(asked.get("cache_write_tokens")),
        reasoning=count(answered.get("reasoning_tokens")),
    )


def count(value: object) -> int:
    """Tokens; 0 where a server says nothing, or nonsense."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 0
