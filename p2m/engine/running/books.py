"""The ledger of a build and its sums, for steps on other machines, which ask the build over a connection.

A step says what it wants to ask and gets the recorded answer, or its turn; what it then pays for is on the
build's disk before it is told so. The build leads the flights of its own ledger for those who ask
(`recording/ledger.py`), so a request is under way once among all nodes, and among all processes of the
building machine as ever. A step whose connection ends loses its turns to the next who waits, as a killed
process loses its locks, and what it had added to the sums of the build is taken back, unless it was done.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from p2m.engine.recording.ledger import Labels, StepRecorder
from p2m.engine.recording.records import Asked
from p2m.engine.running import tallies, wire
from p2m.engine.running.task import Call, Opener
from p2m.engine.running.wire import Address
from p2m.engine.store import Store
from p2m.errors import StoreError

TURN, GOT, FAILED = "turn", "got", "failed"


def opener(address: Address) -> Opener:
    """What opens the books of the build at that address for a step."""
    return lambda call, store: FarBooks(address, call, store)


# --------------------------------------------------------------------------- the step's side


class FarBooks:
    """The books as a step elsewhere has them; the connection is made when it first asks."""

    def __init__(self, address: Address, call: Call, store: Store) -> None:
        self._address, self._call = address, call
        self._line: _Line | None = None
        self._guard = threading.Lock()
        self._is_closed = False

    def recorder(self) -> FarRecorder:
        return FarRecorder(self._connected)

    def add(self, name: str, amount: int) -> int:
        total: int = self._connected().ask("add", name, amount)[1].result()[1]
        return total

    def close(self, *, done: bool) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._line is not None:
            if done:
                self._line.ask("done")[1].result()
            self._line.close()

    def _connected(self) -> _Line:
        with self._guard:
            if self._line is None:
                call = self._call
                try:
                    self._line = _Line(self._address, ("step", call.build, call.step, call.key, call.kind))
                except OSError as error:
                    raise StoreError(
                        f"the build that keeps the ledger cannot be reached at {self._address.host}:"
                        f"{self._address.port}: {error.strerror or error}\n"
                        "    machines of a cluster must reach the one that builds; see p2m help cluster"
                    ) from error
            return self._line


class FarRecorder:
    """The build's ledger as a step elsewhere asks it (the Protocol `handles.Recorder`)."""

    def __init__(self, line: Callable[[], _Line]) -> None:
        self._line = line

    def known(self, request: object, *, sample: int = 0) -> bytes | None:
        answer: bytes | None = self._line().ask("known", Asked.of(request, sample))[1].result()[1]
        return answer

    async def answer_async(
        self,
        request: object,
        call: Callable[[], Awaitable[bytes]],
        *,
        sample: int = 0,
        labels: Labels | None = None,
    ) -> bytes:
        line = self._line()
        number, told = line.ask("answer", Asked.of(request, sample))
        try:
            word, value = await asyncio.wrap_future(told)
            if word == TURN:
                paid = line.pay(number, *_paid(await call(), labels))
                value = (await asyncio.wrap_future(paid))[1]
        except BaseException:
            line.leave(number)
            raise
        return bytes(value)


def _paid(answer: bytes, labels: Labels | None) -> tuple[bytes, Mapping[str, Any]]:
    given = labels(answer) if callable(labels) and type(answer) is bytes else labels
    return answer, {} if given is None or callable(given) else given


