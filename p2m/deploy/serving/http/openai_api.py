"""OpenAI's API, as far as a model of one task can: Chat Completions and Responses, streamed or not.

Sampling, tools, instructions and earlier turns are accepted and have no part in the answer. A message stands
for a row as `messages` says. The content of the answer is the output: text as it is, all else as JSON. Where
the request holds the reply to a JSON Schema, or wants an object, it is an object: the record itself, else the
answer by the schema's only property. Tokens are not counted: nothing is billed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from ..rows import Answer, InputError
from .bundles import Served
from .errors import Refused
from .fitting import cut_to, fault_in
from .guard import Message, Receive, Send, hung_up, read_json, respond
from .messages import asked_text, row_of
from .native import Handler, dumped, named_model, note
from .schema import chat_schema, responses_schema
from .service import Given, Service

Written = Callable[[Mapping[str, Any], Given, str], dict[str, Any]]
Streamed = Callable[[Mapping[str, Any], Given, str], Iterator[bytes]]


def chat_completions(service: Service) -> Handler:
    """POST /v1/chat/completions."""
    return _route(
        service, chat_schema([*service.models.values()]), "messages", _chat_form, _completion, _chunks
    )


def responses(service: Service) -> Handler:
    """POST /v1/responses."""
    return _route(
        service, responses_schema([*service.models.values()]), "input", _response_form, _response, _events
    )


def _route(
    service: Service, schema: Mapping[str, Any], asks: str,
    form_of: Callable[[Mapping[str, Any]], Mapping[str, Any] | None], whole: Written, parts: Streamed,
) -> Handler:  # fmt: skip
    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        body = await read_json(scope, receive, service.options)
        if fault := fault_in(body, schema):
            raise Refused(422, fault)
        served = _model(service, body.get("model"))
        text = body[asks] if isinstance(body[asks], str) else asked_text(body[asks])
        try:
            row, is_taught = row_of(text, served.fields)
        except InputError as error:
            raise Refused(422, str(error)) from None
        form = form_of(body) or ({"type": "taught"} if is_taught else None)
        _refuse_form(form, served)
        given = await service.answer(served, [row], scope["request_id"], lambda: hung_up(receive))
        note(scope, given)
        content = _content(given.answers[0], form, served)
        if body.get("stream"):
            await _stream(send, parts(body, given, content))
        else:
            await respond(send, dumped(whole(body, given, content)))

    return handle


def _model(service: Service, name: str | None) -> Served:
    """Where one bundle is served, it answers by whatever name the client calls its model."""
    return service.first if len(service.models) == 1 else named_model(service, name)


# --------------------------------------------------------------------------- the form of the answer


def _chat_form(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """`response_format`, its schema in one place with that of Responses."""
    form: Mapping[str, Any] | None = body.get("response_format")
    if form and form["type"] == "json_schema":
        return {"type": "json_schema", "schema": form["json_schema"]["schema"]}
    return form


def _response_form(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (body.get("text") or {}).get("format")
    return found


def _refuse_form(form: Mapping[str, Any] | None, served: Served) -> None:
    """A schema is one that answers can be put in: of a record's fields, or of one property.

    Raises:
        Refused: it is not.
    """
    if form is None or form["type"] != "json_schema":
        return
    wanted = form["schema"].get("properties")
    if not isinstance(wanted, dict) or not all(isinstance(each, Mapping) for each in wanted.values()):
        raise Refused(422, "the schema of the reply must be that of an object with properties")
    fields = {str(each["name"]) for each in served.settings.record}
    if len(wanted) != 1 and not (fields and set(wanted) <= fields) and served.output not in wanted:
        known = (
            f"the fields {', '.join(sorted(fields))}" if fields else f"one property, such as {served.output}"
        )
        raise Refused(422, f"the schema of the reply must have {known}; it has {', '.join(wanted) or 'none'}")


def _content(answer: Answer, form: Mapping[str, Any] | None, served: Served) -> str:
    """What the message says."""
    value = answer.value
    kind = form["type"] if form else "text"
    if kind == "text":
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if kind == "taught":
        value = {"answer": value}
    elif kind == "json_object":
        value = value if isinstance(value, dict) else {served.output: value}
    else:
        wanted = form["schema"]["properties"] if form else {}
        is_record = isinstance(value, dict) and set(wanted) <= set(value)
        name = served.output if served.output in wanted else next(iter(wanted), "")
        value = cut_to(value if is_record else {name: value}, form["schema"] if form else {})
    return json.dumps(value, ensure_ascii=False)


# --------------------------------------------------------------------------- Chat Completions


def _extension(given: Given) -> dict[str, Any]:
    """What OpenAI's form has no place for."""
    answer = given.answers[0]
    return {"score": round(answer.score, 4), "abstain": answer.abstain, "id": given.id}


