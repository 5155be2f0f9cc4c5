"""The linear editor: how texts are aligned, what few rows teach, what it copies, what it is not for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from conftest import LABELS, TEXT
from hypothesis import given
from hypothesis import strategies as st

from p2m.deploy.serving.edits import COPY, EDITS, START, Places, written
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.settings import BundleError, Settings
from p2m.students.aligned import LONGEST, Table, aligned, edit_of
from p2m.students.linear_editor import LinearEditor, edited_field
from p2m.types import Example, Field, Lesson, Task

SOUNDS = {
    "sh": "ш",
    "ch": "ч",
    "a": "а",
    "o": "о",
    "k": "к",
    "r": "р",
    "n": "н",
    "s": "с",
    "h": "х",
    "c": "ц",
}
SPELT = {letter: latin for latin, letter in SOUNDS.items()}
SHORT = st.text(alphabet="abAB1 .", max_size=9)


def names(number: int) -> list[Example]:
    """Words in Cyrillic, and how Latin letters spell them: `ш` and `ч` take two."""
    letters = list(SPELT)
    rows = []
    for seed in range(number):
        word = "".join(
            letters[(seed * 7 + place * (seed % 5 + 2)) % len(letters)] for place in range(4 + seed % 4)
        )
        rows.append(Example({"text": word}, "".join(SPELT[letter] for letter in word)))
    return rows


def solved(task: Task, rows: Sequence[Example], folder: Path) -> Predictor:
    LinearEditor().solve(Lesson(task, (), tuple(rows), None, None), folder)
    return Predictor(folder)


@given(st.lists(st.tuples(SHORT, SHORT), max_size=4))
def test_edits_write_the_answer(pairs: list[tuple[str, str]]) -> None:
    for (source, text), edits in zip(pairs, aligned(pairs), strict=True):
        if edits is None:
            assert len(text) > LONGEST or len(source) < len(text)
            continue
        letters = START + source
        assert "".join(written(edit, letter) for edit, letter in zip(edits, letters, strict=True)) == text


@given(st.characters(exclude_characters="\x01\x02\x03\x04\x05"), st.text(max_size=4))
def test_an_edit_of_a_letter_comes_to_what_it_was_made_of(letter: str, text: str) -> None:
    text = text.translate(dict.fromkeys(range(1, 6), " "))
    assert written(edit_of(letter, text), letter) == text


def test_rows_together_tell_which_letters_write_two() -> None:
    rows = names(60)
    edits = aligned([(row.input["text"], row.output) for row in rows])
    for row, found in zip(rows, edits, strict=True):
        assert found == ["", *(SPELT[letter] for letter in row.input["text"])]


def test_few_rows_teach_a_script_and_what_none_had_is_copied(tmp_path: Path) -> None:
    rows = names(80)
    model = solved(TEXT, rows[:60], tmp_path)
    said = [each.output for each in model.predict([row.input for row in rows[60:]])]
    assert said == [row.output for row in rows[60:]]
    copied = solved(
        TEXT, [Example({"text": f"  {n * 37} "}, str(n * 37)) for n in range(1, 40)], tmp_path / "2"
    )
    answer = copied.predict([{"text": "  58Ж "}])[0]
    assert (answer.output, answer.shaped) == ("58Ж", None)
    assert 0 < answer.score <= 1


def test_another_field_tells_what_is_written(tmp_path: Path) -> None:
    task = replace(TEXT, inputs=(Field("country"), Field("phone")))
    codes = {"FR": "+33", "ES": "+34"}
    rows = [Example({"country": country, "phone": f"0{n * 917 % 9000}"}, f"{code}{n * 917 % 9000}")
            for n in range(1, 40) for country, code in codes.items()]  # fmt: skip
    model = solved(task, rows, tmp_path)
    assert model.settings.context == edited_field(Lesson(task, (), tuple(rows), None, None)) == "phone"
    said = model.predict([{"country": "ES", "phone": "0777"}, {"country": "FR", "phone": "0777"}])
    assert [each.output for each in said] == ["+34777", "+33777"]


def test_texts_too_long_to_align_are_left_out(tmp_path: Path) -> None:
    long = "x" * 500
    assert aligned([(long, long), ("", "x" * 9), ("ab", "ab")]) == [None, None, ["", COPY, COPY]]
    model = solved(TEXT, [Example({"text": long}, long)], tmp_path)  # nothing is left to learn from
    assert model.predict([{"text": "ab"}])[0].output == "ab"


@given(st.text(max_size=20), st.lists(st.text(max_size=3), max_size=2))
def test_every_place_has_features(text: str, beside: list[str]) -> None:
    assert len(list(Places(text, beside))) == len(text) + 1


def test_it_is_for_text_alone_and_a_broken_folder_is_said(tmp_path: Path) -> None:
    assert LinearEditor().refusal(TEXT) is None
    assert "answers with nothing else" in (LinearEditor().refusal(LABELS) or "")
    solved(TEXT, names(9), tmp_path)
    assert Settings.read(tmp_path).kind == "editor"
    (tmp_path / EDITS).write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match="copy the bundle again"):
        Predictor(tmp_path)


def test_numbers_are_not_learnt_by_heart(tmp_path: Path) -> None:
    """A field beside them says what is written; their own digits, no two alike, say nothing."""
    lot, codes = Random(1), {"FR": "+33", "ES": "+34", "UK": "+44", "DE": "+49", "US": "+1"}
    rows = []
    for _ in range(400):
        country, digits = lot.choice([*codes]), "".join(lot.choices("123456789", k=9))
        first = lot.randint(2, 4)
        grouped = lot.choice(" -./").join([digits[:first], digits[first:]])
        marked = f"({digits[:3]}){digits[3:]}"
        written = lot.choice([grouped, f"0{grouped}", f"{codes[country]} {grouped}", marked])
        rows.append(Example({"country": country, "phone": written}, codes[country] + digits))
    task = replace(TEXT, inputs=(Field("country"), Field("phone")))
    said = solved(task, rows[:300], tmp_path).predict([row.input for row in rows[300:]])
    assert sum(each.output == row.output for each, row in zip(said, rows[300:], strict=True)) >= 96


@given(st.sets(st.text(alphabet="abcdefgh", min_size=1, max_size=3), min_size=2))
def test_what_a_letter_may_write_is_tried_in_one_order(texts: set[str]) -> None:
    """Not in that of a set, which hangs on the process: ties would then end differently."""
    table = Table(dict.fromkeys((("x", text) for text in texts), 1.0))
    for text in texts:
        found = [text[:length] for length, _ in table.known("x", text, 0, 8)]
        assert found == sorted(found)
