"""The temporal half of the embedded teacher: what every row must be, against arithmetic written apart."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from runpy import run_path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.teachers.domains.temporal import distractors, sentences
from p2m.teachers.domains.temporal import domain as temporal
from p2m.teachers.domains.temporal.lexicon import LEXICON
from p2m.types import Example, Field, Layout, Task, TaskType

resolve = run_path(str(Path(__file__).parents[2] / "bench" / "date_expressions.py"))["resolve"]
GOLD = Path(__file__).parents[2] / "recipes" / "data" / "temporal_gold.jsonl"
MONTHS = ["January", "February", "March", "April", "May", "June", "July"]
MONTHS += ["August", "September", "October", "November", "December"]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
POSTED = re.compile(r"\[Posted: (\d{4}-\d\d-\d\d)\] (?=\S)")


def pairs(row: Example) -> list[tuple[str, str]]:
    """(expression, value) of a row's output."""
    if row.output == "N/A":
        return []
    split = [pair.rpartition(" == ") for pair in row.output.split(" | ")]
    return [(expression, value) for expression, _, value in split]


def read(row: Example) -> tuple[date, str]:
    """The anchor and the text after it."""
    text = row.input["input"]
    posted = POSTED.match(text)
    assert posted, text
    return date.fromisoformat(posted[1]), text[posted.end() :]


@pytest.fixture(scope="module")
def rows() -> list[Example]:
    return list(temporal.generate(12_000, 3))


def assert_listed_as_in_the_text(row: Example) -> None:
    """Verbatim, in order, whole words, each value a real date in one of the three formats."""
    _, text = read(row)
    position = 0
    for expression, value in pairs(row):
        found = re.compile(rf"(?<!\w){re.escape(expression)}(?!\w)").search(text, position)
        assert found, (text, expression)
        position = found.end()
        assert re.fullmatch(r"\d{4}(-\d\d){0,2}", value), value
        date.fromisoformat(value + "-01-01"[len(value) - 4 :] if len(value) < 10 else value)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_every_expression_stands_in_the_text_in_order_with_a_real_date(seed: int) -> None:
    for row in temporal.generate(25, seed):
        assert_listed_as_in_the_text(row)
        assert list(row.input) == ["input"]
        assert row.source.startswith("embedded:temporal.")
        assert row.group


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**40), few=st.integers(0, 20), more=st.integers(0, 40))
def test_the_first_rows_do_not_depend_on_how_many_are_asked_for(seed: int, few: int, more: int) -> None:
    assert list(temporal.generate(few, seed)) == list(islice(temporal.generate(few + more, seed), few))


def test_another_seed_writes_other_rows() -> None:
    one, two = ({row.input["input"] for row in temporal.generate(500, seed)} for seed in (1, 2))
    assert not one & two


def test_rows_hardly_repeat(rows: list[Example]) -> None:
    assert len({row.input["input"] for row in rows}) > 0.995 * len(rows)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_share_of_rows_without_a_date_is_natural(seed: int) -> None:
    figures = temporal.figures(list(temporal.generate(4000, seed)))
    assert 0.37 <= figures["share_na"] <= 0.43


def test_figures_count_what_is_there(rows: list[Example]) -> None:
    figures = temporal.figures(rows)
    assert figures["forms"] >= 50
    assert figures["expressions"] >= 3000
    assert figures["answer_bits"] > 7
    same = Example(input={"input": "x"}, output="N/A", source="s")
    assert temporal.figures([same, same]) == {"forms": 1, "expressions": 0, "share_na": 1, "answer_bits": 0}
    assert temporal.figures([])["share_na"] == 0


def test_every_form_is_written_often_enough_to_be_learnt(rows: list[Example]) -> None:
    counts = Counter(row.source for row in rows)
    assert min(counts.values()) >= 8, counts.most_common()[-5:]


# --------------------------------------------------------------------------- an oracle of its own


def plus_months(day: date, months: int) -> str:
    """YYYY-MM by counting month by month."""
    year, month = day.year, day.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        if month in (0, 13):
            year, month = (year - 1, 12) if month == 0 else (year + 1, 1)
    return f"{year}-{month:02d}"


