"""The page and its API on this machine alone: a port of the loopback, and a token in the address.

Whoever lacks the token gets nothing; a page of another origin, or another name of this machine (a DNS name
that leads here), is refused whatever it knows. The API is JSON: GET state, GET rows, POST decide, POST undo.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from p2m.errors import P2MError, UserError
from p2m.review.desk import Desk

_PAGE = Path(__file__).with_name("page")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_MOST = 1_000_000  # bytes of a request
_PATIENCE = 20.0  # seconds for a request to arrive
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Serves one desk until it is shut down."""

    daemon_threads = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.desk = desk
        self.token = secrets.token_urlsafe(24)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def address(self) -> str:
        """What to open in a browser; whoever has it may decide."""
        return f"http://{self.host}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off is nobody's fault."""


@contextmanager
def served(desk: Desk) -> Iterator[Server]:
    """The server, running beside whoever asks; the file is sorted when it ends."""
    server = Server(desk)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        desk.close()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE

    def do_GET(self) -> None:
        place = self._place()
        if place is None:
            return
        if place in ("state", "rows"):
            desk = self.server.desk
            self._answer(desk.state() if place == "state" else desk.rows())
            return
        file = _PAGE / (place or "index.html")
        if "/" in place or not file.is_file():
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        self._send(HTTPStatus.OK, _TYPES.get(file.suffix, "text/plain"), file.read_bytes())

    def do_POST(self) -> None:
        place = self._place()
        if place is None:
            return
        told = self._body()
        if told is None:
            return
        if place not in ("decide", "undo"):
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        desk = self.server.desk
        try:
            self._answer(desk.decide(told) if place == "decide" else desk.undo())
        except UserError as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except P2MError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line would hold the token."""

    # ------------------------------------------------------------------ within

    def _place(self) -> str | None:
        """What is asked for, below the token; None where the request was refused."""
        host, origin = self.headers.get("Host"), self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "none")
        wanted = f"http://{self.server.host}"
        if host != self.server.host or origin not in (None, wanted) or site not in ("none", "same-origin"):
            self._refuse(HTTPStatus.FORBIDDEN, f"open {wanted} by the address that p2m review printed")
            return None
        token, _, place = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(
                HTTPStatus.FORBIDDEN, "the address lacks its token: take the one that p2m review printed"
            )
            return None
        return place

    def _body(self) -> dict[str, Any] | None:
        """The JSON object of a request; None where it was refused."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "send a JSON object with its length")
            return None
        if int(length) > _MOST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {_MOST:,} bytes")
            return None
        body = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
            return None
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            self._refuse(HTTPStatus.BAD_REQUEST, "send a JSON object")
            return None
        return told

    def _answer(self, value: Any) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(value, ensure_ascii=False).encode())

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True
        self._send(status, "application/json", json.dumps({"error": why}).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
