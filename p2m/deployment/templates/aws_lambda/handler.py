"""AWS Lambda: the bundle beside this file answers events.

An event of a function URL or an HTTP API (payload format 2.0), of a REST API (1.0), or of a plain invocation:
a row, a list of rows, or {"rows": [...]}. Over HTTP the answer of `{...}` is one object, of a list a list,
and of `{"rows": [...]}` `{"answers": [...]}`. P2M_TOKEN, where it is set, is asked of requests over HTTP as
`Authorization: Bearer ...`; plain invocations are guarded by IAM.
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
from serving.rows import InputError, check_row

MOST_ROWS = int(os.environ.get("P2M_MAX_ROWS", "256"))
MODEL = Predictor(Path(__file__).parent / "model")  # opened once, while Lambda starts the environment


def handler(event: Any, _context: Any) -> Any:
    """What Lambda calls."""
    if not _is_http(event):
        return _answered(event)
    try:
        refusal = _refused(event)
        return refusal or _told(200, _answered(_body(event)))
    except InputError as error:
        return _told(400, {"error": str(error)})


def _is_http(event: Any) -> bool:
    context = event.get("requestContext") if isinstance(event, dict) else None
    return isinstance(context, dict) and ("http" in context or "httpMethod" in event)


def _refused(event: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to a request that is not to be answered; None where it is."""
    token = os.environ.get("P2M_TOKEN", "")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    given = str(headers.get("authorization") or "").encode("utf-8", "surrogateescape")
    if token and not hmac.compare_digest(given, f"Bearer {token}".encode()):
        return _told(401, {"error": "a bearer token is needed"}, {"www-authenticate": "Bearer"})
    http = event["requestContext"].get("http") or {}
    method = str(http.get("method") or event.get("httpMethod") or "").upper()
    path = str(event.get("rawPath") or event.get("path") or "/")
    if method in ("GET", "HEAD") and path.rstrip("/").endswith(("/healthz", "/readyz")):
        return _told(200, {"status": "ok"})
    if method != "POST":
        return _told(405, {"error": f"POST a row, not {method}"}, {"allow": "POST"})
    return None


def _body(event: dict[str, Any]) -> Any:
    """The JSON that was sent."""
    text = event.get("body") or ""
    try:
        data = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else str(text).encode()
        return json.loads(data)
    except (binascii.Error, UnicodeError, ValueError, RecursionError):
        raise InputError("the body is not JSON in UTF-8") from None


def _answered(asked: Any) -> Any:
    """One answer of a row, a list of a list."""
    if isinstance(asked, list):
        return _answers(asked)
    fields = MODEL.settings.fields
    if isinstance(asked, dict) and isinstance(asked.get("rows"), list) and "rows" not in fields:
        return {"answers": _answers(asked["rows"])}
    return _answers([asked])[0]


def _answers(rows: list[Any]) -> list[dict[str, Any]]:
    if len(rows) > MOST_ROWS:
        raise InputError(f"{len(rows)} rows at once; at most {MOST_ROWS} are answered")
    checked = []
    for number, row in enumerate(rows, 1):
        try:
            checked.append(check_row(row, MODEL.settings.fields))
        except InputError as error:
            raise InputError(f"row {number}: {error}" if len(rows) > 1 else str(error)) from None
    return [_shown(each) for each in MODEL.predict(checked, batch_size=32)]


def _shown(answer: Any) -> dict[str, Any]:
    """As predict.py writes it."""
    found = {"output": answer.value, "score": round(answer.score, 4)}
    return {**found, "abstain": answer.abstain} if MODEL.least > 0 else found


def _told(status: int, value: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json; charset=utf-8", **(headers or {})},
        "body": json.dumps(value, ensure_ascii=False),
        "isBase64Encoded": False,
    }
