"""Clients of the server: OpenAI's SDK, p2m's own teachers, curl, and a fuzzer of the description."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import LABELS, QA, RECORD, Exports, rows_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from servers import Running, bundle_of, serving

from p2m.deploy.serving.http.messages import row_of
from p2m.deploy.serving.rows import InputError
from p2m.teachers.chat_completions import messages_of, read, schema_format
from p2m.teachers.compatible import Compatible
from p2m.teachers.craft.answers import answering
from p2m.types import Task

ROWS = [row.input for row in rows_of(LABELS)]
ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-thirty-two-letters-or"


@pytest.fixture(scope="module")
def bundles(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("asked")
    cases = {"desk": ("classification", LABELS), "qa": ("span", QA), "homes": ("records", RECORD)}
    return {
        name: bundle_of(exports[kind][1], folder / name, task, rows_of(task), name)
        for name, (kind, task) in cases.items()
    }


@pytest.fixture(scope="module")
def served(bundles: dict[str, Path]) -> Iterator[Running]:
    with serving(bundles["desk"], *(str(each) for each in bundles.values()), tokens=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def alone(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One bundle, without tokens."""
    log = tmp_path_factory.mktemp("logs") / "judged.jsonl"
    with serving(bundles["desk"], "--feedback", str(log), "--max-rows", "64") as running:
        yield running


def asked(served: Running, name: str, row: dict[str, str]) -> object:
    found = served.ask(f"/models/{name}/predict", row, headers={"Authorization": f"Bearer {TOKEN}"})
    return found.json["output"]


def test_openais_client_changes_its_base_url_alone(served: Running) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=TOKEN, max_retries=0)
    expected = asked(served, "desk", ROWS[0])
    system = {"role": "system", "content": "You sort messages."}
    user = {"role": "user", "content": ROWS[0]["text"]}
    found = client.chat.completions.create(model="desk", messages=[system, user], temperature=0, max_tokens=9)
    assert (found.choices[0].message.content, found.choices[0].finish_reason) == (expected, "stop")
    assert (found.model, found._request_id) == ("desk", found.p2m["id"])
    assert 0 <= found.p2m["score"] <= 1
    chunks = [*client.chat.completions.create(
        model="desk", messages=[user], stream=True, stream_options={"include_usage": True}
    )]  # fmt: skip
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == expected
    assert (chunks[-2].choices[0].finish_reason, chunks[-1].usage.total_tokens) == ("stop", 0)
    parts = [{"type": "text", "text": ROWS[0]["text"]}]
    again = client.chat.completions.create(model="desk", messages=[{"role": "user", "content": parts}])
    assert again.choices[0].message.content == expected
    assert [each.id for each in client.models.list()] == ["desk", "qa", "homes"]
    assert client.models.retrieve("qa").id == "qa"


def test_the_responses_api_answers_too_streamed_or_not(served: Running) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=TOKEN, max_retries=0)
    expected = asked(served, "desk", ROWS[1])
    found = client.responses.create(model="desk", instructions="Sort it.", input=ROWS[1]["text"])
    assert (found.output_text, found.status) == (expected, "completed")
    turns = [{"role": "developer", "content": "Sort."}, {"role": "user", "content": [
        {"type": "input_text", "text": ROWS[1]["text"]}]}]  # fmt: skip
    assert client.responses.create(model="desk", input=turns).output_text == expected
    with client.responses.stream(model="desk", input=ROWS[1]["text"]) as stream:
        events = [*stream]
        assert stream.get_final_response().output_text == expected
    assert "".join(each.delta for each in events if each.type == "response.output_text.delta") == expected
    assert [each.sequence_number for each in events] == list(range(9))


def test_structured_outputs_hold_the_record_or_the_answer(served: Running) -> None:
    import openai
    from pydantic import BaseModel

    class Home(BaseModel):
        who: str | None
        big: bool | None

    class Sorted(BaseModel):
        category: str

    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=TOKEN, max_retries=0)
    row = rows_of(RECORD)[0].input
    message = {"role": "user", "content": row["text"]}
    home = client.chat.completions.parse(model="homes", messages=[message], response_format=Home)
    assert home.choices[0].message.parsed == Home(**asked(served, "homes", row))
    text = ROWS[0]["text"]
    sort = client.responses.parse(model="desk", input=text, text_format=Sorted)
    assert sort.output_parsed == Sorted(category=str(asked(served, "desk", ROWS[0])))
    plain = client.chat.completions.create(
        model="desk", messages=[{"role": "user", "content": text}], response_format={"type": "json_object"}
    )
    assert json.loads(str(plain.choices[0].message.content)) == {"label": asked(served, "desk", ROWS[0])}
    with pytest.raises(openai.UnprocessableEntityError, match="must have one property, such as label"):
        client.chat.completions.parse(
            model="desk", messages=[{"role": "user", "content": text}], response_format=Home
        )