def _usage() -> dict[str, int]:
    return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def _completion(body: Mapping[str, Any], given: Given, content: str) -> dict[str, Any]:
    del body
    message: dict[str, Any] = {
        "role": "assistant", "content": content, "refusal": None, "annotations": [],
    }  # fmt: skip
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": f"chatcmpl-{given.id}", "object": "chat.completion", "created": int(time.time()),
        "model": given.served.name, "choices": [choice], "usage": _usage(), "p2m": _extension(given),
    }  # fmt: skip


def _chunks(body: Mapping[str, Any], given: Given, content: str) -> Iterator[bytes]:
    common = {
        "id": f"chatcmpl-{given.id}", "object": "chat.completion.chunk", "created": int(time.time()),
        "model": given.served.name, "p2m": _extension(given),
    }  # fmt: skip
    for delta, reason in (({"role": "assistant", "content": content}, None), ({}, "stop")):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        yield b"data: " + dumped(common | {"choices": [choice]}) + b"\n\n"
    if (body.get("stream_options") or {}).get("include_usage"):
        yield b"data: " + dumped(common | {"choices": [], "usage": _usage()}) + b"\n\n"
    yield b"data: [DONE]\n\n"


# --------------------------------------------------------------------------- Responses


def _response(body: Mapping[str, Any], given: Given, content: str) -> dict[str, Any]:
    return _response_of(body, given) | {"status": "completed", "output": [_message(given, content)]}


def _response_of(body: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """A response without its output."""
    usage = {
        "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 0,
    }  # fmt: skip
    return {
        "id": f"resp_{given.id}", "object": "response", "created_at": int(time.time()),
        "status": "in_progress", "model": given.served.name, "output": [], "error": None,
        "incomplete_details": None,
        "instructions": None, "metadata": {}, "parallel_tool_calls": False, "temperature": None,
        "tool_choice": "none", "tools": [], "top_p": None, "usage": usage, "text": body.get("text"),
        "previous_response_id": None, "p2m": _extension(given),
    }  # fmt: skip


def _message(given: Given, content: str) -> dict[str, Any]:
    return {
        "id": f"msg_{given.id}", "type": "message", "status": "completed", "role": "assistant",
        "content": [_part(content)],
    }  # fmt: skip


def _part(content: str) -> dict[str, Any]:
    return {"type": "output_text", "text": content, "annotations": [], "logprobs": []}


def _events(body: Mapping[str, Any], given: Given, content: str) -> Iterator[bytes]:
    begun, whole = _response_of(body, given), _message(given, content)
    place = {"item_id": whole["id"], "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0,
         "item": whole | {"status": "in_progress", "content": []}},
        {"type": "response.content_part.added", "part": _part("")} | place,
        {"type": "response.output_text.delta", "delta": content, "logprobs": []} | place,
        {"type": "response.output_text.done", "text": content, "logprobs": []} | place,
        {"type": "response.content_part.done", "part": _part(content)} | place,
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
        {"type": "response.completed", "response": _response(body, given, content)},
    ]  # fmt: skip
    for number, event in enumerate(events):
        told = dumped(event | {"sequence_number": number})
        yield f"event: {event['type']}\n".encode() + b"data: " + told + b"\n\n"


async def _stream(send: Callable[[Message], Awaitable[None]], parts: Iterator[bytes]) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
