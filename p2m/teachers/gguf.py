"""A model file (GGUF) on this machine, served by llama.cpp in a child of this very process.

The child listens on a socket of the file system that only this user reaches, so the network may be forbidden
altogether; it is started when the first question must really be asked, and ends with the step or with its
process, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from p2m.teachers import llama_child
from p2m.teachers.chat import Ask, Line, NotSetUp, Outcome, Received, Reply, TeacherError, Transient
from p2m.teachers.compatible import Compatible
from p2m.teachers.on_this_machine import OnThisMachine, checked, mean_logprob
from p2m.types import Task, unkeyed

MAGIC = b"GGUF"
INSTALL = "pip install 'p2m[local,teachers]'"
_LOADING = 600.0  # seconds until a model answers
_UNREADABLE = "does not match the expected"  # llama.cpp could not read what the model said
_SOCKET = "s.sock"
_LONGEST = 80  # characters of a folder in which a socket can be named
_TAIL = 5  # lines of the child's last words
_SEEDS = 4  # tried for an answer that it can read


@dataclass(frozen=True, slots=True)
class GGUF(OnThisMachine):
    """A GGUF file with its own chat template; `sha256` is the file's."""

    provider: ClassVar[str] = "gguf"
    model: str = "gguf"  # what reports call it
    context: int = 4096  # tokens of a question with its answer
    threads: int = unkeyed(0)  # 0: every processor

    def __post_init__(self) -> None:
        OnThisMachine.__post_init__(self)
        if self.context < 1 or self.threads < 0:
            raise ValueError("context must be more than 0 tokens, and threads no less than 0")

    @property
    def takes_of_machine(self) -> dict[str, int | str]:
        return {"cpus": self.threads or "all"}

    def refusal(self, task: Task) -> str | None:
        return None if self.sha256 else "it has no model file: teacher.path=FILE.gguf"

    def problem(self) -> str | None:
        """Why the file cannot be served here; its content is looked at when it is."""
        for package in ("xllamacpp", "openai"):
            if find_spec(package) is None:
                return f"the package {package} is not installed: {INSTALL}"
        if not self.path:
            return "it has no model file: teacher.path=FILE.gguf"
        try:
            with open(self.path, "rb") as stream:
                head = stream.read(len(MAGIC))
        except OSError as error:
            return f"{self.path} cannot be read ({error.strerror}): teacher.path=FILE.gguf"
        if head != MAGIC:
            return f"{self.path} is no GGUF file; llama.cpp's convert_hf_to_gguf.py makes one of a checkpoint"
        return None

    def sent_settings(self) -> dict[str, Any]:
        return OnThisMachine.sent_settings(self) | {"context": self.context}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        async with AsyncExitStack() as stack:
            yield _Line(self, stack)


