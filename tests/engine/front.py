"""A server in front of an object store's: it passes requests on, and does wrong on demand.

    python front.py UPSTREAM LOG CHANCES [PORT]   UPSTREAM: a port of this machine

LOG gets a line a request: method, path, whether it may only create, status. CHANCES, a JSON object, says how
often each of FAULTS happens. A put that may only create is passed on while no other put of that object is,
and answered with 409 where one is: so the real stores do, while moto looks and puts in two steps.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FAULTS = ("slow-down", "error", "forbidden", "cut", "flip", "lost", "delay", "ignore")
_ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"
_REFUSALS = {
    "slow-down": (503, "SlowDown", "Please reduce your request rate."),
    "error": (500, "InternalError", "We encountered an internal error."),
    "forbidden": (403, "AccessDenied", "Access Denied"),
}


@dataclass(frozen=True)
class Request:
    number: int  # from 1
    method: str
    path: str  # with its query
    creates: bool
    status: int = 0

    @property
    def key(self) -> str:
        return self.path.partition("?")[0]


@dataclass
class Front:
    """Listens at `port` in a thread of its own while it is open."""

    upstream: int
    fault: Callable[[Request], str | None] = lambda request: None  # one of FAULTS
    port: int = 0
    pause: float = 0.5  # seconds of a delay
    seen: list[Request] = field(default_factory=list)
    log: Callable[[Request], object] = lambda request: None
    _busy: set[str] = field(default_factory=set)

    def open(self) -> Front:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()

        def serve() -> None:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self.listen())
            ready.set()
            self._loop.run_forever()

        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()
        assert ready.wait(30)
        return self

    def close(self) -> None:
        """As a server that is killed: open connections end, and the port refuses."""

        async def end() -> None:
            self._server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.02)
            self._loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self._loop)
        self._thread.join(10)
        self._loop.close()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upward: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while (found := await _message(reader, b"", writer)) is not None:
                if upward is None:
                    upward = await asyncio.open_connection("127.0.0.1", self.upstream, limit=1 << 20)
                if not await self._answer(*found, upward, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            for one in (writer, upward[1] if upward else None):
                if one is not None:
                    one.transport.abort()

    async def _answer(
        self, head: bytes, body: bytes, upward: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        writer: asyncio.StreamWriter,
    ) -> bool:  # fmt: skip
        """Answer one request; False where the connection is to be cut."""
        method, path = head.split(b" ", 2)[:2]
        creates = b"\r\nif-none-match: *" in head.lower()
        request = Request(len(self.seen) + 1, method.decode(), path.decode(), creates)
        self.seen.append(request)
        fault = self.fault(request)
        if fault == "delay":
            await asyncio.sleep(self.pause)
        if fault in _REFUSALS:
            return await self._refuse(request, writer, *_REFUSALS[fault])
        if fault == "ignore":
            head = _without(head, b"if-none-match")
        if fault == "cut" and body:
            return False  # before the store has got it
        if fault == "flip" and method == b"PUT":
            body = _flipped(body)
            if b"\r\nx-amz-checksum-crc32:" in head.lower():  # which moto does not look at
                return await self._refuse(request, writer, 400, "BadDigest", "the checksum does not match")
        puts = method == b"PUT" and request.key
        if creates and request.key in self._busy:
            return await self._refuse(request, writer, 409, "ConditionalRequestConflict", "try again")
        self._busy |= {request.key} if puts else set()
        try:
            upward[1].write(head + body)
            await upward[1].drain()
            answer = await _message(upward[0], method)
        finally:
            self._busy -= {request.key} if puts else set()
        if answer is None:
            return False
        head, body = answer
        self._note(request, int(head.split(b" ", 2)[1]))
        if fault == "lost":
            return False
        if fault == "cut":
            writer.write(head + body[: len(body) // 2])
            await writer.drain()
            return False
        if fault == "flip" and method == b"GET":
            head, body = _without(head, b"x-amz-checksum-crc32"), _flipped(body)
        writer.write(head + body)
        await writer.drain()
        return True

    async def _refuse(
        self, request: Request, writer: asyncio.StreamWriter, status: int, code: str, said: str
    ) -> bool:
        self._note(request, status)
        body = b"" if request.method == "HEAD" else _ERROR.format(code, said).encode()
        head = f"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        return True

    def _note(self, request: Request, status: int) -> None:
        self.log(Request(request.number, request.method, request.path, request.creates, status))


async def _message(
    reader: asyncio.StreamReader, of: bytes, writer: asyncio.StreamWriter | None = None
) -> tuple[bytes, bytes] | None:
    """The head and the body of the next message, `of` a request where it is an answer; None at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if writer is not None and lines.get(b"expect", b"").strip() == b"100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = _without(head, b"expect")
    if of == b"HEAD":
        return head, b""
    if b"chunked" in lines.get(b"transfer-encoding", b""):
        parts = []
        while True:
            size = await reader.readuntil(b"\r\n")
            parts += [size, await reader.readexactly(int(size.split(b";")[0], 16) + 2)]
            if size.split(b";")[0].strip() == b"0":
                return head, b"".join(parts)
    return head, await reader.readexactly(int(lines.get(b"content-length", b"0")))


def _without(head: bytes, name: bytes) -> bytes:
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(name + b":"))


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :] if body else body


async def _main(upstream: int, log: Path, chances: dict[str, float], port: int) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(request: Request) -> None:
        line = f"{request.method} {request.path} {int(request.creates)} {request.status}\n"
        os.write(handle, line.encode())

    def fault(_request: Request) -> str | None:
        dice = random.random()
        for name, chance in chances.items():
            dice -= chance
            if dice < 0:
                return name
        return None

    front = Front(upstream, fault, port, log=note)
    await front.listen()
    print(front.port, flush=True)
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


if __name__ == "__main__":
    words = sys.argv[1:]
    asyncio.run(_main(int(words[0]), Path(words[1]), json.loads(words[2]), int(words[3]) if words[3:] else 0))
