"""What teachers will be asked is known before anything is sent: requests, tokens, money."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2m.project import load
from p2m.questions import survey
from p2m.teacher_forecast import Asking, TeacherForecast, teacher_forecast

RECIPE = """\
defaults: [base, override teacher: compatible, override student: linear_tfidf, _self_]
prompt: "Say which team answers a message. The labels are billing and delivery."
teacher: {model: small, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 5}}
data: {inputs: mine.txt}
generation: {num_examples: 60}
"""


def forecast(folder: Path, *overrides: str) -> TeacherForecast:
    (folder / "desk.yaml").write_text(RECIPE)
    (folder / "mine.txt").write_text("".join(f"Where is parcel {number}?\n" for number in range(30)))
    project = load(folder / "desk.yaml", overrides)
    return teacher_forecast(project.composed.spec, project.task, survey(project))


def by_step(told: TeacherForecast) -> dict[str, Asking]:
    return {one.step: one for one in told.steps}


def test_real_inputs_are_answered_and_what_they_leave_is_invented(tmp_path: Path) -> None:
    steps = by_step(forecast(tmp_path))
    assert [steps[f"answer-{turn}"].requests.low for turn in (1, 2)] == [30, 30]
    assert steps["invent"].requests.low == 6  # thirty inputs, five a request
    assert set(steps) == {"attributes", "answer-1", "invent", "answer-2"}
    assert "invent" not in by_step(forecast(tmp_path, "generation.num_examples=20"))
    only = by_step(forecast(tmp_path, "generation.num_examples=0"))
    assert set(only) == {"answer"}
    assert only["answer"].requests.low == 30


def test_rounds_draw_the_real_inputs_first(tmp_path: Path) -> None:
    steps = by_step(forecast(tmp_path, "generation.rounds=3"))
    assert "invent-1" not in steps
    assert [steps[f"invent-{turn}"].requests.low for turn in (2, 3)] == [2, 4]
    assert [steps[f"answer-{turn}"].requests.low for turn in (1, 2, 3)] == [20, 20, 20]


def test_votes_cost_between_half_and_all_of_their_samples(tmp_path: Path) -> None:
    one, three = (by_step(forecast(tmp_path, f"generation.samples={n}"))["answer-1"].requests for n in (1, 3))
    assert (three.low, three.high) == (2 * one.low, pytest.approx(3 * one.high))


def test_a_temperature_that_cannot_be_set_is_said(tmp_path: Path) -> None:
    none = "teacher.takes_temperature=false"
    assert any("does nothing" in note for note in forecast(tmp_path, none, "temperature=annealed").notes)
    assert not any("does nothing" in note for note in forecast(tmp_path, none).notes)
    assert not any("does nothing" in note for note in forecast(tmp_path, "temperature=annealed").notes)


def test_labels_that_nobody_names_are_missed(tmp_path: Path) -> None:
    def notes(*overrides: str) -> str:
        return "\n".join(forecast(tmp_path, "prompt='Classify messages by topic.'", *overrides).notes)

    (tmp_path / "rows.csv").write_text("text,label\n" + "Where is it?,delivery\nI paid twice,billing\n" * 9)
    assert "list them as task.labels" in notes()
    assert "task.labels" not in notes("data.train=rows.csv")
    assert not forecast(tmp_path).notes


def test_money_follows_the_price_and_an_unknown_one_is_said(tmp_path: Path) -> None:
    cheap, dear = (forecast(tmp_path, f"teacher.price.output={price}") for price in (5, 10))
    assert cheap.cost is not None
    assert dear.cost is not None
    answer = by_step(cheap)["answer-1"]
    assert answer.cost is not None
    assert answer.cost.low == pytest.approx((answer.input_tokens.low + 5 * answer.output_tokens.low) / 1e6)
    assert cheap.cost.low < dear.cost.low
    unknown = forecast(tmp_path, "teacher.price=null")
    assert unknown.cost is None
    assert any("is not known here; give it" in note for note in unknown.notes)


def test_what_is_asked_of_found_datasets_is_counted_at_its_most(tmp_path: Path) -> None:
    (tmp_path / "sets" / "calls").mkdir(parents=True)
    (tmp_path / "sets" / "calls" / "train.jsonl").write_text('{"said": "hello", "end": "billing"}\n')
    found = ("retriever=bm25", "retriever.sources=[sets]", "retriever.limit=4")
    wish = "retriever.transform={calls: {prompt: 'The text is what was said.', rows: 9}}"
    steps = by_step(forecast(tmp_path, *found, "retriever.proposals=2", wish))
    asked = {name: (steps[name].requests.low, steps[name].requests.high) for name in steps}
    assert (asked["settle"], asked["reshape"], asked["rewrite"]) == ((0, 4), (0, 6), (1, 9))
    assert all(steps[name].cost is not None for name in ("settle", "reshape", "rewrite"))
    without = by_step(forecast(tmp_path, *found, "retriever.proposals=0"))
    assert not {"reshape", "rewrite"} & set(without)
