"""Found datasets are shown with rows of theirs, and what people refuse is learnt from no more."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from p2m.cli.main import main
from p2m.curation.decisions import datasets, read_entries

RECIPE = """\
defaults:
  [base, override teacher: none, override student: linear_tfidf, override student@baselines: linear_tfidf,
   override executor: inline, _self_]
prompt: Say whether a review of a shop item is good or bad. The input is the review.
task: {type: text-classification, inputs: [text], output: label, labels: [bad, good], language: en}
retriever: {sources: [sets]}
store: {path: store}
"""
CARD = """\
---
license: mit
language: [en]
task_categories: [text-classification]
---

# {name}

Reviews of {name}.
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("books", "shoes"):
        folder = tmp_path / "sets" / name
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(CARD.format(name=name))
        rows = [
            {
                "text": f"A review of {name} number {n} that I {('like', 'dislike')[n > 5]}.",
                "label": ("good", "bad")[n > 5],
            }
            for n in range(12)  # sorted by their labels, as files often are
        ]
        (folder / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "desk.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "desk.yaml"


def review(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main(["review", "datasets", "desk.yaml"]) == 0


def test_what_is_refused_is_kept_at_once_and_curation_drops_its_rows(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    review(monkeypatch, "what\nn\n")  # then the input ends
    said = capsys.readouterr().out
    first = said.partition("learn from ")[2].partition("?")[0]
    assert first in ("books", "shoes")
    rows = [line for line in said.splitlines() if f"| A review of {first} number" in line]
    assert len(rows) == 5
    assert len({line.rpartition("-> ")[2] for line in rows}) == 2
    assert "mit, " in said
    path = recipe.with_name("desk.decisions.jsonl")
    assert datasets(read_entries(path)) == {first: False}
    other = {"books": "shoes", "shoes": "books"}[first]
    review(monkeypatch, "s\ny\n")
    assert "(refused so far)" in capsys.readouterr().out
    assert datasets(read_entries(path)) == {first: False, other: True}
    assert main(["build", "desk.yaml"]) in (0, 4)
    capsys.readouterr()
    assert main(["show", "desk.yaml", "curate"]) == 0
    assert "dropped: people refused its dataset" in capsys.readouterr().out


def test_without_a_catalogue_there_is_nothing_to_ask(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (recipe.parent / "rows.csv").write_text("text,label\ngood one,good\nbad one,bad\n")
    assert main(["review", "datasets", "desk.yaml", "retriever.sources=[]", "data.train=rows.csv"]) == 2
    assert "it names no catalogue" in capsys.readouterr().err
