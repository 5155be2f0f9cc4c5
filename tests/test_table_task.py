"""A table shows its task, or leaves a doubt that is said; `p2m init --data` writes what it shows."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from p2m.cli import arguments, verbs
from p2m.errors import DataError, UserError
from p2m.inspection import inspect
from p2m.project import load, understand
from p2m.stages.read import look, read
from p2m.table_task import read_task
from p2m.types import Field, Files, Layout, RecordField, Task, TaskType

TEXTS = [f"The {thing} of order {number} is {state}" for number in range(4)
         for thing in ("box", "lamp", "record_files") for state in ("late", "cracked", "gone")]  # fmt: skip


def table(folder: Path, header: str, values: list[str], name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_text(
        "\n".join([header, *(f"{text},{value}" for text, value in zip(TEXTS, values, strict=False))])
    )
    return path


def labelled(*labels: str) -> list[str]:
    return [labels[number % len(labels)] for number in range(len(TEXTS))]


def init(*typed: str) -> int:
    parsed = arguments.parse(["init", *typed])
    return int(verbs.verb("init").run(parsed, []))


def test_the_column_of_few_short_values_is_a_label(tmp_path: Path) -> None:
    found = read_task(table(tmp_path, "note,desk", labelled("returns", "post", "post")), "Sort it.")
    assert (found.type, found.inputs, found.output) == (TaskType.CLASSIFICATION, ("note",), "desk")
    assert dict(found.labels) == {"post": 24, "returns": 12}


def test_values_that_are_spelt_nearly_like_a_label_are_no_labels(tmp_path: Path) -> None:
    values = labelled("ham", "delivery")
    values[4], values[7] = "hma", "Delivery"
    found = read_task(table(tmp_path, "note,desk", values), "Sort it.")
    assert dict(found.labels) == {"delivery": 18, "ham": 17}  # as check counts: Delivery is read as delivery
    assert dict(found.odd) == {"Delivery": "delivery", "hma": "ham"}
    assert found.where["hma"].endswith("rows.csv:6")


def test_a_label_that_some_write_in_another_case_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    values = labelled("Sales", "Post")
    values[2], values[4], values[5], values[9] = "sales ", "sales", "POST", "POST"
    table(tmp_path, "note,desk", values)
    init("Sort the notes.", "--data", "rows.csv")
    said = capsys.readouterr().out
    assert "! 'Sales' is also written 'sales', which counts as it; if it is another" in said
    found = understand(tmp_path / "recipes" / "sort-the-notes.yaml")
    assert set(found.task.labels) == {"Sales", "Post"}
    assert inspect(found.composed.spec, found.task).parts[0].labels == {"Sales": 18, "Post": 18}


def test_labels_that_differ_in_case_are_labels_where_both_are_common(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path, "note,desk", labelled("US", "us"))
    init("Sort the notes.", "--data", "rows.csv")
    found = understand(tmp_path / "recipes" / "sort-the-notes.yaml")
    assert found.task.labels == ("US", "us")
    told = inspect(found.composed.spec, found.task)
    assert told.parts[0].labels == {"US": 18, "us": 18}
    said = "'US' and 'us' are labels of their own"
    assert said in capsys.readouterr().out
    assert [said in note.text for note in told.notes] == [True]


def test_a_table_of_one_label_and_its_misspelling_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "note,desk", [*["post"] * 20, "Post"])
    with pytest.raises(UserError, match=r"'post' in every row, but for 'Post' \(.*rows.csv:22\)"):
        read_task(path, "Sort it.")


@pytest.mark.parametrize("stated", [True, False])
def test_labels_of_other_code_points_and_the_same_letters_are_one(tmp_path: Path, stated: bool) -> None:
    path = table(tmp_path, "note,desk", labelled("caf\u00e9", "cafe\u0301", "bar"))
    found = read_task(path, "Sort it.")
    assert dict(found.labels) == {"caf\u00e9": 24, "bar": 12}
    labels = tuple(found.labels) if stated else ()
    task = Task(TaskType.CLASSIFICATION, "", (Field("note"),), Field("desk"), labels)
    assert {row.output for row in read(task, Files(path), role="train").rows} == {"caf\u00e9", "bar"}


@pytest.mark.parametrize("many", [3, 60])
@pytest.mark.parametrize("written", ["list", "json", "python"])
@pytest.mark.parametrize("size", [6, 36, 150])
def test_lists_of_labels_are_several_labels(tmp_path: Path, many: int, written: str, size: int) -> None:
    lists = [[f"l{n % many}", f"l{(n + 1) % many}"] if n % 7 == 2 else [f"l{n % many}"] for n in range(size)]
    write = {"list": list, "json": json.dumps, "python": str}[written]
    lines = [json.dumps({"note": f"note {n}", "label": write(each)}) for n, each in enumerate(lists)]  # type: ignore[operator]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    returns = many == 3 and size > 6  # of few rows, or of labels that hardly return, lists tell nothing
    if returns:
        shown = read_task(tmp_path / "rows.jsonl", "Sort the notes by their label.")
        assert (shown.type, sorted(shown.labels)) == (TaskType.MULTI_LABEL, ["l0", "l1", "l2"])
    else:
        with pytest.raises(UserError, match=r"several labels|holds lists"):
            read_task(tmp_path / "rows.jsonl", "Sort the notes by their label.")
    path = tmp_path / "r.yaml"
    for more in ("",) * (not returns) + ("task: {type: text-classification}\n",):
        path.write_text(f"prompt: Sort the notes by their label.\ndata: {{train: rows.jsonl}}\n{more}")
        found = understand(path)
        told = [*map(str, found.problems), *inspect(found.composed.spec, found.task).problems]
        assert any("several labels" in one or "holds lists" in one for one in told)


def test_a_column_of_further_right_answers_is_none_of_the_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [
        json.dumps({"note": text, "desk": "ab"[n % 2], "also": ["c", "d"][n % 3 == 0 :]})
        for n, text in enumerate(TEXTS)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    found = read_task(tmp_path / "rows.jsonl", "Name the desk, or also the other.")
    assert (found.inputs, found.output, set(found.labels)) == (("note",), "desk", {"a", "b"})
    (tmp_path / "r.yaml").write_text(
        "prompt: Sort the notes.\ntask: {output: desk}\ndata: {train: rows.jsonl}"
    )
    assert understand(tmp_path / "r.yaml").task.type is TaskType.CLASSIFICATION
    verbs.verb("check").run(arguments.parse(["check", "r.yaml"]), [])
    told = capsys.readouterr().out
    assert "further right answers <- also" in told
    assert "unused" not in told


@pytest.mark.parametrize("rows", [15, 80])
def test_texts_that_do_not_return_are_no_labels(tmp_path: Path, rows: int) -> None:
    lines = [f"note {n},we shall send {n} of them" for n in range(rows)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["note,answer", *lines]))
    prompt = "Classify each note into one category."
    with pytest.raises(UserError, match="reads as a classification, and 'answer' holds texts that hardly"):
        read_task(path, prompt)
    assert read_task(path, "Write an answer to the note.").type is TaskType.TEXT_TO_TEXT
    (tmp_path / "r.yaml").write_text(
        f"prompt: {prompt}\ntask: {{inputs: [note], output: answer}}\ndata: {{train: rows.csv}}"
    )
    found = understand(tmp_path / "r.yaml")
    assert found.task.type is TaskType.CLASSIFICATION
    (problem,) = inspect(found.composed.spec, found.task).problems
    assert "to themselves" in problem
    assert "task: {type: text2text-generation}" in problem


@pytest.mark.parametrize("size", [12, 36])
@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("Translate English to French.", "the prompt reads as text to text"),
        ("Classify a note as positive, negative or neutral.", "the prompt lists positive, negative, neutral"),
    ],
)
def test_init_says_where_prompt_and_rows_disagree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    size: int, prompt: str, said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    table(tmp_path, "note,desk", labelled("late", "lost", "whole")[:size])
    init(prompt, "--data", "rows.csv", "--output", "r.yaml")
    assert f"    ! {said}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "kind", "inputs", "output"),
    [
        ({"id": "{n}", "question": "Who {n}?", "context": "It was Ada{n}.", "answers": ["Ada{n}"]},
         TaskType.QUESTION_ANSWERING, ("question", "context"), "answers"),
        ({"document": "a long story {n}", "summary": "tale {n}"},
         TaskType.TEXT_TO_TEXT, ("document",), "summary"),
        ({"premise": "it rains {n}", "hypothesis": "it is wet {n}", "label": "yes"},
         None, ("premise", "hypothesis"), "label"),
        ({"title": "T{n}", "body": "text {n}", "date": "2026-01-{n}", "summary": "tale of {n}"},
         TaskType.TEXT_TO_TEXT, ("body",), "summary"),
    ],
)  # fmt: skip
def test_names_tell_what_goes_in_and_out(
    tmp_path: Path, rows: dict[str, object], kind: TaskType | None, inputs: tuple[str, ...], output: str
) -> None:
    lines = [json.dumps(rows).replace("{n}", str(number)) for number in range(12)]
    if kind is None:
        lines[::2] = [line.replace('"yes"', '"no"') for line in lines[::2]]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    found = read_task(tmp_path / "rows.jsonl", "Look at the body.")
    assert (found.type, found.inputs, found.output) == (kind or TaskType.CLASSIFICATION, inputs, output)


@pytest.mark.parametrize(
    ("header", "values", "said"),
    [
        ("note,desk", labelled("post"), "'post' in every row"),
        ("note,desk", [], "it has no rows"),
        ("image,price\n" + "\n".join(f"pics/{n}.JPG,{n % 2}" for n in range(9)), [], "models that read text"),
        ("english,german", [f"Haus {number}" for number in range(36)], "--output-column NAME"),
    ],
)  # fmt: skip
def test_what_no_model_can_be_made_of_is_refused(
    tmp_path: Path, header: str, values: list[str], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_task(table(tmp_path, header, values), "Tell the prices.")
    assert said in str(caught.value)


def test_columns_in_doubt_are_asked_for_and_decided_by_name(tmp_path: Path) -> None:
    lines = [
        {"subject": f"S{n}", "body": text, "level": "ab"[n % 2], "area": "cd"[n // 2 % 2]}
        for n, text in enumerate(TEXTS)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(UserError, match="--output-column NAME"):
        read_task(path, "Sort it.")
    with pytest.raises(UserError, match="--input-columns subject,body"):
        read_task(path, "Sort it.", output="area")
    found = read_task(path, "Sort it.", output="area", inputs=["subject", "body"])
    assert (found.inputs, found.output) == (("subject", "body"), "area")
    assert read_task(path, "Tell the level of a body.").output == "level"
    with pytest.raises(UserError, match="did you mean 'area'"):
        read_task(path, "Sort it.", output="aera")


def test_init_writes_a_recipe_that_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path, "note,desk", labelled("no", "-1", "C#", "off: half"))
    table(tmp_path, "note,desk", labelled("no", "C#"), "judged.csv")
    assert init("Sort the notes of a shop.", "--data", "rows.csv", "--test", "judged.csv") == 0
    told = capsys.readouterr().out
    recipe = tmp_path / "recipes" / "sort-the-notes-of-a-shop.yaml"
    place = "recipes/sort-the-notes-of-a-shop.yaml"
    assert told.endswith(f"next: p2m check {place}\n    then: p2m build {place}\n")
    project = load(recipe)
    assert project.task.labels == ("-1", "C#", "no", "off: half")
    assert [one.name for one in project.task.inputs] == ["note"]
    assert project.composed.spec.teacher.of("generate") is None
    assert "  train: ../rows.csv\n  test: ../judged.csv\n" in recipe.read_text()
    first = recipe.read_text().splitlines()[0]
    assert json.loads((recipe.parent / first.partition("$schema=")[2]).read_text())["title"] == "p2m recipe"
    with pytest.raises(UserError, match="exists already"):
        init("Sort the notes of a shop.", "--data", "rows.csv")


def test_init_refuses_with_what_init_can_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path, "note,prices", [f"they said {number} and no more of it" for number in range(36)])
    columns = ("--output-column", "prices", "--input-columns", "note")
    with pytest.raises(UserError, match="--output-column NAME, or reword the prompt") as caught:
        init("Transcribe the audio recordings of our calls.", "--data", "rows.csv", *columns)
    assert "task: {" not in str(caught.value)
    with pytest.raises(UserError, match="'prices' cannot both go in and come out"):
        init("Sort.", "--data", "rows.csv", "--input-columns", "prices", "--output-column", "prices")
    for name in ("../up", "a/b", "..", "a\\b"):
        with pytest.raises(UserError, match="a name is no path"):
            init("Sort.", "--name", name)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_column_of_binary_data_is_called_so(tmp_path: Path) -> None:
    rows = {"picture": [b"\x89PNG"] * 12, "desk": ["a", "b"] * 6, "note": ["late"] * 12}
    parquet.write_table(pyarrow.table(rows), tmp_path / "rows.parquet")
    with pytest.raises(UserError, match="'picture' holds binary data"):
        read_task(tmp_path / "rows.parquet", "Sort.", inputs=["picture"], output="desk")
    with pytest.raises(UserError, match="'picture' holds binary data"):
        read_task(tmp_path / "rows.parquet", "Sort.", inputs=["note"], output="picture")
    parquet.write_table(pyarrow.table(rows).drop(["note"]), tmp_path / "bare.parquet")
    with pytest.raises(UserError, match="'picture' holds binary data"):
        read_task(tmp_path / "bare.parquet", "Sort.", output="desk")
    task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("desk"))
    with pytest.raises(DataError, match="'picture' holds binary data"):
        read(task, Files(tmp_path / "bare.parquet"), role="train")


def test_init_uses_the_schema_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "recipe.schema.json").write_text("{}")
    init("Sort notes.")
    assert (
        (tmp_path / "recipes" / "sort-notes.yaml")
        .read_text()
        .startswith("# yaml-language-server: $schema=../docs/recipe.schema.json\n")
    )
    assert [path.name for path in (tmp_path / "recipes").iterdir()] == ["sort-notes.yaml"]


def test_init_names_the_file_that_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path, "note,desk", labelled("a", "b"))
    with pytest.raises(UserError, match="did you mean"):
        init("Sort.", "--data", "row.csv")
    with pytest.raises(UserError, match="--data FILE"):
        init("Sort.", "--output-column", "desk")
    assert not (tmp_path / "recipes").exists()


def test_a_folder_from_the_hub_gives_names_of_labels_and_its_own_test_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "notes"
    folder.mkdir()
    names = "".join(f"          '{number}': {name}\n" for number, name in enumerate(("late", "broken")))
    (folder / "README.md").write_text(
        "---\nlicense: mit\ndataset_info:\n  features:\n  - {name: note, dtype: string}\n"
        f"  - name: fault\n    dtype:\n      class_label:\n        names:\n{names}---\n"
    )
    lines = [json.dumps({"note": text, "fault": n % 2}) for n, text in enumerate(TEXTS)]
    (folder / "train.jsonl").write_text("\n".join(lines[:30]))
    (folder / "test.jsonl").write_text("\n".join(lines[30:]))
    assert dict(read_task(folder, "Name the fault.").labels) == {"broken": 15, "late": 15}
    init("Name the fault.", "--data", "notes")
    recipe = tmp_path / "recipes" / "name-the-fault.yaml"
    assert "  train: ../notes\n  test: ../notes\n" in recipe.read_text()
    assert load(recipe).task.labels == ("broken", "late")


def test_dates_and_addresses_are_nothing_to_read(tmp_path: Path) -> None:
    desks = ("post", "returns") * 18
    lines = [f"2026-01-{n % 28 + 1:02},a{n}@shop.org,{text},{desks[n]}" for n, text in enumerate(TEXTS)]
    (tmp_path / "rows.csv").write_text("\n".join(["date,sender,body,desk", *lines]))
    found = read_task(tmp_path / "rows.csv", "Which desk should handle it?")
    assert (found.inputs, found.output) == (("body",), "desk")


def test_an_address_is_read_where_nothing_else_is(tmp_path: Path) -> None:
    lines = [f"https://shop{n}.example/a,{'good' if n % 2 else 'bad'}" for n in range(30)]
    (tmp_path / "rows.csv").write_text("\n".join(["url,verdict", *lines]))
    found = read_task(tmp_path / "rows.csv", "Is the page good or bad?")
    assert (found.inputs, found.output) == (("url",), "verdict")


def test_labels_may_be_sentences_that_return(tmp_path: Path) -> None:
    said = ["Send the customer a new parcel within two days", "Ask the customer for a picture of it first"]
    path = table(tmp_path, "message,action", labelled(*said))
    found = read_task(path, "Decide what should happen with the message.")
    assert (found.type, found.inputs, found.output) == (TaskType.CLASSIFICATION, ("message",), "action")
    assert set(found.labels) == set(said)


def columns(folder: Path) -> Path:
    lines = [
        f"{n},{'free' if n % 3 else 'paid'},{n * 7 % 50},{n % 5},{'yes' if n % 2 else 'no'}"
        for n in range(60)
    ]
    path = folder / "rows.csv"
    path.write_text("\n".join(["customer_id,plan,amount,seats,churned", *lines]))
    return path


def test_a_table_of_numbers_and_choices_is_read_whole(tmp_path: Path) -> None:
    found = read_task(columns(tmp_path), "Predict churn.")
    assert (found.inputs, found.output) == (("plan", "amount", "seats"), "churned")
    found = read_task(columns(tmp_path), "Predict the amount from plan and seats.")
    assert (found.type, found.output, found.inputs) == (TaskType.REGRESSION, "amount", ("plan", "seats"))


def test_dates_and_times_of_a_table_without_texts_are_read(tmp_path: Path) -> None:
    lines = [
        f"2026-0{n % 9 + 1}-{n % 28 + 1:02},{n % 24}:30,{n % 12 + 1}/{n % 12 + 1}/2026,{n % 7},{'ab'[n % 2]}"
        for n in range(60)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["shipped,left,due,boxes,lane", *lines]))
    found = read_task(tmp_path / "rows.csv", "Predict the lane.")
    assert found.inputs == ("shipped", "left", "boxes")
    assert found.doubts == ("not read: due, dates that may be read in two ways; write them like 2024-01-31",)


def test_what_an_answer_is_told_from_goes_in_and_is_no_answer(tmp_path: Path) -> None:
    lines = [f"{text},{n % 9},{n % 3 * 10},{n * 137}" for n, text in enumerate(TEXTS)]
    (tmp_path / "rows.csv").write_text(
        "\n".join(["advert,years_of_experience,hours_per_week,salary", *lines])
    )
    said = "Estimate the yearly salary from an advert, the years of experience and the hours per week."
    found = read_task(tmp_path / "rows.csv", said)
    assert found.inputs == ("advert", "years_of_experience", "hours_per_week")
    assert (found.type, found.output) == (TaskType.REGRESSION, "salary")


def test_columns_that_are_left_out_are_said(tmp_path: Path) -> None:
    desks = ("post", "returns") * 18
    lines = [f"2026-01-{n % 28 + 1:02},{n % 9},{text},{desks[n]}" for n, text in enumerate(TEXTS)]
    (tmp_path / "rows.csv").write_text("\n".join(["date,weight,body,desk", *lines]))
    found = read_task(tmp_path / "rows.csv", "Which desk should handle it?")
    assert found.inputs == ("body",)
    said = "not read: weight; where they tell the answer too: --input-columns weight,body"
    assert found.doubts == (said,)
    chosen = read_task(tmp_path / "rows.csv", "Which desk should handle it?", inputs=["body"])
    assert chosen.doubts == ()


def test_a_column_that_stands_in_the_other_is_the_answer(tmp_path: Path) -> None:
    lines = [f"The {n}th train leaves for Town{n},Town{n}" for n in range(30)]
    (tmp_path / "rows.csv").write_text("\n".join(["sentence,city", *lines]))
    found = read_task(tmp_path / "rows.csv", "Extract the city named in the sentence.")
    assert (found.type, found.inputs, found.output) == (TaskType.EXTRACTION, ("sentence",), "city")


@pytest.mark.parametrize(
    ("prompt", "header", "row", "inputs", "output"),
    [
        ("Rewrite a text message in formal English.", "text,formal", "see u at {n},I shall see you at {n}.",
         ("text",), "formal"),
        ("Find the order number in a message.", "order_number,message", "A-{n},Where is my order A-{n} now?",
         ("message",), "order_number"),
        ("Convert a measure to grams.", "measure,converted", "{n} kg,{n}000 g", ("measure",), "converted"),
        ("Write the number in E.164 form, given the customer's country.", "country,phone,e164",
         "ES,(0){n}7 or so,+34{n}78901", ("country", "phone"), "e164"),
        ("Give the value of an expression, given the date of the article.", "expression,article_date,value",
         "day {n} of it,2026-01-2{n},2026-{n}", ("expression", "article_date"), "value"),
    ],
)  # fmt: skip
def test_a_table_of_texts_goes_from_what_is_given_to_the_last_column(
    tmp_path: Path, prompt: str, header: str, row: str, inputs: tuple[str, ...], output: str
) -> None:
    lines = [row.replace("{n}", str(10 + number)) for number in range(30)]
    if "order" in header:
        lines[::4] = ["N/A,Where is it now?"] * len(lines[::4])
    (tmp_path / "rows.csv").write_text("\n".join([header, *lines]))
    found = read_task(tmp_path / "rows.csv", prompt)
    assert (found.inputs, found.output) == (inputs, output)


def test_a_recipe_for_texts_that_are_respelt_counts_case_and_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"the cat of {n} sat on the mat,The Cat of {n} Sat on the Mat" for n in range(30)]
    (tmp_path / "rows.csv").write_text("\n".join(["headline,title", *lines]))
    init("Put a headline in title case.", "--data", "rows.csv", "--output", "r.yaml")
    found = understand(tmp_path / "r.yaml")
    assert found.task.metrics[0] == "exact_match"
    metric = found.composed.spec.metric["exact_match"]
    assert metric.statistics(["the cat", "The  Cat"], [("The Cat",)] * 2).tolist() == [[0.0], [1.0]]


def test_the_first_of_two_columns_is_asked_for_where_it_alone_is_spoken_of(tmp_path: Path) -> None:
    path = table(tmp_path, "phone,e164", [f"+34 {number}" for number in range(900, 936)])
    with pytest.raises(UserError, match="not plain: phone, e164"):
        read_task(path, "Write the phone number in E.164 form.")


def test_several_columns_that_stand_in_the_text_may_be_a_record(tmp_path: Path) -> None:
    lines = [f"Ann{n} lives in Town{n} with a dog,Ann{n},Town{n}" for n in range(30)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,name,city", *lines]))
    with pytest.raises(UserError, match=r"record: \{name: span, city: span\}"):
        read_task(tmp_path / "rows.csv", "Read name and city from a text.")


def test_numbers_of_rows_are_nothing_to_read(tmp_path: Path) -> None:
    lines = [f"T-{n:04d};{n % 28 + 1:02d}.03.2024;{text};{'ab'[n % 2]}" for n, text in enumerate(TEXTS)]
    (tmp_path / "rows.csv").write_text("\n".join(["Ticket-Nr.;Eröffnet am;Anliegen;Team", *lines]))
    assert read_task(tmp_path / "rows.csv", "Sort it.").inputs == ("Anliegen",)


@pytest.mark.parametrize(
    ("header", "values", "said"),
    [
        (
            "note,urgent",
            ["x" if n % 3 else "" for n in range(36)],
            r"'x' in every row or nothing \(12 rows; write",
        ),
        ("note   urgent", [], "part columns by commas or tabs"),
    ],
)
def test_a_table_that_lacks_an_answer_is_refused_with_what_to_write(
    tmp_path: Path, header: str, values: list[str], said: str
) -> None:
    path = table(tmp_path, header, values)
    if not values:
        path.write_text("\n".join([header, *(f"{text}   a" for text in TEXTS)]))
    with pytest.raises(UserError, match=said):
        read_task(path, "Is it urgent?")


def test_a_second_answer_that_the_prompt_asks_for_is_not_lost_without_a_word(tmp_path: Path) -> None:
    lines = [f"{text},{'ab'[n % 2]},{'xyz'[n % 3]}" for n, text in enumerate(TEXTS)]
    (tmp_path / "rows.csv").write_text("\n".join(["note,team,priority", *lines]))
    found = read_task(tmp_path / "rows.csv", "Which team and what priority?")
    assert (found.output, found.inputs) == ("priority", ("note",))
    assert "not answered: team, which the prompt names too" in found.doubts[0]
    assert "--output-column priority,team" in found.doubts[0]


def test_several_answers_are_one_record(tmp_path: Path) -> None:
    lines = [f"{n + 700};{text};{n},50;{'ab'[n % 2]};{n % 3}" for n, text in enumerate(TEXTS)]
    path, test = tmp_path / "rows.csv", tmp_path / "test.csv"
    path.write_text("\n".join(["id;note;price;team;stock", *lines]))
    test.write_text(f"note;team\n{TEXTS[0]};a\n")
    found = read_task(path, "Tell price and team of a note.", inputs=("note",), output="price, team")
    assert (found.type, found.inputs, found.output) == (TaskType.RECORDS, ("note",), "record")
    assert [(each.name, each.kind) for each in found.record] == [("price", "number"), ("team", "label")]
    assert found.doubts == ()
    assert read_task(path, "Tell price and team.", output="team,price").inputs == ("note",)
    with pytest.raises(UserError, match="no column 'cost'"):
        read_task(path, "Tell it.", output="cost,team")
    with pytest.raises(UserError, match=r"test\.csv: there is no column 'price'"):
        read_task(path, "Tell it.", output="price,team", test=test)


def test_chats_are_read_as_what_was_asked_and_answered(tmp_path: Path) -> None:
    asked = [f"Where is parcel {n}?" if n % 2 else f"Is lamp {n} in stock?" for n in range(20)]
    said = [[{"role": "system", "content": "Route it."}, {"role": "user", "content": each}] for each in asked]
    rows = [
        {"id": n, "messages": [*each, {"role": "assistant", "content": "post" if n % 2 else "shop"}]}
        for n, each in enumerate(said)
    ]
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = read_task(path, "Route it.")
    assert (found.inputs, found.output) == (("text",), "label")
    assert (found.labels, found.doubts) == ({"post": 10, "shop": 10}, ())
    (tmp_path / "r.yaml").write_text("prompt: Route it to post or shop.\ndata: {train: chats.jsonl}\n")
    seen = understand(tmp_path / "r.yaml")
    assert not inspect(seen.composed.spec, seen.task).problems


@pytest.mark.parametrize(
    ("prompt", "answer", "kind"),
    [
        ("Find the amount to pay.", "{n} EUR", TaskType.EXTRACTION),
        ("Find the amount to pay.", "{n}", TaskType.EXTRACTION),
        ("Estimate the amount to pay.", "{n}", TaskType.REGRESSION),
        ("Find the amount to pay.", "{m} EUR", TaskType.REGRESSION),
        ("Extract the date.", "2024-03-{n}", TaskType.TEXT_TO_TEXT),
    ],
)
def test_answers_are_parts_of_inputs_where_they_stand_there(
    tmp_path: Path, prompt: str, answer: str, kind: TaskType
) -> None:
    rows = [f"Pay {n} EUR by {n}/3/24,{answer.format(n=n, m=3 * n)}" for n in range(10, 40)]
    (tmp_path / "rows.csv").write_text("\n".join(["mail,due", *rows]))
    assert read_task(tmp_path / "rows.csv", prompt).type is kind


@pytest.mark.parametrize(
    ("row", "prompt", "kind", "told"),
    [
        ({"text": "Ann went to Oslo, {n}.", "spans": [[0, 3, "PER"], [12, 16, "LOC"]]},
         "Find people and places.",
         TaskType.EXTRACTION, {"labels": {"PER", "LOC"}, "layout": Layout(has_types=True)}),
        ({"text": "note {n}", "wet": 1, "cold": 0, "loud": 1}, "Give all tags that apply to the note.",
         TaskType.MULTI_LABEL, {"labels": {"wet", "cold", "loud"}}),
        ({"ad": "lamp number {n}", "price": "{n},50 €"}, "Estimate the price of the lamp. Output a number.",
         TaskType.REGRESSION, {}),
        ({"mail": "Ann comes, {n}", "record": {"who": "Ann", "guests": 2, "late": True}}, "Read the mail.",
         TaskType.RECORDS, {"record": (RecordField("who", "span", nullable=False),
                                       RecordField("guests", "number", nullable=False),
                                       RecordField("late", "label", "", ("true", "false"), False))}),
        ({"text": "She left yesterday, {n}.", "dates": "yesterday == 2013-03-{n}"}, "Find the dates.",
         TaskType.EXTRACTION, {"layout": Layout("text", has_values=True)}),
        ({"text": "Take 2 kg and 4 lb, pot {n}.", "weights": "2 kg == 2000 g | 4 lb == 1814 g"},
         "Find the weights and convert them.",
         TaskType.EXTRACTION, {"layout": Layout("text", has_values=True)}),
    ],
)  # fmt: skip
def test_answers_that_are_more_than_a_text_come_back_from_the_recipe_that_init_writes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    row: dict[str, object],
    prompt: str,
    kind: TaskType,
    told: dict[str, object],
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps(row).replace("{n}", str(number)) for number in range(10, 34)]
    if kind is TaskType.MULTI_LABEL:
        lines[::2] = [line.replace('"cold": 0', '"cold": 1') for line in lines[::2]]
    if "weights" in row:
        lines[::2] = [line.replace("2 kg and ", "").replace("2 kg == 2000 g | ", "") for line in lines[::2]]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    init(
        prompt,
        "--data",
        "rows.jsonl",
        "--name",
        "made",
        "--output-column",
        [*row][-1] if len(row) == 2 else "",
    )
    task = understand(tmp_path / "recipes" / "made.yaml").task
    assert task.type is kind
    for name, value in told.items():
        found = getattr(task, name)
        assert (set(found) if isinstance(value, set) else found) == value
    rows = read(task, Files(tmp_path / "rows.jsonl"), role="train").rows
    assert len(rows) == 24


def test_init_says_and_writes_a_column_by_which_rows_seem_to_belong_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    desks = ("post", "returns", "press")
    values = [f"{desks[number // 6 % 3] if number % 6 else 'post'},{number // 6}" for number in range(36)]
    table(tmp_path, "note,desk,patient", values)
    assert init("Sort it by desk.", "--data", "rows.csv", "--name", "it") == 0
    said = capsys.readouterr().out
    assert "two rows of one 'patient'" in said
    assert "not read: patient" not in said
    text = (tmp_path / "recipes/it.yaml").read_text()
    assert "\n  # group: patient " in text
    assert understand(tmp_path / "recipes/it.yaml").composed.spec.data.group is None
    (tmp_path / "recipes/it.yaml").write_text(text.replace("# group: patient", "group: patient"))
    assert load(tmp_path / "recipes/it.yaml").composed.spec.data.group == "patient"


def test_an_answer_beside_what_was_noted_of_it_is_a_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrapper such as `{output: ..., rating: {...}}` is no record, and no label as a whole."""
    path = tmp_path / "runs.jsonl"
    wrapped = [
        {"input": f"message {n} of the week", "output": {"output": label, "rating": {"value": 5}, "v": 1}}
        for n, label in enumerate(("sales", "service", "billing") * 8)
    ]
    path.write_text("\n".join(map(json.dumps, wrapped)), encoding="utf-8")
    found = read_task(path, "Which desk is it for?")
    assert (found.inputs, found.output) == (("input",), "output.output")
    assert set(found.labels) == {"sales", "service", "billing"}
    with pytest.raises(UserError, match="'output' is an object; name one of its fields: output"):
        read_task(path, "Which desk is it for?", output="output")


