"""Asking against llmock, a server of others that enforces quotas, fails on demand and judges its client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from asking_runs import Bench, echoed

from p2m.teachers.anthropic import Anthropic
from p2m.teachers.asking import batches
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import Ask, Outcome, Turn
from p2m.teachers.openai import OpenAI
from p2m.types import Caps

if TYPE_CHECKING:
    from llmock.pytest_plugin import LLMock
    from llmock.testing import LLMockServer

every_kind = pytest.mark.parametrize("kind", ["anthropic", "openai"])
SCHEMA = {"type": "object", "properties": {"team": {"type": "string"}}, "required": ["team"]}


class Shim:
    """llmock reads the schema of a message where the API had it before."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def moved() -> Any:
            event = await receive()
            if event["type"] == "http.request" and event.get("body", b"").startswith(b"{"):
                body = json.loads(event["body"])
                form = (body.get("output_config") or {}).get("format")
                if form:
                    event = event | {"body": json.dumps(body | {"output_format": form}).encode()}
            return event

        if scope["type"] == "http" and "/messages" in scope["path"]:
            scope = scope | {
                "headers": [(name, value) for name, value in scope["headers"] if name != b"content-length"]
            }
            await self.app(scope, moved, send)
        else:
            await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def shimmed() -> Iterator[LLMockServer]:
    from llmock.testing import LLMockServer

    server = LLMockServer()
    server.app.add_middleware(Shim)
    with server:
        yield server


@pytest.fixture
def mock(shimmed: LLMockServer, monkeypatch: pytest.MonkeyPatch) -> LLMock:
    from llmock.pytest_plugin import LLMock

    monkeypatch.setenv("LLMOCK_KEY", "any-key-will-do")
    return LLMock(shimmed).reset()


def teacher_of(kind: str, mock: LLMock, **settings: Any) -> Anthropic | OpenAI:
    made = Anthropic if kind == "anthropic" else OpenAI
    return made(base_url=mock.base_url(kind), key_env="LLMOCK_KEY", **settings)  # type: ignore[no-any-return]


async def answered(row: str, put: Put) -> Outcome:
    return (await put(Ask("", (Turn("user", row),), max_tokens=100))).outcome


@pytest.mark.slow  # a bucket that is empty is full again after a minute
@every_kind
def test_a_quota_is_kept_to(mock: LLMock, run: Bench, kind: str) -> None:
    mock.limits(rpm=60)  # a bucket of 60, and one more a second
    rows = [f"row {number}" for number in range(62)]
    found = Asker(teacher_of(kind, mock), run, Caps()).each(rows, answered)
    assert found == [Outcome.ANSWERED] * len(rows)
    assert sum(record.status == 429 for record in mock.requests) < 20
    mock.assert_resilient()


@every_kind
def test_faults_that_pass_are_waited_out(mock: LLMock, run: Bench, kind: str) -> None:
    mock.rate_limit(times=2, retry_after=0.3).fail(529, times=1).fail(503, times=1).fail(500, times=1)
    found = Asker(teacher_of(kind, mock), run, Caps()).each(
        [f"row {number}" for number in range(8)], answered
    )
    assert found == [Outcome.ANSWERED] * 8
    mock.assert_resilient()


@every_kind
def test_a_prompt_that_is_too_long_is_an_outcome(mock: LLMock, run: Bench, kind: str) -> None:
    mock.context_overflow()
    assert Asker(teacher_of(kind, mock), run, Caps()).each(["too long"], answered) == [Outcome.TOO_LONG]


def test_a_reply_that_was_cut_is_an_outcome(mock: LLMock, run: Bench) -> None:
    mock.reply("word " * 400)
    assert Asker(teacher_of("anthropic", mock), run, Caps()).each(["long"], answered) == [Outcome.TRUNCATED]


@every_kind
def test_a_reply_is_held_to_its_schema_by_the_server(mock: LLMock, run: Bench, kind: str) -> None:
    async def by_schema(row: str, put: Put) -> Any:
        return json.loads((await put(Ask("", (Turn("user", row),), SCHEMA))).text)

    (found,) = Asker(teacher_of(kind, mock), run, Caps()).each(["a row"], by_schema)
    assert isinstance(found["team"], str)


@every_kind
def test_its_batches_come_back(mock: LLMock, run: Bench, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmock.routers.batch._BATCH_DELAY", 0.2)
    monkeypatch.setattr(batches, "QUIET", 0.1)
    asker = Asker(teacher_of(kind, mock, batch=True), run, Caps())
    found = asker.each([f"row {number}" for number in range(20)], echoed)
    assert all(found)
    assert len([each for each in mock.requests if each.path.endswith("/batches")]) == 1
