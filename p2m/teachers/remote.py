"""What the teachers behind an HTTP API share: their settings, where the key is, one client, one attempt.

A teacher says how a question is written and an answer is read; the official SDK sends it, without retries,
which are `asking`'s. Nothing is looked at before a request must really be sent: what the ledger knows needs
neither key nor package.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from p2m.errors import SECRET, is_secret
from p2m.teachers import faults
from p2m.teachers.chat import Ask, Line, NotSetUp, Received, Reply, TeacherError
from p2m.teachers.faults import Addressee, UnknownThing
from p2m.teachers.model import ChatModel
from p2m.types import unkeyed

CONNECT = 10.0  # seconds until a connection stands
SLOW = 600.0  # seconds that a file may take, up or down
PRICES = frozenset(("input", "output", "cached"))


@dataclass(frozen=True, slots=True)
class Remote(ChatModel):
    """A chat model behind an API."""

    sdk: ClassVar[str]  # the package that speaks to it
    path: ClassVar[str]  # of one request, below the base URL
    needs_key: ClassVar[bool] = True
    models_page: ClassVar[str] = ""
    billing_page: ClassVar[str] = ""

    base_url: str = unkeyed("")
    key_env: str = unkeyed("")  # the environment variable that holds the key
    key_file: str | None = unkeyed(None)  # or a file that holds nothing else
    price: dict[str, float] | None = unkeyed(None)  # USD a million tokens: input, output, cached

    def __post_init__(self) -> None:
        ChatModel.__post_init__(self)
        if self.base_url:
            _check_url(self.base_url)
        if self.key_env and not self.key_env.isidentifier():
            raise ValueError("key_env is the name of an environment variable that holds the key, not the key")
        if name := _secret_in(self.options):
            raise ValueError(
                f"options.{name} looks like a key, and options are written down; a key belongs into the"
                " variable that key_env names"
            )
        price = self.price if self.price is not None else {"input": 0.0, "output": 0.0}
        if not {"input", "output"} <= set(price) <= PRICES or min(price.values()) < 0:
            raise ValueError("price has input and output, and may have cached, each in USD a million tokens")

    @property
    def is_local(self) -> bool:
        return False

    def problem(self) -> str | None:
        """Why it cannot be asked here, with what to type; None where it can."""
        if find_spec(self.sdk) is None:
            return f"the package {self.sdk} is not installed: pip install 'p2m[teachers]'"
        if not self.model:
            return "it has no model: teacher.model=NAME"
        try:
            key_of(self)
        except TeacherError as error:
            return str(error)
        return None

    @abstractmethod
    def body(self, ask: Ask) -> dict[str, Any]:
        """The request as the API wants it."""

    @abstractmethod
    def read(self, answer: Mapping[str, Any]) -> Reply | None:
        """The reply in an answer of the API; None where it is none. Any field may be missing."""

    @abstractmethod
    def client(self, key: str, http_client: Any) -> Any:
        """The SDK's client, without retries."""

    def line(self) -> RemoteLine:
        """A line that is not in use yet."""
        return RemoteLine(self)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        line = self.line()
        try:
            yield line
        finally:
            await line.close()