def whole(folder: Path, header: str, lines: list[str], name: str = "rows.csv") -> Path:
    (folder / name).write_text("\n".join([header, *lines]), encoding="utf-8")
    return folder / name


def test_choices_of_a_survey_are_labels_be_their_mark_their_name_or_one_for_all(tmp_path: Path) -> None:
    choices = ("Price", "Service", "Quality")
    said = [[label if n >> place & 1 else "" for place, label in enumerate(choices)] for n in range(1, 25)]
    for name, rows in (("named", said), ("crossed", [["x" if each else "" for each in row] for row in said])):
        lines = [f"what customer {n} wrote,{','.join(row)}" for n, row in enumerate(rows)]
        path = whole(tmp_path, f"Comment,{','.join(choices)}", lines, f"{name}.csv")
        found = read_task(path, "Which topics does the customer mention?", output="")
        assert found.type is TaskType.MULTI_LABEL, name
        assert (found.inputs, set(found.labels)) == (("Comment",), set(choices))
        assert found.labels["Price"] == sum(bool(row[0]) for row in said)


def test_labels_that_are_class_numbers_are_found_by_id_and_said_to_be_numbers(tmp_path: Path) -> None:
    path = whole(tmp_path, "__index_level_0__,text,label_id",
                 [f"{n},message {n} of the week,{n % 3}" for n in range(24)])  # fmt: skip
    found = read_task(path, "Which desk is it for?")
    assert (found.inputs, found.output) == (("text",), "label_id")
    assert "the labels are the numbers 0, 1, 2, and so a model answers" in found.doubts[-1]
    stars = whole(tmp_path, "text,stars", [f"message {n} of the week,{n % 3 + 1}" for n in range(24)])
    assert read_task(stars, "How many stars?", output="stars").doubts == ()


