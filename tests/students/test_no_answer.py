"""Questions without an answer: what an encoder learns of them, and from which margin on it gives one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import QA, rows_of

from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.spans import SpanReader
from p2m.metrics.exact_match import ExactMatch
from p2m.students.deciding import with_none
from p2m.students.minilm import MiniLM
from p2m.types import Example

NONE = replace(QA, none="N/A")


@pytest.fixture(scope="module")
def reader(tiny_bert: Path) -> SpanReader:
    from tokenizers import Tokenizer

    settings = Settings("span", ("question", "context"), "context", max_length=40, max_answer=5, none="N/A")
    return SpanReader(settings, Tokenizer.from_file(str(tiny_bert / "tokenizer.json")))


def test_every_window_of_a_row_without_an_answer_points_at_its_first_token(tiny_bert: Path) -> None:
    row = rows_of(QA)[0]
    rows = [row, replace(row, output="N/A"), replace(row, output="nowhere to be seen")]
    student = MiniLM(model=str(tiny_bert), sha256="", window=40, stride=8)
    features = student.prepare(NONE, (), seed=0).encode(rows, max_length=40)
    ends = {each["row"]: (each["start_positions"], each["end_positions"]) for each in features}
    assert ends[0] != (0, 0)
    assert ends[1] == (0, 0)
    assert 2 not in ends
    assert {each["row"] for each in student.prepare(QA, (), seed=0).encode(rows, max_length=40)} == {0}


def test_the_first_token_and_the_threshold_decide_whether_there_is_one(reader: SpanReader) -> None:
    row = dict(rows_of(QA)[0].input)
    (window,) = reader.windows([row])
    place = int(np.flatnonzero(window.opens & window.closes)[0])
    logits = np.zeros(len(window.ids))
    logits[place] = 3.0
    said = reader.answers([row], [window], [logits], [logits])[0]
    assert said.output == row["context"][window.starts[place] : window.ends[place]]
    logits[0] = 5.0
    none = reader.answers([row], [window], [logits], [logits])[0]
    assert (none.output, none.score > 0.9) == ("N/A", True)
    reader.settings = replace(reader.settings, threshold=-5.0)
    kept = reader.answers([row], [window], [logits], [logits])[0]
    assert (kept.output, kept.score < 0.1) == (said.output, True)
    reader.settings = replace(reader.settings, none=None)
    assert reader.answers([row], [window], [logits], [logits])[0].score > kept.score


def test_the_margin_is_the_one_that_rows_like_best() -> None:
    settings = Settings("span", ("context",), "context", none="N/A")
    spans = [(Answer("Ada", 0.9), margin) for margin in (3.0, 2.5, 1.0, 0.5, -1.0)]
    rows = [Example({"context": "Ada"}, text) for text in ("Ada", "Ada", "N/A", "N/A", "N/A")]
    assert with_none(settings, spans, rows, ExactMatch()).threshold == 1.0
    assert with_none(settings, spans, rows[:2] * 2 + rows[:1], ExactMatch()).threshold == 0.0
