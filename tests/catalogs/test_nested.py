"""SQuAD's articles and fastText's lines are rows, each with its place; what is wrong has its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p2m.catalogs.base import read_rows
from p2m.cli.main import main
from p2m.errors import DataError
from p2m.table_task import read_task
from p2m.types import TaskType

TEAMS = ("sales", "service_desk", "billing")


def squad(folder: Path) -> Path:
    path = folder / "dev.json"
    asked = [
        {
            "context": f"Person {n} left Oslo in {1900 + n}.",
            "qas": [
                {"id": f"{n}a", "question": f"When did person {n} leave?",
                 "answers": [{"text": str(1900 + n), "answer_start": len(f"Person {n} left Oslo in ")}]},
                {"id": f"{n}b", "question": f"Why did {n} leave?", "answers": [], "is_impossible": True},
            ],
        }
        for n in range(12)
    ]  # fmt: skip
    articles = [{"title": "a", "paragraphs": asked[:6]}, {"title": "b", "paragraphs": asked[6:]}]
    path.write_text(json.dumps({"version": "v2.0", "data": articles}), encoding="utf-8")
    return path


def test_articles_of_squad_are_a_row_a_question(tmp_path: Path) -> None:
    path = squad(tmp_path)
    rows = list(read_rows(path))
    assert len(rows) == 24
    assert rows[15].where == f"{path} row 2, paragraph 2, question 2"
    assert rows[0].values["answers"] == {"text": ["1900"], "answer_start": [22]}
    path.write_text(json.dumps([{"text": "a", "paragraphs": []}, {"text": "b", "paragraphs": ["x"]}]))
    assert [row.values["text"] for row in read_rows(path)] == ["a", "b"]


def test_a_task_is_told_by_articles_of_squad(tmp_path: Path) -> None:
    found = read_task(squad(tmp_path), "Answer the question from the passage.")
    assert (found.type, set(found.inputs)) == (TaskType.QUESTION_ANSWERING, {"question", "context"})


def test_lines_of_fasttext_are_rows_with_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"__label__{TEAMS[n % 3]} message {n} of  the week\n" for n in range(24)]
    path = Path("mails.txt")
    path.write_text("".join(lines) + "\n__label__a __label__b both\n", encoding="utf-8")
    rows = list(read_rows(path))
    assert rows[1].values == {"text": "message 1 of  the week", "label": "service_desk"}
    assert (rows[-1].values, rows[-1].where) == ({"text": "both", "label": ["a", "b"]}, "mails.txt:26")
    path.write_text("".join(lines), encoding="utf-8")
    assert main(["init", "Which desk is it for?", "--data", "mails.txt", "--name", "desks"]) == 0
    assert "text -> label, text-classification: 3 labels, 24 rows" in capsys.readouterr().out
    for wrong, said in (("no label\n", "no label in front"), ("__label__a\n", "no text after its labels")):
        path.write_text(lines[0] + wrong, encoding="utf-8")
        with pytest.raises(DataError, match=f"mails.txt:2: {said}"):
            list(read_rows(path))