def test_a_total_below_the_table_is_said(tmp_path: Path) -> None:
    rows = [f"{n},2026-01-{n + 1:02},message {n} of the week,{'ab'[n % 2] * 3}" for n in range(24)]
    whole(tmp_path, "No,Day,text,label", rows, "rows.csv")
    assert not any("total" in said for said in read_task(tmp_path / "rows.csv", "Which desk?").doubts)
    path = whole(tmp_path, "No,Day,text,label", [*rows, ",,Total,24"], "total.csv")
    said = read_task(path, "Which desk?").doubts[-1]
    assert f"{path}:26: it alone has nothing in No, Day; if it is a total" in said


def test_a_prompt_in_another_language_says_what_the_answer_is_told_from(tmp_path: Path) -> None:
    """Units in brackets are no part of a name, and names come back as a shell takes them."""
    rows = [
        f"W{n:04},Helle Wohnung mit Balkon Nummer {n},{('Stadt', 'Land')[n % 2]},{30 + n % 7},{500 + 9 * n}"
        for n in range(48)
    ]
    path = whole(tmp_path, "Objekt,Beschreibung,Lage,Wohnfläche (m²),Kaltmiete (€)", rows)
    for prompt in (
        "Schätze die Kaltmiete aus Beschreibung, Lage und Wohnfläche.",
        "Schätze die Kaltmiete einer Wohnung anhand von Beschreibungen, Lage, Wohnfläche.",
    ):
        found = read_task(path, prompt)
        assert found.output == "Kaltmiete (€)"
        assert found.inputs == ("Beschreibung", "Lage", "Wohnfläche (m²)")
        assert not any("not answered" in said for said in found.doubts)
    found = read_task(path, "Schätze die Miete.", output="Kaltmiete (€)")
    (said,) = found.doubts
    assert said.endswith("--input-columns 'Beschreibung,Lage,Wohnfläche (m²)'")


