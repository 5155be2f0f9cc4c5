"""read: labels that a prompt was not understood to ask for are no text to be written."""

from __future__ import annotations

import json
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


REVIEWS = parse_prompt(
    "Say whether a review is good or bad.",
    type=TaskType.CLASSIFICATION, inputs=("text",), output="label", labels=("bad", "good"),
)  # fmt: skip


def dataset(folder: Path, card: str, rows: list[tuple[str, object]]) -> Files:
    """A dataset's folder; its card names the classes of `label`."""
    (folder / "README.md").write_text(card, encoding="utf-8")
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (folder / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return Files(folder)


def card(names: str, before: str = "") -> str:
    feature = f"{{name: label, dtype: {{class_label: {{names: {names}}}}}}}"
    return f"{before}---\ndataset_info: {{features: [{feature}]}}\n---\nReviews.\n"


@pytest.mark.parametrize("before", ["", "\n", "\ufeff", " \n\n"])
def test_class_labels_are_named_by_the_card_whatever_stands_before_it(tmp_path: Path, before: str) -> None:
    files = dataset(tmp_path, card("{'0': bad, '1': good}", before), [("fine", 1), ("poor", 0), ("nice", 1)])
    assert [row.output for row in read(REVIEWS, files, role="train").rows] == ["good", "bad", "good"]


def test_class_labels_that_start_at_one_are_not_shifted(tmp_path: Path) -> None:
    files = dataset(tmp_path, card("{'1': bad, '2': good}"), [("poor", 1), ("fine", 2)])
    assert [row.output for row in read(REVIEWS, files, role="train").rows] == ["bad", "good"]


def test_minus_one_is_no_label(tmp_path: Path) -> None:
    files = dataset(tmp_path, card("{'0': bad, '1': good}"), [("poor", 0), ("who knows", -1)])
    with pytest.raises(DataError, match=r"train\.jsonl:2: '-1' is none of the labels"):
        read(REVIEWS, files, role="train")


def test_a_column_may_have_a_dot_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,reviews.text,reviews.label\n1,poor,bad\n2,fine,good\n", encoding="utf-8")
    rows = read(REVIEWS, Files(path), role="train").rows
    assert [(row.input["text"], row.output) for row in rows] == [("poor", "bad"), ("fine", "good")]
