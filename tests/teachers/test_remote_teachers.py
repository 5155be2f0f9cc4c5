"""The teachers behind an API, spoken to by the real SDKs: what they send, what they make of every answer and
of every way to fail, and that no key is ever told.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, get_args

import pytest
from wire import SECRET, Answer, Cut, Raw, Said, Stall, Status, Wire

from p2m.engine.running.network import NetworkForbidden
from p2m.errors import P2MError
from p2m.teachers.anthropic import Anthropic
from p2m.teachers.chat import (
    Ask,
    ChatTeacher,
    Headroom,
    Outcome,
    Received,
    Reply,
    TeacherError,
    Transient,
    Turn,
    Usage,
)
from p2m.teachers.compatible import Compatible
from p2m.teachers.faults import Addressee, fault_of
from p2m.teachers.openai import OpenAI
from p2m.teachers.remote import Remote

SCHEMA = {
    "type": "object",
    "properties": {"team": {"type": "string", "enum": ["a", "b"], "maxLength": 9}, "why": {"type": "string"}},
    "required": ["team"],
}
ASK = Ask("Route it.", (Turn("user", "My bill is wrong."),), SCHEMA, max_tokens=50, temperature=0.7)
Made = Callable[..., Remote]


def made(kind: str, wire: Wire, **settings: Any) -> Remote:
    settings = {"key_env": "WIRE_KEY", "timeout": 5.0} | settings
    if kind == "anthropic":
        return Anthropic(**{"base_url": wire.url} | settings)
    if kind == "openai":
        return OpenAI(**{"base_url": wire.v1} | settings)
    return Compatible(**{"base_url": wire.v1, "model": "small-2"} | settings)


KINDS = ("anthropic", "openai", "compatible")
every_kind = pytest.mark.parametrize("kind", KINDS)


def send(teacher: Remote, ask: Ask = ASK) -> Received:
    async def main() -> Received:
        async with teacher.open() as line:
            return await line.send(ask)

    return asyncio.run(main())


def fault(teacher: Remote, ask: Ask = ASK) -> Transient | P2MError:
    """What sending raised; the whole traceback, contexts and all, holds no key."""
    with pytest.raises((Transient, P2MError)) as caught:
        send(teacher, ask)
    error = caught.value
    assert SECRET not in "".join(traceback.format_exception(error)) + repr(error) + repr(teacher)
    assert error.__context__ is None, "a request, and with it the key, would hang on to the error"
    return error


# --------------------------------------------------------------------------- what is sent


@every_kind
def test_a_reply_with_what_it_cost_and_what_is_left(wire: Wire, kind: str) -> None:
    headers = {
        "x-ratelimit-remaining-requests": "41", "x-ratelimit-remaining-tokens": "900",
        "x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s",
    }  # fmt: skip
    if kind == "anthropic":
        headers = {
            "anthropic-ratelimit-requests-remaining": "41", "anthropic-ratelimit-tokens-remaining": "1000",
            "anthropic-ratelimit-output-tokens-remaining": "900",
            "anthropic-ratelimit-tokens-reset": "2020-01-01T00:00:00Z",
        }  # fmt: skip
    wire.say(Answer('{"team": "a"}', headers=headers))
    received = send(made(kind, wire))
    assert received.reply.outcome is Outcome.ANSWERED
    assert received.reply.text == '{"team": "a"}'
    assert (received.reply.usage.input, received.reply.usage.output) == (11, 7)
    assert received.reply.seconds > 0
    assert (received.headroom.requests, received.headroom.tokens) == (41, 900)
    assert received.headroom.seconds == (0.0 if kind == "anthropic" else 360.0)


@every_kind
def test_the_key_goes_in_the_header_and_nowhere_else(wire: Wire, kind: str) -> None:
    wire.key = SECRET
    teacher = made(kind, wire)
    send(teacher)
    assert wire.seen[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in json.dumps(wire.seen[0].body) + json.dumps(teacher.identity(ASK)) + repr(teacher)


def test_openai_is_sent_a_strict_schema_and_no_field_that_its_model_refuses(wire: Wire) -> None:
    send(made("openai", wire))
    send(made("openai", wire, effort="low"))
    send(made("openai", wire, model="gpt-4.1-mini"))
    plain, reasoning, older = (seen.body for seen in wire.seen)
    schema = plain["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["team", "why"]
    assert schema["additionalProperties"] is False
    assert "maxLength" not in schema["properties"]["team"]
    assert plain["temperature"] == 0.7
    assert plain["reasoning_effort"] == "none"
    assert plain["max_completion_tokens"] == 50
    assert "temperature" not in reasoning
    assert reasoning["reasoning_effort"] == "low"
    assert reasoning["max_completion_tokens"] > 1000  # it thinks before it answers
    assert older["temperature"] == 0.7
    assert "reasoning_effort" not in older
    assert "max_tokens" not in {*plain, *reasoning, *older}


def test_a_schema_that_cannot_be_closed_is_sent_as_it_is(wire: Wire) -> None:
    free = {"type": "object", "properties": {"meanings": {"type": "object", "additionalProperties": {}}}}
    send(made("openai", wire), replace(ASK, schema=free))
    send(made("anthropic", wire), replace(ASK, schema=free))
    told = wire.seen[0].body["response_format"]["json_schema"]
    assert (told["strict"], told["schema"]) == (False, free)
    assert "output_config" not in wire.seen[1].body


def test_anthropic_is_sent_a_schema_a_cached_prompt_and_no_temperature(wire: Wire) -> None:
    send(made("anthropic", wire), replace(ASK, system="rules " * 1000))
    send(made("anthropic", wire, thinking="adaptive", effort="low"))
    long, thinking = (seen.body for seen in wire.seen)
    assert long["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert long["output_config"]["format"]["schema"]["required"] == ["team", "why"]
    assert long["thinking"] == {"type": "disabled"}
    assert "temperature" not in {*long, *thinking}
    assert "cache_control" not in thinking["system"][0]
    assert thinking["output_config"]["effort"] == "low"
    assert thinking["max_tokens"] > 1000


def test_a_compatible_server_is_sent_what_it_takes(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-someone")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", SECRET)
    monkeypatch.delenv("WIRE_KEY")
    send(made("compatible", wire, options={"top_p": 0.9}))
    send(made("compatible", wire, takes_schema=False, takes_temperature=False))
    whole, bare = (seen.body for seen in wire.seen)
    assert whole["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (whole["temperature"], whole["max_tokens"], whole["top_p"]) == (0.7, 50, 0.9)
    assert {*bare} == {"model", "messages", "max_tokens"}
    assert not {"org-of-someone", f"Bearer {SECRET}"} & {*wire.seen[0].headers.values()}


# --------------------------------------------------------------------------- what the ledger knows it by


@every_kind
def test_a_request_is_known_by_what_decides_its_answer_alone(wire: Wire, kind: str) -> None:
    teacher = made(kind, wire)
    known = teacher.identity(ASK)
    assert wire.url not in json.dumps(known)
    unkeyed = {field.name for field in fields(teacher) if not field.metadata.get("keyed", True)}
    assert unkeyed >= {"base_url", "key_env", "key_file", "concurrency", "attempts", "timeout", "price"}
    elsewhere = replace(teacher, base_url="http://far.example/v1", timeout=1.0, key_env="OTHER")
    assert elsewhere.identity(ASK) == known
    assert replace(teacher, options={"top_p": 0.9}).identity(ASK) != known
    assert replace(teacher, model="large-1").identity(ASK) != known
    assert (teacher.identity(replace(ASK, temperature=0.1)) == known) is (kind == "anthropic")


def test_only_a_server_on_this_machine_is_local(wire: Wire) -> None:
    assert made("compatible", wire).is_local
    assert not Compatible(base_url="https://api.example/v1").is_local
    assert not any(made(kind, wire).is_local for kind in ("anthropic", "openai"))
    assert all(isinstance(made(kind, wire), ChatTeacher) for kind in KINDS)


# --------------------------------------------------------------------------- outcomes that are paid for

COUNTED = {
    "anthropic": {
        "input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20,
        "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4},
    },
    "openai": {
        "prompt_tokens": 125, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 4},
    },
}  # fmt: skip


def test_tokens_are_counted_as_they_are_billed(wire: Wire) -> None:
    wire.say(*(Answer(extra={"usage": COUNTED[kind]}) for kind in ("anthropic", "openai")))
    assert send(made("anthropic", wire)).reply.usage == Usage(125, 9, 100, 20, 4)
    assert send(made("openai", wire)).reply.usage == Usage(125, 9, 100, 0, 4)


def refusal(category: str | None, explanation: str | None = None) -> Answer:
    details = {"type": "refusal", "category": category, "explanation": explanation}
    return Answer(finish="refusal", extra={"stop_details": details, "content": []})


OUTCOMES: list[tuple[str, Said, Outcome]] = [
    ("anthropic", Answer(finish="length"), Outcome.TRUNCATED),
    ("anthropic", refusal("bio", "not that"), Outcome.REFUSED),
    ("anthropic", refusal(None), Outcome.REFUSED),
    ("anthropic", refusal("frontier_llm"), Outcome.COMPETING),
    ("anthropic", Answer(finish="refusal"), Outcome.REFUSED),
    ("anthropic", Answer(finish="model_context_window_exceeded"), Outcome.TOO_LONG),
    ("anthropic", Status(400, "prompt is too long: 300000 tokens > 200000", "invalid_request_error"),
     Outcome.TOO_LONG),
    ("anthropic", Status(413, "Request exceeds the maximum size", "request_too_large"), Outcome.TOO_LONG),
    ("openai", Answer(finish="length"), Outcome.TRUNCATED),
    ("openai", Answer(finish="content_filter"), Outcome.FILTERED),
    ("openai", Status(400, "Too long.", error_code="context_length_exceeded"), Outcome.TOO_LONG),
    ("openai", Status(400, "filtered", error_code="content_filter"), Outcome.FILTERED),
    ("openai", Status(400, "Your prompt was flagged", error_code="invalid_prompt"), Outcome.REFUSED),
    ("compatible", Status(400, "the request exceeds the available context size", "exceed_context_size_error"),
     Outcome.TOO_LONG),
    ("compatible", Status(400, "This model's maximum context length is 512 tokens"), Outcome.TOO_LONG),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "said", "outcome"), OUTCOMES, ids=lambda one: getattr(one, "name", None))
def test_an_end_without_an_answer_is_an_outcome(wire: Wire, kind: str, said: Said, outcome: Outcome) -> None:
    wire.say(said)
    reply = send(made(kind, wire)).reply
    assert reply.outcome is outcome
    assert outcome is Outcome.TRUNCATED or reply.text in ("", "hello")


def test_a_refusal_says_what_the_model_said(wire: Wire) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I cannot do that."}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    wire.say(Answer(extra={"choices": [choice]}), refusal("bio", "not that"))
    assert send(made("openai", wire)).reply.detail == "I cannot do that."
    assert send(made("anthropic", wire)).reply.detail == "not that"


def test_what_a_server_leaves_out_is_nothing(wire: Wire) -> None:
    bare = {"role": "assistant", "content": None}
    wire.say(
        Answer(extra={"usage": None, "model": None, "id": None}),
        Answer(extra={"choices": [{"message": bare}], "usage": {"prompt_tokens": None}}),
        Answer(extra={"choices": [{"message": {"content": [{"type": "text", "text": "in parts"}]}}]}),
        Answer(extra={"usage": None, "stop_reason": None, "model": None}),
    )
    assert send(made("openai", wire)).reply.usage == Usage()
    assert send(made("compatible", wire)).reply == Reply(
        Outcome.ANSWERED, "", Usage(), "small-2", seconds=pytest.approx(0, abs=5)
    )
    assert send(made("compatible", wire)).reply.text == "in parts"
    assert send(made("anthropic", wire)).reply.usage == Usage()


# --------------------------------------------------------------------------- faults that waiting mends


@every_kind
@pytest.mark.parametrize(
    ("said", "is_rate", "seconds"),
    [
        (Status(429, headers={"retry-after": "7"}), True, 7.0),
        (Status(429, headers={"retry-after-ms": "250", "retry-after": "1"}), True, 0.25),
        (Status(429, headers={"retry-after": "Thu, 01 Jan 2026 00:00:00 GMT"}), True, 0.0),
        (Status(529, "Overloaded", "overloaded_error"), True, None),
        (Status(408), False, None),
        (Status(409), False, None),
        (Status(500), False, None),
        (Status(503, headers={"retry-after": "2"}), False, 2.0),
        (Status(400, headers={"x-should-retry": "true"}), False, None),
        (Raw("<html>502 Bad Gateway</html>", code=502), False, None),
        (Raw('{"id": "chatcmpl', "application/json"), False, None),
        (Cut(), False, None),
        (Cut('{"id": '), False, None),
    ],
    ids=str,
)
def test_a_fault_that_may_pass(
    wire: Wire, kind: str, said: Said, is_rate: bool, seconds: float | None
) -> None:
    wire.say(said)
    found = fault(made(kind, wire))
    assert isinstance(found, Transient)
    assert (found.is_rate, found.retry_after) == (is_rate, seconds)
    assert len(wire.seen) == 1, "retrying is not the SDK's"


@every_kind
def test_a_server_that_stalls_is_not_waited_for(wire: Wire, kind: str) -> None:
    wire.say(Stall(3))
    found = fault(made(kind, wire, timeout=0.2))
    assert isinstance(found, Transient)
    assert "in time" in str(found)


@every_kind
def test_a_server_that_is_not_there(wire: Wire, kind: str) -> None:
    found = fault(made(kind, wire, base_url="http://127.0.0.1:9/v1"))
    assert isinstance(found, Transient)
    assert "http://127.0.0.1:9" in str(found)
    assert "is the server running" in str(found)


def test_why_there_is_no_connection_is_what_the_system_says() -> None:
    """The SDK's libraries try things first whose failures lie beneath."""
    try:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise ConnectionRefusedError(111, "Connect call failed")  # noqa: B904
    except OSError as refused:
        error = RuntimeError("all attempts failed")
        error.__cause__ = refused
    found = fault_of(
        error, Addressee("compatible", "m", "http://127.0.0.1:9/v1", "WIRE_KEY", None), Headroom()
    )
    assert "Connect call failed" in str(found)
    assert "event loop" not in str(found)


