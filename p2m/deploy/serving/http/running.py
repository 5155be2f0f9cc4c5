"""uvicorn, with what it leaves open: slow headers, and an end that is no error.

A client that takes long over its headers, or sends no end of them, is let go; the first SIGTERM or Ctrl-C
lets requests finish, the second does not.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .app import application
from .options import OptionError, Options
from .service import Service

_BACKLOG = 4096
_HEADERS = 64 * 2**10  # bytes at most
_SPARE_FILES = 256  # beside connections


def serve(service: Service, greeting: str) -> None:
    """Until a signal; `greeting` is said with the address once it listens.

    Raises:
        OptionError: the address cannot be bound.
    """
    import uvicorn

    options = service.options
    _allow_files(options.connections + _SPARE_FILES)
    sock = _bound(options)
    config = uvicorn.Config(
        application(service), http=_protocol(options), ws="none", lifespan="off", access_log=False,
        log_level="error", server_header=False, backlog=_BACKLOG, limit_concurrency=options.connections,
        timeout_keep_alive=75, timeout_graceful_shutdown=max(1, round(options.drain)),
    )  # fmt: skip
    server = _server(config, service)
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"{greeting} at http://{host}:{sock.getsockname()[1]}; Ctrl-C ends it", file=sys.stderr, flush=True)

    async def run() -> None:
        await server.serve([sock])
        await service.close()

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run())


def _server(config: Any, service: Service) -> Any:
    """uvicorn's server, whose end by a signal is an end, and not raised again."""
    import uvicorn

    class Ending(uvicorn.Server):  # type: ignore[misc]
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            ours = (signal.SIGINT, signal.SIGTERM)
            before = {number: signal.signal(number, self.handle_exit) for number in ours}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

        def handle_exit(self, sig: int, frame: Any) -> None:
            del sig, frame
            service.is_ready = False
            self.force_exit, self.should_exit = bool(getattr(self, "should_exit", False)), True

    return Ending(config)


def _protocol(options: Options) -> Any:
    """uvicorn's protocol, which closes what sends no whole head of a request in time, or too long a one."""

    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    class Limited(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        _late: asyncio.TimerHandle | None = None
        _head = 0  # bytes that belong to no request yet

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._await_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._is_within():
                self._head = 0
                return
            self._head += len(data)
            if self._head > _HEADERS:
                self.transport.close()
            elif self._late is None:
                self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._late is not None:
                self._late.cancel()
            super().connection_lost(exc)

        def _is_within(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _await_head(self) -> None:
            self._late = self.loop.call_later(options.body_timeout, self._give_up)

        def _give_up(self) -> None:
            self._late = None
            if self.cycle is None or (self._head and not self._is_within()):
                self.transport.close()

    return Limited


def _bound(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((options.host, options.port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        advice = "; another --port, or 0 for any that is free" if options.port else ""
        raise OptionError(f"{options.host}:{options.port}: {error.strerror or error}{advice}") from None
    return sock


def _allow_files(wanted: int) -> None:
    """A connection is a file; many systems begin with 1,024."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
