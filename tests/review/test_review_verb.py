"""From texts and label names to a model without any teacher: the page's process, killed and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from p2m.cli.main import main
from p2m.curation.decisions import read_entries

RECIPE = """\
defaults:
  [base, override teacher: people, override retriever: none, override student: linear_tfidf,
   override student@baselines: linear_tfidf, override executor: inline, _self_]
prompt: Say whether a message is about a parcel or about money.
task: {type: text-classification, inputs: [text], output: desk, labels: [money, parcel], language: en}
data: {inputs: texts.txt}
teacher: {round: 10}
store: {path: store}
"""
THINGS = ("kettle", "lamp", "tent", "clock", "chair", "pump", "raincoat", "speaker", "bicycle", "suitcase")
TEXTS = [
    *(f"The parcel with my {thing} has not arrived in the post." for thing in THINGS),
    *(f"You charged my card twice for the {thing}, give the money back." for thing in THINGS),
]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    (tmp_path / "desk.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "desk.yaml"


@contextmanager
def page(recipe: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "p2m", "review", "data", str(recipe)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=recipe.parent,
        env={**os.environ, "TMPDIR": str(recipe.parent)},  # it is killed
    )  # fmt: skip
    try:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if line.startswith("Ctrl-C"):
                break
        address = next((line.split()[1] for line in told if line.startswith("open")), "")
        assert address, "".join(told)
        yield process, address
    finally:
        process.kill()
        process.wait(250)


def call(address: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=250) as found:
        return json.load(found)


def decide(address: str, most: int) -> int:
    rows = call(f"{address}rows")[:most]
    for row in rows:
        output = "parcel" if "parcel" in row["input"]["text"] else "money"
        call(f"{address}decide", {"id": row["id"], "action": "label", "output": output})
    return len(rows)


def test_texts_become_a_model_by_answers_alone_and_no_end_of_the_page_loses_one(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe.with_name("desk.decisions.jsonl")
    assert main(["build", "desk.yaml"]) == 2
    assert (
        "nobody has answered a text yet\n    answer some: p2m review data RECIPE" in capsys.readouterr().err
    )
    with page(recipe) as (process, address):
        assert decide(address, 7) == 7
        process.kill()
    assert len(read_entries(path)) == 7
    with page(recipe) as (process, address):
        state = call(f"{address}state")
        assert (state["decided"], state["rows"]) == (7, 20)
        while decide(address, 20):
            pass
        assert call(f"{address}state")["quality"]["accuracy"] > 0.8
        os.kill(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=250)
        assert process.returncode == 0
        assert "20 rows decided -> desk.decisions.jsonl\nnext: p2m build" in said
        assert "Traceback" not in said
    entries = read_entries(path)
    assert [entry.order for entry in entries] == sorted(entry.order for entry in entries)
    assert {entry.input["text"] for entry in entries} == set(TEXTS)
    assert main(["check", "desk.yaml"]) == 0
    assert "decided  20 rows in review: labelled" in capsys.readouterr().out
    assert main(["build", "desk.yaml"]) in (0, 4)
    assert "accuracy" in capsys.readouterr().out
    manifest = json.loads(next((recipe.parent / "outputs").rglob("manifest.json")).read_text())
    assert manifest["spec"]["teacher"] == {"target": "p2m.teachers.people.People"}


def test_what_cannot_be_reviewed_is_said(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "dato", "desk.yaml"]) == 2
    assert "did you mean 'data'?" in capsys.readouterr().err
    assert main(["review", "data", "desk.yaml", "--pass", "0"]) == 2
    assert "passes are numbered from 1" in capsys.readouterr().err
    assert main(["review", "data", "desk.yaml", "data.inputs=null"]) == 2
    assert "people answer texts: name these as data.inputs" in capsys.readouterr().err
    assert main(["check", "desk.yaml", "teacher.round=0"]) == 2
    assert "round=0 is out of range: from 1 to 1000" in capsys.readouterr().err
