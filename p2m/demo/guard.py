"""What stands before the page: only the page itself, by an address of this machine, may ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
App = Callable[[Message, Any, Any], Awaitable[None]]
_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Guard:
    """ASGI around Gradio's routes: refuses what a page of another site asks and, where nobody says who
    they are, what is asked by another name (a DNS name that was led here).
    """

    def __init__(self, app: App, *, host: str, has_auth: bool) -> None:
        self._app, self._has_auth = app, has_auth
        self._names = (*_NAMES, host.lower(), f"[{host.lower()}]")

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        fault = self._fault(scope) if scope["type"] != "lifespan" else None
        app = PlainTextResponse(fault, 421) if fault else self._app
        await app(scope, receive, send)

    def _fault(self, scope: Message) -> str | None:
        headers = {name: value.decode("latin-1").lower() for name, value in scope["headers"]}
        host, origin = headers.get(b"host", "localhost"), headers.get(b"origin")
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        if not self._has_auth and name not in self._names:
            return f"asked as {host}: open the page by the address that p2m demo printed"
        if origin is not None and urlsplit(origin).netloc != host:
            return f"asked by a page of {origin}, which is not this one"
        return None
