"""Data as tools and people write them, from files to canonical answers; what is wrong has its line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2m.errors import DataError
from p2m.project import understand
from p2m.stages.read import read
from p2m.types import Examples, Field, Files, Task, TaskType

NAMES, PLACES = ("Ann Lee", "Bob Stone", "Carla"), ("Oslo", "Lima")
TEXTS = [f"{NAMES[n % 3]} flew to {PLACES[n % 2]} on day {n}." for n in range(24)]
MARKED = [
    [
        [text.index(word), text.index(word) + len(word), kind]
        for word, kind in ((NAMES[n % 3], "PER"), (PLACES[n % 2], "LOC"))
    ]
    for n, text in enumerate(TEXTS)
]
PEOPLE = "Find people and places in the text."
TAGS = "Assign every matching tag to the note. A note may have several tags or none."
LABELS = ("wet", "cold", "loud")
NOTES = [(n, f"note {n} on the weather of the house") for n in range(24)]


def labels_of(number: int) -> list[str]:
    return [label for place, label in enumerate(LABELS) if number >> place & 1]


def joined(number: int, mark: str) -> str:
    return mark.join(labels_of(number)) or "none"


def switches(number: int) -> dict[str, int]:
    return {label: int(label in labels_of(number)) for label in LABELS}


def lines(rows: Sequence[Any]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def tagged(text: str, spans: Sequence[Sequence[Any]]) -> list[tuple[str, str]]:
    found, at = [], 0
    for word in text.split():
        inside = [each for each in spans if each[0] <= at < each[1]]
        found.append((word, f"{'B' if inside[0][0] == at else 'I'}-{inside[0][2]}" if inside else "O"))
        at += len(word) + 1
    return found


def studio(text: str, spans: Sequence[Sequence[Any]]) -> dict[str, Any]:
    results = [
        {
            "from_name": "ner",
            "type": "labels",
            "value": {"start": a, "end": b, "text": text[a:b], "labels": [c]},
        }
        for a, b, c in spans
    ]
    return {"id": 1, "data": {"text": text}, "annotations": [{"was_cancelled": False, "result": results}]}


PAIRS = list(zip(TEXTS, MARKED, strict=True))
CONLL = "-DOCSTART- -X- O\n\n" + "\n\n".join(
    "\n".join(f"{word} NN {tag}" for word, tag in tagged(*pair)) for pair in PAIRS
)
FILES: Mapping[str, tuple[str, str]] = {
    "conll": ("rows.conll", CONLL),
    "conll by its look": ("rows.txt", CONLL.partition("\n\n")[2]),
    "iob with tabs": ("rows.iob", "\n\n".join("\n".join(map("\t".join, tagged(*pair))) for pair in PAIRS)),
    "doccano": ("rows.jsonl", lines([{"id": 1, "text": text, "label": spans} for text, spans in PAIRS])),
    "spaCy": ("rows.json", json.dumps([[text, {"entities": spans}] for text, spans in PAIRS])),
    "Prodigy": ("rows.jsonl", lines([
        {"text": text, "tokens": [{"text": "x", "start": 0, "end": 1, "id": 0}], "_input_hash": 1,
         "answer": "accept", "spans": [{"start": a, "end": b, "label": c} for a, b, c in spans]}
        for text, spans in PAIRS])),
    "Label Studio": ("rows.json", json.dumps([studio(text, spans) for text, spans in PAIRS])),
    "the Hub's": ("rows.jsonl", lines([
        {"tokens": [word for word, _ in tagged(*pair)], "ner_tags": [tag for _, tag in tagged(*pair)]}
        for pair in PAIRS])),
}  # fmt: skip


def opened(folder: Path, prompt: str, file: str, text: str, more: str = "") -> tuple[Task, Examples]:
    (folder / file).write_text(text, encoding="utf-8")
    (folder / "r.yaml").write_text(
        f"prompt: {json.dumps(prompt)}\ndata: {{train: {file}}}\n{more}", encoding="utf-8"
    )
    task = understand(folder / "r.yaml").task
    return task, read(task, Files(folder / file), role="train")


@pytest.mark.parametrize("tool", FILES)
def test_spans_are_read_as_every_tool_writes_them(tmp_path: Path, tool: str) -> None:
    task, found = opened(tmp_path, PEOPLE, *FILES[tool])
    assert (task.type, set(task.labels), task.layout and task.layout.has_types) == (
        TaskType.EXTRACTION, {"PER", "LOC"}, True,
    )  # fmt: skip
    assert [row.input["text"] for row in found.rows] == TEXTS
    spans = [
        [[each["start"], each["end"], each["type"]] for each in json.loads(row.output)] for row in found.rows
    ]
    assert spans == MARKED


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("rows.conll", CONLL + "\n\nfoo O\n", "rows.conll:211: 2 columns, and expected 3 columns"),
        ("rows.conll", CONLL + "\n\nfoo NN X-PER\n", "rows.conll:211: 'X-PER' is no tag"),
        ("rows.jsonl", FILES["doccano"][1] + '\n{"id": 1, "text": "Short.", "label": [[0, 9, "PER"]]}',
         "rows.jsonl:25: the span from 0 to 9 lies outside its text, which has 6 characters"),
        ("rows.jsonl", FILES["Prodigy"][1].replace("accept", "reject", 1),
         "rows.jsonl:1: Prodigy's answer is 'reject'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_spans_has_its_line(tmp_path: Path, file: str, text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        opened(tmp_path, PEOPLE, file, text)
    assert said in str(caught.value)


COLUMNS = ",".join(["id", "text", *LABELS])
SEVERAL: Mapping[str, tuple[str, str]] = {
    "bars": ("rows.csv", "\n".join(["text,tags", *(f"{text},{joined(n, '|')}" for n, text in NOTES)])),
    "semicolons": ("rows.csv", "\n".join(["text,tags", *(f"{text},{joined(n, '; ')}" for n, text in NOTES)])),
    "commas": ("rows.csv", "\n".join(["text,tags", *(f'{text},"{joined(n, ", ")}"' for n, text in NOTES)])),
    "lists": ("rows.jsonl", lines([{"text": text, "labels": labels_of(n)} for n, text in NOTES])),
    "columns": ("rows.csv", "\n".join(
        [COLUMNS, *(",".join([str(n), text, *map(str, switches(n).values())]) for n, text in NOTES)])),
    "objects": ("rows.jsonl", lines([{"text": text, "cats": switches(n)} for n, text in NOTES])),
}  # fmt: skip


@pytest.mark.parametrize("form", SEVERAL)
def test_several_labels_are_read_however_they_are_joined(tmp_path: Path, form: str) -> None:
    task, found = opened(tmp_path, TAGS, *SEVERAL[form])
    assert task.type is TaskType.MULTI_LABEL
    assert [set(json.loads(row.output)) for row in found.rows] == [set(labels_of(n)) for n in range(24)]


def test_a_list_with_an_unknown_label_and_an_odd_switch_are_refused_with_their_lines(tmp_path: Path) -> None:
    more = "task: {type: multi-label-classification, labels: [wet, cold, loud]}\n"
    file, text = SEVERAL["bars"]
    with pytest.raises(DataError, match=r"rows.csv:26: 'coold' is none of the labels; did you mean 'cold'"):
        opened(tmp_path, TAGS, file, text + "\nfoo,wet|coold", more)
    file, text = SEVERAL["columns"]
    with pytest.raises(DataError, match=r"rows.csv:26: 'cold' is '2', where 0 or 1 was expected"):
        opened(tmp_path, TAGS, file, text + "\n99,foo,1,2,0", more)


@pytest.mark.parametrize(
    "answers",
    [[f"{n % 5 + 1}/5" for n in range(30)], ["★" * (n % 5 + 1) + "☆" * (4 - n % 5) for n in range(30)]],
)
def test_stars_are_numbers_where_the_prompt_asks_for_one(tmp_path: Path, answers: list[str]) -> None:
    rows = [{"review": f"review {n} of a lamp", "rating": answer} for n, answer in enumerate(answers)]
    prompt = "Score the review from 1 to 5 as a decimal number."
    task, found = opened(tmp_path, prompt, "rows.jsonl", lines(rows))
    assert (task.type, task.scale and (task.scale.low, task.scale.high)) == (TaskType.REGRESSION, (1, 5))
    assert [row.output for row in found.rows[:5]] == ["1", "2", "3", "4", "5"]
    with pytest.raises(
        DataError, match=r"rows.jsonl:31: .*7 (lies outside the scale from 1 to 5|as its highest)"
    ):
        opened(
            tmp_path,
            prompt,
            "rows.jsonl",
            lines(
                [*rows, {"review": "x", "rating": answers[0].replace("1", "7").replace("★☆☆☆☆", "★★★★★★★")}]
            ),
        )


def booked(number: int) -> dict[str, Any]:
    return {
        "name": NAMES[number % 3],
        "nights": number + 1,
        "vip": number % 3 == 0,
        "note": None if number % 4 else "late",
    }


def test_records_are_read_from_objects_and_from_columns(tmp_path: Path) -> None:
    mails = [f"{NAMES[n % 3]} comes late for {n + 1} nights" for n in range(24)]
    rows = [{"mail": mail, "output": booked(n)} for n, mail in enumerate(mails)]
    task, found = opened(tmp_path, "Read the booking.", "rows.jsonl", lines(rows))
    assert [(each.name, each.kind, each.nullable) for each in task.record] == [
        ("name", "span", False), ("nights", "number", False), ("vip", "label", False), ("note", "span", True),
    ]  # fmt: skip
    assert [json.loads(row.output) for row in found.rows] == [booked(n) for n in range(24)]
    table = "mail,name,nights\n" + "\n".join(f"{mail},{NAMES[n % 3]},{n + 1}" for n, mail in enumerate(mails))
    more = "task: {record: {name: span, nights: {kind: number, nullable: false}}}\n"
    task, found = opened(tmp_path, "Read the booking.", "rows.csv", table, more)
    assert json.loads(found.rows[1].output) == {"name": "Bob Stone", "nights": 2}
    for row, said in (
        ("x,Ann,", "rows.csv:26: the field 'nights' of the record is empty"),
        ("x,Ann,two", "rows.csv:26: the field 'nights' of the record: 'two' is no number"),
    ):
        with pytest.raises(DataError, match=said):
            opened(tmp_path, "Read the booking.", "rows.csv", f"{table}\n{row}", more)
    lacking = [*rows, {"mail": "x", "output": {"name": "x", "vip": True, "note": None}}]
    with pytest.raises(DataError, match=r"rows.jsonl:25: the record lacks the field 'nights'"):
        opened(tmp_path, "Read the booking.", "rows.jsonl", lines(lacking))


def test_questions_without_an_answer_have_the_task_s_word_for_none(tmp_path: Path) -> None:
    rows = [
        {"question": f"Who left {n}?", "context": f"{NAMES[n % 3]} left at {n}.",
         "answers": {"text": [NAMES[n % 3]] if n % 4 else [], "answer_start": [0] if n % 4 else []}}
        for n in range(24)
    ]  # fmt: skip
    task, found = opened(tmp_path, "Answer the question from the passage.", "rows.jsonl", lines(rows))
    assert (task.type, task.none) == (TaskType.QUESTION_ANSWERING, "N/A")
    assert [row.output for row in found.rows[:3]] == ["N/A", "Bob Stone", "Carla"]
    more = "task: {none: nobody}\n"
    _, found = opened(tmp_path, "Answer the question from the passage.", "rows.jsonl", lines(rows), more)
    assert found.rows[0].output == "nobody"


def test_conversations_are_rows_of_what_was_asked_last_and_answered(tmp_path: Path) -> None:
    def user(text: str) -> dict[str, str]:
        return {"role": "user", "content": text}

    earlier = [user("hi"), {"role": "assistant", "content": "shop"}]
    asked = {"messages": [*earlier, user("Where is it?")]}
    post = {"role": "assistant", "content": " post\n"}
    kept = [
        {"messages": [*asked["messages"], post], "id": 7},
        {"request": {"body": asked}, "response": {"body": {"choices": [{"message": post}]}}},
        {"model": "m", "input": "Where is it?", "response": {"output": [{"content": [{"text": "post"}]}]}},
        {**asked, "label": "shop"},
    ]
    task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), labels=("post", "shop"))
    (tmp_path / "chats.jsonl").write_text(lines(kept))
    found = read(task, Files(tmp_path / "chats.jsonl"), role="train")
    assert [row.input for row in found.rows] == [{"text": "Where is it?"}] * 4
    assert [row.output for row in found.rows] == ["post", "post", "post", "shop"]

    two = replace(task, inputs=(Field("subject"), Field("body")))
    whole = {"messages": [user('{"subject": "Box", "body": "Gone."}'), post]}
    (tmp_path / "two.jsonl").write_text(lines([whole]))
    rows = read(two, Files(tmp_path / "two.jsonl"), role="train").rows
    assert rows[0].input == {"subject": "Box", "body": "Gone."}

    (tmp_path / "open.jsonl").write_text(lines([kept[0], asked, {"messages": [post]}]))
    with pytest.raises(DataError, match=r"open\.jsonl:2: .*no answer(.|\n)*open\.jsonl:3: .*no message"):
        read(task, Files(tmp_path / "open.jsonl"), role="train")
    (tmp_path / "one.jsonl").write_text(lines(kept[:1]))
    with pytest.raises(DataError, match=r"one text, and the task has subject, body"):
        read(two, Files(tmp_path / "one.jsonl"), role="train")