def test_a_word_of_the_same_stem_names_a_column(tmp_path: Path) -> None:
    rows = [f"ticket {n} of the week,{('low', 'high')[n % 2]},{('Ann', 'Bo')[n // 2 % 2]}" for n in range(24)]
    path = whole(tmp_path, "Description,Fluency,Assignee", rows)
    assert read_task(path, "Say how fluently a ticket is written.").output == "Fluency"
    with pytest.raises(UserError, match="which column is the answer is not plain"):
        read_task(path, "Say how late a ticket is.")


def test_a_column_that_says_the_answer_once_more_does_not_go_in(tmp_path: Path) -> None:
    """The number of a label beside its name is no rival, and would give the answer away."""
    teams = ("sales", "service", "billing")
    rows = [f"message {n} of the week,{n % 3},{teams[n % 3]},web,{n % 2}" for n in range(48)]
    path = whole(tmp_path, "text,label,label_name,origin,paid", rows)
    found = read_task(path, "Which desk?")
    assert (found.inputs, found.output, set(found.labels)) == (("text",), "label_name", set(teams))
    (said,) = found.doubts
    assert said == "not read: paid; where they tell the answer too: --input-columns text,paid"


def test_a_column_of_one_value_is_neither_asked_about_nor_a_rival(tmp_path: Path) -> None:
    rows = [f"Which desk?,message {n} of the week,{('sales', 'service')[n % 2]},x" for n in range(24)]
    path = whole(tmp_path, "instruction,input,output,annotator", rows)
    assert read_task(path, "Which desk?").inputs == ("input",)
    path = whole(tmp_path, "instruction,input,desk,annotator", rows)
    found = read_task(path, "Say who answers the message.")
    assert (found.inputs, found.output) == (("input",), "desk")
    path = whole(tmp_path, "input,label", [f"message {n} of the week,sales" for n in range(24)])
    with pytest.raises(UserError, match="the column 'label' holds 'sales' in every row"):
        read_task(path, "Which desk?")


