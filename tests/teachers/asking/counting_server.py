"""A server of Chat Completions on loopback that limits, fails and counts as a test wants it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from loopback import on_loopback


@dataclass
class Server:
    """Answers "echo: <last message>"; what else it does is in its fields, which may be set at any time."""

    seconds: float = 0.0  # that an answer takes
    allowed: int = 10**9  # requests at a time; further ones get 429
    retry_after: str | None = None  # of a 429
    a_minute: float = 0.0  # requests a second that a bucket allows; 0: no bucket
    bucket: int = 0  # its size
    tells_headroom: bool = False
    faults: list[str] = field(default_factory=list)  # of the next requests: "500", "cut", "401", ...
    forever: str = ""  # the fault of every request
    usage: tuple[int, int] = (100, 10)
    asked: Counter[str] = field(default_factory=Counter)  # answered requests by their last message
    codes: Counter[int] = field(default_factory=Counter)
    most: int = 0  # requests at a time, ever

    def __post_init__(self) -> None:
        self._now = 0
        self._left, self._since = 0.0, time.monotonic()
        self._open = ExitStack()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self.url = f"{self._open.enter_context(on_loopback(app))}/v1"

    @property
    def count(self) -> int:
        return self.asked.total()

    def wait_until_idle(self) -> None:
        """Until no request is in hand, also of a client that was killed."""
        while self._now:
            time.sleep(0.005)

    def close(self) -> None:
        self._open.close()

    def _take(self) -> bool:
        if not self.a_minute:
            return True
        now = time.monotonic()
        self._left = min(self.bucket, self._left + (now - self._since) * self.a_minute)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        text = body["messages"][-1]["content"]
        fault = self.forever or (self.faults.pop(0) if self.faults else "")
        if self._now >= self.allowed or not self._take():
            fault = "429"
        if fault:
            return self._fail(request, fault)
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self._now -= 1
        self.asked[text] += 1
        self.codes[200] += 1
        return web.json_response(self._content(body, text), headers=self._headers())

    def _fail(self, request: web.Request, fault: str) -> web.StreamResponse:
        if fault == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status = int(fault)
        self.codes[status] += 1
        headers = self._headers()
        if status == 429 and self.retry_after is not None:
            headers["retry-after"] = self.retry_after
        return web.json_response({"error": {"message": f"fault {status}"}}, status=status, headers=headers)

    def _headers(self) -> dict[str, str]:
        if not self.tells_headroom:
            return {}
        lacking = (self.bucket - self._left) / self.a_minute
        return {
            "x-ratelimit-remaining-requests": str(int(self._left)),
            "x-ratelimit-reset-requests": f"{lacking:.3f}s",
        }

    def _content(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        given, made = self.usage
        return {
            "id": "x", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [{
                "index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": f"echo: {text[:200]}"},
            }],
            "usage": {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made},
        }  # fmt: skip
