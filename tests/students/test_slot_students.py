"""Slots: spans whose values are copied, counted on from a number, or learnt by heart."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from conftest import CITIES, PEOPLE, SPANS, TEXT, Here

from p2m.deploy.serving.copies import PAD, arrays
from p2m.deploy.serving.slots import CLOSES, HEAD, OPENS, short_text
from p2m.engine.handles import Device
from p2m.metrics.exact_match import ExactMatch
from p2m.students.rewriter import FEWEST_PIECES, learnt_pieces
from p2m.students.slots import Slots
from p2m.training.base import fit
from p2m.types import Example, Field, Layout, Task, TaskType, Training

AMOUNTS = Task(
    TaskType.EXTRACTION, "List what things weigh, in grams, and where they are kept.", (Field("text"),),
    Field("slots"), none="none", layout=Layout(style="text", has_values=True),
)  # fmt: skip


def amounts(number: int, seed: int) -> list[Example]:
    """Units are known by heart, numbers copied; the box is the next one to that which the row begins with."""
    rng, rows = Random(seed), []
    for _ in range(number):
        box, person, city = rng.randrange(10, 90), rng.choice(PEOPLE), rng.choice(CITIES)
        amount, (unit, written) = rng.randrange(1, 1000), rng.choice((("kg", "{}000 g"), ("g", "{} g")))
        text, spans = f"box {box}. {person} is in {city}", []
        if rng.random() < 0.6:
            text += f" with {amount} {unit}"
            spans.append(f"{amount} {unit} == {written.format(amount)}")
        if rng.random() < 0.5:
            text += ", the next box"
            spans.append(f"the next box == {box + 1}")
        rows.append(Example({"text": f"{text}."}, " | ".join(spans) or "none", source="made:amounts"))
    return rows


def test_values_are_learnt_from_few_rows(tiny_slots: Slots, here: Here) -> None:
    train, test = amounts(300, 1), amounts(60, 2)
    student = replace(tiny_slots, values=5000)
    learner = student.prepare(AMOUNTS, (), seed=0)
    training = Training(epochs=3, batch_size=16, learning_rate=6e-3, max_length=48)
    trained = fit(
        learner, train, (), student=student, training=training, metric=ExactMatch(), seed=0, run=here
    )
    assert not any("teach nothing" in line for line in here.lines)
    assert trained.checkpoint is not None
    assert trained.fit.parameters == student.parameters + 3 * 33  # five tags, where two outputs are counted
    learner.model.eval()
    said = learner.predict(test, batch_size=8, device="cpu")
    right = sum(answer == row.output for answer, row in zip(said, test, strict=True))
    assert right >= 0.9 * len(test), [
        (row.input, answer) for row, answer in zip(test, said, strict=True) if answer != row.output
    ]


def test_what_is_learnt_is_what_is_written(tiny_slots: Slots) -> None:
    import torch

    learner: Any = tiny_slots.prepare(AMOUNTS, (), seed=3)
    features = learner.encode(amounts(30, 4), max_length=48)
    pack = next(each for each in features if "pairs" in each)
    (read, value), model = pack["pairs"][0], learner.model.rewriter.eval()
    feed = {name: torch.from_numpy(each) for name, each in arrays([read], len(read.ids)).items()}
    with torch.no_grad():
        told = model(feed["source"], feed["places"], feed["mask"], torch.tensor([value]))[0]
        seen, past, written = model.read(feed["source"], feed["places"], feed["mask"]), [], []
        for before, piece in zip([PAD, *value], value, strict=False):
            shares, *past = model.write(torch.tensor([[before]]), feed["source"], feed["mask"], seen, past)
            assert float(shares.exp().sum()) == pytest.approx(1, abs=1e-3)
            written.append(float(shares[0, 0, piece]))
    assert written == pytest.approx(told.tolist(), abs=1e-4)


def test_a_short_text_has_the_beginning_the_span_and_what_is_near(tiny_slots: Slots) -> None:
    settings = tiny_slots.prepare(AMOUNTS, (), seed=0).settings  # type: ignore[attr-defined]
    text = "Since 2019: " + "word " * 40 + f"{OPENS}12 kg{CLOSES} more " + "tail " * 20
    start = text.index("12 kg")
    short = short_text({"text": text}, settings, start, start + 5)
    assert short.startswith(text[:HEAD])
    assert f"{OPENS}12 kg{CLOSES}" in short
    assert short.count(OPENS) == short.count(CLOSES) == 1  # a mark in the row is a blank
    assert len(short) < 140
    assert short_text({"text": "12 kg"}, settings, 0, 5).endswith(f"{OPENS}12 kg{CLOSES}")


def test_spans_may_have_a_type_and_a_value(tiny_slots: Slots) -> None:
    task = Task(
        TaskType.EXTRACTION, "", (Field("question"), Field("text")), Field("found"), ("amount", "place"),
        layout=Layout(has_types=True, has_values=True),
    )  # fmt: skip
    spans = [
        {"type": "amount", "text": "3 kg", "value": "3000 g", "start": 4, "end": 8},
        {"type": "place", "text": "rome", "value": "IT", "start": 12, "end": 16},
    ]
    rows = [Example({"question": "what?", "text": "Ada 3 kg in rome."}, json.dumps(spans))]
    learner: Any = tiny_slots.prepare(task, task.labels, seed=0)
    features = learner.encode(rows, max_length=48)
    pairs = {
        (learner._reader.decode(read.ids), learner._reader.decode(value))
        for each in features for read, value in each.get("pairs", ())
    }  # fmt: skip
    text = "what?\n{}\nAda 3 kg in rome."
    assert {value for _, value in pairs} == {"3000 g", "IT"}
    assert {"".join(c for c in source if c >= "\n") for source, _ in pairs} == {
        text.format("amount"), text.format("place"),
    }  # fmt: skip
    said = json.loads(learner.predict(rows, batch_size=1, device="cpu")[0])
    assert all(set(each) == {"type", "text", "value", "start", "end"} for each in said)


def test_short_numbers_come_in_pairs_of_digits_and_any_text_can_be_spelled() -> None:
    pieces = learnt_pieces(["call 2013 or 12345"], FEWEST_PIECES)
    for text, tokens in (("2013-04 7", "20 13 - 04 Ġ 7"), ("130 20130", "1 3 0 Ġ 2 0 1 3 0")):
        assert pieces.encode(text).tokens == tokens.split()
    for text in ("日本 ☃ ½", "a\tb", "1,234.50 €"):
        assert pieces.decode(pieces.encode(text).ids) == text
    assert learnt_pieces(["call 2013 or 12345"], FEWEST_PIECES).to_str() == pieces.to_str()


@pytest.mark.parametrize("task", [TEXT, SPANS])
def test_other_tasks_are_refused_in_words(tiny_slots: Slots, task: Task) -> None:
    assert "a value for each" in (tiny_slots.refusal(task) or "")


def test_sizes_that_cannot_be_are_refused(tiny_slots: Slots) -> None:
    assert tiny_slots.refusal(AMOUNTS) is None
    assert "bytes and pairs of digits" in (replace(tiny_slots, pieces=300).refusal(AMOUNTS) or "")
    assert "multiple of heads" in (replace(tiny_slots, heads=5).refusal(AMOUNTS) or "")


def test_rows_without_a_span_are_learnt_too(tiny_slots: Slots, here: Here) -> None:
    learner = tiny_slots.prepare(AMOUNTS, (), seed=0)
    rows = [Example({"text": f"{person} is away."}, "none") for person in PEOPLE]
    training = Training(epochs=1, batch_size=8, max_length=48)
    fit(learner, rows, (), student=tiny_slots, training=training, metric=ExactMatch(), seed=0, run=here)
    assert learner.predict(rows, batch_size=8, device="cpu")


class _Killed(BaseException):
    """What nothing catches."""


class _Mortal(Here):
    """A run that ends at a step, with what is on the disk by then."""

    last = 0

    def progress(self, done: int, total: int, note: str = "") -> None:
        super().progress(done, total, note)
        if done == self.last:
            raise _Killed


def test_a_killed_training_goes_on_and_ends_as_if_it_had_not_been(
    tiny_slots: Slots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2m.training.trainer.KEEP_EVERY", 0.0)
    rows, student = amounts(60, 1), replace(tiny_slots, values=600)
    training = Training(epochs=2, batch_size=16, learning_rate=6e-3, max_length=48, evaluations=3)
    made = []
    for name, ends in (("killed", (9, 0)), ("whole", (0,))):
        for last in ends:
            run = _Mortal(tmp_path / name, Device(type="cpu", threads=1))
            run.folder.mkdir(exist_ok=True)
            run.last = last
            learner = student.prepare(AMOUNTS, (), seed=0)
            with pytest.raises(_Killed) if last else nullcontext():
                made.append(
                    fit(learner, rows[:40], rows[40:], student=student, training=training,
                        metric=ExactMatch(), seed=0, run=run)
                )  # fmt: skip
        assert (run.seen[0][0] == 1) == (name == "whole")
    resumed, whole = (sorted(each.checkpoint.iterdir()) for each in made)  # type: ignore[union-attr]
    assert [path.name for path in resumed] == [path.name for path in whole]
    assert [path.read_bytes() for path in resumed] == [path.read_bytes() for path in whole]
    assert made[0].fit == made[1].fit


def test_what_a_plan_says_of_steps_is_near_to_what_is_taken(tiny_slots: Slots) -> None:
    rows = [row for row in amounts(300, 5) if row.output != "none"]
    for student in (tiny_slots, replace(tiny_slots, rows=100)):
        taken = len(student.prepare(AMOUNTS, (), seed=0).encode(rows, max_length=48))
        assert 0.8 < student.features(len(rows)) / taken < 1.25
