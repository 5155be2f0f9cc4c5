"""The API described (OpenAPI 3.1): what is sent and answered, by the tasks that are served, with examples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..settings import Fields, Settings
from .bundles import Served
from .fitting import NOT_BLANK

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1, "pattern": NOT_BLANK}
_WRITES = ("seq2seq", "causal", "copies")  # kinds that may write what is not in the answer's form
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_PROBLEM: Schema = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, and what was expected."},
    },
}
_OPENAI_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {"message": {"type": "string"}, "type": {"type": "string"}},
        }
    },
}
_REFUSALS = {
    400: "Not JSON, or not UTF-8", 404: "No such thing", 408: "The body came too slowly",
    413: "The body is too large", 415: "Not application/json", 421: "Asked by another host's name",
    422: "The body is not what is described here", 429: "Too many rows wait; see Retry-After",
    500: "The model failed", 503: "The server stops", 504: "No answer in time",
}  # fmt: skip


# --------------------------------------------------------------------------- rows and answers


def row_schema(served: Served) -> Schema:
    """A row: an object of the task's fields or, where there is one field, its text."""
    told = {each.get("name"): each.get("description") for each in served.task.get("inputs") or ()}
    fields = {
        name: _input(name, served.fields) | ({"description": told[name]} if told.get(name) else {})
        for name in served.fields
    }
    row: Schema = {"type": "object", "required": list(served.fields), "properties": fields}
    return row if len(fields) > 1 else {"anyOf": [row, TEXT]}


def _input(name: str, fields: Fields) -> Schema:
    text: Schema = {"type": "string"} if name in fields.may_lack else TEXT
    return {"anyOf": [text, {"type": "number"}]} if name in fields.numbers else text


def rows_schema(served: Served, most: int) -> Schema:
    """One row, or a list of rows."""
    row = row_schema(served)
    many = {"type": "array", "items": row, "minItems": 1, "maxItems": most}
    return {"anyOf": [*row.get("anyOf", [row]), many]}


def output_schema(settings: Settings) -> Schema:
    """The answer as JSON has it."""
    found = _output(settings)
    is_loose = settings.kind in _WRITES and settings.shape != "text"
    return {"anyOf": [found, {"type": "string"}]} if is_loose else found


def _output(settings: Settings) -> Schema:
    if settings.shape == "labels":
        return {"type": "array", "items": _label(settings)}
    if settings.shape == "number":
        low, high, _ = settings.scale or (None, None, None)
        bounds = {"minimum": low, "maximum": high} if settings.kind not in _WRITES and settings.scale else {}
        return {"type": "number"} | bounds
    if settings.shape == "record":
        return _record(settings)
    if settings.shape == "spans":
        return _spans(settings)
    return (
        _label(settings) if settings.labels and settings.kind not in ("span", "tags", "slots") else _string()
    )


def _string() -> Schema:
    return {"type": "string"}


def _label(settings: Settings) -> Schema:
    known = [*settings.labels, *([settings.none] if settings.none and settings.shape == "text" else [])]
    return {"type": "string", "enum": [*dict.fromkeys(known)]} if settings.labels else _string()


def _spans(settings: Settings) -> Schema:
    layout = settings.layout
    if layout is None or layout.style != "json":
        return _string()
    place = {"type": "integer", "minimum": 0}
    fields: Schema = {"type": {"type": "string"}} if layout.has_types else {}
    if layout.has_types and settings.labels:
        fields["type"] = {"type": "string", "enum": [*settings.labels]}
    fields |= {"text": _string()} | ({"value": _string()} if layout.has_values else {})
    item = {"type": "object", "required": [*fields], "properties": fields | {"start": place, "end": place}}
    return {"type": "array", "items": item}


def _record(settings: Settings) -> Schema:
    fields = {str(each["name"]): _field(each) for each in settings.record}
    return {"type": "object", "properties": fields}


def _field(each: Mapping[str, Any]) -> Schema:
    labels = [*(each.get("labels") or ())]
    one: Schema = {"type": "string", "enum": labels} if labels else _string()
    if each["kind"] == "labels":
        one = {"type": "array", "items": one}
    elif each["kind"] == "number":
        one = {"type": "number"}
    elif labels and set(labels) <= {"true", "false"}:
        one = {"type": "boolean"}
    return {"anyOf": [one, {"type": "null"}]}


def answer_schema(settings: Settings) -> Schema:
    """An answer, its score, and whether it is too unsure to be given."""
    return {
        "type": "object",
        "required": ["output", "score", "abstain"],
        "properties": {
            "output": output_schema(settings),
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "abstain": {"type": "boolean", "description": "Whether the answer is too unsure to be given."},
        },
    }


def answers_schema(settings: Settings) -> Schema:
    """What is answered to one row, and to a list of rows."""
    answer = answer_schema(settings)
    who = {"id": {"type": "string"}, "model": {"type": "string"}}
    one = answer | {"properties": answer["properties"] | who, "required": [*answer["required"], *who]}
    many = {"answers": {"type": "array", "items": answer}} | who
    return {"anyOf": [one, {"type": "object", "required": [*many], "properties": many}]}


