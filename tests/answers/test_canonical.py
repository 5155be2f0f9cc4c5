"""Answers of each kind of task in one spelling, whichever way they were written; what is none is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.answers.canonical import Canonical, Unfit, canonical_of, is_canonical
from p2m.answers.spans import laid_out, tagged
from p2m.types import Example, Field, Layout, RecordField, Scale, Task, TaskType

SEVERAL, NUMBER, SPANS, RECORD = (
    TaskType.MULTI_LABEL, TaskType.REGRESSION, TaskType.EXTRACTION, TaskType.RECORDS,
)  # fmt: skip
TEXT = "  Ann met Bob in Oslo."
TYPED = Layout(has_types=True)
VALUED = Layout("text", has_values=True)
FIELDS = (
    RecordField("name", "span", nullable=False), RecordField("nights", "number", scale=Scale(1, 30)),
    RecordField("mood", "label", labels=("glad", "down")),
    RecordField("extras", "labels", labels=("bed", "meal")),
    RecordField("vip", "label", labels=("true", "false")),
)  # fmt: skip


def task(kind: TaskType, **more: object) -> Task:
    return Task(kind, "", (Field("text"),), Field("answer"), **more)  # type: ignore[arg-type]


TAGS = task(SEVERAL, labels=("wet", "cold", "food, drink"))
STARS = task(NUMBER, scale=Scale(1, 5, 1))
NER = task(SPANS, labels=("PER", "LOC"), layout=TYPED)
DATES = task(SPANS, layout=VALUED, none="N/A")
BOOKING = task(RECORD, record=FIELDS)
ANN = '{"type": "PER", "text": "Ann", "start": 0, "end": 3}'
OSLO = '{"type": "LOC", "text": "Oslo", "start": 15, "end": 19}'
GOOD = {"name": "Ann", "nights": 3, "mood": "glad", "extras": [], "vip": True}


@pytest.mark.parametrize(
    ("of", "said", "canonical"),
    [
        (TAGS, '["cold", "wet"]', '["wet", "cold"]'), (TAGS, "['cold']", '["cold"]'),
        (TAGS, "cold|Wet", '["wet", "cold"]'),
        (TAGS, "cold; food, drink", '["cold", "food, drink"]'), (TAGS, "food, drink", '["food, drink"]'),
        (TAGS, "wet, cold, wet", '["wet", "cold"]'), (TAGS, "none", "[]"), (TAGS, "[]", "[]"),
        (TAGS, '{"wet": 1, "cold": 0}', '["wet"]'),
        (STARS, "4.0", "4"), (STARS, "★★★★☆", "4"), (STARS, "3 stars", "3"),
        (NER, '[[17, 21, "LOC"], [2, 5, "PER"]]', f"[{ANN}, {OSLO}]"), (NER, "[]", "[]"), (NER, "none", "[]"),
        (NER, '[{"start_offset": 2, "end_offset": 5, "label": "PER"}]', f"[{ANN}]"),
        (NER, '[{"start": 1, "end": 5, "labels": ["per"], "text": "Ann"}]', f"[{ANN}]"),
        (NER, '[["Ann", "PER"]]', f"[{ANN}]"), (NER, '{"PER": ["Ann"], "LOC": "Oslo"}', f"[{ANN}, {OSLO}]"),
        (NER, "Ann (PER); Oslo (LOC)", f"[{ANN}, {OSLO}]"),
        (DATES, "May ==  2013-05 | now == 2013", "May == 2013-05 | now == 2013"),
        (DATES, "none", "N/A"), (DATES, '[{"text": "May", "value": "2013-05"}]', "May == 2013-05"),
        (task(SPANS, none="N/A"), "n/a", "N/A"), (task(SPANS, none="N/A"), " Ann ", "Ann"),
        (BOOKING, json.dumps({**GOOD, "nights": "3", "vip": "yes", "extras": "meal|bed"}),
         '{"name": "Ann", "nights": 3, "mood": "glad", "extras": ["bed", "meal"], "vip": true}'),
        (BOOKING, json.dumps({**GOOD, "nights": None, "mood": ""}),
         '{"name": "Ann", "nights": null, "mood": null, "extras": [], "vip": true}'),
    ],
)  # fmt: skip
def test_an_answer_has_one_spelling(of: Task, said: str, canonical: str) -> None:
    made = Canonical(of).write(said, TEXT)
    assert made == canonical
    assert Canonical(of).write(made, TEXT.strip()) == made
    assert is_canonical(of, Example({"text": TEXT.strip()}, made))


@pytest.mark.parametrize(
    ("of", "said", "why"),
    [
        (TAGS, "cold|coold", "'coold' is none of the labels"),
        (TAGS, '{"wet": 2}', "'wet' is '2', where 0 or 1"),
        (STARS, "7", "7 lies outside the scale from 1 to 5"), (STARS, "fine", "'fine' is no number"),
        (NER, '[[2, 99, "PER"]]', "from 2 to 99 lies outside its text, which has 22 characters"),
        (NER, '[[5, 5, "PER"]]', "is empty"), (NER, '[[2, 5, "DOG"]]', "'DOG' is none of the labels"),
        (NER, '[{"start": 2, "end": 5, "label": "PER", "text": "Bob"}]',
         "2 to 5 of its text is 'Ann', and not 'Bob'"),
        (DATES, "May 2013", "has no '=='"),
        (DATES, '[{"text": "a | b", "value": "c"}]', "holds '|', which parts spans"),
        (BOOKING, "Ann", "is no JSON object"), (BOOKING, "{}", "lacks the field 'name'; it has none"),
        (BOOKING, json.dumps({**GOOD, "nights": "three"}), "'nights' of the record: 'three' is no number"),
        (BOOKING, json.dumps({**GOOD, "nights": 31}), "31 lies outside the scale from 1 to 30"),
        (BOOKING, json.dumps({**GOOD, "mood": "sad"}), "'sad' is none of its labels, glad, down"),
        (BOOKING, json.dumps({**GOOD, "name": None}), "'name' of the record is empty"),
        (BOOKING, json.dumps({**GOOD, "name": ["Ann"]}), "of the record is a list, where span was expected"),
        (BOOKING, json.dumps({**GOOD, "room": 3}), "has 'room', and the task's fields are name, nights"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused_with_the_reason(of: Task, said: str, why: str) -> None:
    with pytest.raises(Unfit) as caught:
        Canonical(of).write(said, TEXT)
    assert why in str(caught.value)


def test_a_column_tells_what_joins_its_labels() -> None:
    open_task = task(SEVERAL)
    rows = ["wet; cold", "cold", "food, drink; wet", "food, drink", "wet"] * 3
    assert canonical_of(open_task, rows).write("food, drink; wet") == '["food, drink", "wet"]'
    assert canonical_of(open_task, ["a|b", "b", "a|b|c", "c"] * 3).write("a|c") == '["a", "c"]'
    alone = canonical_of(open_task, [f"note {n}, or so" for n in range(9)])
    assert alone.write("note 1, or so") == '["note 1, or so"]'


@pytest.mark.parametrize(
    ("outputs", "layout"),
    [
        (["Ann == 1 | Oslo == 2", "N/A", "Bob == 3"], Layout("text", has_values=True)),
        (["Ann: 1, Oslo: 2", "Bob: 3", "none"], Layout("text", has_values=True, between=", ", pair=": ")),
        (["PER: Ann; LOC: Oslo", "PER: Bob", "LOC: Oslo"] * 3,
         Layout("text", has_types=True, between="; ", pair=": ", type_first=True)),
        (["Ann -> PER; Oslo -> LOC", "Bob -> PER", "Ann -> PER"] * 3,
         Layout("text", has_types=True, between="; ", pair=" -> ")),
        (["Ann == 1 g | Oslo == 2 g", "Bob == 1 g", "Ann == 1 g"] * 3, Layout("text", has_values=True)),
        (["Ann | Oslo", "Bob", "N/A"], Layout("text")),
        (["Ann", "Bob", "N/A"], None), (["a text", "of its own"], None),
    ],
)  # fmt: skip
def test_answers_show_how_their_spans_are_laid_out(outputs: list[str], layout: Layout | None) -> None:
    found = laid_out(outputs, [TEXT] * len(outputs))
    assert (found.layout if found else None) == layout


@pytest.mark.parametrize(
    "tags", [["B-PER", "I-PER", "O", "B-LOC"],
             ["I-PER", "I-PER", "O", "I-LOC"], ["B-PER", "E-PER", "O", "S-LOC"],
             ["B-PER", "L-PER", "O", "U-LOC"]],
)  # fmt: skip
def test_tags_of_every_scheme_mark_the_same_spans(tags: list[str]) -> None:
    text, spans = tagged(["Ann", "Lee", "in", "Oslo"], tags)
    assert [(span.text, span.type, text[span.start : span.end]) for span in spans] == [
        ("Ann Lee", "PER", "Ann Lee"),
        ("Oslo", "LOC", "Oslo"),
    ]


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "Nd")), min_size=1, max_size=6)


@given(st.lists(st.tuples(WORDS, st.booleans()), min_size=1, max_size=12))
def test_spans_keep_their_places_however_often_they_are_read(pairs):
    text = "  " + " ".join(word for word, _ in pairs)
    offsets, at = [], 2
    for word, marked in pairs:
        offsets += [[at, at + len(word), "PER"]] * marked
        at += len(word) + 1
    made = Canonical(NER).write(json.dumps(offsets), text)
    assert [(span["start"] + 2, span["end"] + 2, span["type"]) for span in json.loads(made)] == [
        tuple(each) for each in offsets
    ]
    assert all(text.strip()[span["start"] : span["end"]] == span["text"] for span in json.loads(made))
    assert Canonical(NER).write(made, text.strip()) == made