def expected(expression: str, anchor: date) -> set[str] | None:
    """The values that plain arithmetic allows; None where this oracle has no opinion."""
    text = expression.lower()
    days = {"today": 0, "yesterday": -1, "tomorrow": 1, "last night": -1, "tonight": 0, "this morning": 0}
    days |= {
        "the day before yesterday": -2,
        "the day after tomorrow": 2,
        "later today": 0,
        "earlier today": 0,
    }
    if text in days:
        return {str(anchor + timedelta(days[text]))}
    if text in ("last month", "next month"):
        return {plus_months(anchor, 1 if text[0] == "n" else -1)}
    if text in ("last year", "next year", "this year"):
        return {str(anchor.year + {"l": -1, "n": 1, "t": 0}[text[0]])}
    away = re.fullmatch(
        r"(?P<in>in )?(?P<n>\w+) (?P<unit>day|week|month|year)s?(?P<way> ago| from now)?", text
    )
    if away and (away["in"] or away["way"]):
        word = away["n"]
        number = 1 if word in ("a", "one") else int(word) if word.isdigit() else 0
        if word in NUMBERS:
            number = NUMBERS.index(word) + 1
        number *= -1 if away["way"] == " ago" else 1
        if number == 0:
            return None
        if away["unit"] == "month":
            return {plus_months(anchor, number)}
        if away["unit"] == "year":
            return {str(anchor.year + number)}
        return {str(anchor + timedelta(number * (7 if away["unit"] == "week" else 1)))}
    if weekday := re.fullmatch(r"(last |next |this past |this coming |this )?(\w+day)", text):
        steps = {"last ": (-1,), "next ": (1,), "this past ": (-1,), "this coming ": (1,), "this ": (1,)}
        found = set()
        for step in steps.get(weekday[1] or "", (-1, 1)):
            day = anchor + timedelta(step)
            while WEEKDAYS[day.weekday()].lower() != weekday[2]:
                day += timedelta(step)
            found.add(str(day))
        return found
    if month := re.fullmatch(r"(last |next |this |early |late |mid-)?([a-z]+)", text):
        names = [name.lower() for name in MONTHS]
        if month[2] in names:
            index = names.index(month[2]) + 1
            near = [f"{anchor.year + step}-{index:02d}" for step in (-1, 0, 1)]
            return {"last ": {near[0]}, "next ": {near[2]}, "this ": {near[1]}}.get(month[1] or "", set(near))
    if full := re.fullmatch(r"([a-z]+) (\d{1,2}), (\d{4})", text):
        for index, name in enumerate(MONTHS, 1):
            if name.lower() == full[1]:
                return {str(date(int(full[3]), index, int(full[2])))}
    return {text} if re.fullmatch(r"\d{4}", text) else None


def test_values_are_those_of_plain_calendar_arithmetic(rows: list[Example]) -> None:
    checked = 0
    for row in rows:
        anchor, _ = read(row)
        for expression, value in pairs(row):
            allowed = expected(expression, anchor)
            if allowed is not None:
                assert value in allowed, (row, expression, value, allowed)
                checked += 1
    assert checked > 3000


def test_a_weekday_in_front_of_a_date_is_that_date_s_weekday(rows: list[Example]) -> None:
    checked = 0
    for row in rows:
        for expression, value in pairs(row):
            named = re.match(r"(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? .*\d", expression.lower())
            if named and len(value) == 10:
                assert WEEKDAYS[date.fromisoformat(value).weekday()].lower().startswith(named[1])
                checked += 1
    assert checked > 100


def test_past_sentences_look_back_and_future_ones_ahead(rows: list[Example]) -> None:
    checked = 0
    for row in rows:
        anchor, text = read(row)
        found = pairs(row)
        if len(found) != 1 or len(found[0][1]) < 7:
            continue
        value = found[0][1]
        here = str(anchor)[: len(value)]
        if re.search(r"\bsince " + re.escape(found[0][0]), text):
            assert value <= here, row
            checked += 1
        if re.search(r"deadline is |RSVP by |takes place ", text):
            assert value >= here, row
            checked += 1
    assert checked > 30


def test_what_the_grammar_writes_can_be_read_back(rows: list[Example]) -> None:
    for row in rows:
        anchor, _ = read(row)
        for expression, value in pairs(row):
            assert value in {resolve(expression, anchor, way) for way in ("past", "future")}, row


# --------------------------------------------------------------------------- undated words

TEMPORAL = re.compile(
    r"\b(" + "|".join(MONTHS + WEEKDAYS) + r"|\w*day|week|month|year|ago|tonight|yesterday|tomorrow|morning"
    r"|evening|decade|century|season|summer|winter|autumn|\d{4}|noon|midnight|o'clock)s?\b"
)


LISTS = list(LEXICON)


