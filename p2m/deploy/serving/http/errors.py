"""What is refused, as it is told: problem details (RFC 9457), under /v1 in OpenAI's form."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

OPENAI = "/v1/"  # paths below are answered as OpenAI answers
GONE = 499  # the client hung up: never sent, but logged
_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
_SERVER_FAULT = 500  # and above


class Refused(Exception):
    """A request that is not answered, and why."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_after: int | None = None,
        allow: str = "",
        close: bool = False,
    ) -> None:
        """`retry_after` in seconds; `close`: the rest of the request is not read."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers: dict[str, str] = {}
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)
        if status == HTTPStatus.UNAUTHORIZED:
            self.headers["WWW-Authenticate"] = "Bearer"
        if allow:
            self.headers["Allow"] = allow
        if close:
            self.headers["Connection"] = "close"


def told(error: Refused, path: str) -> tuple[bytes, str]:
    """The body of a refusal and its media type."""
    if path.startswith(OPENAI):
        return json.dumps({"error": _as_openai(error)}).encode(), "application/json"
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
    }
    return json.dumps(problem).encode(), "application/problem+json"


def _as_openai(error: Refused) -> dict[str, Any]:
    fault = "server_error" if error.status >= _SERVER_FAULT else "invalid_request_error"
    code = "model_not_found" if error.status == HTTPStatus.NOT_FOUND else None
    return {
        "message": error.detail,
        "type": _TYPES.get(error.status, fault),
        "param": None,
        "code": code,
    }
