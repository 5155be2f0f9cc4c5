"""Runs are remembered as far as they came, found by what a person types, and told apart when they stop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from p2m.cli.log_views import log_text, run_text
from p2m.engine.journal import Invocation, Journal, StepRecord, find_run, runs, said, state
from p2m.engine.store import Store
from p2m.errors import UserError

_BUILDER = """
import sys, time
from pathlib import Path
from p2m.engine.journal import Journal, StepRecord
from p2m.engine.store import Store
journal = Journal(Store(Path(sys.argv[1])), "slow")
journal.step(StepRecord("first", "ran", "k" * 64, "o" * 64, 1.5))
print(journal.id, flush=True)
time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_run_is_running_while_its_process_lives_and_killed_after(store: Store) -> None:
    builder = subprocess.Popen(
        [sys.executable, "-c", _BUILDER, str(store.root)], stdout=subprocess.PIPE, text=True
    )
    assert builder.stdout is not None
    with builder.stdout:
        name = builder.stdout.readline().strip()
        assert state(store, find_run(store, name)) == "running"
        builder.kill()
        builder.wait()
    record = find_run(store, name)
    assert (record.status, state(store, record)) == ("unfinished", "killed")
    assert record.steps["first"].seconds == 1.5


def test_a_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(store: Store) -> None:
    journal = Journal(store, "plan")
    record = find_run(store, journal.id)
    assert state(store, record) == "running"
    path = store.runs / journal.id / "run.jsonl"
    event = json.loads(path.read_text())
    path.write_text(json.dumps(event | {"born": "1 of another boot"}) + "\n")
    assert state(store, find_run(store, journal.id)) == "killed"


def test_what_was_typed_and_the_order_of_the_plan_come_back(store: Store) -> None:
    typed = Invocation("r.yaml", ("seed=1",), ("build", "r.yaml", "seed=1"))
    journal = Journal(store, "plan", typed, order=["a", "b", "c"])
    for step in ("c", "a", "b"):
        journal.step(StepRecord(step, "ran", "k", "o"))
    journal.said("b", "a line: with a colon")
    journal.ended("done")
    record = find_run(store, "last", "plan")
    assert record.invocation == typed
    assert list(record.steps) == ["a", "b", "c"]
    assert record.seconds is not None
    assert state(store, record) == "done"
    assert said(store, record.id) == ("b: a line: with a colon",)


def test_a_run_is_found_by_its_place_from_the_end_and_by_a_part_of_its_id(store: Store) -> None:
    first, other, last = (Journal(store, plan).id for plan in ("plan", "other", "plan"))
    assert [record.id for record in runs(store)] == [last, other, first]
    assert find_run(store, "last~1", "plan").id == first
    assert find_run(store, "last~1").id == other
    assert find_run(store, first[-6:]).id == first
    for name, plan, message in (
        ("last~2", "plan", "as far back as last~2"),
        ("last~", None, "holds no run 'last~'"),
        ("20", None, "part of 3 runs"),
        ("nonesuch", None, "`p2m log` lists them"),
        (other, "plan", "is a run of other, not of plan"),
    ):
        with pytest.raises(UserError, match=message):
            find_run(store, name, plan)


@pytest.mark.parametrize("cut", ['{"event": "st', "[]\n", '{"event": "step", "colour": 1}\n', "\x00\n"])
def test_what_stands_before_a_torn_line_holds(store: Store, cut: str) -> None:
    journal = Journal(store, "plan")
    journal.step(StepRecord("a", "ran", "k", "o"))
    with (store.runs / journal.id / "run.jsonl").open("a") as stream:
        stream.write(cut)
    record = find_run(store, "last", "plan")
    assert list(record.steps) == ["a"]
    (store.runs / "foreign").mkdir()
    (store.runs / "foreign" / "run.jsonl").write_text(cut)
    assert [found.id for found in runs(store)] == [journal.id]


def test_a_step_that_had_begun_when_its_run_was_killed_is_named_with_its_key(store: Store) -> None:
    journal = Journal(store, "plan", order=["a", "b"])
    journal.began("a", "1" * 64)
    journal.step(StepRecord("a", "ran", "1" * 64, "o", 2.0))
    journal.began("b", "2" * 64)
    steps = find_run(store, "last", "plan").steps
    assert (steps["a"].status, steps["a"].seconds) == ("ran", 2.0)
    assert (steps["b"].status, steps["b"].key, steps["b"].is_done) == ("running", "2" * 64, False)
    assert "1 ran, 1 killed" in log_text([(find_run(store, "last"), "killed", "")])
    assert "! b  killed" in run_text(find_run(store, "last"), "killed", "", ())
    assert "> b  running" in run_text(find_run(store, "last"), "running", "", ())
