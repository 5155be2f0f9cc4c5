"""AWS Lambda: the bundle beside this file answers events.

An event is that of a function URL or an HTTP API (payload format 2.0), of a REST API (1.0), or of a plain
invocation, which is the row itself. A row is an object with the task's fields, or its text where there is one
field; a list of rows is answered by `{"answers": [...]}`, as server.py does. P2M_SERVE_TOKENS,
where it is set, holds what requests over HTTP must bring as `Authorization: Bearer ...`; plain invocations
are guarded by IAM.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
from pathlib import Path
from typing import Any

from predict import Predictor
from predict.rows import InputError, check_row, lacking

MOST_ROWS = int(os.environ.get("P2M_MAX_ROWS", "256"))
TOKENS = os.environ.get("P2M_SERVE_TOKENS", "").replace(",", " ").split()
_HERE = Path(__file__).resolve().parent
_NAME = json.loads((_HERE / "manifest.json").read_text(encoding="utf-8"))["name"]
MODEL = Predictor(_HERE / "model")  # opened once, while Lambda starts the environment


def handler(event: Any, context: Any) -> Any:
    """What Lambda calls."""
    request = str(getattr(context, "aws_request_id", ""))
    if not _is_http(event):
        return _answered(event, request)
    try:
        return _refused(event) or _told(200, _answered(_body(event), request))
    except InputError as error:
        return _problem(422, "Not a row that the model can read", str(error))


def _is_http(event: Any) -> bool:
    context = event.get("requestContext") if isinstance(event, dict) else None
    return isinstance(context, dict) and ("http" in context or "httpMethod" in event)


def _refused(event: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to a request that has no rows; None where it has."""
    http = event["requestContext"].get("http") or {}
    method = str(http.get("method") or event.get("httpMethod") or "").upper()
    path = str(event.get("rawPath") or event.get("path") or "/")
    if method in ("GET", "HEAD") and path.rstrip("/").endswith(("/healthz", "/readyz")):
        return _told(200, {"status": "ok"})
    headers = {str(name).lower(): value for name, value in (event.get("headers") or {}).items()}
    given = str(headers.get("authorization") or "").encode("utf-8", "surrogateescape")
    if TOKENS and not sum(hmac.compare_digest(given, f"Bearer {each}".encode()) for each in TOKENS):
        return _problem(
            401, "No right token", "send Authorization: Bearer TOKEN", {"www-authenticate": "Bearer"}
        )
    if method != "POST":
        return _problem(405, "No such method", f"POST a row, not {method}", {"allow": "POST"})
    return None


def _body(event: dict[str, Any]) -> Any:
    """The JSON that was sent."""
    text = event.get("body") or ""
    try:
        data = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else str(text).encode()
        return json.loads(data)
    except (binascii.Error, UnicodeError, ValueError, RecursionError):
        raise InputError("the body is not JSON in UTF-8") from None


def _answered(asked: Any, request: str) -> dict[str, Any]:
    """An answer of a row, `answers` of a list."""
    who = {"id": request, "model": _NAME}
    return {"answers": _answers(asked), **who} if isinstance(asked, list) else {**_answers([asked])[0], **who}


def _answers(rows: list[Any]) -> list[dict[str, Any]]:
    if not rows or len(rows) > MOST_ROWS:
        raise InputError(f"{len(rows)} rows at once; from 1 to {MOST_ROWS} are answered")
    checked = [_checked(row, f"row {number}: " * (len(rows) > 1)) for number, row in enumerate(rows, 1)]
    found = MODEL.predict(checked, batch_size=32)
    return [{"output": each.value, "score": round(each.score, 4), "abstain": each.abstain} for each in found]


def _checked(row: Any, where: str) -> dict[str, str]:
    """The row's fields, each a text that is not empty."""
    fields = MODEL.settings.asks
    try:
        found: dict[str, str] = check_row(
            {fields[0]: row} if isinstance(row, str) and len(fields) == 1 else row, fields
        )
    except InputError as error:
        raise InputError(f"{where}{error}") from None
    if empty := lacking(found, fields):
        raise InputError(f'{where}"{empty[0]}" is empty')
    return found


def _problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """A refusal as RFC 9457 has it."""
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return _told(status, problem, {"content-type": "application/problem+json", **(headers or {})})


def _told(status: int, value: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **(headers or {})},
        "body": json.dumps(value, ensure_ascii=False),
        "isBase64Encoded": False,
    }