# --------------------------------------------------------------------------- faults that it does not mend

FINAL: list[tuple[str, Said, tuple[str, ...]]] = [
    ("anthropic", Status(401, "invalid x-api-key"), ("$WIRE_KEY", "export WIRE_KEY=", "key_file")),
    ("openai", Status(401, "Incorrect API key provided: sk-wir***********77Yk."), ("$WIRE_KEY", "[key]")),
    (
        "openai",
        Status(403, "no access"),
        ("does not let this key use gpt-6-luna", "no access", "teacher.model"),
    ),
    ("anthropic", Status(404, "model: claude-haiku-5-5"), ("claude-haiku-5-5", "models/overview", "large-1")),
    ("compatible", Status(404, "no such model"), ("'small-2'", "did you mean 'small-1'")),
    ("compatible", Raw("404 page not found", "text/plain", 404), ("base_url right", "404 page not found")),
    ("compatible", Raw('{"detail":"Not Found"}', "application/json", 404), ("base_url right",)),
    ("anthropic", Status(429, "limit", "rate_limit_error", "enforced_spend_limit_reached"), ("spend limit",)),
    (
        "anthropic",
        Status(400, "You have reached your specified API usage limits. You will regain access"),
        ("no credit", "spend limit"),
    ),
    ("anthropic", Status(400, "Your credit balance is too low to access the API"), ("no credit", "billing")),
    ("anthropic", Status(402, "pay", "billing_error"), ("no credit",)),
    ("openai", Status(429, "quota", error_code="insufficient_quota"), ("no credit", "settings/organization")),
    ("openai", Status(400, "Unknown parameter: 'n'"), ("refuses the request", "Unknown parameter")),
    ("openai", Status(429, headers={"x-should-retry": "false"}), ("429",)),
    ("compatible", Status(400, "response_format is not supported"), ("teacher.takes_schema=false",)),
    ("openai", Status(501, "not here"), ("501",)),
    ("compatible", Raw("<html><body>Welcome to nginx!</body></html>"), ("<html>", "usually ends in /v1")),
    ("anthropic", Raw("It works!", "text/plain"), ("It works!", "base_url right?")),
    ("openai", Raw(""), ("nothing at all",)),
    ("openai", Raw("[]", "application/json"), ("no OpenAI-compatible API",)),
    ("compatible", Raw('{"models": []}', "application/json"), ("no OpenAI-compatible API",)),
    ("compatible", Raw('{"choices": []}', "application/json"), ("no OpenAI-compatible API",)),
    ("compatible", Raw('{"error": "model \'m\' not found"}', "application/json", 404), ("knows no model",)),
    ("compatible", Raw('{"error": {"message": "bad", "code": 400}}', "application/json"), ("bad",)),
]


