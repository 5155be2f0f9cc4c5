"""Texts in folders that are called like their labels are rows with labels, and no texts without answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2m.catalogs.base import labelled_texts, open_catalogue, read_rows, text_folders
from p2m.cli.main import main
from p2m.stages.collect import collect
from p2m.stages.read import look
from p2m.table_task import read_task
from p2m.types import Files
from tests.conftest import LABELS


def folders(root: Path, *parts: str, labels: tuple[str, ...] = ("no", "yes"), rows: int = 8) -> Path:
    for part in parts or (".",):
        for label in labels:
            (root / part / label).mkdir(parents=True)
            for number in range(rows):
                text = f"{part} {label} {number}\nand more\n"
                (root / part / label / f"{number}.txt").write_text(text, encoding="utf-8")
    return root


def test_a_folder_of_texts_by_label_is_read_as_rows_with_their_places(tmp_path: Path) -> None:
    root = folders(tmp_path / "mails")
    rows = list(read_rows(root))
    assert rows[0].values == {"text": ". no 0\nand more", "label": "no"}
    assert rows[0].where == str(root / "no" / "0.txt")
    assert [row.values["label"] for row in rows] == ["no"] * 8 + ["yes"] * 8
    seen = look(LABELS, (Files(root),), "train")
    assert not seen.wrong
    assert len(seen.rows) == 16


def test_parts_above_the_labels_are_told_apart(tmp_path: Path) -> None:
    root = folders(tmp_path / "mails", "train", "test")
    (card,) = open_catalogue(root).cards
    assert [(part.name, part.rows) for part in card.parts] == [("train", 16), ("test", 16)]
    assert {row.input["text"].split()[0] for row in look(LABELS, (Files(root),), "test").rows} == {"test"}
    found = read_task(root, "Is it wanted?")
    assert (found.inputs, found.output, dict(found.labels)) == (("text",), "label", {"no": 8, "yes": 8})
    assert found.has_test


@pytest.mark.parametrize("change", ["a file beside", "another format", "one label", "one text"])
def test_other_folders_of_texts_are_none_of_these(tmp_path: Path, change: str) -> None:
    root = folders(tmp_path / "mails", labels=("no",) if change == "one label" else ("no", "yes"))
    if change == "a file beside":
        (root / "notes.txt").write_text("x", encoding="utf-8")
    if change == "another format":
        (root / "no" / "rows.csv").write_text("text\nx\n", encoding="utf-8")
    if change == "one text":
        for number in range(1, 8):
            (root / "no" / f"{number}.txt").unlink()
    assert labelled_texts(root) == {}
    assert text_folders(root) == []


def test_init_says_that_folders_are_labels_and_inputs_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    root = folders(tmp_path / "mails")
    assert main(["init", "Is it wanted?", "--data", "mails", "--name", "wanted"]) == 0
    said = capsys.readouterr().out
    assert "text -> label, text-classification: 2 labels, 16 rows" in said
    assert "labels are the names of the folders; where these are none, write data: {inputs: ../mails}" in said
    assert "train: ../mails" in (tmp_path / "recipes/wanted.yaml").read_text(encoding="utf-8")
    counts = collect(LABELS, Files(root)).counts
    assert [(count.what, count.rows) for count in counts] == [
        ("mails: each text of the folder is one input", 16)
    ]