def test_chats_of_from_and_value_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    turns = [[("human", f"message {n} of the week"), ("gpt", ("sales", "service")[n % 2])] for n in range(24)]
    rows = [{"id": n, "conversations": [{"from": who, "value": said} for who, said in each]}
            for n, each in enumerate(turns)]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = read_task(path, "Which desk?")
    assert (found.inputs, dict(found.labels)) == (("text",), {"sales": 12, "service": 12})


def test_what_was_rejected_in_prodigy_is_refused_with_the_line_that_makes_rows(tmp_path: Path) -> None:
    path = tmp_path / "my rows.jsonl"
    for rest, line in (
        ({"spans": []}, 'grep \'"answer": *"accept"\' \''),
        ({"label": "spam"}, "jq -c 'select(.answer != \"ignore\") | {text, label: .answer}' '"),
    ):
        path.write_text(json.dumps({"text": "a", "_input_hash": 1, "answer": "reject", **rest}))
        with pytest.raises(DataError) as caught:
            read_task(path, "Is it spam?")
        assert line in str(caught.value)
        assert "my rows.jsonl:1: Prodigy's answer is 'reject'" in str(caught.value)


def test_fields_of_objects_are_named_by_any_of_their_names(tmp_path: Path) -> None:
    rows = [
        {"id": n, "answers": {"comment": f"comment {n} of the week", "score": n % 10,
                              "topic": {"code": n % 3, "title": ("price", "service", "quality")[n % 3]}}}
        for n in range(60)
    ]  # fmt: skip
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    found = read_task(tmp_path / "rows.json", "Which topic is the comment about?")
    assert (found.inputs, found.output) == (("answers.comment",), "answers.topic.title")