def judged_schema(models: Sequence[Served]) -> Schema:
    """What somebody says of an answer: right, or wrong and what is right; of a request, or of a row."""
    outputs = {json.dumps(schema): schema for schema in (output_schema(each.settings) for each in models)}
    answer = {"anyOf": [*outputs.values(), {"type": "null"}]}
    common = {"note": {"type": "string"}, "model": {"type": "string"}}
    rows = {json.dumps(schema): schema for schema in map(row_schema, models)}
    who: tuple[Schema, ...] = (
        {"id": TEXT, "row": {"type": "integer", "minimum": 0}},
        {"input": {"anyOf": [*rows.values()]}, "id": {"type": "null"}},
    )
    said = (
        {"judged": {"type": "string", "const": "right"}, "answer": {"type": "null"}},
        {"judged": {"type": "string", "const": "wrong"}, "answer": answer},
    )
    return {
        "anyOf": [
            {"type": "object", "required": [next(iter(of)), "judged"], "properties": of | judged | common}
            for of in who
            for judged in said
        ]
    }


# --------------------------------------------------------------------------- OpenAI's


def _part(kind: str) -> Schema:
    text = {"type": {"type": "string", "const": kind}, "text": TEXT}
    return {"type": "object", "required": ["type", "text"], "properties": text}


def _message(kind: str) -> Schema:
    content = {"anyOf": [TEXT, {"type": "array", "items": _part(kind), "minItems": 1}]}
    others = {"type": "string", "enum": [role for role in ROLES if role != "user"]}
    said = {"role": {"type": "string", "const": "user"}, "content": content}
    return {
        "anyOf": [
            {"type": "object", "required": ["role", "content"], "properties": said},
            {"type": "object", "required": ["role"], "properties": {"role": others}},
        ]
    }


def _messages(kind: str) -> Schema:
    of_user = {"type": "object", "required": ["role"], "properties": {"role": {"const": "user"}}}
    comment = "a message with the role user"
    return {"type": "array", "items": _message(kind), "minItems": 1, "contains": of_user, "$comment": comment}


_OR_NULL: Schema = {"type": "null"}
_FORM: Schema = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"type": "string", "enum": ["text", "json_object"]}},
}


def _wanted(models: Sequence[Served]) -> Schema:
    """The schema that a reply may be held to: one property, the answer's name, or a record's fields."""
    inner: Schema = {"type": "object", "additionalProperties": {"type": "object"}}
    kinds = [inner | {"minProperties": 1, "maxProperties": 1}]
    kinds += [inner | {"required": [name]} for name in dict.fromkeys(each.output for each in models)]
    if any(each.settings.record for each in models):
        kinds = [inner | {"minProperties": 1}]
    return {"type": "object", "required": ["properties"], "properties": {"properties": {"anyOf": kinds}}}


def _formed(inner: Schema) -> Schema:
    of_schema = {"type": {"type": "string", "const": "json_schema"}} | inner
    closed = {"type": "object", "required": [*of_schema], "properties": of_schema}
    return {"anyOf": [_FORM, closed, _OR_NULL]}


def chat_schema(models: Sequence[Served]) -> Schema:
    """The body of /v1/chat/completions, as far as it counts."""
    wanted = {"type": "object", "required": ["schema"], "properties": {"schema": _wanted(models)}}
    properties = {
        "model": {"type": "string"},
        "messages": _messages("text"),
        "stream": {"anyOf": [{"type": "boolean"}, _OR_NULL]},
        "stream_options": {"anyOf": [{"type": "object"}, _OR_NULL]},
        "n": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 1}, _OR_NULL]},
        "response_format": _formed({"json_schema": wanted}),
    }
    return {"type": "object", "required": ["messages"], "properties": properties}


def responses_schema(models: Sequence[Served]) -> Schema:
    """The body of /v1/responses, as far as it counts."""
    form = {"type": "object", "properties": {"format": _formed({"schema": _wanted(models)})}}
    properties = {
        "model": {"type": "string"},
        "input": {"anyOf": [TEXT, _messages("input_text")]},
        "stream": {"anyOf": [{"type": "boolean"}, _OR_NULL]},
        "text": {"anyOf": [form, _OR_NULL]},
        "previous_response_id": _OR_NULL,
        "background": {"anyOf": [{"const": False}, _OR_NULL]},
    }
    return {"type": "object", "required": ["input"], "properties": properties}


_COMPLETION: Schema = {
    "type": "object",
    "required": ["id", "object", "created", "model", "choices"],
    "properties": {
        "object": {"const": "chat.completion"},
        "created": {"type": "integer"},
        "model": {"type": "string"},
        "choices": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "message", "finish_reason"],
                "properties": {
                    "message": {
                        "type": "object",
                        "required": ["role", "content"],
                        "properties": {"content": {"type": "string"}},
                    }
                },
            },
        },
    },
}
_RESPONSE: Schema = {
    "type": "object",
    "required": ["id", "object", "created_at", "status", "model", "output"],
    "properties": {
        "object": {"const": "response"},
        "status": {"const": "completed"},
        "output": {"type": "array", "items": {"type": "object"}},
    },
}
_MODELS: Schema = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
        "data": {
            "type": "array",
            "items": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
        }
    },
}


