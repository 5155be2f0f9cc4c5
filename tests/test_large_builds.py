"""Rows that lie on disk give what rows in memory give, and more rows only add shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from p2m import forecast
from p2m.cli.common import as_json
from p2m.cli.plan_views import ranking_text
from p2m.cli.views import artifact_text
from p2m.compiler import teaching
from p2m.engine import rows as engine_rows
from p2m.engine.executor import Result, execute
from p2m.engine.files import arrays
from p2m.engine.handles import Device
from p2m.engine.rows import Rows
from p2m.engine.store import Store
from p2m.project import load
from p2m.questions import survey
from p2m.stages import lessons, read
from p2m.stages.lessons import Material
from p2m.stages.read import look
from p2m.types import Embeddings, Example, Field, Files, Split, Task, TaskType

LABELS = ("bake", "sail", "climb")
RECIPE = """\
defaults: [base, override teacher: none, override retriever: none, override student: linear_tfidf, _self_]
prompt: Say what a sentence is about. The input is the text; the output is its label.
task: {type: text-classification, inputs: [text], output: label, labels: [bake, sail, climb]}
data: {train: train.jsonl}
curation: {near_duplicate: 1.0}
baselines: {candidates: {linear_minilm: null}}
"""
QUESTIONS = """\
defaults: [base, override retriever: none, _self_]
prompt: |
  Answer a question from a passage. The input is a question and a context; the output is the shortest span of
  the context, copied word for word, that answers the question. Do not answer in a full sentence.
examples:
  - input:
      question: Who drew the plans?
      context: The mill at Orrin was built in 1811 from plans by Ada Marsh.
    output: Ada Marsh
"""


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has rows lie on disk from here on, however few."""

    def begin() -> None:
        monkeypatch.setattr(engine_rows.Limits, "bytes", -1)
        monkeypatch.setattr(engine_rows.Limits, "rows", 7)
        monkeypatch.setattr(engine_rows, "CHUNK", 5)

    return begin


def table(folder: Path, rows: int) -> Path:
    lines = [
        {"text": f"{label} number {number} and {number % 11} of {number % 7}", "label": label}
        for number in range(rows)
        for label in (LABELS[number % 3],)
    ]
    lines.append({"text": lines[4]["text"].upper().lower(), "label": "sail"})  # a repeat
    lines.append({"text": f" {lines[5]['text']}", "label": "bake"})  # a contradiction
    path = folder / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_a_build_of_rows_on_disk_gives_the_same_digests(tmp_path: Path, on_disk: Any) -> None:
    table(tmp_path, 120)
    (tmp_path / "about.yaml").write_text(RECIPE)
    plan = load(tmp_path / "about.yaml").plan.up_to("train", "baselines")

    def built(store: str) -> Result:
        return execute(plan, Store(tmp_path / store), Device(type="cpu", threads=1))

    eager = built("eager")
    assert type(eager.value("split").train) is tuple
    on_disk()
    lazy = built("lazy")
    assert isinstance(lazy.value("split").train, Rows)
    assert lazy.value("split") == eager.value("split")
    assert [each.output for each in lazy.outcomes] == [each.output for each in eager.outcomes]
    assert artifact_text(lazy.value("split"), rows=2) == artifact_text(eager.value("split"), rows=2)
    assert as_json({"split": lazy.value("split")}) == as_json({"split": eager.value("split")})


def test_a_plan_says_of_how_many_rows_a_linear_student_sees_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path, 120)
    (tmp_path / "about.yaml").write_text(RECIPE)
    project = load(tmp_path / "about.yaml", [f"store.path={tmp_path}/store"])
    found = survey(project)
    assert not ranking_text(project, found)
    monkeypatch.setattr(forecast, "MOST", 50)
    assert "  linear_tfidf: a sample of 50 of about" in ranking_text(project, found)