@pytest.mark.parametrize(("kind", "said", "told"), FINAL, ids=lambda one: str(one)[:70])
def test_a_fault_that_no_waiting_mends(wire: Wire, kind: str, said: Said, told: tuple[str, ...]) -> None:
    wire.say(said)
    found = fault(made(kind, wire))
    assert isinstance(found, TeacherError)
    for part in told:
        assert part in str(found)
    assert len(str(found)) < 700
    assert len(wire.seen) == 1


@every_kind
def test_a_server_that_repeats_the_key_is_not_repeated(wire: Wire, kind: str) -> None:
    wire.key = "another"
    masked = f"{SECRET[:9]}...{SECRET[-4:]}"
    assert "[key]" in str(fault(made(kind, wire)))
    wire.key = None
    wire.say(Status(400, f"who is {masked} or '{SECRET}'?"), Raw(f"<p>{SECRET}</p>"), Status(500, SECRET))
    for _ in range(3):
        told = str(fault(made(kind, wire)))
        assert not any(SECRET[start : start + 8] in told for start in range(len(SECRET) - 8))


@pytest.mark.parametrize(
    "said", ['"code": 429', '"code": "502"', '"type": "server_error"', '"type": "overloaded_error"']
)
def test_an_error_within_a_good_answer_is_one(wire: Wire, said: str) -> None:
    wire.say(Raw(f'{{"error": {{"message": "busy", {said}}}}}', "application/json"))
    assert isinstance(fault(made("compatible", wire)), Transient)


