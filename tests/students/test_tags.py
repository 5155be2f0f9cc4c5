"""Several spans an answer: tags of tokens to characters and back, windows, and what a tiny model learns."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CITIES, PEOPLE, Here

from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.shapes import Found
from p2m.deploy.serving.shapes import Layout as Written
from p2m.deploy.serving.tagging import best_path
from p2m.errors import DataError, UserError
from p2m.metrics.exact_match import ExactMatch
from p2m.students.encoder import EncoderLearner
from p2m.students.heads.tags import TagHead
from p2m.students.labels import labels_of
from p2m.students.minilm import MiniLM
from p2m.students.spans import placed
from p2m.training.base import fit
from p2m.types import Example, Field, Layout, Task, TaskType, Training

TYPED = Task(
    TaskType.EXTRACTION,
    "Say who is at home, and who is not.",
    (Field("text"),),
    Field("people"),
    ("absent", "resident"),
    layout=Layout(has_types=True),
)
NAMES = Task(
    TaskType.EXTRACTION, "List the names.", (Field("text"),), Field("names"), none="N/A",
    layout=Layout(style="text", between="; "),
)  # fmt: skip


def typed(text: str, *spans: tuple[str, str]) -> Example:
    """A row whose spans have their places: the first occurrence of each."""
    found = [
        {"type": kind, "text": span, "start": text.index(span), "end": text.index(span) + len(span)}
        for kind, span in spans
    ]
    return Example({"text": text}, json.dumps(found, ensure_ascii=False))


def homes() -> list[Example]:
    """The same names live somewhere or are away: only what stands around them tells."""
    rows = []
    for i, person in enumerate(PEOPLE):
        for j, city in enumerate(CITIES):
            other = PEOPLE[(i + j + 1) % len(PEOPLE)]
            if other == person or (i + j) % 5 == 0:
                rows.append(typed(f"who is in {city}?"))
            elif j % 2:
                text = f"{other} is away. {person} lives in {city}."
                rows.append(typed(text, ("absent", other), ("resident", person)))
            else:
                text = f"{person} lives in {city}. {other} is away."
                rows.append(typed(text, ("resident", person), ("absent", other)))
    return rows


def learner_of(student: MiniLM, task: Task) -> Any:
    learner = student.prepare(task, task.labels, seed=0)
    assert isinstance(learner, EncoderLearner)
    return learner


def told(student: MiniLM, task: Task, rows: list[Example], max_length: int = 512) -> list[str]:
    """What is answered where the logits say what the rows teach."""
    return sure(learner_of(student, task).head, rows, max_length)


def sure(head: Any, rows: list[Example], max_length: int) -> list[str]:
    features = head.encode(rows, max_length=max_length)
    width = head.projections(head.settings)[0].size
    outputs = []
    for feature in features:
        logits = np.zeros((len(feature["tags"]), width))
        for place, tag in enumerate(feature["tags"]):
            logits[place, max(tag, 0)] = 9.0
        outputs.append({"tags": logits})
    inputs = [row.input for row in rows]
    return [answer.output for answer in head.answers(inputs, head.items(inputs), outputs)]


def test_a_path_is_the_best_of_all_whole_ones() -> None:
    generator = np.random.default_rng(0)
    for size, types in itertools.product((1, 2, 3, 4), (1, 2)):
        scores = generator.normal(size=(size, 1 + 4 * types))
        whole = [path for path in itertools.product(range(1 + 4 * types), repeat=size) if is_whole(path)]
        best = max(whole, key=lambda path: sum(scores[range(size), path]))
        assert best_path(scores) == list(best)


def is_whole(path: tuple[int, ...]) -> bool:
    letters = "".join("O" if tag == 0 else "BIES"[(tag - 1) % 4] for tag in path)
    kinds = "".join("O" if tag == 0 else str((tag - 1) // 4) for tag in path)
    place = 0
    while place < len(path):
        if letters[place] in "OS":
            place += 1
            continue
        end = letters.find("E", place)
        if letters[place] != "B" or end < 0 or set(letters[place + 1 : end]) - {"I"}:
            return False
        if len(set(kinds[place : end + 1])) > 1:
            return False
        place = end + 1
    return True


SCRIPTS = [
    typed("Ada lives in Rome.", ("resident", "Ada")),
    typed("昨日東京都で田中さんが話した。", ("absent", "東京都"), ("resident", "田中")),
    typed("قابلت ليلى في القاهرة أمس", ("resident", "ليلى"), ("absent", "القاهرة")),
    typed(
        "Zoë 👩\u200d👧 met José\u0301 at “Café-Bar”.",
        ("resident", "Zoë"), ("absent", "José\u0301"), ("absent", "Café-Bar"),
    ),
    typed("weighs 10km, not 12 kg", ("absent", "10"), ("resident", "km"), ("absent", "12 kg")),
    typed("\n  padded   text \t", ("resident", "padded   text")),
    typed("nothing here"),
]  # fmt: skip


def test_offsets_are_exact_in_any_script(tiny_minilm: MiniLM) -> None:
    assert told(tiny_minilm, TYPED, SCRIPTS) == [row.output for row in SCRIPTS]


def unigram() -> Any:
    """As of XLM-R: a blank belongs to the word after it, and a word to the punctuation that follows."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = [chr(each) for each in range(33, 127)]
    words = [f"▁{each}" for each in (*PEOPLE, *CITIES, "lives", "in")]
    scored = [
        ("<unk>", 0.0),
        ("▁", -3.0),
        *((each, -9.0) for each in letters),
        *((each, -4.0) for each in words),
    ]
    made = Tokenizer(models.Unigram(scored, unk_id=0))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    return made


