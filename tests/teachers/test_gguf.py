"""A model file answers in a child of this process: real llama.cpp, random weights, no network at all."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2m.engine.hashing import digest_file
from p2m.engine.running.network import without_network
from p2m.spec.components import FAMILIES, build_component
from p2m.teachers.asking.structured import parsed
from p2m.teachers.chat import Ask, ChatTeacher, Line, Outcome, Reply, TeacherError, Turn
from p2m.teachers.gguf import GGUF
from tests.teachers import tiny_gguf

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "team": {"enum": ["billing", "delivery"]},
        "sure": {"type": "integer", "minimum": 1, "maximum": 5},
        "word": {"type": "string", "pattern": "^[a-z]{1,8}$"},
    },
    "required": ["team", "sure", "word"],
    "additionalProperties": False,
}
ASK = Ask("Sort mail.", (Turn("user", "Where is it?"),), max_tokens=20)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture
def teacher(file: Path) -> GGUF:
    return GGUF(path=str(file), sha256=digest_file(file), context=512, threads=1)


def asked(teacher: ChatTeacher, work: Callable[[Line], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with teacher.open() as line:
            return await work(line)

    with without_network():
        return asyncio.run(run())


def replies(teacher: ChatTeacher, *asks: Ask) -> list[Reply]:
    async def work(line: Line) -> list[Reply]:
        return [received.reply for received in await asyncio.gather(*map(line.send, asks))]

    found: list[Reply] = asked(teacher, work)
    return found


def test_it_answers_without_a_network_and_is_a_chat_teacher(teacher: GGUF) -> None:
    assert isinstance(teacher, ChatTeacher)
    assert teacher.is_local
    (reply,) = replies(teacher, ASK)
    assert reply.outcome is Outcome.TRUNCATED  # random weights talk on
    assert reply.text
    assert (reply.model, reply.usage.output) == ("gguf", 20)


def test_samples_differ_and_each_comes_again(teacher: GGUF) -> None:
    asks = [replace(ASK, sample=number) for number in range(6)]
    first = [replies(teacher, ask)[0].text for ask in asks[:2]]
    both = [reply.text for reply in replies(teacher, *asks)]
    assert len(set(both)) == len(asks)
    assert [replies(teacher, ask)[0].text for ask in asks[:2]] == first


def test_no_two_questions_share_their_chance(teacher: GGUF) -> None:
    other = replace(ASK, turns=(Turn("user", "Where is it!"),))
    seeds = {teacher.seed(ask, attempt) for ask in (ASK, other, replace(ASK, sample=1)) for attempt in (0, 1)}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_replies_fit_their_schema(teacher: GGUF) -> None:
    asks = [replace(ASK, schema=SCHEMA, max_tokens=300, sample=number) for number in range(20)]
    found = [parsed(reply.text, SCHEMA) for reply in replies(teacher, *asks)]
    assert all(isinstance(one, dict) for one in found), found
    assert len({one["word"] for one in found}) > 1


def test_log_probabilities_are_told_where_they_are_asked_for(teacher: GGUF) -> None:
    (reply,) = replies(replace(teacher, options={"logprobs": True}), ASK)
    assert reply.detail.startswith("mean log-probability -")


def test_what_is_too_long_and_what_fills_the_context_are_outcomes(teacher: GGUF) -> None:
    long, endless = replies(
        teacher, replace(ASK, system="x " * 900), replace(ASK, max_tokens=5000, temperature=2.0, sample=1)
    )
    assert long.outcome is Outcome.TOO_LONG
    assert endless.outcome is Outcome.TRUNCATED or endless.usage.output < 400


def test_its_place_is_no_part_of_what_it_is(teacher: GGUF, tmp_path: Path) -> None:
    moved = replace(teacher, path=str(tmp_path / "elsewhere.gguf"), threads=2, concurrency=1)
    assert moved.identity(ASK) == teacher.identity(ASK)
    said = teacher.identity(replace(ASK, sample=3, temperature=1))
    assert said["model"] == teacher.sha256
    assert said["temperature"] == 1.0
    assert "sample" not in said
    assert str(tmp_path) not in str(said)


def test_a_file_is_named_with_its_digest(file: Path) -> None:
    with pytest.raises(ValueError, match=digest_file(file)):
        build_component({"target": "p2m.teachers.gguf.GGUF", "path": str(file)}, FAMILIES["teacher"])
    bare = GGUF()
    assert "teacher.path=" in str(bare.refusal(None))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["absent", "html", "another", "cut"])
def test_a_wrong_file_is_said(kind: str, file: Path, teacher: GGUF, tmp_path: Path) -> None:
    path = tmp_path / "wrong.gguf"
    content = {"html": b"<html>", "another": file.read_bytes() + b"x", "cut": file.read_bytes()[:60_000]}
    said = {
        "absent": "cannot be read", "html": "no GGUF file", "another": "another model than the recipe says",
        "cut": "while it was loaded",
    }  # fmt: skip
    if kind != "absent":
        path.write_bytes(content[kind])
    sha256 = digest_file(path) if kind == "cut" else teacher.sha256
    with pytest.raises(TeacherError, match=said[kind]) as caught:
        replies(replace(teacher, path=str(path), sha256=sha256), ASK)
    assert "Traceback" not in str(caught.value)


def test_a_child_that_is_killed_ends_the_asking_with_a_reason(teacher: GGUF) -> None:
    async def work(line: Any) -> None:
        await line.send(ASK)
        os.kill(line._child.pid, signal.SIGKILL)
        await line.send(ASK)

    with pytest.raises(TeacherError, match=r"killed by signal 9 while it answered\n(.*\n)*.*out of memory"):
        asked(teacher, work)


def test_the_child_ends_with_the_asking(teacher: GGUF) -> None:
    async def work(line: Any) -> int:
        await line.send(ASK)
        return int(line._child.pid)

    assert not alive(asked(teacher, work))


def test_the_child_ends_with_its_parent(teacher: GGUF) -> None:
    program = f"""
import asyncio, sys, time
from p2m.teachers.gguf import GGUF
from p2m.teachers.chat import Ask, Turn
async def run():
    async with GGUF(path={teacher.path!r}, sha256={teacher.sha256!r}, context=512, threads=1).open() as line:
        await line.send(Ask("", (Turn("user", "x"),), max_tokens=3))
        print(line._child.pid, flush=True)
        time.sleep(60)
asyncio.run(run())
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 60
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
