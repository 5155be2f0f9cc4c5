"""Steps in processes of this machine: workers that are started when a step must run, and kept for the next.

A worker runs one step at a time. A step goes to the idle worker that made most of its inputs, which has
imported what goes with them, and else to the one that has done most; a new one is started only where none is
idle. Workers have a process group of their own, so that what they start ends with them.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from p2m.engine import slots
from p2m.engine.handles import Network
from p2m.engine.observer import Teller
from p2m.engine.running import wire, worker
from p2m.engine.running.inline import Ended, Executor, Here
from p2m.engine.running.task import Call, Sources
from p2m.engine.running.worker import Opening
from p2m.engine.slots import Capacity, Slots
from p2m.engine.stage import Stage
from p2m.engine.store import Store
from p2m.errors import StageError

PATIENCE = 0.5  # seconds that a worker has to end what it does before it is killed
_POLL = 0.2  # seconds between two looks for dead workers where the kernel does not tell
_TAIL = 20  # lines of a worker's output that are shown when it dies
_CHUNK = 1 << 16
_ALL = 1 << 10  # pieces of output that are read of a step that has ended: more than a pipe holds


@dataclass(frozen=True, slots=True)
class Local:
    """Worker processes on this machine; what is not said is taken from the machine."""

    workers: int = 0  # processors to hand out; 0: every one
    memory: int | None = None  # bytes
    gpus: int | None = None

    @property
    def capacity(self) -> Capacity:
        return slots.capacity(self.workers, self.memory, self.gpus)

    def open(
        self, store: Store, run: str, sources: Sources, *, network: Network | None, code: frozenset[str]
    ) -> Executor:  # fmt: skip
        return _Local(store, run, sources, network, self.capacity)


@dataclass(frozen=True, slots=True)
class Task:
    """A call on its way to a worker, which alone reads it."""

    step: str
    content: bytes  # the call, pickled
    modules: tuple[str, ...]  # where its code begins
    after: frozenset[str]  # the steps that made its inputs
    gpus: tuple[int, ...]

    @classmethod
    def of(cls, call: Call, stage: Stage[..., Any]) -> Task | None:
        """None where something in the call cannot be found by name in another process."""
        content = _pickled(call) if stage.is_importable else None
        if content is None:
            return None
        after = frozenset(given.step for given in call.inputs if given is not None)
        return cls(call.step, content, tuple(module for module, _ in call.code), after, call.grant.gpus)


@dataclass(eq=False)
class _Worker:
    """One process, seen from its parent."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    lifeline: int  # the end that this process holds; the worker dies when it is closed
    death: int | None  # a handle that becomes readable when the process has ended, where there is such
    gpus: tuple[int, ...]  # the devices that it sees; () for all
    task: Task | None = None
    ran: dict[str, None] = field(default_factory=dict)  # steps, in their order
    frames: wire.Frames = field(default_factory=wire.Frames)
    rest: bytes = b""  # the beginning of a line of output
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))

    @property
    def output(self) -> int:
        assert self.process.stdout is not None
        return self.process.stdout.fileno()


class _Local:
    """The steps of one build, in workers and, where these cannot, in this process."""

    def __init__(
        self, store: Store, run: str, sources: Sources, network: Network | None, capacity: Capacity
    ) -> None:  # fmt: skip
        # This process alone deals with the shared store: it asks before a step starts, and sends what comes.
        opening = Opening(replace(store.place, shared=None), run, dict(sources), network)
        self.slots = Slots(capacity)
        self._pool = Pool(opening, capacity.gpus)
        self._here = Here(store, sources)
        self._calls: dict[str, tuple[Call, Stage[..., Any]]] = {}

    def start(self, call: Call, stage: Stage[..., Any]) -> None:
        task = Task.of(call, stage)
        if task is None:
            self._here.start(call, stage)
            return
        self._calls[call.step] = (call, stage)
        self._pool.start(task)

    def events(self, timeout: float | None, teller: Teller) -> Sequence[Ended]:
        if self._here.is_busy:
            return self._here.events(timeout, teller)
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            ended = []
            for each in self._pool.look(until, teller):
                call = self._calls.pop(each.step)
                if isinstance(each.error, Unloadable):
                    self._here.start(*call)
                else:
                    ended.append(each)
            if ended or self._here.is_busy or (until is not None and time.monotonic() >= until):
                return ended

    def stop(self) -> None:
        self._pool.stop()


class Unloadable(StageError):
    """Something in a call cannot be found by name in another process."""