def test_an_answer_beside_the_one_that_stands_in_the_text_is_not_lost_without_a_word(tmp_path: Path) -> None:
    rows = [f"Order {1000 + n} was charged {n + 10}.50 EUR,{1000 + n},{n + 10}.50" for n in range(40)]
    path = whole(tmp_path, "mail,order_no,amount", rows)
    (said,) = read_task(path, "Find the order number and the amount in a mail.").doubts
    assert (
        "not answered: order_no, which stands in the text too; for all in one record: --output-column" in said
    )


def test_columns_of_yes_and_no_are_labels(tmp_path: Path) -> None:
    rows = [f"what customer {n} wrote,{','.join('yes' if n >> at & 1 else 'No' for at in range(3))}"
            for n in range(1, 25)]  # fmt: skip
    found = read_task(whole(tmp_path, "Comment,Price,Service,Quality", rows), "Which topics?")
    assert (found.type, found.inputs) == (TaskType.MULTI_LABEL, ("Comment",))


def test_a_test_of_other_columns_is_refused_with_those_that_it_should_have(tmp_path: Path) -> None:
    rows = [f"message {n} of the week,{('sales', 'service')[n % 2]}" for n in range(24)]
    path, other = whole(tmp_path, "text,team", rows), whole(tmp_path, "message,desk", rows, "other.csv")
    with pytest.raises(
        UserError, match=r"other.csv: there is no column 'text', which .*it has message, desk"
    ):
        read_task(path, "Which team?", test=other)


