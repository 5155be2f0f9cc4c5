"""A checkpoint answers in this process: real transformers and llguidance, random weights, no network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2m.teachers.asking.structured import parsed
from p2m.teachers.chat import Ask, ChatTeacher, Outcome, Reply, TeacherError, Transient, Turn
from p2m.teachers.on_this_machine import checkpoint_files, content_digest
from p2m.teachers.transformers import Transformers, _loaded
from tests.teachers import tiny_checkpoint
from tests.teachers.test_gguf import SCHEMA, asked, replies

ASK = Ask("Sort mail.", (Turn("user", "Where is it?"),), max_tokens=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint.write(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def teacher(folder: Path) -> Transformers:
    return at(folder)


@contextmanager
def passes(teacher: Transformers) -> Iterator[list[int]]:
    """How many rows each pass through the model had."""
    found: list[int] = []
    hook = _loaded(teacher).model.register_forward_hook(
        lambda model, given, made: found.append(made.logits.shape[0])
    )
    try:
        yield found
    finally:
        hook.remove()


def at(folder: Path, **settings: Any) -> Transformers:
    sha256 = content_digest(folder, checkpoint_files(folder))
    return Transformers(model="tiny", path=str(folder), sha256=sha256, device="cpu", **settings)


def test_it_answers_without_a_network_and_is_a_chat_teacher(teacher: Transformers) -> None:
    assert isinstance(teacher, ChatTeacher)
    assert teacher.is_local
    (reply,) = replies(teacher, ASK)
    assert reply.outcome is Outcome.TRUNCATED  # random weights talk on
    assert (reply.model, reply.usage.output) == ("tiny", 16)
    assert reply.detail.startswith("mean log-probability -")


def test_an_answer_does_not_depend_on_whom_it_shares_its_batch_with(teacher: Transformers) -> None:
    asks = [replace(ASK, sample=n, turns=(Turn("user", "why " * n or "?"),)) for n in range(6)]
    alone = [replies(teacher, ask)[0].text for ask in asks]
    together = [reply.text for reply in replies(teacher, *asks)]
    assert together == alone
    assert [reply.text for reply in replies(replace(teacher, concurrency=2), *reversed(asks))] == alone[::-1]
    assert len(set(alone)) == len(asks)


def test_questions_that_wait_together_are_answered_together(teacher: Transformers) -> None:
    with passes(teacher) as rows:
        replies(replace(teacher, concurrency=8), *(replace(ASK, sample=n) for n in range(8)))
    assert rows == [8] * 16


def test_temperature_zero_takes_the_likeliest_and_a_low_one_nearly_so(teacher: Transformers) -> None:
    asks = [replace(ASK, temperature=0.0, sample=number) for number in range(3)]
    cold = {reply.text for reply in replies(teacher, *asks)}
    assert len(cold) == 1
    assert {reply.text for reply in replies(teacher, replace(ASK, temperature=1e-4))} == cold
    one = replies(replace(teacher, options={"top_k": 1}), replace(ASK, temperature=2.0))
    assert {reply.text for reply in one} == cold


def test_tokens_come_as_often_as_the_model_thinks_them_likely(teacher: Transformers) -> None:
    """The mean log-probability of first tokens is that of the distribution itself, within chance."""
    told = [_logprob(one) for one in replies(replace(teacher, concurrency=200), *_firsts(400))]
    (likeliest,) = replies(teacher, replace(ASK, max_tokens=1, temperature=0.0))
    assert sum(told) / len(told) < _logprob(likeliest) - 0.5
    flat = [_logprob(one) for one in replies(replace(teacher, concurrency=200), *_firsts(400, 5.0))]
    assert sum(flat) / len(flat) < sum(told) / len(told)


def _firsts(number: int, temperature: float = 1.0) -> list[Ask]:
    return [replace(ASK, max_tokens=1, temperature=temperature, sample=n) for n in range(number)]


def _logprob(reply: Reply) -> float:
    return float(reply.detail.rpartition(" ")[2])


def test_replies_fit_their_schema_beside_free_text(teacher: Transformers) -> None:
    asks = [replace(ASK, schema=SCHEMA, max_tokens=100, sample=number) for number in range(20)]
    *found, free = replies(teacher, *asks, ASK)
    values = [parsed(reply.text, SCHEMA) for reply in found]
    assert all(isinstance(one, dict) for one in values), values
    assert {reply.outcome for reply in found} == {Outcome.ANSWERED}
    assert len({one["word"] for one in values}) > 1
    assert free.outcome is Outcome.TRUNCATED


def test_a_schema_that_cannot_be_met_is_said(teacher: Transformers) -> None:
    with pytest.raises(TeacherError, match="cannot be held to their JSON Schema"):
        replies(teacher, replace(ASK, schema={"type": "string", "format": "no such thing"}))


def test_what_is_too_long_and_what_fills_the_context_are_outcomes(teacher: Transformers) -> None:
    long, cut, short = replies(
        teacher, replace(ASK, system="x " * 900), replace(ASK, schema=SCHEMA, max_tokens=3), ASK
    )
    assert long.outcome is Outcome.TOO_LONG
    assert long.detail == f"the question has {long.usage.input} tokens, and the model reads 512"
    assert cut.outcome is Outcome.TRUNCATED
    assert short.text


def test_time_is_up_in_time(teacher: Transformers) -> None:
    with pytest.raises(Transient, match=r"longer than 0\.01 s: raise teacher\.timeout"):
        replies(replace(teacher, timeout=0.01), replace(ASK, max_tokens=400))


def test_its_place_is_no_part_of_what_it_is(teacher: Transformers) -> None:
    moved = replace(teacher, path="/elsewhere", concurrency=1, device="auto", model="other name")
    assert moved.identity(ASK) == teacher.identity(ASK)
    hub = Transformers(model="a/b", revision="c")
    assert hub.identity(ASK)["model"] == "a/b@c"
    assert replace(hub, revision="d").identity(ASK) != hub.identity(ASK)


def test_without_a_chat_template_it_is_refused_or_asked_in_plain_text(tmp_path: Path) -> None:
    bare = tiny_checkpoint.write(tmp_path / "bare", template="")
    with pytest.raises(TeacherError, match=r"(?s)no chat template.*teacher\.plain=true"):
        replies(at(bare), ASK)
    assert replies(at(bare, plain=True), ASK)[0].text


def test_a_template_without_a_system_prompt_gets_it_with_the_first_question(tmp_path: Path) -> None:
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    template = strict + "{{ messages[0].content }}"
    folder = tiny_checkpoint.write(tmp_path / "strict", template=template)
    (reply,) = replies(at(folder), ASK)
    assert reply.usage.input == len("Sort mail.\n\nWhere is it?")


@pytest.mark.parametrize("kind", ["absent", "empty", "another", "broken"])
def test_a_wrong_folder_is_said(kind: str, teacher: Transformers, tmp_path: Path) -> None:
    said = {
        "absent": "no checkpoint", "empty": "no checkpoint", "another": "another model than the recipe says",
        "broken": "cannot be asked",
    }  # fmt: skip
    place = tmp_path / "wrong"
    wrong = replace(teacher, path=str(place))
    if kind == "empty":
        place.mkdir()
    elif kind != "absent":
        tiny_checkpoint.write(place, context=256)
    if kind == "broken":
        (place / "model.safetensors").write_bytes(b"no weights")
        wrong = at(place)
    with pytest.raises(TeacherError, match=said[kind]):
        replies(wrong, ASK)


def test_one_of_the_hub_that_is_not_here_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        TeacherError, match=r"(?s)nobody/nothing is neither here nor reachable.*teacher\.path"
    ):
        replies(Transformers(model="nobody/nothing"), ASK)


def test_leaving_ends_what_is_being_written(teacher: Transformers) -> None:
    long = {"type": "string", "pattern": "^[a-z]{440}$"}

    async def work(line: Any) -> None:
        waiting = asyncio.create_task(line.send(replace(ASK, max_tokens=450, schema=long)))
        while not rows:
            await asyncio.sleep(0.001)
        assert not waiting.done()

    with passes(teacher) as rows:
        asked(teacher, work)
    assert 0 < len(rows) < 440


def test_options_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="options has topp; it may have top_k, top_p"):
        Transformers(options={"topp": 0.9})
