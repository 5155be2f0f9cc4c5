"""Where a build listens to those who work for it on other machines: in a thread, with a loop of its own.

What machines say is put into a queue for the build; steps that ask the ledger are served at once (`books`).
"""

from __future__ import annotations

import asyncio
import hmac
import pickle
import secrets
import socket
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from p2m.engine.running import wire
from p2m.engine.running.books import Session
from p2m.engine.running.wire import Address
from p2m.engine.store import Store

_MOST = 1 << 30  # bytes of a message
_HELLO = 10.0  # seconds that a stranger has to say the token


class Hub:
    """Listens until it is closed. `news` holds `(machine, message)`; ("hello",) and ("gone",) are its own."""

    def __init__(self, store: Store, host: str) -> None:
        self._store = store
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.socket(family, socket.SOCK_STREAM)
        self._listening.bind((host, 0))
        self._listening.listen(512)
        port = int(self._listening.getsockname()[1])
        self.address = Address(host, port, secrets.token_bytes(wire.TOKEN))
        self.news: SimpleQueue[tuple[str, tuple[Any, ...]]] = SimpleQueue()
        self._nodes: dict[str, asyncio.StreamWriter] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True, name="p2m-hub")
        self._thread.start()

    def send(self, node: str, *words: Any) -> None:
        """Tell a machine; one that is gone has said so, or will."""
        content = wire.frame(words)

        def write() -> None:
            writer = self._nodes.get(node)
            if writer is not None and not writer.is_closing():
                writer.write(content)

        self._loop.call_soon_threadsafe(write)

    def close(self) -> None:
        """Hang up on everybody; answers that were paid for are recorded first."""
        if self._loop.is_closed():
            return
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(self._greet, sock=self._listening))
        try:
            loop.run_forever()
        finally:
            server.close()
            for writer in list(self._open):
                writer.transport.abort()
            loop.run_until_complete(_ended())
            loop.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            token = await asyncio.wait_for(reader.readexactly(wire.TOKEN), _HELLO)
            if not hmac.compare_digest(token, self.address.token):
                return
            sort, *hello = await _message(reader)
            if sort == "node":
                await self._hear(hello[0], reader, writer)
            else:
                await self._serve(tuple(hello), reader, writer)
        except (OSError, EOFError, TimeoutError, ValueError):
            pass  # whoever it was has hung up
        finally:
            self._open.discard(writer)
            writer.close()

    async def _hear(self, node: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._nodes[node] = writer
        self.news.put((node, ("hello",)))
        try:
            while True:
                self.news.put((node, await _message(reader)))
        finally:
            if self._nodes.get(node) is writer:
                del self._nodes[node]
                self.news.put((node, ("gone",)))

    async def _serve(
        self, hello: tuple[Any, ...], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        session = Session(self._store, hello, writer)
        try:
            while True:
                session.hear(await _message(reader))
        finally:
            session.end()


async def _message(reader: asyncio.StreamReader) -> tuple[Any, ...]:
    (length,) = wire.LENGTH.unpack(await reader.readexactly(wire.LENGTH.size))
    if length > _MOST:
        raise ValueError(f"a message of {length} bytes")
    message: tuple[Any, ...] = pickle.loads(await reader.readexactly(length))
    return message


async def _ended() -> None:
    """Let tasks come to their ends: those whose connection is gone at once, records when they are durable."""
    mine = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not mine]
    if tasks:
        await asyncio.wait(tasks, timeout=5.0)
