"""Linear taggers: what is solved is served, in any script, one span or several, over words and states."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_tags import NAMES, TYPED, homes, typed

from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.settings import BundleError
from p2m.deploy.serving.states import SCALE, open_states
from p2m.deploy.serving.tagger import FEATURES, best_span, words_of
from p2m.deploy.serving.tagging import best_path, follows, likeliest
from p2m.errors import DataError
from p2m.students.linear_tagger import LinearTagger
from p2m.students.linear_tagger_minilm import LinearTaggerMiniLM
from p2m.types import Example, Field, Lesson, LinearStudent, Task, TaskType

ORDER = Task(TaskType.EXTRACTION, "Quote the order number.", (Field("text"),), Field("order"), none="N/A")


def solved(student: LinearStudent, task: Task, rows: Sequence[Example], folder: Path) -> Predictor:
    encoder = folder / "encoder"
    if student.encoder is not None:
        student.encoder.export(encoder)
    lesson = Lesson(task, task.labels, tuple(rows), None, encoder if student.encoder else None)
    student.solve(lesson, folder / "solved")
    student.export(task, task.labels, folder / "solved", folder / "exported")
    return Predictor(folder / "exported")


def said(model: Predictor, *texts: str) -> list[str]:
    return [each.output for each in model.predict([{"text": text} for text in texts], batch_size=3)]


def right(model: Predictor, rows: Sequence[Example]) -> float:
    answers = said(model, *(row.input["text"] for row in rows))
    return sum(one == row.output for one, row in zip(answers, rows, strict=True)) / len(rows)


@pytest.mark.parametrize("family", ["words", "states"])
def test_what_stands_around_a_name_tells_its_type(family: str, tiny_bert: Path, tmp_path: Path) -> None:
    student: LinearStudent = LinearTagger()
    if family == "states":
        student = LinearTaggerMiniLM(model=str(tiny_bert), sha256="", layers=1, window=24)
    rows = homes()
    random.Random(0).shuffle(rows)
    model = solved(student, TYPED, rows[:32], tmp_path)
    assert right(model, rows[32:]) >= 0.9
    assert json.loads(said(model, "Zoe lives in Rome. Ada is away.")[0]) == [  # a name that no row has
        {"type": "resident", "text": "Zoe", "start": 0, "end": 3},
        {"type": "absent", "text": "Ada", "start": 19, "end": 22},
    ]


def test_one_span_or_none(tmp_path: Path) -> None:
    codes = {n: f"#{n * 731 % 9000}" for n in range(1, 25)}
    rows = [
        Example({"text": f"where is my order {code}, bought on {n} May?"}, code) for n, code in codes.items()
    ]
    rows += [Example({"text": f"I need {n} chairs by {n} May"}, "N/A") for n in range(1, 25)]
    model = solved(LinearTagger(), ORDER, rows, tmp_path)
    assert said(model, "my order #4417, please. It is 9 May", "I need 33 lamps by 8 May") == ["#4417", "N/A"]
    each = solved(LinearTagger(), replace(ORDER, none=None), rows[:24], tmp_path / "each")
    assert said(each, "hm, it is 7781")[0]  # a row has an answer, however unlike the rows learnt from


def test_spans_by_their_text_alone_and_rows_without_any(tmp_path: Path) -> None:
    rows = [Example({"text": f"{one} met {two} and {one}."}, f"{one}; {two}")
            for one in ("Ada", "Ben", "Cleo") for two in ("Dora", "Emil", "Fay")]  # fmt: skip
    rows += [Example({"text": f"nobody met in {place}."}, "N/A") for place in ("Rome", "Oslo")]
    model = solved(LinearTagger(), NAMES, [*rows, Example({"text": "who?"}, "Gus")], tmp_path)
    assert said(model, "Fay met Ada and Fay.", "nobody met in Lima.") == ["Fay; Ada", "N/A"]
    with pytest.raises(DataError, match="type 'guest'"):
        solved(LinearTagger(), TYPED, [typed("Ada is here", ("guest", "Ada"))], tmp_path / "unknown")


def test_nothing_to_learn_from_answers_all_the_same(tmp_path: Path) -> None:
    assert said(solved(LinearTagger(), TYPED, [], tmp_path), "Ada lives in Rome") == ["[]"]
    assert said(solved(LinearTagger(), TYPED, [typed("who?")], tmp_path / "one"), "Ada is away") == ["[]"]


@given(st.lists(st.lists(st.floats(-9, 0), min_size=9, max_size=9), max_size=5))
def test_the_likeliest_sequence_is_whole_and_without_moves_the_best_path(rows: list[list[float]]) -> None:
    if not rows:
        return
    scores, may = np.array(rows), follows(9)
    path = likeliest(scores, np.where(may, 0.0, -1e9))
    assert all(may[one, two] for one, two in pairwise([9, *path, 9]))
    best = best_path(scores)
    worth = [scores[np.arange(len(rows)), each].sum() for each in (path, best)]
    assert worth[0] == pytest.approx(worth[1])


def test_moves_tell_where_words_do_not(tmp_path: Path) -> None:
    rows = [
        typed(f"{one} {two}", ("absent", one), ("resident", two))
        for one in ("Ada", "Ben")
        for two in ("Fay", "Gus")
    ]
    rows += [typed(f"{one}", ("absent", one)) for one in ("Cleo", "Dora")]
    model = solved(LinearTagger(), TYPED, rows, tmp_path)
    assert [each["type"] for each in json.loads(said(model, "Zoe Xerxes")[0])] == ["absent", "resident"]


@given(st.text(max_size=40))
def test_words_cover_all_but_blanks_in_order(text: str) -> None:
    words = words_of(text)
    assert all(start < end for start, end in words)
    assert all(one[1] <= two[0] for one, two in pairwise(words))
    left = set(range(len(text))) - {place for start, end in words for place in range(start, end)}
    assert all(text[place].isspace() for place in left)


def test_words_of_any_script() -> None:
    def words(text: str) -> list[str]:
        return [text[start:end] for start, end in words_of(text)]

    assert words("Order #A17-x, 3kg") == ["Order", "#", "A", "17", "-", "x", ",", "3", "kg"]
    assert words("東京へ行く ok") == [*"東京へ行く", "ok"]
    assert words("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]
    assert words("cafe\u0301 zu") == ["cafe\u0301", "zu"]


@given(st.lists(st.lists(st.floats(-9, 0), min_size=5, max_size=5), min_size=1, max_size=6))
def test_the_best_span_is_the_best_of_all(rows: list[list[float]]) -> None:
    shares = np.array(rows)
    over = shares[:, 1:] - shares[:, :1]

    def worth(first: int, last: int) -> float:
        if first == last:
            return float(over[first, 3])
        return float(over[first, 0] + over[first + 1 : last, 1].sum() + over[last, 2])

    spans = [(first, last) for first in range(len(rows)) for last in range(first, len(rows))]
    first, last, ahead = best_span(shares)
    assert ahead == pytest.approx(worth(first, last))
    assert ahead == pytest.approx(max(worth(*each) for each in spans))


def test_states_are_those_of_the_layer_and_do_not_hang_on_the_batch(tiny_bert: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    LinearTaggerMiniLM(model=str(tiny_bert), sha256="", layers=1).encoder.export(tmp_path)
    texts = ["Ada lives in Rome. Ben is away.", "who?", ""]
    words = [words_of(text) for text in texts]
    found = open_states(tmp_path, window=40, threads=1).of(texts, words, 8)
    assert [len(each) for each in found] == [9, 2, 0]
    read: Any = AutoTokenizer.from_pretrained(str(tiny_bert))(texts[0], return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(str(tiny_bert))(**read, output_hidden_states=True).hidden_states[1]
    first = states[0, 1] / states[0, 1].norm()  # Ada is one token, behind [CLS]
    assert found[0][0] == pytest.approx(SCALE * first.numpy(), abs=1e-4)
    alone = open_states(tmp_path, window=40, threads=1).of(texts[:1], words[:1], 1)
    assert alone[0] == pytest.approx(found[0])


def test_a_text_that_the_tokenizer_leaves_nothing_of_is_answered(tiny_bert: Path, tmp_path: Path) -> None:
    student = LinearTaggerMiniLM(model=str(tiny_bert), sha256="", layers=1, window=24)
    model = solved(student, TYPED, [*homes(), typed("\u200b")], tmp_path)  # no blank, and no token
    assert said(model, "\u200b") == ["[]"]
    assert said(model, "\u200b", "who?") == ["[]", "[]"]


def test_long_texts_are_read_to_their_end(tiny_bert: Path, tmp_path: Path) -> None:
    model = solved(
        LinearTaggerMiniLM(model=str(tiny_bert), sha256="", layers=1, window=12), TYPED, homes(), tmp_path
    )
    text = "who is in Rome? " * 30 + "Ada lives in Oslo. Ben is away."
    assert [each["text"] for each in json.loads(said(model, text)[0])] == ["Ada", "Ben"]


def test_it_refuses_what_others_learn(tmp_path: Path) -> None:
    assert LinearTagger().refusal(TYPED) is None
    assert LinearTagger().refusal(ORDER) is None
    valued = replace(TYPED, layout=replace(TYPED.layout, has_values=True))  # type: ignore[arg-type,type-var]
    assert "student=slots" in (LinearTagger().refusal(valued) or "")
    assert "several inputs" in (LinearTagger().refusal(replace(TYPED, inputs=(Field("a"), Field("b")))) or "")
    assert LinearTagger().refusal(replace(TYPED, type=TaskType.CLASSIFICATION))
    assert "knows en" in (LinearTaggerMiniLM().refusal(replace(TYPED, language="de")) or "")
    model = solved(LinearTagger(), TYPED, homes(), tmp_path)
    (model.folder / FEATURES).write_text("[]", encoding="utf-8")
    with pytest.raises(BundleError, match="copy the bundle again"):
        Predictor(model.folder)


def test_words_alone_take_no_torch(tmp_path: Path) -> None:
    solved(LinearTagger(), TYPED, homes(), tmp_path)
    code = (
        "import sys; from p2m.deploy.serving.predictor import Predictor;"
        f"Predictor({str(tmp_path / 'exported')!r}).predict([{{'text': 'Ada is away'}}]);"
        "print({'torch', 'onnxruntime', 'tokenizers'} & set(sys.modules))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "set()\n"
    )
