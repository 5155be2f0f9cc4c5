"""What went wrong with a request, as the pace keeper and the user need it: an outcome that was paid for, a
fault that waiting mends, or one that it does not mend, with what to do. The one place where errors of the
providers' SDKs are read; no message that comes out of it holds a key.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from p2m.errors import P2MError, nearest
from p2m.sizes import short
from p2m.teachers.chat import Headroom, NotSetUp, Outcome, Reply, TeacherError, Transient

CLIP = 300  # characters of what a server said

# A limit of the account, whatever the status: no waiting mends it within a build.
_SPENT = frozenset(
    (
        *("enforced_spend_limit_reached", "contract_spend_limit_reached"),
        *("linked_organization_spend_limit_reached", "linked_organization_billing_unavailable"),
        *("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"),
    )
)
_SPENT_WORDS = re.compile(r"credit balance|spend(ing)? limit|hard limit|API usage limit", re.I)
_TOO_LONG = frozenset(
    (
        *("context_length_exceeded", "string_above_max_length", "exceed_context_size_error"),
        *("request_too_large", "request_body_too_large_after_decoding"),
    )
)
_TOO_LONG_WORDS = re.compile(
    r"context (length|window|size)|(prompt|input) is too long|exceeds? (the |its )?\w* ?context", re.I
)
_FILTERED = frozenset(("content_filter", "content_policy_violation"))
_REFUSED = frozenset(("invalid_prompt",))
_RATE = frozenset((429, 529))
# The status that belongs to an error which came without one.
_STATUS_OF = {
    "server_error": 500, "api_error": 500, "internal_error": 500, "overloaded_error": 529,
    "rate_limit_error": 429, "rate_limit_exceeded": 429, "timeout_error": 504,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who was asked, for messages and for what to do."""

    provider: str  # "anthropic"
    model: str
    url: str  # base URL, as the recipe has it
    key_env: str
    key_file: str | None
    secret: str = field(default="", repr=False)
    models_page: str = ""  # where the names of the models are listed
    billing_page: str = ""

    @property
    def is_any(self) -> bool:
        """Whether it may be any server at all."""
        return self.provider == "compatible"

    @property
    def api(self) -> str:
        return "Messages API" if self.provider == "anthropic" else "OpenAI-compatible API"

    @property
    def key_place(self) -> str:
        return self.key_file or (f"${self.key_env}" if self.key_env else "teacher.key_file")

    @property
    def how_to_give_a_key(self) -> str:
        named = f"export {self.key_env}=..., or " if self.key_env else ""
        return f"{named}teacher.key_file=FILE, which holds nothing but the key"


class UnknownThing(NotSetUp):
    """The server has nothing by that name: no such model, or no such batch."""


# --------------------------------------------------------------------------- what must not be told


def redacted(text: str, secret: str) -> str:
    """`text` without the key, and without words that hold a part of it or look like a masked one."""
    if len(secret) >= 4:
        text = text.replace(secret, "[key]")
    pieces = {secret[start : start + 8] for start in range(len(secret) - 7)}

    def hidden(word: re.Match[str]) -> str:
        said = word[0]
        is_key = "***" in said or said.startswith("sk-") or any(piece in said for piece in pieces)
        return "[key]" if is_key else said

    return re.sub(r"[^\s\"'`,;()<>{}\[\]=]{6,}", hidden, text)


def clipped(text: str, secret: str) -> str:
    """What a server said, on one line, without secrets."""
    return short(redacted(text, secret), CLIP)


