"""Sides that are compared: what a run did not reach is no difference."""

from __future__ import annotations

from pathlib import Path

from p2m.cli.diff_views import diff_text
from p2m.comparable import of_run
from p2m.comparison import compare_sides
from p2m.engine.journal import RunRecord, StepRecord
from p2m.engine.store import Store


def run(name: str, status: str, **keys: str) -> RunRecord:
    steps = {step: StepRecord(step, "ran", key * 64, key * 64) for step, key in keys.items()}
    return RunRecord(name, "plan", 0.0, 1.0, status, steps)


def test_steps_that_a_run_did_not_reach_are_neither_new_nor_gone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    done = of_run(run("whole", "done", parse="a", train="b", report="c"), store)
    cut = of_run(run("cut", "failed", parse="a"), store)
    for old, new in ((done, cut), (cut, done)):
        found = compare_sides(old, new, store)
        assert (found.first, found.only_old, found.only_new) == ("", (), ())
        assert "  not reached by run cut: train and report" in diff_text(found).splitlines()


def test_the_first_divergent_step_is_one_that_both_have(tmp_path: Path) -> None:
    store = Store(tmp_path)
    done = of_run(run("whole", "done", early="a", train="b", report="c"), store)
    cut = of_run(run("cut", "unfinished", train="d"), store)
    assert compare_sides(cut, done, store).first == "train"
    other = of_run(run("other", "done", train="b", report="c"), store)
    assert compare_sides(other, done, store).only_new == ("early",)