def test_a_table_is_read_alike_however_many_rows_it_has(tmp_path: Path, on_disk: Any) -> None:
    path = table(tmp_path, 40)
    task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), labels=LABELS)
    broken = tmp_path / "broken.jsonl"
    broken.write_text(path.read_text() + '\n{"text": "x", "label": "dive"}\n{"text": ')
    one, wrong = look(task, [Files(path)], "train"), look(task, [Files(broken)], "train")
    said = read._contradictions(task, one, "train")
    on_disk()
    again, still = look(task, [Files(path)], "train"), look(task, [Files(broken)], "train")
    assert isinstance(again.rows, Rows)
    assert again == one
    assert (still.wrong, still.rows) == (wrong.wrong, wrong.rows)
    assert len(wrong.wrong) == 2
    assert read._contradictions(task, again, "train") == said
    assert said[0].rows == 2


def test_more_rows_only_add_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: Any) -> None:
    monkeypatch.setattr(teaching, "SHARD", 20)
    (tmp_path / "qa.yaml").write_text(QUESTIONS)

    def steps(number: int) -> dict[str, str]:
        plan = load(tmp_path / "qa.yaml", [f"generation.num_examples={number}"]).plan.up_to("generate")
        found[number] = execute(plan, Store(tmp_path / "store"), Device(type="cpu", threads=1))
        return {each.step: each.output for each in found[number].outcomes if each.step.startswith("generate")}

    found: dict[int, Result] = {}
    one, two, three = steps(20), steps(40), steps(60)
    assert list(one) == ["generate"]
    assert list(two) == ["generate-1", "generate-2", "generate"]
    assert two["generate-1"] == one["generate"]  # the first shard is what there was
    assert {name: three[name] for name in ("generate-1", "generate-2")} == {
        name: two[name] for name in ("generate-1", "generate-2")
    }
    assert found[60].counts["reused"] >= 3
    on_disk()
    whole = found[60].value("generate")
    assert len(whole.rows) == 60
    assert tuple(whole.rows[:40]) == tuple(found[40].value("generate").rows)
    assert len({tuple(row.input.values()) for row in whole.rows}) > 50  # shards do not repeat each other
    assert sum(count.rows for count in whole.counts) == 60
    assert whole.figures["distinct_answers"] > found[40].value("generate").figures["distinct_answers"]


def test_arrays_are_written_as_numpy_writes_them_and_mapped_where_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {
        "train": np.arange(24, dtype=np.float32).reshape(8, 3),
        "test": np.zeros((0, 0), dtype=np.float32),
    }
    np.savez(tmp_path / "numpy.npz", **known)
    with arrays.Writer(tmp_path / "ours.npz") as writer:
        writer.add("train", 8, (known["train"][start : start + 3] for start in range(0, 8, 3)))
        writer.add("test", 0, [])
    assert (tmp_path / "ours.npz").read_bytes() == (tmp_path / "numpy.npz").read_bytes()
    for least in (1 << 20, 0):
        monkeypatch.setattr(arrays, "MAPPED", least)
        found = arrays.read(tmp_path / "ours.npz", "train")
        assert isinstance(found, np.memmap) is (least == 0)
        assert (found == known["train"]).all()
    with pytest.raises(KeyError):
        arrays.read(tmp_path / "ours.npz", "validation")


def test_a_linear_student_learns_from_a_sample_of_very_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "MOST", 12)
    task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), labels=LABELS)
    rows = tuple(Example({"text": str(number)}, LABELS[number % 3 and 1]) for number in range(60))
    vectors = np.arange(120, dtype=np.float32).reshape(60, 2)
    np.savez(tmp_path / "v.npz", train=vectors[:50], validation=vectors[50:], test=vectors[:0])
    parts = Split(rows[:50], rows[50:], (), "gold")
    learnt, found = Material(task, parts, None, Embeddings(tmp_path / "v.npz")).all_to_learn()
    assert len(learnt) == len(found) == 12
    assert sum(row.output == "bake" for row in learnt) == 4  # a third of the rows
    numbers = [int(row.input["text"]) for row in learnt]
    assert numbers == sorted(numbers)
    assert (found == vectors[numbers]).all()
    monkeypatch.setattr(lessons, "MOST", 60)
    assert Material(task, parts, None, None).all_to_learn() == (rows, None)
