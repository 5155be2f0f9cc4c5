"""What was recorded is had again without server, key and packages, and with `replay` nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from asking_runs import Bench, echoed
from wire import Answer, Wire

from p2m.engine.hashing import plain
from p2m.engine.running.network import without_network
from p2m.spec.components import FAMILIES, build_component
from p2m.teachers.anthropic import Anthropic
from p2m.teachers.asking.asker import Asker
from p2m.teachers.chat import ChatTeacher, TeacherError
from p2m.teachers.compatible import Compatible
from p2m.teachers.openai import OpenAI
from p2m.teachers.remote import Remote
from p2m.teachers.replay import Replay
from p2m.types import Caps

ROWS = [f"row {number}" for number in range(20)]
TEACHERS: dict[str, type[Remote]] = {"anthropic": Anthropic, "openai": OpenAI, "compatible": Compatible}
every_kind = pytest.mark.parametrize("kind", TEACHERS)


@pytest.fixture(autouse=True)
def _quiet(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    wire.reply = lambda seen: Answer(str(seen.body["messages"][-1]["content"]).upper())
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def record(kind: str, wire: Wire, run: Bench) -> Remote:
    """Every row answered by a real server; the same teacher as a stranger has it: no server, no key."""
    url = wire.url if kind == "anthropic" else wire.v1
    settings: dict[str, Any] = {"model": "small-1"} if kind == "compatible" else {}
    here = TEACHERS[kind](base_url=url, key_env="WIRE_KEY", price={"input": 1.0, "output": 1.0}, **settings)
    assert Asker(here, run, Caps()).each(ROWS, echoed)[0] == "ROW 0"
    return TEACHERS[kind](**settings)


@every_kind
def test_the_recorded_teacher_needs_no_key_no_server_and_no_network(
    wire: Wire, run: Bench, kind: str
) -> None:
    elsewhere = record(kind, wire, run)
    asked = len(wire.seen)
    assert elsewhere.problem()
    with without_network():
        assert Asker(elsewhere, run, Caps()).each(ROWS, echoed) == [row.upper() for row in ROWS]
    assert len(wire.seen) == asked
    with pytest.raises(TeacherError, match="cannot be asked"):
        Asker(elsewhere, run, Caps()).each(["a new row"], echoed)


@every_kind
def test_replay_answers_what_was_recorded_and_asks_nobody(wire: Wire, run: Bench, kind: str) -> None:
    replay = Replay(of=record(kind, wire, run))
    asker = Asker(replay, run, Caps())
    assert asker.each(ROWS, echoed) == [row.upper() for row in ROWS]
    assert asker.spent.replayed == len(ROWS)
    asked = len(wire.seen)
    with pytest.raises(TeacherError) as caught:
        Asker(replay, run, Caps()).each([*ROWS, *(f"new {number}" for number in range(9))], echoed)
    assert "at least 9 requests have no answer" in str(caught.value)
    assert "'new " in str(caught.value)
    assert "p2m ledger import FILE" in str(caught.value)
    assert len(wire.seen) == asked


def test_replay_is_written_as_any_teacher_is() -> None:
    of = {"target": "p2m.teachers.openai.OpenAI", "model": "gpt-4.1-mini"}
    made = build_component({"target": "p2m.teachers.replay.Replay", "of": of}, FAMILIES["teacher"])
    assert isinstance(made, ChatTeacher)
    assert made.is_local
    assert (made.provider, made.model) == ("openai", "gpt-4.1-mini")
    assert plain(made) == plain(Replay(of=OpenAI(model="gpt-4.1-mini", timeout=3.0)))
    assert "teacher.of" in str(Replay().problem())


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ({"target": "subprocess.Popen", "args": "true"}, "names a teacher"),
        ({"target": "p2m.teachers.replay.Replay"}, "names a teacher"),
        ({"target": "p2m.teachers.openai.Nothing"}, "is no teacher"),
        ({"target": "p2m.teachers.nothing.OpenAI"}, "is no teacher"),
        ({"target": "p2m.teachers.embedded.Embedded"}, "of is the teacher"),
        ({"target": "p2m.teachers.openai.OpenAI", "modle": "x"}, "of.modle"),
        ({}, "names a teacher"),
        ("openai", "of is the teacher"),
    ],
)
def test_what_cannot_be_replayed_is_refused(of: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Replay(of=of)
