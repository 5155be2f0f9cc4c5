"""A worker: a process that carries out one call after the other, so that heavy libraries are imported once.

It begins with nothing but the parent's `sys.path`, takes everything else as messages, and dies with its
parent: a thread waits for the end of a pipe that only the parent holds, and on Linux the kernel is asked as
well. Ctrl-C at the terminal is the parent's to decide; SIGTERM ends the running step as Ctrl-C would.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from p2m.engine.code import loading
from p2m.engine.files import file_locks
from p2m.engine.handles import Network
from p2m.engine.keys import recall_code
from p2m.engine.running import network, wire
from p2m.engine.running.task import Call, Opener, Sources, carry_out
from p2m.engine.running.wire import Address
from p2m.engine.store import Store, StorePlace

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_OFTEN = 0.05  # seconds between two reports of progress


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker is told first: the build that it works for."""

    place: StorePlace
    run: str  # the build's id
    sources: Sources
    network: Network | None
    books: Address | None = None  # of the build where it keeps what is asked; None: this store does


def main(channel: int, lifeline: int, parent: int) -> None:
    """Serve the parent over those inherited file descriptors until it hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    _die_with(parent, lifeline)
    for handle in (channel, lifeline):
        os.set_inheritable(handle, False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    code = 0
    try:
        _serve(socket.socket(fileno=channel), parent)
    except KeyboardInterrupt:
        code = 128 + signal.SIGTERM
    except BaseException:  # a bug of ours: its place is shown with the step that it cost
        traceback.print_exc()
        code = 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with suppress(Exception):
            atexit._run_exitfuncs()
            sys.stdout.flush()
        os._exit(code)  # taking large libraries down in order would only take time


def _serve(channel: socket.socket, parent: int) -> None:
    opened = wire.receive(channel)
    if opened is None:
        return
    opening: Opening = opened[0]
    file_locks.on_behalf_of = parent  # whoever waits for this step waits for that command
    if opening.network is not Network.ALL:
        network.forbid_network(opening.network)
    store = Store.at(opening.place)
    with store.join_lease(opening.run):
        _carry_out_all(channel, store, opening.sources, _opener(opening.books))


def _opener(address: Address | None) -> Opener | None:
    """Where what steps ask is recorded: with the build at that address, or in the store (None)."""
    if address is None:
        return None
    from p2m.engine.running.books import opener

    network.spare((address.host, address.port))
    return opener(address)


def _carry_out_all(channel: socket.socket, store: Store, sources: Sources, open_books: Opener | None) -> None:
    recall_code(store)
    teller = _Teller(channel)
    while (message := wire.receive(channel)) is not None:
        step, modules, content = message
        # Before anything is unpickled, which would import modules at a moment nobody looked at their files.
        with suppress(TypeError):  # one that is not found here cannot be unpickled either
            loading.load(modules)
        try:
            call = pickle.loads(content)
        except Exception as error:
            teller.send("unloadable", step, f"{type(error).__name__}: {error}")
            continue
        _carry_out(call, store, teller, sources, open_books)


def _carry_out(
    call: Call, store: Store, teller: _Teller, sources: Sources, open_books: Opener | None
) -> None:
    try:
        done = carry_out(call, store, teller, sources=sources, open_books=open_books)
    except BaseException as error:
        _flush()
        teller.send("failed", call.step, wire.pack(error))
        if isinstance(error, KeyboardInterrupt) and _Stopping.asked:
            raise
    else:
        _flush()
        teller.send("done", call.step, done)


class _Teller:
    """Tells the parent; stages may do so from several threads."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel, self._lock = channel, threading.Lock()
        self._last: dict[str, float] = {}

    def send(self, *message: Any) -> None:
        content = wire.frame(message)
        with self._lock:
            self._channel.sendall(content)

    def started(self, step: str) -> None:
        self._last.pop(step, None)
        self.send("started", step)

    def waiting(self, step: str, holder: str) -> None:
        self.send("waiting", step, holder)

    def progress(self, step: str, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        if now - self._last.get(step, 0.0) >= _OFTEN or done >= total:
            self._last[step] = now
            self.send("progress", step, done, total, note)

    def said(self, step: str, line: str) -> None:
        self.send("said", step, line)

    def printed(self, step: str, line: str) -> None:
        print(line)


class _Stopping:
    asked = False


def _stop(_signal: int, _frame: Any) -> None:
    _Stopping.asked = True
    raise KeyboardInterrupt


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _die_with(parent: int, lifeline: int) -> None:
    threading.Thread(target=_watch, args=(lifeline,), daemon=True, name="lifeline").start()
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _watch(lifeline: int) -> None:
    """Wait for the parent's end, then take what this worker has started along."""
    with suppress(OSError):
        os.read(lifeline, 1)
    with suppress(OSError):
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def command(path: Iterable[str], channel: int, lifeline: int) -> list[str]:
    """The command line of a worker that finds modules where this process does."""
    begin = (
        "import sys; sys.path[:] = sys.argv[4:]; from p2m.engine.running.worker import main;"
        " main(*map(int, sys.argv[1:4]))"
    )
    numbers = (channel, lifeline, os.getpid())
    return [sys.executable, "-c", begin, *map(str, numbers), *path]
