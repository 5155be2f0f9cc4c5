"""What crosses the pipe arrives as it was sent, in whatever pieces."""

from __future__ import annotations

import importlib
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.engine.executor import Interrupted, Stopped
from p2m.engine.running import wire
from p2m.engine.running.work import LostInputError
from p2m.engine.storage.blobs import DamagedError
from p2m.errors import P2MError, Problem, RecipeError, StageError, UserError


class Odd(Exception):
    """Takes other arguments than it passes on, and holds what cannot be sent."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")
        self.hidden = lambda: one


@given(st.lists(st.tuples(st.text(), st.integers(), st.binary(max_size=300)), max_size=5), st.integers(1, 40))
def test_messages_arrive_whole_in_any_pieces(messages: list[tuple[str, int, bytes]], step: int) -> None:
    stream = b"".join(wire.frame(message) for message in messages)
    frames, found = wire.Frames(), list[tuple[str, int, bytes]]()
    for start in range(0, len(stream), step):
        found += frames.feed(stream[start : start + step])
    assert found == messages


@pytest.mark.parametrize(
    "error",
    [
        UserError("the row has no column b"),
        RecipeError([Problem("is wrong", "a.b", "r.yaml:3", "try c")]),
        DamagedError("abcdef" * 10, "was damaged"),
        LostInputError("split", "abc is missing"),
        FileNotFoundError(2, "No such file", "x.txt"),
        KeyboardInterrupt(),
        Interrupted(("split",), (Stopped("train", 3.0, True),)),
        ZeroDivisionError("oh"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_arrive_as_what_they_were(error: BaseException) -> None:
    error.add_note("in step x")
    found = wire.unpack(wire.pack(error))
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert found.__notes__ == ["in step x"]
    assert vars(found).keys() == vars(error).keys()
    assert (found.__cause__ is None) == isinstance(error, P2MError)


def test_an_error_that_cannot_be_sent_says_at_least_what_it_said() -> None:
    found = wire.unpack(wire.pack(Odd(1, 2)))
    assert isinstance(found, StageError)
    assert str(found) == "Odd: 1 and 2"


def test_an_error_of_a_module_that_only_the_worker_finds_says_what_it_said(tmp_path: Path) -> None:
    (tmp_path / "far_away.py").write_text("class Far(Exception): ...\n")
    sys.path.insert(0, str(tmp_path))
    try:
        packed = wire.pack(importlib.import_module("far_away").Far("lost"))
    finally:
        sys.path.remove(str(tmp_path))
        del sys.modules["far_away"]
    found = wire.unpack(packed)
    assert isinstance(found, StageError)
    assert str(found) == "Far: lost"


def test_where_nobody_listens_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        wire.knock(address)
    for nowhere in (address, "127.0.0.1:99999"):
        with pytest.raises(ConnectionError, match=f"nobody answers at {nowhere}: "):
            wire.knock(nowhere)
