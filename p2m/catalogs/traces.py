"""What was said to a chat model, in the records that providers and gateways keep: OpenAI's chat JSON Lines.

A line is a request, a fine-tuning example or a stored completion: `messages` stand in it, or below `body`,
`request`, `input` or `data`; of the Responses API `input` is the text or the list itself. So are
`conversations` of `from` and `value`, as ShareGPT has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_BELOW = ("body", "request", "data", "input", "item", "response_body")  # may hold the conversation
_REPLIES = ("response", "body", "output", "completion", "response_body")  # may hold what was answered
_ROLES = {"human": "user", "gpt": "assistant"}
_DEPTH = 3


def is_trace(values: Mapping[str, Any]) -> bool:
    """Whether a row is a conversation."""
    return _messages(values, _DEPTH) is not None


def last_user_message(values: Mapping[str, Any]) -> str:
    """What the user said last; "" where no user said anything. System messages and answers stay aside."""
    for message in reversed(_messages(values, _DEPTH) or []):
        if message.get("role") == "user" and (text := _text(message.get("content")).strip()):
            return text
    return ""


def last_answer(values: Mapping[str, Any]) -> str:
    """What was answered to that, be it the last message or a completion beside; "" where nothing was."""
    last = (_messages(values, _DEPTH) or [{}])[-1]
    if last.get("role") == "assistant":
        return _text(last.get("content")).strip()
    return _completion(values, _DEPTH).strip()


def asked_fields(text: str, names: Sequence[str]) -> dict[str, str] | None:
    """A message as the fields of a task: those of a JSON object in it, else its text as the only one; None
    where there are several, and it is no such object.
    """
    try:
        value = json.loads(text) if text.startswith("{") else None
    except ValueError:
        value = None
    if isinstance(value, dict) and all(
        isinstance(value.get(name), str) and value[name].strip() for name in names
    ):
        return {name: value[name].strip() for name in names}
    return {names[0]: text} if len(names) == 1 else None


def _completion(values: Mapping[str, Any], depth: int) -> str:
    """The text of the first choice of a completion, or of the messages of a response."""
    found = values.get("choices")
    if isinstance(found, list) and found and isinstance(found[0], Mapping):
        message = found[0].get("message")
        return _text(message.get("content")) if isinstance(message, Mapping) else ""
    parts = values.get("output")
    if isinstance(parts, list):
        said = (_text(part.get("content")) for part in parts if isinstance(part, Mapping))
        return "\n".join(filter(None, said))
    inner = [values[name] for name in _REPLIES if isinstance(values.get(name), Mapping)] if depth else []
    return next((text for each in inner if (text := _completion(each, depth - 1))), "")


def _messages(values: Mapping[str, Any], depth: int) -> list[Mapping[str, Any]] | None:
    for name in ("messages", "input"):
        found = values.get(name)
        if (
            isinstance(found, list)
            and found
            and all(isinstance(each, Mapping) and "role" in each for each in found)
        ):
            return found
    if turns := _turns(values.get("conversations")):
        return turns
    if isinstance(values.get("input"), str) and isinstance(values.get("model"), str):
        return [{"role": "user", "content": values["input"]}]
    inner = [values[name] for name in _BELOW if isinstance(values.get(name), Mapping)] if depth else []
    return next((found for each in inner if (found := _messages(each, depth - 1)) is not None), None)


def _is_turn(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("from"), str) and "value" in value


def _turns(found: Any) -> list[Mapping[str, Any]]:
    """Turns of `from` and `value` as messages; [] of anything else."""
    turns = found if isinstance(found, list) else []
    if not turns or not all(map(_is_turn, turns)):
        return []
    return [{"role": _ROLES.get(each["from"], each["from"]), "content": each["value"]} for each in turns]


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
