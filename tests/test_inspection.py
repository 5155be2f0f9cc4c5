"""What a recipe's data are said to be before a build, held against what its stages do with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2m import inspection
from p2m.cli.arguments import parse
from p2m.cli.data_views import data_lines
from p2m.cli.verbs import verb
from p2m.cli.views import recipe_text
from p2m.errors import DataError, UserError
from p2m.inspection import Inspection, inspect
from p2m.project import understand
from p2m.spec import ModelSpec
from p2m.stages.curate import curate
from p2m.stages.read import read
from p2m.stages.split import split
from p2m.students.copier import Copier
from p2m.types import Examples, Field, Files, Task, TaskType

LABELS = ("billing", "delivery", "returns")
TASK = Task(TaskType.CLASSIFICATION, "Sort the mail.", (Field("text"),), Field("label"), LABELS)
RECIPE = """\
prompt: Sort a customer's mail. The labels are billing, delivery and returns.
defaults: [base, override teacher: none, override student: linear, _self_]
task: {type: text-classification, inputs: [text], output: label, labels: [billing, delivery, returns]}
data: {train: train.csv}
"""
WORDS = (
    *("parcel", "invoice", "refund", "late", "wrong", "twice", "box", "broken", "money", "card", "order"),
    *("street", "lamp", "fence", "chair", "green"),
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """The spec of RECIPE; its files are put in by `spec_of`."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "train.csv").write_text("text,label\n")
    (folder / "mail.yaml").write_text(RECIPE)
    return understand(folder / "mail.yaml").composed.spec


def spec_of(plain: ModelSpec, **files: Path) -> ModelSpec:
    return plain.model_copy(
        update={
            "data": plain.data.model_copy(
                update={"train": None, **{role: (path,) for role, path in files.items()}}
            )
        }
    )


