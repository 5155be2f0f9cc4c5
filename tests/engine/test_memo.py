"""Memos: what was computed before is known again, and neither damage nor a collector alters a result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from p2m.engine.care import unused
from p2m.engine.care.gc import collect
from p2m.engine.care.rebuild import rebuild
from p2m.engine.executor import execute
from p2m.engine.files import memo
from p2m.engine.files.memo import Memo
from p2m.engine.handles import Device, Run
from p2m.engine.plan import Plan
from p2m.engine.stage import stage
from p2m.engine.store import Store

ONE, TWO, THREE = (number * 32 for number in (b"1", b"2", b"3"))


def test_values_are_known_until_others_were_asked_for_later(tmp_path, monkeypatch):
    monkeypatch.setattr(memo, "_MOST", 2)
    found = Memo(tmp_path / "memos" / "squares")
    assert found.known() == {}
    found.keep({ONE: b"abc", TWO: b"def"})
    assert found.known() == {ONE: b"abc", TWO: b"def"}
    found.keep({ONE: b"abc"})
    found.keep({THREE: b"ghi"})
    assert found.known() == {ONE: b"abc", THREE: b"ghi"}


def test_of_a_damaged_file_nothing_is_known_and_the_next_one_is_whole(tmp_path):
    found = Memo(tmp_path / "squares")
    found.keep({ONE: b"abc", TWO: b"def"})
    whole = found.path.read_bytes()
    for at in range(0, len(whole), 7):
        for damaged in (whole[:at], whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]):
            found.path.write_bytes(damaged)
            assert found.known() == {}
    found.keep({ONE: b"abc"})
    assert found.known() == {ONE: b"abc"}


@dataclass(frozen=True)
class Noted:
    """What a step found in its memo, which it must not do."""

    count: int


@stage(version="1", kind="seeded")
def noting(*, run: Run) -> Noted:
    """Returns how many values its memo had."""
    values = Memo(run.memos / "noted")
    there = len(values.known())
    values.keep({ONE: b"a", TWO: b"b"})
    return Noted(there)


def test_a_verification_computes_everything_again_and_gc_takes_what_nobody_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, plan = Store(tmp_path / "store"), Plan("memos")
    plan.add("noting", noting)
    Memo(store.memos / "noted").keep({ONE: b"a"})
    assert execute(plan, store).value("noting") == Noted(1)
    assert not rebuild(plan, store, Device(), "noting").passes
    assert len(Memo(store.memos / "noted").known()) == 2
    collect(store, delete=True)
    assert (store.memos / "noted").exists()
    real = time.time
    monkeypatch.setattr(unused.time, "time", lambda: real() + 31 * 86400)  # type: ignore[attr-defined]
    collect(store, delete=True)
    assert not (store.memos / "noted").exists()