@pytest.mark.parametrize("name", LISTS)
def test_plain_words_never_name_a_time(name: str) -> None:
    entries = LEXICON[name]
    assert len(LISTS) >= 30
    assert entries
    assert [line for line in entries if TEMPORAL.search(line)] == []


def test_undated_phrases_have_no_value_in_the_semantics() -> None:
    from random import Random

    rng, anchor = Random(5), date(2013, 3, 22)
    for _ in range(3000):
        for tense in ("past", "future"):
            phrase = distractors.undated(rng, anchor, tense)
            assert phrase.value is None
            assert resolve(phrase.text, anchor, tense) is None, phrase


def test_every_sentence_fills_all_its_slots(rows: list[Example]) -> None:
    assert not [row for row in rows if re.search(r"[{}]|\s{2}| [,.](?!\.)", row.input["input"])]
    lines = [line for name in ("plain", "filler", "nominal", "possessive") for line in LEXICON[name]]
    from random import Random

    for line in (*lines, *distractors.SENTENCES):
        assert "{" not in sentences.fill(re.sub(r"\{[A-Z]\d?\}", "", line), Random(1), date(2020, 1, 1))


# --------------------------------------------------------------------------- matches

POST = "[Posted: 2013-03-22] She left last July."


def task(
    instruction: str, *demonstrations: Example, inputs: int = 1, kind: TaskType = TaskType.TEXT_TO_TEXT
) -> Task:
    fields = tuple(Field(f"input{index}") for index in range(inputs))
    return Task(kind, instruction, fields, Field("output"), demonstrations=demonstrations)


@pytest.mark.parametrize(
    "instruction",
    [
        "Identify temporal expressions and give dates. Input: a post with its date [Posted: YYYY-MM-DD].",
        "Normalise every time expression against the publication date of the article, as YYYY-MM-DD.",
        "Resolve date references relative to the posting date; write YYYY, YYYY-MM or YYYY-MM-DD.",
    ],
)
def test_prompts_for_dates_against_a_posting_date_match(instruction: str) -> None:
    assert temporal.matches(task(instruction))


def test_spans_with_values_match_where_they_are_written_as_the_rows_are() -> None:
    asked = task("Normalise time expressions against the posting date, YYYY-MM.", kind=TaskType.EXTRACTION)
    layout = Layout(style="text", has_values=True)
    assert temporal.matches(replace(asked, layout=layout, none="N/A"))
    assert not temporal.matches(replace(asked, layout=layout, none="none"))
    assert not temporal.matches(replace(asked, layout=Layout(has_values=True), none="N/A"))
    assert not temporal.matches(asked), "one span alone has no date"


def test_demonstrations_in_the_form_match_by_themselves() -> None:
    shown = Example({"input0": POST}, "last July == 2012-07")
    nothing = Example({"input0": "[Posted: 2013-03-22] Hi."}, "N/A")
    assert temporal.matches(task("Do as shown.", shown, nothing))
    assert not temporal.matches(task("Do as shown.", nothing)), "N/A alone shows nothing"
    assert not temporal.matches(task("Do as shown.", Example({"input0": POST}, "July")))


@pytest.mark.parametrize(
    "asked",
    [
        task("Translate the posted text to French."),
        task("Extract the due date of an invoice as YYYY-MM-DD."),
        task("Answer the question about when the article was published."),
        task("Classify the sentiment of a post."),
        task("Normalise temporal expressions against the posting date, YYYY-MM-DD.", inputs=2),
        task(
            "Normalise temporal expressions against the posting date, YYYY-MM.", kind=TaskType.CLASSIFICATION
        ),
    ],
)
def test_other_prompts_do_not_match(asked: Task) -> None:
    assert not temporal.matches(asked)


# --------------------------------------------------------------------------- the gold set of the recipe


def test_the_gold_set_is_well_formed_and_of_forms_of_its_own() -> None:
    gold = [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]
    examples = [Example({"input": row["input"]}, row["output"]) for row in gold]
    assert len(examples) >= 80
    assert len({row.input["input"] for row in examples}) == len(examples)
    assert 0.35 <= sum(row.output == "N/A" for row in examples) / len(examples) <= 0.45
    for row in examples:
        assert_listed_as_in_the_text(row)
        anchor, _ = read(row)
        for expression, value in pairs(row):
            allowed = expected(expression, anchor)
            # what happened on the day of posting may be called by its weekday
            assert allowed is None or value in allowed | {str(anchor), str(anchor)[:7]}, row