class WorkerDied(StageError):
    """A worker has ended by itself, and its step with it."""


class Pool:
    """The workers of one build on one machine.

    A `channel` beside theirs is looked at too: `has_news` says whether something came there.
    """

    def __init__(self, opening: Opening, gpus: int, channel: socket.socket | None = None) -> None:
        self._opening, self._gpus = opening, gpus
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self.has_news = False
        if channel is not None:
            self._selector.register(channel, selectors.EVENT_READ, (None, "news"))

    def start(self, task: Task) -> None:
        chosen = self._choose(task)
        chosen.task = task
        with suppress(OSError):  # it has died, which `look` will notice
            chosen.channel.sendall(wire.frame((task.step, list(task.modules), task.content)))

    def stop(self) -> None:
        """Workers end what they do, or are killed once they had time to; an interrupt kills at once."""
        try:
            for each in self._workers:
                with suppress(OSError):
                    each.channel.shutdown(socket.SHUT_RDWR)
                    if each.task is not None:
                        each.process.send_signal(signal.SIGTERM)
            until = time.monotonic() + PATIENCE
            for each in self._workers:
                with suppress(subprocess.TimeoutExpired):
                    each.process.wait(max(0.0, until - time.monotonic()))
        finally:
            for each in self._workers:
                _end(each)
            self._workers.clear()
            self._selector.close()
            self._selector = selectors.DefaultSelector()

    # ------------------------------------------------------------------ what happens

    def look(self, until: float | None, teller: Teller) -> Sequence[Ended]:
        """Tell of steps once something happened, or at that time; returns those that ended."""
        return list(self._look(until, teller))

    def _look(self, until: float | None, teller: Teller) -> Iterator[Ended]:
        wait = None if until is None else max(0.0, until - time.monotonic())
        if any(each.death is None for each in self._workers):
            wait = min(_POLL, _POLL if wait is None else wait)
        for key, _ in self._selector.select(wait):
            each, what = key.data
            if what == "news":
                self.has_news = True
                continue
            if each not in self._workers:
                continue  # it ended by an earlier event of the same look
            if what == "output":
                self._print(each, teller)
            elif what == "channel":
                yield from self._receive(each, teller)
            else:
                yield from self._dead(each, teller)
        for each in [each for each in self._workers if each.death is None]:
            if each.process.poll() is not None:
                yield from self._dead(each, teller)

    def _receive(self, each: _Worker, teller: Teller) -> Iterator[Ended]:
        content = _read(each.channel)
        if content == b"":
            self._unregister(each.channel)
            if each.death is None:
                each.process.wait()
            return  # the end of the process is an event of its own
        for word, *rest in each.frames.feed(content or b""):
            if word in ("done", "failed", "unloadable"):
                self._print(each, teller, _ALL)
                yield from self._over(each, word, rest)
            else:
                getattr(teller, word)(*rest)

    def _over(self, each: _Worker, word: str, rest: list[Any]) -> Iterator[Ended]:
        assert each.task is not None
        step, each.task = each.task.step, None
        each.ran[step] = None
        if word == "unloadable":
            yield Ended(step, error=Unloadable(rest[1]))
        elif word == "done":
            yield Ended(step, rest[1])
        else:
            yield Ended(step, error=wire.unpack(rest[1]))

    def _dead(self, each: _Worker, teller: Teller) -> Iterator[Ended]:
        """A worker has ended by itself; whatever it still said counts."""
        while _has_more(each.channel):
            yield from self._receive(each, teller)
        self._print(each, teller, _ALL)
        code, peak = _reap(each.process)
        self._workers.remove(each)
        for handle in (each.channel, each.output, each.death):
            self._unregister(handle)
        _end(each)
        if each.task is not None:
            yield Ended(each.task.step, error=_obituary(each, code, peak))

    def _print(self, each: _Worker, teller: Teller, most: int = 1) -> None:
        """Pass on lines that a worker has written, from `most` pieces of its output.

        Bars that redraw themselves count once.
        """
        step = each.task.step if each.task is not None else next(reversed(each.ran), "worker")
        with suppress(BlockingIOError):
            for _ in range(most):  # one that writes faster than this reads must not keep it from the others
                content = os.read(each.output, _CHUNK)
                if not content:
                    self._unregister(each.output)
                    return
                *lines, each.rest = (each.rest + content).split(b"\n")
                for line in lines:
                    text = line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
                    each.tail.append(text)
                    teller.printed(step, text)
                if len(each.rest) > 4 * _CHUNK:
                    each.rest = each.rest[-_CHUNK:]

    def _unregister(self, handle: Any) -> None:
        if handle is not None:
            with suppress(KeyError, ValueError):
                self._selector.unregister(handle)

    # ------------------------------------------------------------------ workers

    def _choose(self, task: Task) -> _Worker:
        gpus = task.gpus if 0 < len(task.gpus) < self._gpus else ()
        idle = [each for each in self._workers if each.task is None and each.gpus == gpus]
        if not idle:
            return self._begin(gpus)
        return max(idle, key=lambda each: (sum(step in each.ran for step in task.after), len(each.ran)))

    def _begin(self, gpus: tuple[int, ...]) -> _Worker:
        try:
            return self._begin_process(gpus)
        except OSError as error:
            raise StageError(
                f"no worker could be started: {error.strerror}\n"
                "    close other programs, raise the limits (ulimit -u, ulimit -n),"
                " or build with executor=inline"
            ) from error

    def _begin_process(self, gpus: tuple[int, ...]) -> _Worker:
        watched, lifeline = os.pipe()
        try:
            ours, theirs = socket.socketpair()
        except OSError:
            os.close(watched)
            os.close(lifeline)
            raise
        handles = (theirs.fileno(), watched)
        try:
            process = subprocess.Popen(
                worker.command(sys.path, *handles),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
                pass_fds=handles, process_group=0, env=_environment(gpus),
            )  # fmt: skip
        except OSError:
            ours.close()
            os.close(lifeline)
            raise
        finally:
            theirs.close()
            os.close(watched)
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        with suppress(OSError):
            ours.sendall(wire.frame((self._opening,)))
        each = _Worker(process, ours, lifeline, _death(process.pid), gpus)
        self._workers.append(each)
        self._selector.register(ours, selectors.EVENT_READ, (each, "channel"))
        self._selector.register(each.output, selectors.EVENT_READ, (each, "output"))
        if each.death is not None:
            self._selector.register(each.death, selectors.EVENT_READ, (each, "death"))
        return each