# --------------------------------------------------------------------------- from an SDK's error


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer with a bad status, as far as it could be read."""

    status: int
    headers: Mapping[str, str]
    message: str
    codes: frozenset[str]  # every code and type that it names
    is_api: bool  # whether it is an error as the API writes them


def fault_of(error: Exception, asked: Addressee, headroom: Headroom) -> Reply | Transient | P2MError:
    """What an error of the `anthropic` or `openai` SDK means; a Reply is an outcome that is recorded."""
    response = getattr(error, "response", None)
    if response is not None and getattr(response, "status_code", 200) >= 400:
        return _of_status(_read(response, asked.secret), asked, headroom)
    return _of_connection(error, asked)


def _of_connection(error: Exception, asked: Addressee) -> Transient | P2MError:
    causes = list(_chain(error))
    for cause in causes:
        if isinstance(cause, P2MError):  # the network is forbidden here
            return cause
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TeacherError(
                f"{asked.url} shows a certificate that is not trusted here ({cause.verify_message});"
                " where the server is yours: SSL_CERT_FILE=FILE"
            )
    if any(isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__ for cause in causes):
        return Transient(f"{asked.provider} did not answer in time ({asked.url})")
    told = [cause for cause in reversed(causes) if str(cause)]
    told.sort(key=lambda cause: not isinstance(cause, OSError))  # beneath may be what a library tried first
    reason = str(told[0]) if told else type(error).__name__
    said = clipped(reason, asked.secret)
    return Transient(
        f"no connection to {asked.url} ({said}); is the server running, and teacher.base_url right?",
        is_absent=any(type(cause).__name__ == "ConnectError" for cause in causes),
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it; connections that are tried side by side fail as a group."""
    found: list[BaseException] = [error]
    seen: set[int] = set()
    while found:
        one = found.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            found += getattr(one, "exceptions", ())
            found += [cause for cause in (one.__cause__ or one.__context__,) if cause is not None]


def _of_status(said: _Said, asked: Addressee, headroom: Headroom) -> Reply | Transient | TeacherError:
    outcome = _outcome(said)
    if outcome is not None:
        return Reply(outcome, "", detail=said.message)
    told = f"{said.status}: {said.message}" if said.message else str(said.status)
    if said.status == 402 or said.codes & _SPENT or (said.status < 500 and _SPENT_WORDS.search(said.message)):
        page = f", {asked.billing_page}" if asked.billing_page else ""
        return TeacherError(
            f"{asked.provider} serves no more: the account has no credit left, or reached its spend limit"
            f" ({told}). Raise it{page}; then build again, what was answered until now is kept and not paid"
            " for twice"
        )
    should = said.headers.get("x-should-retry")
    is_transient = said.status in (408, 409, 429) or (said.status >= 500 and said.status != 501)
    if should == "true" or (is_transient and should != "false"):
        return Transient(
            f"{asked.provider} answered {told}", retry_after=retry_after(said.headers),
            is_rate=said.status in _RATE, headroom=headroom,
        )  # fmt: skip
    advice = _advice(said, asked, told)
    if said.status == 404 and said.is_api:
        return UnknownThing(advice)
    return NotSetUp(advice) if said.status in (401, 403) else TeacherError(advice)


def _outcome(said: _Said) -> Outcome | None:
    if said.codes & _TOO_LONG or said.status == 413:
        return Outcome.TOO_LONG
    if said.status not in (400, 422):
        return None
    if said.codes & _FILTERED:
        return Outcome.FILTERED
    if said.codes & _REFUSED:
        return Outcome.REFUSED
    return Outcome.TOO_LONG if _TOO_LONG_WORDS.search(said.message) else None


def _advice(said: _Said, asked: Addressee, told: str) -> str:
    if said.status == 401:
        key = f"the key in {asked.key_place}" if asked.secret else "a request without a key"
        return f"{asked.provider} refuses {key} ({told}). Give a valid one: {asked.how_to_give_a_key}"
    if said.status == 403:
        return (
            f"{asked.provider} does not let this key use {asked.model} ({told}). Ask whoever owns the account"
            " for access, or take another model: teacher.model=NAME"
        )
    if not said.is_api:
        return f"{asked.url} answered {told}, which is no error of the API; is teacher.base_url right?"
    if said.status == 404:
        page = f" ({asked.models_page})" if asked.models_page else ""
        known = f"{asked.provider} knows no model {asked.model!r} ({told})"
        return f"{known}. Name another{page}: teacher.model=NAME"
    return f"{asked.provider} refuses the request ({told}){_hint(said.message) if asked.is_any else ''}"


def _hint(message: str) -> str:
    """What a server that is like OpenAI's may lack."""
    if re.search(r"response_format|json_schema|guided|grammar", message):
        return "; if it takes no JSON schema: teacher.takes_schema=false"
    if re.search(r"temperature|sampling", message):
        return "; if the model takes no temperature: teacher.takes_temperature=false"
    return ""


def _read(response: Any, secret: str) -> _Said:
    """An SDK's response with a bad status; its text was read by the SDK."""
    try:
        text = response.text
    except Exception:  # a body that was cut
        text = ""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return _said(response.status_code, headers, _json(text), text, secret)