class RemoteLine:
    """One client for as long as a step asks; it is made when the first request must be sent."""

    def __init__(self, teacher: Remote) -> None:
        self.teacher = teacher
        self._client: Any = None
        self._asked: Addressee | None = None
        self._models: asyncio.Task[list[str]] | None = None

    @property
    def asked(self) -> Addressee:
        if self._asked is None:
            self._asked = asked_of(self.teacher)
        return self._asked

    def client(self) -> Any:
        """The SDK's client.

        Raises:
            TeacherError: it cannot be asked here.
        """
        if self._client is None:
            problem = self.teacher.problem()
            if problem:
                raise NotSetUp(f"{self.teacher.provider} cannot be asked: {problem}")
            self._client = self.teacher.client(self.asked.secret, _http_client(self.teacher))
        return self._client

    async def send(self, ask: Ask) -> Received:
        import httpx2

        body, began = self.teacher.body(ask), time.monotonic()
        try:
            answer = await self.call(
                lambda client: client.post(self.teacher.path, cast_to=httpx2.Response, body=body)
            )
        except UnknownThing as fault:
            refused = fault
        else:
            seconds = time.monotonic() - began
            if isinstance(answer, Reply):
                return Received(replace(answer, seconds=seconds))
            headroom = faults.headroom_of(answer.headers)
            reply = self.teacher.read(faults.parsed(answer.text, self.asked))
            if reply is None:
                raise faults.not_the_api(answer.text, self.asked)
            return Received(replace(reply, seconds=seconds), headroom)
        raise faults.with_models(refused, await self._known_models(), self.teacher.model)

    async def call(self, request: Callable[[Any], Awaitable[Any]], *, seconds: float | None = None) -> Any:
        """What `request(client)` comes to, or the Reply that its error stands for.

        Args:
            seconds: that it may take; None: as many as a request of the teacher.

        Raises:
            Transient, TeacherError: as `Line.send`.
        """
        client = self.client()
        try:
            async with asyncio.timeout(seconds or self.teacher.timeout):
                return await request(client)
        except Exception as error:  # what it is follows; raised outside, so that no request hangs on to it
            found = error
        headers = getattr(getattr(found, "response", None), "headers", {})
        fault = faults.fault_of(found, self.asked, faults.headroom_of(headers))
        del found
        if isinstance(fault, Reply):
            return fault
        raise fault

    async def text(self, path: str, body: Any = None) -> str:
        """What stands at a path, or is answered to a body there: for what is no question to the model.

        Raises:
            Transient, TeacherError: as `Line.send`.
        """
        import httpx2

        def request(client: Any) -> Awaitable[Any]:
            if body is None:
                return client.get(path, cast_to=httpx2.Response)  # type: ignore[no-any-return]
            return client.post(path, cast_to=httpx2.Response, body=body)  # type: ignore[no-any-return]

        found = await self.call(request, seconds=SLOW)
        if isinstance(found, Reply):  # what is an outcome of one question is a fault of many
            raise TeacherError(f"{self.asked.provider} refuses it, {found.outcome.value}: {found.detail}")
        return str(found.text)

    async def json(self, path: str, body: Any = None) -> dict[str, Any]:
        """The same, as the JSON object that it is."""
        return faults.parsed(await self.text(path, body), self.asked)

    async def _known_models(self) -> list[str]:
        """Names that the server lists; [] where it does not. Asked for once."""
        if self._models is None:
            self._models = asyncio.create_task(self._list_models())
        return await asyncio.shield(self._models)

    async def _list_models(self) -> list[str]:
        import httpx2

        try:
            async with asyncio.timeout(CONNECT):
                path = self.teacher.path.rpartition("/")[0].removesuffix("/chat") + "/models"
                response = await self.client().get(path, cast_to=httpx2.Response)
            found = json.loads(response.text)["data"]
            return [each["id"] for each in found if isinstance(each["id"], str)]
        except Exception:  # a courtesy: without it the message is shorter
            return []

    async def close(self) -> None:
        if self._models is not None:
            self._models.cancel()
        if self._client is not None:
            await self._client.close()
            self._client = None


def _http_client(teacher: Remote) -> Any:
    """Connections for as many requests as may be in flight."""
    import httpx2

    limits = httpx2.Limits(
        max_connections=teacher.concurrency + 2, max_keepalive_connections=teacher.concurrency + 2
    )
    timeout = httpx2.Timeout(teacher.timeout, connect=min(CONNECT, teacher.timeout))
    return httpx2.AsyncClient(verify=_trusted(), limits=limits, timeout=timeout, follow_redirects=True)


@cache
def _trusted() -> Any:
    """The certificates that this machine trusts, read once for all clients."""
    import httpx2

    return httpx2.create_ssl_context()


# --------------------------------------------------------------------------- keys and places


def key_of(teacher: Remote) -> str:
    """The key, from the file that the user named or from the environment; "" where none is needed.

    Raises:
        TeacherError: there is none, or none that could be one. Never says what was found.
    """
    give = replace(asked_of_nobody(teacher), secret="").how_to_give_a_key
    if teacher.key_file is not None:
        try:
            key = Path(teacher.key_file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise TeacherError(f"teacher.key_file={teacher.key_file} cannot be read") from None
        place = teacher.key_file
    else:
        key = os.environ.get(teacher.key_env, "").strip() if teacher.key_env else ""
        place = f"${teacher.key_env}"
    if not key:
        if teacher.key_file is None and not teacher.needs_key:
            return ""
        raise TeacherError(f"there is no key in {place}: {give}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise TeacherError(f"what is in {place} is no key: it holds blanks or characters that no key has")
    return key


def asked_of(teacher: Remote) -> Addressee:
    """Whom messages speak of."""
    return replace(asked_of_nobody(teacher), secret=key_of(teacher))


def asked_of_nobody(teacher: Remote) -> Addressee:
    """The same, without the key."""
    return Addressee(
        teacher.provider, teacher.model, teacher.base_url, teacher.key_env, teacher.key_file,
        models_page=teacher.models_page, billing_page=teacher.billing_page,
    )  # fmt: skip


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this very machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _secret_in(options: Any, name: str = "") -> str:
    """The name of a field that holds a key or a password, by its name or by its looks; "" of none."""
    if isinstance(options, Mapping):
        told = (_secret_in(value, str(key)) for key, value in options.items())
        return next((f"{name}.{each}".strip(".") for each in told if each), "")
    if isinstance(options, (list, tuple)):
        return next((found for each in options if (found := _secret_in(each, name))), "")
    if not isinstance(options, str) or not options:
        return ""
    return name if is_secret(name) or SECRET.search(options) else ""


def _check_url(url: str) -> None:
    """Refuse what cannot be a base URL, and what would write a secret down; nothing of it is repeated."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("base_url is no URL, such as http://127.0.0.1:8000/v1") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("base_url is no URL, such as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("base_url holds more than a place; a key belongs into the variable key_env names")