class _Line:
    """A child, once there is something to ask it."""

    def __init__(self, teacher: GGUF, stack: AsyncExitStack) -> None:
        self.teacher, self._stack = teacher, stack
        self._child: subprocess.Popen[bytes] | None = None
        self._line: Line | None = None
        self._starting = asyncio.Lock()

    async def send(self, ask: Ask) -> Received:
        async with self._starting:
            if self._line is None:
                self._child, self._line = await self._start()
        for attempt in range(_SEEDS):
            try:
                seeded = replace(ask, sample=self.teacher.seed(ask, attempt))
                return self._whole(await self._line.send(seeded))
            except Transient as fault:
                if _UNREADABLE not in str(fault):
                    await self._must_live()
                    raise
                said = str(fault)
        return Received(Reply(Outcome.ANSWERED, "", model=self.teacher.model, detail=said))

    def _whole(self, received: Received) -> Received:
        """The reply as it ended: where the context is full, the server says that the model stopped."""
        reply = replace(received.reply, model=self.teacher.model)
        is_full = reply.usage.input + reply.usage.output >= self.teacher.context - 1
        if is_full and reply.outcome is Outcome.ANSWERED:
            reply = replace(reply, outcome=Outcome.TRUNCATED)
        return replace(received, reply=reply)

    async def _start(self) -> tuple[subprocess.Popen[bytes], Line]:
        problem = self.teacher.problem()
        if problem:
            raise NotSetUp(f"the model file cannot be asked: {problem}")
        path = Path(self.teacher.path).resolve()
        await asyncio.to_thread(checked, path, self.teacher.sha256, ())
        folder = Path(self._stack.enter_context(_short_folder()))
        child = await self._served(path, folder)
        served = _Served(
            model=self.teacher.model, options=self.teacher.options, base_url="http://localhost/v1",
            socket=str(folder / _SOCKET), concurrency=self.teacher.concurrency, timeout=self.teacher.timeout,
        )  # fmt: skip
        return child, await self._stack.enter_async_context(served.open())

    async def _served(self, path: Path, folder: Path) -> subprocess.Popen[bytes]:
        """A child that answers. It is begun by this thread, with which it would die."""
        settings = {
            "path": str(path), "socket": str(folder / _SOCKET), "context": self.teacher.context,
            "slots": self.teacher.concurrency, "threads": self.teacher.threads, "parent": os.getpid(),
        }  # fmt: skip
        self._log = folder / "log"
        with open(self._log, "wb") as log:
            child = subprocess.Popen(
                llama_child.command(settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        self._stack.callback(_end, child)
        try:
            async with asyncio.timeout(_LOADING):
                is_ready = await asyncio.to_thread(_wait, child)
        except TimeoutError:
            raise TeacherError(f"{path} was not loaded within {_LOADING:g} s") from None
        if not is_ready:
            raise self._died(child, "while it was loaded")
        return child

    async def _must_live(self) -> None:
        """Raise TeacherError where the child has ended, which shows a moment after it was cut off."""
        assert self._child is not None
        for _ in range(50):
            if self._child.poll() is not None:
                raise self._died(self._child, "while it answered")
            await asyncio.sleep(0.02)

    def _died(self, child: subprocess.Popen[bytes], when: str) -> TeacherError:
        code = child.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:]
        hint = "is the file whole, and its architecture one that llama.cpp knows?"
        if code == -signal.SIGKILL:
            hint = "most often that is the system, out of memory: teacher.context=2048 teacher.concurrency=1"
        lines = [f"what serves {self.teacher.path} {how} {when}", *(f"    | {line}" for line in said)]
        return TeacherError("\n".join([*lines, f"    {hint}"]))


@dataclass(frozen=True, slots=True)
class _Served(Compatible):
    """The child's server, as one that speaks Chat Completions."""

    provider: ClassVar[str] = "gguf"
    socket: str = ""

    def body(self, ask: Ask) -> dict[str, Any]:
        return {"seed": ask.sample, **Compatible.body(self, ask)}

    def read(self, answer: Mapping[str, Any]) -> Reply | None:
        """The reply; where `options` ask for log-probabilities, with their mean."""
        reply = Compatible.read(self, answer)
        if reply is None or not self.options.get("logprobs"):
            return reply
        tokens = (answer["choices"][0].get("logprobs") or {}).get("content") or ()
        return replace(reply, detail=mean_logprob([token["logprob"] for token in tokens]))

    def client(self, key: str, http_client: Any) -> Any:
        import httpx2

        limits = httpx2.Limits(max_connections=self.concurrency + 2)
        through = httpx2.AsyncHTTPTransport(uds=self.socket, limits=limits)
        reached = httpx2.AsyncClient(transport=through, timeout=http_client.timeout)
        return Compatible.client(self, key, reached)


def _short_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of this user's alone; the name of a socket in it must be short."""
    usual = tempfile.gettempdir()
    return tempfile.TemporaryDirectory(prefix="p2m-", dir=usual if len(usual) < _LONGEST else "/tmp")


def _wait(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child came to answer."""
    assert child.stdout is not None
    return llama_child.READY in iter(child.stdout.readline, b"")


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()
