"""What stands before every route: who is let in, what is counted and logged, and how refusals are told.

A body is read here as well: within its bytes and seconds, UTF-8, JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..feedback import now
from ..objects import once, reason
from .errors import GONE, Refused, told
from .options import Options
from .service import Service

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
OPEN = ("/healthz", "/readyz")  # for whoever asks
_DISCARDED = 8  # times the largest body: so much of a larger one is read before it is refused
_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class Guard:
    """An ASGI application around the routes."""

    def __init__(self, app: App, service: Service) -> None:
        self._app, self._service, self._options = app, service, service.options
        self._has_log = True
        self._requests: dict[tuple[str, int], Any] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        scope["request_id"] = request = uuid.uuid4().hex
        metrics = self._service.metrics
        metrics.in_flight.inc()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request.encode())]
            await send(message)

        try:
            self._let_in(scope)
            await self._app(scope, receive, sent)
        except Refused as refused:
            await respond_refused(sent, refused, scope["path"])
        except Exception:
            self._log(traceback.format_exc())
            if not status:
                await respond_refused(
                    sent, Refused(500, f"the model failed; the log has it as {request}"), scope["path"]
                )
        finally:
            metrics.in_flight.dec()
            self._count(scope, status or GONE, time.perf_counter() - began)

    def _let_in(self, scope: Message) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        if self._options.tokens:
            if scope["path"] in OPEN or self._options.lets_in(headers.get(b"authorization", "")):
                return
            what = "no such token" if b"authorization" in headers else "no token"
            raise Refused(401, f"{what}: expected the header Authorization: Bearer TOKEN", close=True)
        # A page that another name leads here must not ask in the name of whoever looks at it.
        host = headers.get(b"host", "localhost")
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        if name.lower() not in (*_HOSTS, self._options.host.lower()):
            raise Refused(421, f"asked as {host}; without a token, only as localhost", close=True)

    def _count(self, scope: Message, status: int, seconds: float) -> None:
        route = scope.get("routed", "other")
        counted = self._requests.get((route, status))
        if counted is None:
            metrics = self._service.metrics
            counted = metrics.requests.labels(route, str(status)), metrics.seconds.labels(route)
            self._requests[(route, status)] = counted
        counted[0].inc()
        counted[1].observe(seconds)
        if self._options.has_access_log:
            line = {
                "at": now(), "id": scope["request_id"], "method": scope["method"], "path": scope["path"],
                "status": status, "ms": round(seconds * 1000, 2),
            } | scope.get("told", {})  # fmt: skip
            self._log(json.dumps(line) + "\n")

    def _log(self, text: str) -> None:
        """Nobody who asks waits for, or fails with, a log that nobody reads any longer."""
        if self._has_log:
            try:
                sys.stderr.write(text)
            except (OSError, ValueError):  # a broken pipe, a full disk, or closed
                self._has_log = False


_READ = frozenset((b"authorization", b"host"))


async def respond_refused(send: Send, refused: Refused, path: str) -> None:
    """Send a refusal."""
    body, media = told(refused, path)
    await respond(send, body, status=refused.status, media=media, headers=refused.headers)


async def respond(
    send: Send, body: bytes, *, status: int = 200, media: str = "application/json",
    headers: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Send a whole body."""
    all_headers = {"content-type": media, "content-length": str(len(body))} | (headers or {})
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in all_headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def hung_up(receive: Receive) -> None:
    """Returns when the client does not wait any longer; to be called when its body has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_json(scope: Message, receive: Receive, options: Options) -> Any:
    """The body's JSON.

    Raises:
        Refused: it is too large, too slow, of another type, not UTF-8, or not JSON.
    """
    headers = dict(scope["headers"])
    media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    try:
        async with asyncio.timeout(options.body_timeout):
            body = await _read(headers.get(b"content-length", b""), receive, options.max_body)
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {options.body_timeout:g} s", close=True) from None
    if media != b"application/json":
        raise Refused(415, "expected JSON: the header Content-Type: application/json (curl --json sends it)")
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=once)
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8: byte {error.start} is {body[error.start]:#04x}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Refused(400, f"the body is not JSON: {error.msg}, {place}") from None
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not JSON that can be read: {reason(error)}") from None


async def _read(length: bytes, receive: Receive, most: int) -> bytes:
    """All of a body. Of one that is too large some is read and let go, so that its sender hears why."""
    parts: list[bytes] = []
    size, announced = 0, int(length) if length.isdigit() else 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(GONE, "the client hung up")
        part = message.get("body", b"")
        size += len(part)
        if size <= most:
            parts.append(part)
        is_whole = not message.get("more_body")
        if max(size, announced) > most and (is_whole or max(size, announced) > _DISCARDED * most):
            raise Refused(413, f"the body has more than {most:,} bytes", close=True)
        if is_whole:
            return b"".join(parts)