# --------------------------------------------------------------------------- keys and addresses


def test_without_a_key_nothing_is_sent_and_it_says_what_to_type(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WIRE_KEY")
    for kind in ("anthropic", "openai"):
        told = str(fault(made(kind, wire)))
        assert "export WIRE_KEY=" in told
        assert "teacher.key_file=FILE" in told
    assert not wire.seen


def test_a_key_may_be_in_a_file_and_is_nobody_elses(wire: Wire, tmp_path: Any) -> None:
    wire.key = "from-the-file-8812"
    file = tmp_path / "key"
    file.write_text("from-the-file-8812\n")
    assert send(made("openai", wire, key_file=str(file))).reply.text == "hello"
    file.write_text(f"{SECRET}\n{SECRET}\n")
    found = str(fault(made("openai", wire, key_file=str(file))))
    assert "is no key" in found
    assert "cannot be read" in str(fault(made("openai", wire, key_file=str(tmp_path / "none"))))


def test_an_address_is_asked_for_where_there_is_none(wire: Wire) -> None:
    told = str(fault(Compatible(model="m")))
    assert "teacher.base_url=URL" in told
    for url in ("localhost:8000/v1", "ftp://host/v1", "http://host:99999/v1", "http://"):
        with pytest.raises(ValueError, match="no URL"):
            Compatible(base_url=url)
    for url in (f"http://me:{SECRET}@host/v1", f"http://host/v1?key={SECRET}"):
        with pytest.raises(ValueError, match="more than a place") as caught:
            Compatible(base_url=url)
        assert SECRET not in str(caught.value)


def test_opening_costs_nothing_and_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger knows is served without a key and without a package."""
    code = (
        "import asyncio, sys\n"
        "from p2m.teachers.anthropic import Anthropic\n"
        "from p2m.teachers.openai import OpenAI\n"
        "async def main():\n"
        "    for teacher in (Anthropic(), OpenAI()):\n"
        "        async with teacher.open():\n"
        "            pass\n"
        "asyncio.run(main())\n"
        "print([name for name in ('anthropic', 'openai', 'httpx2', 'pydantic') if name in sys.modules])\n"
    )
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_a_network_that_is_forbidden_is_named(wire: Wire) -> None:
    """In a process of its own, since the hook stays."""
    code = (
        "import asyncio\n"
        "from p2m.engine.running.network import NetworkForbidden, without_network\n"
        "from p2m.teachers.compatible import Compatible\n"
        "from p2m.teachers.chat import Ask, Turn\n"
        "async def main():\n"
        "    async with Compatible(model='m', base_url='http://far.example/v1').open() as line:\n"
        "        await line.send(Ask('', (Turn('user', 'x'),)))\n"
        "try:\n"
        "    with without_network():\n"
        "        asyncio.run(main())\n"
        "except NetworkForbidden as error:\n"
        "    print('forbidden:', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("forbidden: "), done.stderr
    assert issubclass(NetworkForbidden, P2MError)


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        (OpenAI, {"effort": "much"}, "effort is one of"),
        (OpenAI, {"model": "o3"}, "always reasons"),
        (OpenAI, {"model": "gpt-5-mini"}, "always reasons"),
        (Anthropic, {"thinking": "a lot"}, "thinking is one of"),
        (Anthropic, {"effort": "none"}, "effort is one of"),
        (OpenAI, {"concurrency": 0}, "concurrency"),
        (OpenAI, {"key_env": SECRET}, "not the key$"),
        (OpenAI, {"price": {"in": 1.0}}, "price has input and output"),
        (OpenAI, {"price": {"input": 1.0, "output": -1.0}}, "price has input and output"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(kind: Any, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        kind(**settings)


def test_a_connection_each_and_one_client(wire: Wire) -> None:
    """As many connections as requests in flight: none waits for another's."""

    async def main() -> None:
        async with made("openai", wire).open() as line:
            await line.send(ASK)
            wire.reply = lambda seen: Stall()
            sending = [asyncio.ensure_future(line.send(ASK)) for _ in range(64)]
            while len(wire.seen) < 65 and not any(each.done() for each in sending):
                await asyncio.sleep(0.01)
            assert not any(each.done() for each in sending), "all have come, and none was answered"
            for each in sending:
                each.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    asyncio.run(main())
    assert len(wire.seen) == 65


# --------------------------------------------------------------------------- nothing is left out


def known_statuses(sdk: Any) -> set[int]:
    """Every status that an SDK has a class for."""
    kinds = [kind for kind in list(vars(sdk).values()) if isinstance(kind, type)]
    return {
        kind.status_code
        for kind in kinds
        if issubclass(kind, sdk.APIStatusError) and isinstance(getattr(kind, "status_code", None), int)
    }


@pytest.mark.parametrize("kind", ["anthropic", "openai"])
def test_every_status_is_an_outcome_a_fault_that_passes_or_one_that_does_not(wire: Wire, kind: str) -> None:
    sdk = importlib.import_module(kind)
    passing = {408, 409, 429, 500, 502, 503, 504, 529}
    statuses = known_statuses(sdk) | passing | {418, 451, 501, 599}
    assert len(statuses) > 15
    for status in sorted(statuses):
        wire.say(Status(status, "no"))
        if status == 413:
            assert send(made(kind, wire)).reply.outcome is Outcome.TOO_LONG
        else:
            expected = Transient if status in passing or status == 599 else TeacherError
            assert isinstance(fault(made(kind, wire)), expected), status


def test_every_spend_limit_that_the_sdk_knows_ends_it(wire: Wire) -> None:
    import anthropic._error_classes as classes

    codes = [
        get_args(kind.__annotations__["error_code"])[0]
        for name, kind in vars(classes).items()
        if "SpendLimitReached" in name or "BillingUnavailable" in name
    ]
    assert len(codes) >= 4
    for code in codes:
        wire.say(Status(429, "limit", "rate_limit_error", code))
        assert "spend limit" in str(fault(made("anthropic", wire)))
    wire.say(Status(429, "slower", "rate_limit_error", "ramp_limit_exceeded", {"retry-after": "9"}))
    assert isinstance(fault(made("anthropic", wire)), Transient)