def _said(status: int, headers: Mapping[str, str], body: Any, text: str, secret: str) -> _Said:
    body = body[0] if isinstance(body, list) and body else body  # one server writes a list of one
    inner = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(inner, str):
        return _Said(status, headers, clipped(inner, secret), frozenset(), True)
    if not isinstance(inner, dict):
        return _Said(status, headers, clipped(text, secret), frozenset(), False)
    message = inner.get("message") or inner.get("detail") or ""
    details = inner["details"] if isinstance(inner.get("details"), dict) else {}
    codes = (inner.get("code"), inner.get("type"), details.get("error_code"))
    return _Said(
        status, headers, clipped(message if isinstance(message, str) else text, secret),
        frozenset(code for code in codes if isinstance(code, str)), "message" in inner,
    )  # fmt: skip


def fault_within(body: Any, status: int, asked: Addressee) -> Reply | Transient | TeacherError:
    """What an error in a list of results means, by the status that it would have come with alone."""
    return _of_status(_said(status, {}, body, json.dumps(body), asked.secret), asked, Headroom())


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def with_models(fault: UnknownThing, known: list[str], model: str) -> TeacherError:
    """The refusal of a model, with the names that the server has."""
    if not known or model in known:
        return fault
    return NotSetUp(f"{fault}; {nearest(model, known[:50])}")


# --------------------------------------------------------------------------- from an answer of status 200


def parsed(text: str, asked: Addressee) -> dict[str, Any]:
    """The JSON object that was answered.

    Raises:
        Transient: half an object, or an error that waiting may mend.
        TeacherError: no API at all, or an error that it does not mend.
    """
    body = _json(text)
    if isinstance(body, dict):
        error = body.get("error")
        if error:
            raise _error_within(error, asked)
        return body
    if text.lstrip().startswith("{"):
        raise Transient(f"{asked.provider} answered half a JSON object")
    raise not_the_api(text, asked)


def not_the_api(text: str, asked: Addressee) -> TeacherError:
    said = clipped(text, asked.secret)[:120] or "nothing at all"
    usual = ", which usually ends in /v1" if asked.is_any else ""
    return TeacherError(
        f"{asked.url} answers what is no {asked.api}: {said}; is teacher.base_url right{usual}?"
    )


def _error_within(error: Any, asked: Addressee) -> Transient | TeacherError:
    """Some servers put an error into an answer of status 200."""
    named = [str(error.get(name)) for name in ("code", "type")] if isinstance(error, dict) else []
    found = [int(name) for name in named if re.fullmatch("[45][0-9]{2}", name)]
    found += [_STATUS_OF[name] for name in named if name in _STATUS_OF]
    status = found[0] if found else 400
    fault = fault_within({"error": error}, status, asked)
    return TeacherError(f"{asked.provider}: {fault.detail}") if isinstance(fault, Reply) else fault


# --------------------------------------------------------------------------- headers


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait; None where it does not say."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            return max(0.0, float(value) * scale)
        except ValueError:
            pass
        try:
            moment = parsedate_to_datetime(value)
        except (TypeError, ValueError):
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return None


def headroom_of(headers: Mapping[str, str]) -> Headroom:
    """What the rate-limit headers of either provider say."""
    tokens = [
        _whole(headers.get(name))
        for name in (
            "x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-output-tokens-remaining",
        )
    ]  # fmt: skip
    requests = (
        _whole(headers.get(name))
        for name in ("x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining")
    )
    resets = [
        _seconds(headers.get(name))
        for name in (
            "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "anthropic-ratelimit-requests-reset",
            "anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-input-tokens-reset",
            "anthropic-ratelimit-output-tokens-reset",
        )
    ]  # fmt: skip
    return Headroom(
        requests=next((each for each in requests if each is not None), None),
        tokens=min((each for each in tokens if each is not None), default=None),
        seconds=max((each for each in resets if each is not None), default=None),
    )


def _whole(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() else None


def _seconds(value: str | None) -> float | None:
    """ "6m0s", "120ms", "1.5", or a moment as RFC 3339 writes it."""
    if not value:
        return None
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", value)
    if parts and "".join(number + unit for number, unit in parts) == value:
        return sum(float(number) * units[unit] for number, unit in parts)
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