# --------------------------------------------------------------------------- the document


def document(models: Sequence[Served], *, most: int, has_tokens: bool, has_feedback: bool) -> Schema:
    """The whole API. The first model is the one that /predict asks."""
    first = models[0]
    paths: Schema = {"/predict": {"post": _predict(first, most, "predict", has_tokens)}}
    for each in models:
        name = f"predict_{each.name}"
        paths[f"/models/{each.name}/predict"] = {"post": _predict(each, most, name, has_tokens)}
    message = _message_of(first)
    chat = {"messages": [{"role": "user", "content": message}]}
    paths["/v1/chat/completions"] = {
        "post": _post("chat_completions", chat_schema(models), _COMPLETION, chat, has_tokens, streams=True)
    }
    paths["/v1/responses"] = {
        "post": _post(
            "responses",
            responses_schema(models),
            _RESPONSE,
            {"input": message},
            has_tokens,
            streams=True,
        )
    }
    if has_feedback:
        judged = {"input": _row_of(first), "judged": "wrong", "answer": None, "note": "why"}
        said = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
        paths["/feedback"] = {"post": _post("feedback", judged_schema(models), said, judged, has_tokens)}
    for path in ("/models", "/v1/models"):
        paths[path] = {
            "get": _get(path.strip("/").replace("/", "_"), "application/json", _MODELS, has_tokens)
        }
    status = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
    paths["/healthz"] = {"get": _get("healthz", "application/json", status, False)}
    paths["/readyz"] = {"get": _get("readyz", "application/json", status, False)}
    paths["/metrics"] = {"get": _get("metrics", "text/plain", {"type": "string"}, has_tokens)}
    title = str(first.task.get("instruction") or first.name).strip().splitlines()[0]
    found: Schema = {
        "openapi": "3.1.0",
        "info": {"title": first.name, "version": first.digest, "description": title},
        "paths": paths,
    }
    if has_tokens:
        found["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
    return found


def _predict(served: Served, most: int, name: str, has_tokens: bool) -> Schema:
    examples = {
        f"row {number}": {"value": each["input"]} for number, each in enumerate(served.examples[:3], 1)
    }
    found = _post(
        name, rows_schema(served, most), answers_schema(served.settings), _row_of(served), has_tokens
    )
    found["summary"] = f"Ask {served.name} one row, or a list of rows."
    if examples:
        content = found["requestBody"]["content"]["application/json"]
        content.pop("example")
        content["examples"] = examples
    return found


def _post(
    name: str, sent: Schema, said: Schema, example: Any, has_tokens: bool, *, streams: bool = False
) -> Schema:
    content: Schema = {"application/json": {"schema": said}}
    if streams:
        event = {"data": {"type": "string"}, "event": {"type": "string"}}
        content["text/event-stream"] = {
            "schema": {"type": "object", "required": ["data"], "properties": event}
        }
    is_openai = name in ("chat_completions", "responses")
    return {
        "operationId": name,
        "requestBody": {
            "required": True, "content": {"application/json": {"schema": sent, "example": example}}
        },
        "responses": {"200": {"description": "The answer", "content": content}}
        | _refusals(is_openai, has_tokens),
    } | _security(has_tokens)  # fmt: skip


def _get(name: str, media: str, said: Schema, has_tokens: bool) -> Schema:
    refusals = {
        code: each for code, each in _refusals(name.startswith("v1"), has_tokens).items() if code in _OF_GET
    }
    responses = {"200": {"description": "It is", "content": {media: {"schema": said}}}} | refusals
    return {"operationId": name, "responses": responses} | _security(has_tokens)


_OF_GET = ("401", "421", "503")


def _refusals(is_openai: bool, has_tokens: bool) -> Schema:
    media, schema = (
        ("application/json", _OPENAI_ERROR) if is_openai else ("application/problem+json", _PROBLEM)
    )
    told = _REFUSALS | ({401: "No token that is known"} if has_tokens else {})
    content = {media: {"schema": schema}}
    return {str(code): {"description": text, "content": content} for code, text in sorted(told.items())}


def _security(has_tokens: bool) -> Schema:
    return {"security": [{"token": []}]} if has_tokens else {}


def _row_of(served: Served) -> dict[str, str]:
    """A row of the recipe's prompt, or one that only shows the fields."""
    shown = served.examples[0]["input"] if served.examples else dict.fromkeys(served.fields, "a text")
    return {name: str(shown[name]) for name in served.fields}


def _message_of(served: Served) -> str:
    row = _row_of(served)
    return next(iter(row.values())) if len(row) == 1 else json.dumps(row, ensure_ascii=False)
