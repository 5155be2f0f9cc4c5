"""What was said to a chat model, in the records that providers and gateways keep: OpenAI's chat JSON Lines.

A line is a request, a fine-tuning example or a stored completion: `messages` stand in it, or below `body`,
`request`, `input` or `data`; of the Responses API `input` is the text or the list itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_BELOW = ("body", "request", "data", "input", "item", "response_body")  # may hold the conversation
_DEPTH = 3


def is_trace(values: Mapping[str, Any]) -> bool:
    """Whether a row is a conversation."""
    return _messages(values, _DEPTH) is not None


def told_chats(columns: Iterable[str]) -> str:
    """What is to be done to a table of conversations, of which none has a column for its answer."""
    if not {"messages", "messages.role"}.intersection(columns):
        return ""
    return (
        "; the rows are chats, and each needs a column of what goes in and one of what comes out: jq -c"
        " '{text: (.messages|map(select(.role==\"user\"))|last.content), label: (.messages|last.content)}'"
        " CHATS.jsonl > rows.jsonl"
    )


def last_user_message(values: Mapping[str, Any]) -> str:
    """What the user said last; "" where no user said anything. System messages and answers stay aside."""
    for message in reversed(_messages(values, _DEPTH) or []):
        if message.get("role") == "user" and (text := _text(message.get("content")).strip()):
            return text
    return ""


def _messages(values: Mapping[str, Any], depth: int) -> list[Mapping[str, Any]] | None:
    for name in ("messages", "input"):
        found = values.get(name)
        if (
            isinstance(found, list)
            and found
            and all(isinstance(each, Mapping) and "role" in each for each in found)
        ):
            return found
    if isinstance(values.get("input"), str) and isinstance(values.get("model"), str):
        return [{"role": "user", "content": values["input"]}]
    inner = [values[name] for name in _BELOW if isinstance(values.get(name), Mapping)] if depth else []
    return next((found for each in inner if (found := _messages(each, depth - 1)) is not None), None)


def _text(content: Any) -> str:
    """The text of a message: a text, or a list of parts of which some are texts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [
        part if isinstance(part, str) else part.get("text")
        for part in parts
        if isinstance(part, (str, Mapping))
    ]
    return "\n".join(text for text in texts if isinstance(text, str))
