"""A server by the wire formats of both providers, scripted by a test: Chat Completions, Messages, both batch
APIs, and every way in which a server fails that llmock and xllamacpp do not know. The real SDKs speak to it.

    with serving() as wire:
        wire.say(Status(429, headers={"retry-after": "0.01"}), "second try")
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from loopback import on_loopback

SECRET = "sk-wire-Zq81xLp03mVt77Yk"  # the key that tests give, in the variable WIRE_KEY
MODELS = ("small-1", "large-1")


@dataclass(frozen=True)
class Answer:
    """A reply of the model; `finish` in the words of Chat Completions, which Messages get translated."""

    text: str = "hello"
    finish: str = "stop"
    extra: dict[str, Any] = field(default_factory=dict)  # fields of the answer, replaced; None: left out
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """An error as the providers write them."""

    code: int
    message: str = "it does not work"
    kind: str = ""
    error_code: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """Any bytes at all."""

    body: str
    content_type: str = "text/html"
    code: int = 200


@dataclass(frozen=True)
class Stall:
    """Nothing for so many seconds."""

    seconds: float = 30.0


@dataclass(frozen=True)
class Cut:
    """The connection ends, in the middle of an answer or before it."""

    after: str = ""


Said = str | Answer | Status | Raw | Stall | Cut
_STOPS = {"stop": "end_turn", "length": "max_tokens"}


@dataclass(frozen=True)
class Seen:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Batch:
    """A batch at the server."""

    id: str
    items: list[tuple[str, dict[str, Any]]]  # custom id, request
    metadata: dict[str, str]
    created: float
    polls: int = 0


class Wire:
    """The server's script and memory; used from the test's thread."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.script: deque[Said] = deque()
        self.reply: Callable[[Seen], Said] = lambda seen: Answer()
        self.key: str | None = None  # what is accepted; None: anything
        self.url = ""
        self.batches: dict[str, Batch] = {}
        self.files: dict[str, bytes] = {}
        self.batched: Counter[str] = Counter()  # custom id -> how often it was submitted, which is paid for
        self.polls_until_over = 1
        self.fate: Callable[[str], str] = lambda custom_id: "succeeded"  # errored, expired, invalid
        self.refuses_batches: deque[Said] = deque()
        self.before_batch_id: Callable[[], None] = lambda: None  # called when a batch is made, not yet told

    def say(self, *said: Said) -> None:
        """What the next requests are answered with, one each; afterwards `reply` answers."""
        self.script.extend(said)

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"

    # ---------------------------------------------------------------- single requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.path, dict(request.headers), await request.json())
        self.seen.append(seen)
        said = self.script.popleft() if self.script else self.reply(seen)
        return await self._say(request, seen, said)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self._refused(request):
            return self._status(request.path, Status(401, f"invalid key: {self._given(request)}"))
        answer: web.StreamResponse = await handler(request)
        return answer

    def _given(self, request: web.Request) -> str:
        return request.headers.get("authorization", "").removeprefix("Bearer ")

    def _refused(self, request: web.Request) -> bool:
        return self.key is not None and self._given(request) != self.key

    async def _say(self, request: web.Request, seen: Seen, said: Said) -> web.StreamResponse:
        if isinstance(said, Stall):
            await asyncio.sleep(said.seconds)
            said = Answer()
        if isinstance(said, Cut):
            return await self._cut(request, said)
        if isinstance(said, Raw):
            return web.Response(text=said.body, content_type=said.content_type, status=said.code)
        if isinstance(said, Status):
            return self._status(request.path, said)
        said = Answer(said) if isinstance(said, str) else said
        body = message(said, seen.body) if seen.path.endswith("messages") else completion(said, seen.body)
        return web.json_response(body, headers=said.headers)

    async def _cut(self, request: web.Request, said: Cut) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json", "content-length": "5000"})
        if said.after:
            await response.prepare(request)
            await response.write(said.after.encode())
        assert request.transport is not None
        request.transport.abort()
        return response

    def _status(self, path: str, said: Status) -> web.Response:
        return web.json_response(error_body(path, said), status=said.code, headers=said.headers)

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": name} for name in MODELS]})

    # ---------------------------------------------------------------- batches

    def _made(self, items: list[tuple[str, dict[str, Any]]], metadata: dict[str, str]) -> Batch:
        name = f"batch_{len(self.batches) + 1}"
        batch = self.batches[name] = Batch(name, items, metadata, time.time())
        self.batched.update(custom_id for custom_id, _ in items)
        self.before_batch_id()
        return batch

    async def _refusal(self, request: web.Request) -> web.StreamResponse | None:
        if not self.refuses_batches:
            return None
        return await self._say(request, Seen(request.path, {}, {}), self.refuses_batches.popleft())

    async def _upload(self, request: web.Request) -> web.Response:
        fields = await request.post()
        name = f"file_{len(self.files) + 1}"
        self.files[name] = fields["file"].file.read()  # type: ignore[union-attr]
        return web.json_response({"id": name, "object": "file", "purpose": "batch"})

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self.files[request.match_info["id"]], content_type="application/octet-stream"
        )

    async def _openai_create(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        lines = [json.loads(line) for line in self.files[body["input_file_id"]].decode().splitlines()]
        assert {line["url"] for line in lines} == {body["endpoint"]} == {"/v1/chat/completions"}
        items = [(line["custom_id"], line["body"]) for line in lines]
        return web.json_response(self._openai_batch(self._made(items, body.get("metadata") or {})))

    def _openai_batch(self, batch: Batch) -> dict[str, Any]:
        over = batch.polls >= self.polls_until_over
        if over and f"out_{batch.id}" not in self.files:
            self._openai_files(batch)
        fates = Counter(self.fate(custom_id) for custom_id, _ in batch.items)
        files = {
            f"{kind}_file_id": f"{name}_{batch.id}" if self.files.get(f"{name}_{batch.id}") else None
            for kind, name in (("output", "out"), ("error", "err"))
        }
        status = ("expired" if fates["expired"] else "completed") if over else "in_progress"
        return {
            "id": batch.id, "object": "batch", "status": status, "metadata": batch.metadata,
            "created_at": int(batch.created), **files,
            "request_counts": {
                "total": len(batch.items), "completed": fates["succeeded"] if over else 0,
                "failed": len(batch.items) - fates["succeeded"] if over else 0,
            },
        }  # fmt: skip

    def _openai_files(self, batch: Batch) -> None:
        out, bad = [], []
        for custom_id, body in reversed(batch.items):
            fate, line = self.fate(custom_id), {"custom_id": custom_id, "response": None, "error": None}
            if fate == "succeeded":
                out.append(
                    line | {"response": {"status_code": 200, "body": self._of_batch(body, completion)}}
                )
            elif fate == "expired":
                bad.append(line | {"error": {"code": "batch_expired", "message": "not done in time"}})
            else:
                status = Status(500) if fate == "errored" else Status(400, "no such field", error_code="bad")
                failed = {"status_code": status.code, "body": error_body("/v1/chat/completions", status)}
                bad.append(line | {"response": failed})
        for name, lines in (("out", out), ("err", bad)):
            self.files[f"{name}_{batch.id}"] = "".join(
                json.dumps(line, ensure_ascii=False) + "\n" for line in lines
            ).encode()

    def _of_batch(self, body: dict[str, Any], as_answer: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        said = self.reply(Seen("batch", {}, body))
        assert isinstance(said, str | Answer)
        return as_answer(Answer(said) if isinstance(said, str) else said, body)

    async def _openai_list(self, request: web.Request) -> web.Response:
        newest = [self._openai_batch(batch) for batch in reversed(self.batches.values())]
        return web.json_response({"object": "list", "data": newest, "has_more": False})

    async def _openai_look(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return self._status(request.path, Status(404, "no such batch"))
        batch.polls += 1
        return web.json_response(self._openai_batch(batch))

    async def _anthropic_create(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        items = [(each["custom_id"], each["params"]) for each in body["requests"]]
        return web.json_response(self._anthropic_batch(self._made(items, {})))

    def _anthropic_batch(self, batch: Batch) -> dict[str, Any]:
        over = batch.polls >= self.polls_until_over
        fates = Counter(self.fate(custom_id) for custom_id, _ in batch.items) if over else Counter()
        return {
            "id": batch.id, "type": "message_batch",
            "processing_status": "ended" if over else "in_progress",
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(batch.created)),
            "request_counts": {
                "processing": 0 if over else len(batch.items), "succeeded": fates["succeeded"],
                "errored": fates["errored"] + fates["invalid"], "expired": fates["expired"], "canceled": 0,
            },
            "results_url": f"{self.url}/v1/messages/batches/{batch.id}/results" if over else None,
        }  # fmt: skip

    async def _anthropic_list(self, request: web.Request) -> web.Response:
        newest = [self._anthropic_batch(batch) for batch in reversed(self.batches.values())]
        return web.json_response({"data": newest, "has_more": False, "first_id": None, "last_id": None})

    async def _anthropic_look(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return self._status(request.path, Status(404, "no such batch"))
        batch.polls += 1
        return web.json_response(self._anthropic_batch(batch))

    async def _anthropic_results(self, request: web.Request) -> web.Response:
        lines = []
        for custom_id, body in reversed(self.batches[request.match_info["id"]].items):
            fate = self.fate(custom_id)
            result: dict[str, Any] = {"type": "errored" if fate == "invalid" else fate}
            if fate == "succeeded":
                result["message"] = self._of_batch(body, message)
            elif fate in ("errored", "invalid"):
                status = Status(500) if fate == "errored" else Status(400, "no such field")
                result["error"] = error_body("/v1/messages", status)
            line = {"custom_id": custom_id, "result": result}
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
        return web.Response(text="".join(lines), content_type="application/x-jsonl")

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30, middlewares=[self._guard])
        app.router.add_post("/v1/chat/completions", self._handle)
        app.router.add_post("/v1/messages", self._handle)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._file)
        app.router.add_post("/v1/batches", self._openai_create)
        app.router.add_get("/v1/batches", self._openai_list)
        app.router.add_get("/v1/batches/{id}", self._openai_look)
        app.router.add_post("/v1/messages/batches", self._anthropic_create)
        app.router.add_get("/v1/messages/batches", self._anthropic_list)
        app.router.add_get("/v1/messages/batches/{id}", self._anthropic_look)
        app.router.add_get("/v1/messages/batches/{id}/results", self._anthropic_results)
        return app


# --------------------------------------------------------------------------- bodies


def completion(said: Answer, body: dict[str, Any]) -> dict[str, Any]:
    """As Chat Completions answer."""
    choice = {
        "index": 0, "finish_reason": said.finish, "message": {"role": "assistant", "content": said.text},
    }  # fmt: skip
    found = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body.get("model"),
        "choices": [choice], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    } | said.extra  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def message(said: Answer, body: dict[str, Any]) -> dict[str, Any]:
    """As the Messages API answers."""
    found = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model"),
        "content": [{"type": "text", "text": said.text}], "stop_sequence": None,
        "stop_reason": _STOPS.get(said.finish, said.finish),
        "usage": {"input_tokens": 11, "output_tokens": 7},
    } | said.extra  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def error_body(path: str, said: Status) -> dict[str, Any]:
    """An error, as the API of that path writes it."""
    if "/messages" in path:
        details = {"error_code": said.error_code} if said.error_code else None
        kind = said.kind or ("invalid_request_error" if said.code == 400 else "api_error")
        error = {"type": kind, "message": said.message, "details": details}
        return {"type": "error", "error": error, "request_id": "req_1"}
    code = said.error_code or None
    return {
        "error": {"message": said.message, "type": said.kind or "server_error", "param": None, "code": code}
    }


# --------------------------------------------------------------------------- running it


@contextmanager
def serving() -> Iterator[Wire]:
    wire = Wire()
    with on_loopback(wire.app()) as wire.url:
        yield wire
