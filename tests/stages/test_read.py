"""read: rows as examples of the task, and what they say of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p2m.errors import DataError
from p2m.parsing import parse_prompt
from p2m.stages.read import read, shown_by
from p2m.types import Files, TaskType

PROMPT = "What is the weather like in this diary entry?"
KINDS = ("sunny", "rainy", "windy")


def table(folder: Path, outputs: list[str]) -> Files:
    path = folder / "rows.csv"
    lines = ["input,output", *(f"entry number {n},{output}" for n, output in enumerate(outputs))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Files(path)


@pytest.mark.parametrize(
    ("outputs", "kind"),
    [
        ([KINDS[n % 3] for n in range(40)], TaskType.CLASSIFICATION),
        ([f"mostly {n} degrees" for n in range(40)], TaskType.TEXT_TO_TEXT),
        ([str(n * 1.5) for n in range(40)], TaskType.REGRESSION),
        ([KINDS[n % 3] for n in range(12)], None),
        (["sunny"] * 40, None),
    ],
)
def test_rows_say_what_sort_of_task_they_are_for(
    tmp_path: Path, outputs: list[str], kind: TaskType | None
) -> None:
    shown = shown_by(parse_prompt(PROMPT), [table(tmp_path, outputs)])
    assert shown is not None
    assert shown.type is kind


@pytest.mark.parametrize(
    ("prompt", "said", "kind"),
    [
        ("Predict how much is to be paid.", "please pay {} by Friday", TaskType.EXTRACTION),
        ("Extract the amount.", "please pay {} by Friday", TaskType.EXTRACTION),
        ("Predict how much is to be paid.", "two of the usual", TaskType.TEXT_TO_TEXT),
    ],
)
@pytest.mark.parametrize("units", [("EUR {}", "USD {}", "GBP {}"), ("{} kg", "{} g", "{} l")])
def test_amounts_with_units_are_no_plain_numbers_whatever_the_prompt(
    tmp_path: Path, prompt: str, said: str, kind: TaskType, units: tuple[str, ...]
) -> None:
    amounts = [units[n % 3].format(f"{n}{n % 7}.50") for n in range(1, 41)]
    lines = [f"{number}: {said.format(amount)},{amount}" for number, amount in enumerate(amounts)]
    (tmp_path / "rows.csv").write_text("\n".join(["input,output", *lines]), encoding="utf-8")
    shown = shown_by(parse_prompt(prompt), [Files(tmp_path / "rows.csv")])
    assert parse_prompt(prompt, inputs=("input",), output="output", shown=shown).type is kind


def test_a_file_without_rows_that_can_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("input,output\n", encoding="utf-8")
    assert shown_by(parse_prompt(PROMPT), [Files(tmp_path / "rows.csv")]) is None


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


def test_blanks_after_the_line_that_opens_a_card_are_nothing(tmp_path: Path) -> None:
    files = dataset(
        tmp_path, card("{'0': bad, '1': good}").replace("---", "--- ", 1), [("fine", 1), ("poor", 0)]
    )
    assert [row.output for row in read(REVIEWS, files, role="train").rows] == ["good", "bad"]


SUMS = parse_prompt("Answer the sum.", type=TaskType.TEXT_TO_TEXT, inputs=("question",), output="answer")


def test_numbers_are_answers_with_every_digit_of_the_file(tmp_path: Path) -> None:
    numbers = [
        "3",
        "-7",
        "1234567.0",
        "0.12345678",
        "3.141592653589793",
        "1.50",
        "12345678901234567890",
        "true",
    ]
    lines = [f'{{"question": "which, {number}?", "answer": {number}}}' for number in numbers]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    rows = read(SUMS, Files(tmp_path / "rows.jsonl"), role="test").rows
    assert [row.output for row in rows] == numbers


def test_a_binary_column_is_refused_by_name(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"question": ["a?", "b?"], "answer": [b"1", b"2"], "note": ["x", "y"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet")
    with pytest.raises(
        DataError, match=r"rows\.parquet: no column for 'answer' .*'answer' holds binary data"
    ):
        read(SUMS, Files(tmp_path / "rows.parquet"), role="test")


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


def table_of(path: Path, rows: list[tuple[str, str]], header: str = "text,label") -> Files:
    path.write_text(
        "\n".join([header, *(f"{text},{label}" for text, label in rows)]) + "\n", encoding="utf-8"
    )
    return Files(path)


def test_several_files_are_one_table_even_where_each_has_one_label(tmp_path: Path) -> None:
    good = table_of(tmp_path / "good.csv", [(f"fine {n}", "good") for n in range(150)])
    bad = table_of(tmp_path / "bad.csv", [(f"poor {n}", "bad") for n in range(150)])
    other = table_of(tmp_path / "more.csv", [("so so", "bad"), ("nice", "good")], "review,sentiment")
    rows = read(REVIEWS, good, bad, other, role="train").rows
    assert [row.output for row in rows] == ["good"] * 150 + ["bad"] * 150 + ["bad", "good"]
    assert rows[-1].input == {"text": "nice"}


def test_a_long_file_that_is_sorted_by_label_is_read(tmp_path: Path) -> None:
    rows = [(f"poor {n}", "bad") for n in range(2500)] + [(f"fine {n}", "good") for n in range(100)]
    files = table_of(tmp_path / "rows.csv", rows, "review,sentiment")
    assert len(read(REVIEWS, files, role="train").rows) == 2600


def test_an_empty_file_among_several_is_named(tmp_path: Path) -> None:
    full = table_of(tmp_path / "full.csv", [("a", "good"), ("b", "bad")])
    with pytest.raises(DataError, match=r"empty\.csv: it has no rows"):
        read(REVIEWS, full, table_of(tmp_path / "empty.csv", []), role="train")


def test_an_empty_cell_is_refused_with_its_line_and_words_for_nothing_are_words(tmp_path: Path) -> None:
    words = ["None", "NA", "N/A", "null", "nan"]
    files = table_of(tmp_path / "rows.csv", [(word, "good") for word in words])
    assert [row.input["text"] for row in read(REVIEWS, files, role="test").rows] == words
    with pytest.raises(DataError, match=r"rows\.csv:3: 'label' \(column 'label'\) is empty"):
        read(REVIEWS, table_of(tmp_path / "rows.csv", [("a", "good"), ("b", "")]), role="test")
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "label": "bad"}\n{"text": null, "label": "bad"}\n')
    with pytest.raises(DataError, match=r"rows\.jsonl:2: 'text' \(column 'text'\) is empty"):
        read(REVIEWS, Files(tmp_path / "rows.jsonl"), role="test")


def test_a_wrong_label_is_shown_beside_the_right_ones(tmp_path: Path) -> None:
    files = table_of(tmp_path / "rows.csv", [("a", "good"), ("b", "goood's")])
    with pytest.raises(
        DataError, match=r"""rows\.csv:3: "goood's" is none of the labels; did you mean 'good'"""
    ):
        read(REVIEWS, files, role="test")


class Said(list):  # type: ignore[type-arg]
    """A run that keeps what is said."""

    def say(self, line: str) -> None:
        self.append(line)


def test_contradicting_labels_are_said_with_their_files_and_lines(tmp_path: Path) -> None:
    one = table_of(tmp_path / "one.csv", [("fine", "good"), ("well", "good"), ("poor", "bad")])
    two = table_of(tmp_path / "two.csv", [("fine ", "bad"), ("poor", "bad")])
    run = Said()
    made = read(REVIEWS, one, two, role="train", run=run)  # type: ignore[arg-type]
    assert len(made.rows) == 5
    assert len(run) == 1
    assert "1 of its inputs with different labels" in run[0]
    assert "one.csv:2 'good', two.csv:2 'bad'" in run[0]
    assert made.counts[-1].rows == 2
    run.clear()
    read(REVIEWS, one, role="train", run=run)  # type: ignore[arg-type]
    assert not run


def test_a_label_that_reads_like_the_refusal_itself_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(
        "text,label\nfine,good\nodd,x is none of the labels y\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"rows\.csv:3: 'x is none of the labels y' is none of the labels"):
        read(REVIEWS, Files(tmp_path / "rows.csv"), role="test")