def byte_level() -> Any:
    """As of RoBERTa and ModernBERT: a letter may be several tokens of one place."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({each: i for i, each in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return made


@pytest.mark.parametrize("make", [unigram, byte_level])
@pytest.mark.parametrize("length", [17, 400])
def test_offsets_are_exact_whatever_the_tokenizer(make: Any, length: int) -> None:
    settings = Settings("tags", ("text",), "text", TYPED.labels, length, 5, layout=Written(has_types=True))
    rows = [
        typed("Ada lives in Rome, (Ben)!", ("resident", "Ada"), ("absent", "Rome"), ("resident", "Ben")),
        typed("in 12kg, Gus-Hugo", ("absent", "12"), ("resident", "kg"), ("absent", "Hugo")),
        typed("  Cleo   lives ", ("resident", "Cleo   lives")),
    ]  # fmt: skip
    if make is byte_level:
        rows += [SCRIPTS[1], SCRIPTS[2], SCRIPTS[4]]
    assert sure(TagHead(settings, make()), rows, length) == [row.output for row in rows]


@pytest.mark.parametrize("length", [12, 20, 33])
def test_windows_are_merged_into_one_text(tiny_minilm: MiniLM, length: int) -> None:
    text = " ".join(f"{PEOPLE[i % 8]} is away, number {i}!" for i in range(40))
    spans = [
        {"type": TYPED.labels[i % 2], "text": text[start:end], "start": start, "end": end}
        for i in range(0, 40, 3)
        for start in [text.index(f"{PEOPLE[i % 8]} is away, number {i}!")]
        for end in [text.index("!", start)]
    ]
    row = Example({"text": text}, json.dumps(spans))
    student = MiniLM(model=tiny_minilm.model, sha256="", window=length, stride=5)
    assert len(learner_of(student, TYPED).head.items([row.input])) > 10
    assert told(student, TYPED, [row, SCRIPTS[0]]) == [row.output, SCRIPTS[0].output]


def test_spans_of_texts_are_written_as_the_rows_write_them(tiny_minilm: MiniLM) -> None:
    rows = [
        Example({"text": "Ada met Ben. Ada left."}, "Ada; Ben"),
        Example({"text": "Gus met Hugo and Gus Jr."}, "Gus; Hugo; Gus Jr"),
        Example({"text": "Nobody was there."}, "N/A"),
    ]
    assert told(tiny_minilm, NAMES, rows) == ["Ada; Ben", "Gus; Hugo; Gus Jr", "N/A"]


@pytest.mark.parametrize(
    ("context", "spans", "found", "unsure"),
    [
        ("2 of room 2", ["2"], [(0, 1)], [(10, 11)]),
        ("2 of room 2", ["2", "2"], [(0, 1), (10, 11)], []),
        ("in May may Ann or may not", ["Ann", "may"], [(11, 14), (18, 21)], [(7, 10)]),
        ("York, not New York", ["New York", "York"], [(0, 4), (10, 18)], []),
        ("only New York", ["York", "New York"], [(5, 13)], []),
        ("theater at the sea", ["the"], [(11, 14)], []),
        ("Straßenbahn", ["bahn"], [(7, 11)], []),
    ],
)
def test_spans_without_places_are_found(
    context: str, spans: list[str], found: list[tuple[int, int]], unsure: list[tuple[int, int]]
) -> None:
    known = placed(context, [Found(each) for each in spans])
    assert known is not None
    assert [each.place for each in known.found] == found
    assert list(known.unsure) == unsure


def test_a_place_that_is_a_little_off_finds_the_nearest() -> None:
    known = placed("Ann and Ann and Ann", [Found("Ann", start=9, end=12)])
    assert known is not None
    assert [each.place for each in known.found] == [(8, 11)]
    assert placed("Ann and Ben", [Found("Cleo")]) is None


def test_rows_that_cannot_be_expressed_teach_nothing_and_bad_ones_are_said(tiny_minilm: MiniLM) -> None:
    head = learner_of(tiny_minilm, TYPED).head
    missing = Example({"text": "Ben is away."}, '[{"type": "absent", "text": "Ada"}]')
    assert head.encode([missing, SCRIPTS[0]], max_length=40)[0]["row"] == 1
    other = Example({"text": "Ben is away."}, '[{"type": "absentt", "text": "Ben"}]')
    with pytest.raises(DataError, match="did you mean 'absent'"):
        head.encode([other], max_length=40)
    with pytest.raises(DataError, match="not a JSON list"):
        head.encode([Example({"text": "Ben"}, '{"a": 1}')], max_length=40)
    with pytest.raises(UserError, match=r"task\.labels"):
        tiny_minilm.prepare(Task(TYPED.type, "", TYPED.inputs, TYPED.output, layout=TYPED.layout), (), seed=0)
    assert labels_of(Task(TYPED.type, "", TYPED.inputs, TYPED.output, layout=TYPED.layout), SCRIPTS) == (
        "absent",
        "resident",
    )


def test_what_surrounds_a_name_is_learnt_and_served(tiny_minilm: MiniLM, here: Here, tmp_path: Path) -> None:
    rows = homes()
    train, test = rows[::2] + rows[1::4], rows[3::4]
    learner = learner_of(tiny_minilm, TYPED)
    training = Training(epochs=40, batch_size=16, learning_rate=1e-2, max_length=40)
    trained = fit(
        learner, train, (), student=tiny_minilm, training=training, metric=ExactMatch(), seed=0, run=here
    )
    assert trained.checkpoint is not None
    learner.model.eval()
    inputs = [row.input for row in test]
    said = learner.predict(test, batch_size=8, device="cpu")
    right = sum(answer == row.output for answer, row in zip(said, test, strict=True))
    assert right >= 0.9 * len(test)
    tiny_minilm.export(TYPED, TYPED.labels, trained.checkpoint, tmp_path / "model")
    predictor = Predictor(tmp_path / "model")
    for size in (1, 8):
        answers = predictor.predict(inputs, batch_size=size)
        assert [answer.output for answer in answers] == said
        assert all(0 <= answer.score <= 1 for answer in answers)
    assert predictor.settings.shape == "spans"