def test_its_errors_are_those_of_openais_client(served: Running) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key="sk-wrong", max_retries=0)
    message = {"role": "user", "content": "a"}
    with pytest.raises(openai.AuthenticationError, match="no such token"):
        client.chat.completions.create(model="desk", messages=[message])
    client = client.with_options(api_key=TOKEN)
    with pytest.raises(openai.NotFoundError, match="no model gpt-6; there is desk, qa, homes"):
        client.chat.completions.create(model="gpt-6", messages=[message])
    with pytest.raises(openai.UnprocessableEntityError, match=r'must be JSON, \{"question": "'):
        client.chat.completions.create(model="qa", messages=[message])


def test_where_one_bundle_is_served_any_name_of_a_model_will_do(alone: Running) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{alone.url}/v1", api_key="none", max_retries=0)
    found = client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "Ada"}])
    assert found.model == "desk"


@pytest.mark.parametrize(("name", "task"), [("desk", LABELS), ("qa", QA), ("homes", RECORD)])
def test_what_a_teacher_of_p2m_is_asked_is_answered_as_it_answers(
    served: Running, name: str, task: Task
) -> None:
    row = rows_of(task)[0].input
    ask = answering(task, None, None).ask(row)
    body = {"model": name, "messages": messages_of(ask)}
    assert ask.schema is not None
    for form in ({}, {"response_format": schema_format(ask.schema, strict=True)}):
        found = served.ask("/v1/chat/completions", body | form, headers={"Authorization": f"Bearer {TOKEN}"})
        reply = read(found.json)
        assert reply is not None
        assert json.loads(reply.text) == {"answer": asked(served, name, row)}


def test_it_teaches_as_a_compatible_server(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_KEY", TOKEN)
    teacher = Compatible(model="desk", base_url=f"{served.url}/v1", key_env="DESK_KEY")
    ask = answering(LABELS, None, None).ask(ROWS[0])

    async def said() -> str:
        async with teacher.open() as line:
            return (await line.send(ask)).reply.text

    assert json.loads(asyncio.run(said())) == {"answer": asked(served, "desk", ROWS[0])}


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_the_line_for_curl_is_answered(alone: Running) -> None:
    texts = [ROOT / "README.md", ROOT / "docs/serve.md"]
    found = [line.strip() for path in texts for line in path.read_text().splitlines() if "    curl " in line]
    lines = [line for line in found if line.endswith("/predict")]
    assert len(lines) == 2
    for line in lines:
        typed = shlex.split(line.replace("http://127.0.0.1:8000", alone.url))
        done = subprocess.run([*typed, "-sS"], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["output"] in LABELS.labels


# --------------------------------------------------------------------------- messages


def test_a_message_stands_for_a_row() -> None:
    fields = ("question", "context")
    row = {"question": "Who left?", "context": "Ada left.\nBen: stayed."}
    assert row_of(json.dumps(row), fields) == (row, False)
    assert row_of("Question: Who left?\ncontext: Ada left.\nBen: stayed.", fields) == (row, False)
    assert row_of("Ada, {}", ("text",)) == ({"text": "Ada, {}"}, False)
    assert row_of('"Ada"', ("text",)) == ({"text": '"Ada"'}, False)
    assert row_of("{not JSON", ("text",)) == ({"text": "{not JSON"}, False)
    assert row_of('{"text": "Ada"}', ("text",)) == ({"text": "Ada"}, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Who left?", "a line `field: text` for each"),
        ("question: a\nquestion: b\ncontext: c", "a line `field: text` for each"),
        ("Look:\nquestion: a\ncontext: c", "a line `field: text` for each"),
        ('{"question": "a"}', 'no "context"'),
        ('{"question": "a", "question": "b", "context": "c"}', "stands twice"),
        ("question: \ncontext: c", '"question" is empty'),
    ],
)
def test_a_message_that_may_be_misread_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        row_of(text, ("question", "context"))


@settings(max_examples=30)
@given(st.fixed_dictionaries({"question": st.text(min_size=1), "context": st.text(min_size=1)}))
def test_what_teachers_are_asked_is_read_back(row: dict[str, str]) -> None:
    ask = answering(QA, None, None).ask(row)
    if all(text.strip() for text in row.values()):
        assert row_of(ask.turns[-1].text, ("question", "context")) == (row, True)


# --------------------------------------------------------------------------- the description


def fuzz(running: Running, examples: int) -> int:
    """Send what the description allows, and what it does not; the number of requests."""
    import schemathesis

    schema = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    sent = 0
    for operation in (found.ok() for found in schema.get_all_operations()):
        for mode in schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE:
            if not operation.body and mode is schemathesis.GenerationMode.NEGATIVE:
                continue

            @settings(
                max_examples=examples, phases=[Phase.generate], database=None,
                suppress_health_check=[*HealthCheck], derandomize=True,
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal sent
                sent += 1
                case.call_and_validate()

            ask()
    return sent


def test_a_fuzzer_finds_no_breach_of_the_description(alone: Running) -> None:
    assert fuzz(alone, 6) > 60


@pytest.mark.slow
def test_a_fuzzer_finds_none_in_five_thousand_examples(alone: Running) -> None:
    assert fuzz(alone, 520) >= 5000