def table(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{text},{label}\n" for text, label in [("text", "label"), *rows]))
    return path


def mails(number: int, start: int = 0) -> list[tuple[str, str]]:
    """Rows that are near to no other, their labels in turn."""
    found = []
    for place in range(start, start + number):
        words = [WORDS[(place * step + step * step + place // 16) % len(WORDS)] for step in (1, 3, 5, 7, 9)]
        found.append((f"{place:04d} {' '.join(words)} {place * 7919 % 10007}", LABELS[place % 3]))
    return found


def notes(found: Inspection) -> dict[str, str]:
    return {note.text: note.rows for note in found.notes}


def test_rows_columns_and_labels_are_counted(plain: ModelSpec, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": 1, "Text": t, "category": c}) + "\n" for t, c in mails(30)))
    test = table(
        tmp_path / "gold.csv",
        [*mails(7, 100), ("how are you and where is the box that you sent to me", "billing")],
    )
    found = inspect(spec_of(plain, train=path, test=test), TASK)
    train, gold = found.parts
    assert (train.role, train.rows, train.refused) == ("train", 30, 0)
    assert train.columns == ("id", "Text", "category")
    assert train.mappings == ({"text": "Text", "label": "category"},)
    assert train.labels == dict.fromkeys(LABELS, 10)
    assert gold.labels == {"billing": 3, "delivery": 3, "returns": 2}
    assert found.languages == {"en": 16 / 38, "": 22 / 38}  # of few letters none is told
    assert (found.evidence, found.split["test"], found.problems) == ("gold", 8, ())


def test_few_rows_are_judged_by_cross_validation(plain: ModelSpec, tmp_path: Path) -> None:
    found = inspect(spec_of(plain, train=table(tmp_path / "a.csv", mails(30))), TASK)
    assert (found.evidence, found.split) == ("cross-validation", {"train": 30, "validation": 0, "test": 0})


def test_repeats_contradictions_and_leaks_are_told_with_their_lines(plain: ModelSpec, tmp_path: Path) -> None:
    rows, other = mails(30), mails(6, 200)
    rows[4] = rows[1]
    rows[8] = (rows[7][0], "returns" if rows[7][1] != "returns" else "billing")
    rows[20] = (other[2][0].upper(), other[2][1])
    test = [*other, other[0]]
    spec = spec_of(plain, train=table(tmp_path / "a.csv", rows), test=table(tmp_path / "b.csv", test))
    said = notes(inspect(spec, TASK))
    assert said["1 row of train left out: duplicate: the same input and output"] == "a.csv:6 as a.csv:3"
    assert said["1 row of train left out: contamination: the input of a test row"] == "a.csv:22 as b.csv:4"
    contradiction = "2 rows of train left out: contradiction: the same input, and no output has a majority"
    assert said[contradiction] == f"{rows[7][1]!r} a.csv:9, {rows[8][1]!r} a.csv:10"
    assert said["1 row of test, which stay: duplicate: the same input and output"] == "b.csv:8"


def test_everything_that_is_wrong_with_a_file_is_told_at_once(plain: ModelSpec, tmp_path: Path) -> None:
    rows = mails(30)
    rows[3], rows[5], rows[9] = (rows[3][0], "delivry"), ("", "billing"), (rows[9][0], "Shipping")
    spec = spec_of(
        plain,
        train=table(tmp_path / "a.csv", rows),
        test=table(tmp_path / "b.csv", [("x", "billing"), ("y", "")]),
    )
    found = inspect(spec, TASK)
    first, second = found.problems
    assert [line.strip().replace(f"{tmp_path}/", "") for line in first.splitlines()] == [
        "a.csv:5: 'delivry' is none of the labels; did you mean 'delivery'?",
        "a.csv:7: 'text' (column 'text') is empty; complete the row or take it out of data.train",
        "a.csv:11: 'Shipping' is none of the labels; one of: billing, delivery, returns",
    ]
    assert "b.csv:3: 'label' (column 'label') is empty" in second
    assert (found.parts[0].rows, found.parts[0].refused) == (27, 3)
    many = table(tmp_path / "c.csv", [(text, "no") for text, _ in rows[:3]] + [("", "no")] * 4 + rows[10:])
    wrong = inspect(spec_of(plain, train=many), TASK).problems[0].splitlines()
    assert (len(wrong), wrong[-1].strip()) == (6, "... 7 such problems in all")
    with pytest.raises(
        DataError, match=r"c\.csv:2: 'no' is none .*\n.*c\.csv:3: .*(\n.*){4}7 such problems in all"
    ):
        read(TASK, Files(many), role="train")


def test_of_several_files_each_is_read_whatever_is_wrong_with_another(
    plain: ModelSpec, tmp_path: Path
) -> None:
    paths = [table(tmp_path / name, mails(10, start)) for name, start in (("a.csv", 0), ("b.csv", 50))]
    paths.append(tmp_path / "c.jsonl")
    paths[2].write_text("".join(json.dumps({"body": t, "category": c}) + "\n" for t, c in mails(10, 100)))
    spec = spec_of(plain)
    spec = spec.model_copy(update={"data": spec.data.model_copy(update={"train": tuple(paths)})})
    found = inspect(spec, TASK)
    assert (found.parts[0].rows, found.problems) == (30, ())
    assert found.parts[0].mappings == (
        {"text": "text", "label": "label"},
        {"text": "body", "label": "category"},
    )
    paths[0].write_text(paths[0].read_text() + "no cell more\n")
    paths[1].write_text("")
    (problem,) = inspect(spec, TASK).problems
    assert "a.csv:12: 1 cell under" in problem
    assert "b.csv: it has no rows" in problem
    assert inspect(spec, TASK).parts[0].rows == 20


def test_of_very_many_rows_the_first_are_read_and_that_is_said(
    plain: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(plain, train=table(tmp_path / "a.csv", mails(30)))
    for most, is_whole in ((30, True), (29, False)):
        monkeypatch.setattr(inspection, "MOST", most)
        (part,) = inspect(spec, TASK).parts
        assert (part.rows, part.is_whole) == (most, is_whole)


def test_a_label_stands_in_one_line_of_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps({"text": text, "label": f"a\n{label}"}) for text, label in mails(40)]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    (tmp_path / "r.yaml").write_text(
        "prompt: Sort the mail.\ntask: {type: text-classification, inputs: [text], output: label}\n"
        "defaults: [base, override teacher: none, override student: linear, _self_]\n"
        "data: {train: train.jsonl}"
    )
    verb("check").run(parse(["check", str(tmp_path / "r.yaml")]), [])
    told = capsys.readouterr().out
    assert "\n           a\\nbilling  " in told
    assert "a\nbilling" not in told


def test_what_comes_after_a_broken_line_is_not_read(plain: ModelSpec, tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", mails(30))
    path.write_text(path.read_text() + "one cell\nx,nonsense\n")
    (problem,) = inspect(spec_of(plain, train=path), TASK).problems
    assert "a.csv:32: 1 cell under 2 columns" in problem
    assert "nonsense" not in problem


def test_a_label_without_rows_ends_a_build_only_where_rows_are_all_there_is(
    plain: ModelSpec, tmp_path: Path
) -> None:
    rows = [row for row in mails(40) if row[1] != "returns"]
    spec = spec_of(plain, train=table(tmp_path / "a.csv", rows), test=table(tmp_path / "b.csv", mails(3, 99)))
    found = inspect(spec, TASK)
    assert "there is no row to learn 'returns' from" in found.problems[0]
    assert "no row of train is 'returns'" in notes(found)
    sources = spec.retriever.model_copy(update={"sources": (tmp_path,)})
    found = inspect(spec.model_copy(update={"retriever": sources}), TASK)
    assert (found.problems, found.split) == ((), {})
    assert "no row of train is 'returns'" in notes(found)


def test_long_inputs_are_counted_for_those_who_do_not_read_their_ends(
    plain: ModelSpec, tmp_path: Path
) -> None:
    rows = mails(30)
    rows[2] = ("word " * 300, rows[2][1])
    found = inspect(spec_of(plain, train=table(tmp_path / "a.csv", rows)), TASK)
    assert found.parts[0].longest == 302
    (text,) = (note.text for note in found.notes)
    assert text.startswith("1 row of 30 seem longer than 256 tokens (counted by words)")
    assert text.endswith("their ends are not read by linear_minilm")


def test_a_student_that_reads_less_than_the_recipe_says_is_told_by_its_own_measure(
    plain: ModelSpec, tmp_path: Path
) -> None:
    task = Task(TaskType.TEXT_TO_TEXT, "Shorten it.", (Field("text"),), Field("label"))
    rows = [(f"{'word ' * (100 if number % 3 else 20)}{number}", f"said {number}") for number in range(30)]
    spec = spec_of(plain, train=table(tmp_path / "a.csv", rows))
    student = spec.student.model_copy(update={"candidates": {"copier": Copier()}})
    found = " ".join(notes(inspect(spec.model_copy(update={"student": student}), task)))
    assert "20 rows of 30 seem longer than 80 tokens" in found
    assert "their ends are not read by copier" in found


def test_that_a_teacher_writes_beside_the_user_s_rows_is_told(tmp_path: Path) -> None:
    rows = [{"question": f"Who left in {n}?", "context": f"Ada{n} left in {n}.", "answers": f"Ada{n}"}
            for n in range(30)]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for teacher, said in (("embedded", True), ("none", False)):
        (tmp_path / "qa.yaml").write_text(
            "prompt: Answer the question from the context.\n"
            f"defaults: [base, override teacher: {teacher}, _self_]\n"
            "task: {type: question-answering, inputs: [question, context], output: answers}\n"
            "data: {train: a.jsonl}\n"
        )
        known = understand(tmp_path / "qa.yaml")
        found = inspect(known.composed.spec, known.task)
        told = any("the teacher writes rows beside yours" in text for text in notes(found))
        assert (told, bool(found.split)) == (said, not said)


def test_rows_of_another_language_than_the_task_s_are_told(plain: ModelSpec, tmp_path: Path) -> None:
    german = [(f"{text} ist nicht da und wir haben es mit der Post", label) for text, label in mails(30)]
    found = inspect(spec_of(plain, train=table(tmp_path / "a.csv", german)), TASK)
    assert found.languages == {"de": 1.0}
    assert any("task.language=de" in text for text in notes(found))


def test_answers_that_do_not_stand_in_their_passage_are_told_with_lines(
    plain: ModelSpec, tmp_path: Path
) -> None:
    task = Task(
        TaskType.QUESTION_ANSWERING, "Answer.", (Field("question"), Field("context")), Field("answer")
    )
    rows = [
        {"question": f"who {n}?", "context": f"It was {n} Ada {n * 31}.", "answer": "Ada"} for n in range(30)
    ]
    rows[4]["answer"] = "Ben"
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = notes(inspect(spec_of(plain, train=tmp_path / "a.jsonl"), task))
    assert said["1 row of train left out: answer does not occur in the context"] == "a.jsonl:5"
    said = notes(inspect(spec_of(plain, test=tmp_path / "b.jsonl"), task))
    assert said["1 row of test, which stay: answer does not occur in the context"] == "b.jsonl:5"


def test_of_much_text_only_the_very_same_is_looked_for(
    plain: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, near = mails(30), "a letter about a parcel that did not come to the right door in the right street"
    rows[1], rows[4] = (near, "delivery"), (near + "s", "delivery")
    test = table(tmp_path / "b.csv", [rows[6]])
    spec = spec_of(plain, train=table(tmp_path / "a.csv", rows), test=test)
    assert any("near duplicate" in text for text in notes(inspect(spec, TASK)))
    monkeypatch.setattr(inspection, "NEAR", 100)
    found = inspect(spec, TASK)
    assert list(notes(found).values())[:1] == ["a.csv:8 as b.csv:2"]
    assert (found.is_much, found.split) == (True, {})
    few = inspect(spec_of(plain, train=table(tmp_path / "c.csv", mails(5)), test=test), TASK)
    assert "5 rows are too few" in few.problems[0]
    none = inspect(spec_of(plain, train=test, test=test), TASK)
    assert "none of 1 rows of train is fit to learn from" in none.problems[0]


def test_the_text_is_a_table_that_is_aligned(tmp_path: Path) -> None:
    (tmp_path / "mail.yaml").write_text(RECIPE)
    table(tmp_path / "train.csv", [*mails(31), mails(1)[0]])
    read_ = understand(tmp_path / "mail.yaml")
    lines = recipe_text(read_, inspect(read_.composed.spec, read_.task)).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("  train"))
    assert lines[start:] == [
        f"  train    32 rows: {tmp_path / 'train.csv'}",
        "           text <- text, label <- label",
        "  shares               train",
        "           billing   12  38%",
        "           delivery  10  31%",
        "           returns   10  31%",
        "  length   at most about 9 tokens, as far as words tell",
        "  language en 41%, not told 59%",
        "  judged   by cross-validation of 31 rows",
        "  ! 1 row of train left out: duplicate: the same input and output",
        "      train.csv:33 as train.csv:2",
    ]


def checked(*words: str) -> int:
    """`p2m check` of those words, in this process."""
    typed = parse(["check", *words])
    return int(verb("check").run(typed, ["check", *words]))


def test_what_was_understood_is_shown_before_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "mail.yaml"
    recipe.write_text(RECIPE)
    table(tmp_path / "train.csv", mails(30))
    assert checked(str(recipe)) == 0
    assert capsys.readouterr().out.startswith(f"{recipe}: a valid recipe for text-classification\n")
    with pytest.raises(UserError, match="no student can be taken") as refused:
        checked(str(recipe), "constraints.max_parameters=1")
    assert refused.value.exit_code == 2
    out = capsys.readouterr().out
    assert out.startswith(f"{recipe}: not to be built as it is; understood as text-classification\n")
    assert "  labels   billing, delivery, returns\n" in out
    assert "  train    30 rows: " in out
    with pytest.raises(UserError, match=r"there is no .*trian\.csv\n    did you mean 'train\.csv'"):
        checked(str(recipe), "data.train=trian.csv", "task.output=team")
    out = capsys.readouterr().out
    assert out.startswith(f"{recipe}: not to be built as it is; understood as text-classification\n")
    assert "  inputs   text  ->  team\n  labels   billing, delivery, returns\n" in out
    table(tmp_path / "train.csv", [*mails(30), ("", "billing")])
    with pytest.raises(UserError, match=r"train\.csv:32: 'text' .* is empty"):
        checked(str(recipe), "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["task"]["labels"], told["data"]["parts"][0]["rows"]) == (list(LABELS), 30)
    assert told["problems"] == told["data"]["problems"] != []


texts = st.sampled_from([text for text, _ in mails(12)] + ["", "  "])
answers = st.sampled_from([*LABELS, *LABELS, *LABELS, "Billing", "other", ""])
tables = st.lists(st.tuples(texts, answers), max_size=14)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(train=tables, test=st.none() | tables, validation=st.none() | tables)
def test_it_refuses_what_a_build_refuses_and_nothing_else(
    plain: ModelSpec,
    tmp_path: Path,
    train: list[tuple[str, str]],
    test: list[tuple[str, str]] | None,
    validation: list[tuple[str, str]] | None,
) -> None:
    given_ = {"train": train, "validation": validation, "test": test}
    files = {role: table(tmp_path / f"{role}.csv", rows) for role, rows in given_.items() if rows is not None}
    found = inspect(spec_of(plain, **files), TASK)
    refused, sizes = built(plain, files)
    assert bool(found.problems) == bool(refused), (found.problems, refused)
    assert found.split == sizes


def built(plain: ModelSpec, files: dict[str, Path]) -> tuple[str, dict[str, int]]:
    """What the stages of a build say of the files: why they are refused, or how many rows each part has."""
    own: dict[str, Examples | None] = {"train": None, "validation": None, "test": None}
    try:
        for role, path in files.items():
            own[role] = read(TASK, Files(path), role=role)
        given_ = (own["train"], own["validation"], own["test"])
        curated = curate(TASK, None, None, *given_, curation=plain.curation, seed=plain.seed)
        parts = split(TASK, curated, *given_[1:], splitting=plain.split, seed=plain.seed)
    except DataError as error:
        return str(error), {}
    return "", {role: len(getattr(parts, role)) for role in own}


def test_inputs_without_answers_are_looked_at_too(plain: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("One parcel.\nAnother parcel.\n")
    found = inspect(spec_of(plain, inputs=tmp_path / "mine.txt"), TASK)
    assert [(count.rows, count.what) for count in found.unanswered] == [(2, "mine.txt: one input a line")]
    assert "  inputs   2 rows: mine.txt: one input a line" in data_lines(found)
    (tmp_path / "mine.txt").write_bytes(b"A caf\xe9.\n")
    (problem,) = inspect(spec_of(plain, inputs=tmp_path / "mine.txt"), TASK).problems
    assert "mine.txt:1: not UTF-8" in problem


def test_inputs_that_lack_a_text_of_their_two_are_counted(plain: ModelSpec, tmp_path: Path) -> None:
    rows = [(f"Question: {text} Answer: {text}", label) for text, label in mails(30)]
    test = table(tmp_path / "b.csv", [rows[0], ("Question: where is it?", "billing"), ("hello", "billing")])
    spec = spec_of(plain, train=table(tmp_path / "a.csv", rows), test=test)
    task = replace(TASK, parts=("Question:", "Answer:"))
    assert "2 rows of 33 lack 'Question:' or 'Answer:'" in " ".join(notes(inspect(spec, task)))
    assert not any("lack" in text for text in notes(inspect(spec, TASK)))


def of_customers(path: Path, first: int = 0, customers: int = 12, column: str = "customer") -> Path:
    """Rows of which those of one customer mostly have one label."""
    lines = [f"text,label,{column}"]
    for number, (text, label) in enumerate(mails(customers * 6, first)):
        owner = number // 6
        lines.append(f"{text} {first + number},{label if number % 6 == 0 else LABELS[owner % 3]},c{owner}")
    path.write_text("\n".join(lines))
    return path


def test_rows_that_seem_to_belong_together_are_said_with_the_line_to_write(
    tmp_path: Path, plain: ModelSpec
) -> None:
    train, test = of_customers(tmp_path / "train.csv"), of_customers(tmp_path / "test.csv", 500, 3)
    (note,) = (
        note
        for note in inspect(spec_of(plain, train=train, test=test), TASK).notes
        if "of one 'customer'" in note.text
    )
    assert note.text.endswith("write data: {group: customer}")
    assert note.rows == "a leak between files: 18 rows of 18 of test have a 'customer' that train has"
    renamed = spec_of(plain, train=of_customers(tmp_path / "other.csv", column="row"))
    assert not any("of one" in note.text for note in inspect(renamed, replace(TASK, labels=LABELS[:2])).notes)


def test_a_group_that_is_named_is_held_to_and_its_leaks_are_said(tmp_path: Path, plain: ModelSpec) -> None:
    train, test = of_customers(tmp_path / "train.csv"), of_customers(tmp_path / "test.csv", 500, 3)
    spec = spec_of(plain, train=train, test=test)
    spec = spec.model_copy(update={"data": spec.data.model_copy(update={"group": "customer"})})
    notes = [note.text for note in inspect(spec, TASK).notes]
    assert any(note.startswith("18 rows given up: a leak between files") for note in notes)
    assert not any("of one 'customer'" in note for note in notes)
    table(tmp_path / "test.csv", mails(9, 700))
    assert any("no row of test has 'customer'" in note.text for note in inspect(spec, TASK).notes)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("group: custmer", "mail.yaml:4: data.group: there is no column 'custmer': train.csv has text"),
        ("group: text", "mail.yaml:4: data.group: 'text' goes in, too"),
        ("group: label", "mail.yaml:4: data.group: 'label' is the answer"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_tell_groups_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    of_customers(tmp_path / "train.csv")
    (tmp_path / "mail.yaml").write_text(RECIPE.replace("train: train.csv", f"train: train.csv, {line}"))
    with pytest.raises(UserError) as error:
        verb("check").run(parse(["check", str(tmp_path / "mail.yaml")]), [])
    assert said in str(error.value)
    assert "such problems" not in str(error.value)