def test_decimal_commas_of_inputs_are_numbers_unless_a_point_may_mark_a_thousand(tmp_path: Path) -> None:
    lines = [f"{30 + n},{n % 7};{n % 5},5;{500 + 9 * n}" for n in range(48)]
    path = whole(tmp_path, "area;rooms;rent", lines)
    recipe = tmp_path / "r.yaml"
    asked = "{type: regression, inputs: [area, rooms], output: rent}"
    text = f"{{name: r, prompt: Estimate the rent., task: {asked}, data: {{train: rows.csv}}}}"
    recipe.write_text(text, encoding="utf-8")
    task = understand(recipe).task
    assert task.numbers == ("area", "rooms")
    whole(tmp_path, "area;rooms;rent", [*lines, "1.234;2,5;900"])
    seen = look(task, (Files(path),), "train")
    (said,) = seen.wrong
    assert f"{path}:50: 'area' has a decimal comma in other rows, and 1.234 may mean a thousand" in said


def test_turns_whose_speaker_is_no_text_are_no_conversation(tmp_path: Path) -> None:
    row = {"conversations": [{"from": ["human"], "value": "hi"}, {"from": "gpt", "value": "greeting"}]}
    (tmp_path / "odd.jsonl").write_text(f"{json.dumps(row)}\n" * 8)
    with pytest.raises(UserError, match="holds lists or objects"):
        read_task(tmp_path / "odd.jsonl", "Classify what the user says.")