def _pickled(call: Call) -> bytes | None:
    """The call as bytes; None where something in it cannot be found by name."""
    try:
        return pickle.dumps(call, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:  # picklers raise whatever they like
        return None


def _environment(gpus: tuple[int, ...]) -> dict[str, str] | None:
    """A worker that may not have every device sees only its own."""
    if not gpus:
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(number) for number in range(max(gpus) + 1)]
    return {**os.environ, "CUDA_VISIBLE_DEVICES": ",".join(names[number] for number in gpus)}


def _death(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or an old one
        return None


def _read(channel: socket.socket) -> bytes | None:
    """What has arrived; b"" at the end, None where nothing has."""
    try:
        return channel.recv(_CHUNK, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _has_more(channel: socket.socket) -> bool:
    try:
        return bool(channel.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK))
    except OSError:
        return False


def _reap(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """How a process ended (negative: by that signal), and the most memory it had, in bytes; 0: not known."""
    if process.returncode is not None:
        return process.returncode, 0
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except ChildProcessError:
        return process.wait(), 0
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _end(each: _Worker) -> None:
    """Kill whatever is left of a worker and of what it started, and let go of it."""
    with suppress(OSError):
        os.killpg(each.process.pid, signal.SIGKILL)
    each.process.wait()
    each.channel.close()
    for handle in (each.lifeline, each.death):
        if handle is not None:
            os.close(handle)
    if each.process.stdout is not None:
        each.process.stdout.close()


def _obituary(each: _Worker, code: int, peak: int) -> StageError:
    assert each.task is not None
    step = each.task.step
    if code < 0:
        how = f"was killed by signal {-code} ({signal.Signals(-code).name})"
    else:
        how = f"ended its process with exit code {code}"
    lines = [f"step {step} {how}; what was finished before is kept"]
    if -code == signal.SIGKILL:
        has = f" at {peak / 1e9:.1f} GB" if peak > 1e6 else ""
        total = slots.capacity().memory
        lines.append(
            f"    most often that is the system, out of memory{has} of {total / 1e9:.0f} GB: close other"
            " programs, or build with executor.workers=1 or training.batch_size=8"
        )
    elif code < 0:
        lines.append("    a fault in a native library, whose last words are in the run's log.txt")
    lines += [f"    | {text}" for text in each.tail]
    lines.append("    the same command goes on from the last finished step")
    return WorkerDied("\n".join(lines))
