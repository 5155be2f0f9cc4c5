"""One machine of a cluster at work for a build: told of calls over a connection, its workers do them.

Workers are those of `executor=local`. They end with this process, and this process with its connection.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.engine.handles import Network
from p2m.engine.running import wire
from p2m.engine.running.local import Pool, Task, WorkerDied
from p2m.engine.running.task import Sources
from p2m.engine.running.wire import Address
from p2m.engine.running.worker import Opening
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.store import Store, StorePlace
from p2m.resources import cache_folder

_CHUNK = 1 << 18
_DEVICES = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class Board:
    """What a machine is told once it has said hello."""

    run: str  # the build's id
    root: Path | None  # the store; None: as the machine itself has it
    shared: SharedAddress | None
    sources: Sources  # that lie on it
    network: Network | None
    environment: Mapping[str, str]  # to be added to its own; of the building machine, in its stead
    folder: Path | None  # to stand in, on the building machine
    gpus: int


def serve(host: str, port: int, token: bytes, name: str) -> None:
    """Work for the build at that address until it hangs up. Raises OSError where it is not there."""
    address = Address(host, port, token)
    channel = wire.connect(address)
    with channel:
        channel.sendall(wire.frame(("node", name)))
        told = wire.receive(channel)
        if told is None:
            return
        board: Board = told[0]
        _settle(board)
        store = Store(board.root or _own_store(), board.shared)
        place = StorePlace(store.root, board.shared)
        opening = Opening(place, board.run, board.sources, board.network, address)
        _Deck(Pool(opening, board.gpus, channel), channel).work()


def _settle(board: Board) -> None:
    """Be like the building process where this is its machine; else as this machine is."""
    if board.folder is not None:
        devices = os.environ.get(_DEVICES)
        os.environ.clear()
        os.environ.update(board.environment)
        if devices is not None:  # those that Ray lent
            os.environ[_DEVICES] = devices
        os.chdir(board.folder)
    else:
        os.environ.update(board.environment)


def _own_store() -> Path:
    """Where this machine keeps what it makes and fetches: $P2M_STORE, else a folder of the user's cache."""
    named = os.environ.get("P2M_STORE")
    return Path(named).expanduser() if named else cache_folder("store")


class _Deck:
    """Passes calls to workers, and what these tell to the build."""

    def __init__(self, pool: Pool, channel: socket.socket) -> None:
        self._pool, self._channel = pool, channel
        self._frames = wire.Frames()

    def work(self) -> None:
        self._say("ready")
        try:
            while self._listen():
                for ended in self._pool.look(None, self):
                    if ended.error is None:
                        self._say("done", ended.step, ended.done)
                    else:
                        died = isinstance(ended.error, WorkerDied)
                        self._say("failed", ended.step, wire.pack(ended.error), died)
        except OSError:
            pass  # the build is gone
        finally:
            self._pool.stop()
            sys.stdout.flush()

    def _listen(self) -> bool:
        """Take on what came; False where the build has hung up."""
        if not self._pool.has_news:
            return True
        self._pool.has_news = False
        with suppress(BlockingIOError):
            content = self._channel.recv(_CHUNK, socket.MSG_DONTWAIT)
            if not content:
                return False
            for word, task in self._frames.feed(content):
                assert word == "start", word
                self._start(task)
        return True

    def _start(self, task: Task) -> None:
        try:
            self._pool.start(task)
        except Exception as error:  # this machine starts no more processes
            self._say("failed", task.step, wire.pack(error), False)

    def _say(self, *words: Any) -> None:
        self._channel.sendall(wire.frame(words))

    # ------------------------------------------------------------------ the workers' Teller

    def started(self, step: str) -> None:
        self._say("told", "started", step)

    def waiting(self, step: str, holder: str) -> None:
        self._say("told", "waiting", step, holder)

    def progress(self, step: str, done: int, total: int, note: str) -> None:
        self._say("told", "progress", step, done, total, note)

    def said(self, step: str, line: str) -> None:
        self._say("told", "said", step, line)

    def printed(self, step: str, line: str) -> None:
        self._say("told", "printed", step, line)
