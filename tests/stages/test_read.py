"""read: labels that a prompt was not understood to ask for are no text to be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2m.errors import DataError
from p2m.parsing import parse_prompt
from p2m.stages.read import read
from p2m.types import Files, TaskType

PROMPT = "What is the weather like in this diary entry?"
KINDS = ("sunny", "rainy", "windy")


def table(folder: Path, outputs: list[str]) -> Files:
    path = folder / "rows.csv"
    lines = ["input,output", *(f"entry number {n},{output}" for n, output in enumerate(outputs))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Files(path)


def test_a_few_labels_again_and_again_are_not_trained_on_as_text(tmp_path: Path) -> None:
    task = parse_prompt(PROMPT)
    assert task.type is TaskType.TEXT_TO_TEXT
    labels = table(tmp_path, [KINDS[n % 3] for n in range(40)])
    with pytest.raises(DataError, match=r"40 rows have 3 distinct answers .*task\.type=text-classification"):
        read(task, labels, role="train")
    assert len(read(task, labels, role="test").rows) == 40


def test_text_is_text_where_answers_differ_where_rows_are_few_and_where_the_recipe_says_so(
    tmp_path: Path,
) -> None:
    task = parse_prompt(PROMPT)
    assert read(task, table(tmp_path, [f"mostly {n} degrees" for n in range(40)]), role="train").rows
    assert read(task, table(tmp_path, [KINDS[n % 3] for n in range(12)]), role="train").rows
    stated = parse_prompt(PROMPT, type=TaskType.TEXT_TO_TEXT)
    assert read(stated, table(tmp_path, [KINDS[n % 3] for n in range(40)]), role="train").rows
