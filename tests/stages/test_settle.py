"""Columns of datasets that the rules are unsure of, by a teacher behind a real server."""

from __future__ import annotations

import json

from asking_runs import a_run
from craft_runs import at
from known_rows import KnownRows

from p2m.retrievers.bm25 import BM25
from p2m.stages.retrieve import retrieve
from p2m.stages.select import select
from p2m.stages.settle import settle
from p2m.types import Caps, Field, Files, Task, TaskType

MOODS = Task(
    TaskType.CLASSIFICATION, "Say how a note feels.", (Field("note"),), Field("mood"), ("glad", "sad")
)


def catalogue(root):
    for name in ("plain", "odd", "birds", "wrong", "void"):
        (root / name).mkdir(parents=True)
        (root / name / "README.md").write_text(
            "---\nlicense: mit\n---\nNotes and how each feels: mood of a note.\n"
        )
        keys = ("note", "mood") if name == "plain" else ("kol1", "kol2")
        rows = [
            {keys[0]: f"a note {n}", keys[1]: ("glad", "sad")[n % 2], "kol3": f"z {n}"} for n in range(30)
        ]
        (root / name / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Files(root)


def test_what_the_rules_are_unsure_of_the_teacher_says_and_the_rows_bear_out(tmp_path):
    files = catalogue(tmp_path / "datasets")
    found = retrieve(MOODS, files, retriever=BM25(least_overlap=0.0), limit=9, licenses=(), languages=())
    assert [one.card.name for one in found.usable] == ["plain"]
    assert sum(one.is_unsure for one in found.found) == 4
    told = {
        "odd": {"note": "{kol1} ({kol3})", "mood": "kol2"},
        "wrong": {"note": "kol1", "mood": "kol3"},
        "void": {"note": "kol9", "mood": "kol2"},
    }
    with KnownRows((), columns=told, keep=True) as server:
        run = a_run(tmp_path / "store")
        asked = {"teacher": at(server), "mapping": {}, "caps": Caps()}
        settled = settle(MOODS, found, files, run=run, **asked)
        said = len(server.bodies)
        again = settle(MOODS, found, files, run=a_run(tmp_path / "store", build="b2", key="j" * 64), **asked)
        assert len(server.bodies) == said == 4
    assert again.found == settled.found
    assert settled.spent.requests == 4
    by_name = {one.card.name: one for one in settled.found}
    assert {one.card.name for one in settled.usable} == {"plain", "odd"}
    assert "columns by the teacher" in by_name["odd"].reasons
    assert by_name["birds"].refusal == "the teacher says that it does not fit: It is about birds."
    assert by_name["wrong"].refusal.startswith("the teacher's columns: its labels")
    assert by_name["void"].refusal.startswith("the teacher's columns: note: there is no column 'kol9'")
    rows = select(MOODS, settled, files, max_rows=100, seed=0, run=run)
    assert rows.spent == settled.spent
    assert {"note": "a note 0 (z 0)"} in [row.input for row in rows.rows]


def test_what_the_recipe_says_of_a_field_the_teacher_does_not_change(tmp_path):
    files = catalogue(tmp_path / "datasets")
    mapping = {"odd": {"note": "kol3"}}
    found = retrieve(MOODS, files, retriever=BM25(), limit=1, licenses=(), languages=(), mapping=mapping)
    with KnownRows((), columns={"odd": {"note": "kol1", "mood": "kol2"}}) as server:
        settled = settle(
            MOODS, found, files, teacher=at(server), mapping=mapping, caps=Caps(), run=a_run(tmp_path / "s")
        )
    assert next(one for one in settled.usable).mapping == {"note": "kol3", "mood": "kol2"}