class _Line:
    """A connection on which many wait at once, each for the answer to its number."""

    def __init__(self, address: Address, hello: tuple[Any, ...]) -> None:
        self._channel = wire.connect(address)
        self._waiting: dict[int, Future[tuple[str, Any]]] = {}
        self._numbers = itertools.count()
        self._guard = threading.Lock()
        self._is_over = False
        self._channel.sendall(wire.frame(hello))
        threading.Thread(target=self._listen, daemon=True, name="p2m-books").start()

    def ask(self, *words: Any) -> tuple[int, Future[tuple[str, Any]]]:
        number = next(self._numbers)
        return number, self._send(number, *words)

    def pay(self, number: int, answer: bytes, labels: Mapping[str, Any]) -> Future[tuple[str, Any]]:
        """Hand over what was paid for; what comes back is what the ledger holds."""
        return self._send(number, "paid", answer, labels)

    def leave(self, number: int) -> None:
        """Give a turn up, or the wait for one."""
        with self._guard:
            self._waiting.pop(number, None)
        with suppress(OSError):
            self._write(number, "leave")

    def close(self) -> None:
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    def _send(self, number: int, *words: Any) -> Future[tuple[str, Any]]:
        told: Future[tuple[str, Any]] = Future()
        told.set_running_or_notify_cancel()
        with self._guard:
            if self._is_over:
                raise _gone()
            self._waiting[number] = told
        try:
            self._write(number, *words)
        except OSError:
            raise _gone() from None
        return told

    def _write(self, *words: Any) -> None:
        content = wire.frame(words)
        with self._guard:
            self._channel.sendall(content)

    def _listen(self) -> None:
        with suppress(OSError):
            while (message := wire.receive(self._channel)) is not None:
                number, word, value = message
                with self._guard:
                    told = self._waiting.pop(number, None)
                if told is None:
                    continue  # whoever asked has left
                if word == FAILED:
                    told.set_exception(wire.unpack(value))
                else:
                    told.set_result((word, value))
        with self._guard:
            self._is_over = True
            left = list(self._waiting.values())
            self._waiting.clear()
        for told in left:
            told.set_exception(_gone())
        self._channel.close()


def _gone() -> StoreError:
    return StoreError("the build that keeps the ledger is gone; the same command goes on from there")


# --------------------------------------------------------------------------- the build's side


class _Left(Exception):
    """Whoever had the turn gave it up, or is gone."""


class Session:
    """One step elsewhere, as the build serves it in its event loop."""

    def __init__(self, store: Store, hello: tuple[Any, ...], writer: asyncio.StreamWriter) -> None:
        build, step, self._key, self._kind = hello
        self._store, self._writer = store, writer
        folder: Path = store.root / "ledger"
        self._recorder = StepRecorder(folder, self._key, {"step": step})
        self._tally = tallies.Tally(store, build)
        self._turns: dict[int, asyncio.Future[tuple[bytes, Mapping[str, Any]]]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._paid: set[int] = set()  # turns whose answer came, which nothing takes back
        self._is_done = False

    def hear(self, message: tuple[Any, ...]) -> None:
        number, word, *rest = message
        if word == "answer":
            task = asyncio.get_running_loop().create_task(self._answer(number, *rest))
            self._tasks[number] = task
            task.add_done_callback(lambda _: self._tasks.pop(number, None))
        elif word == "paid":
            turn = self._turns.pop(number, None)
            if turn is not None and not turn.done():
                self._paid.add(number)
                turn.set_result((rest[0], rest[1]))
        elif word == "leave":
            self._leave(number)
        else:
            self._tell(number, *self._attempted(lambda: self._at_once(word, *rest)))

    def end(self) -> None:
        """The step is gone, or done; what it has paid for still becomes durable."""
        for number in list(self._tasks):
            self._leave(number)
        if not self._is_done:
            for name, amount in dict(self._tally.own).items():
                with suppress(Exception):  # a guard, not evidence
                    self._tally.add(name, -amount)
        self._tally.close()

    def _at_once(self, word: str, *rest: Any) -> Any:
        if word == "known":
            return self._recorder.known(rest[0])
        if word == "add":
            return self._tally.add(*rest)
        self._is_done = True
        if self._tally.own and self._kind != "volatile":
            tallies.keep(self._store, self._key, self._tally.own)
        return None

    async def _answer(self, number: int, asked: Asked) -> None:
        labels: dict[str, Any] = {}

        async def call() -> bytes:
            self._turns[number] = asyncio.get_running_loop().create_future()
            self._tell(number, TURN, None)
            answer, said = await self._turns[number]
            labels.update(said)
            return answer

        try:
            answer = await self._recorder.answer_async(asked, call, labels=lambda _: labels)
        except (_Left, asyncio.CancelledError):
            return
        except Exception as error:
            self._tell(number, FAILED, wire.pack(error))
        else:
            self._tell(number, GOT, answer)
        finally:
            self._turns.pop(number, None)
            self._paid.discard(number)

    def _leave(self, number: int) -> None:
        turn, task = self._turns.pop(number, None), self._tasks.get(number)
        if turn is not None and not turn.done():
            turn.set_exception(_Left())
        elif task is not None and turn is None and number not in self._paid:
            task.cancel()

    def _attempted(self, work: Callable[[], Any]) -> tuple[str, Any]:
        try:
            return GOT, work()
        except Exception as error:
            return FAILED, wire.pack(error)

    def _tell(self, *words: Any) -> None:
        if not self._writer.is_closing():
            self._writer.write(wire.frame(words))
