"""Several labels a row, and numbers, from rows to a verdict: split, chosen by folds, solved, judged."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import Here

from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.shapes import read_labels, read_number, write_labels, write_number
from p2m.deploy.verdict import verdict_on
from p2m.errors import DataError
from p2m.metrics.base import Metric
from p2m.metrics.mae import MAE
from p2m.metrics.micro_f1 import MicroF1
from p2m.metrics.spearman import Spearman
from p2m.stages.baselines import baselines
from p2m.stages.choose import choose
from p2m.stages.cross_validate import cross_validate
from p2m.stages.evaluate import evaluate
from p2m.stages.export import export
from p2m.stages.pick import pick
from p2m.stages.solve import solve
from p2m.stages.split import split
from p2m.stages.train import train
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.minilm import MiniLM
from p2m.types import (
    Contender,
    Decision,
    Evaluated,
    Example,
    Examples,
    Field,
    Measured,
    Requirement,
    Scale,
    Split,
    Splitting,
    Task,
    TaskType,
    Training,
    Winner,
)

TOPICS = {"colour": "red blue green", "size": "large small tiny", "smell": "sweet sour fresh"}
SETS = Task(TaskType.MULTI_LABEL, "Name all topics.", (Field("text"),), Field("labels"), tuple(TOPICS))
STARS = Task(TaskType.REGRESSION, "How many stars?", (Field("text"),), Field("value"), scale=Scale(1, 5, 1))
FILLED = ("an", "order", "came", "on", "monday", "with", "a", "note", "by", "the", "driver", "who", "left")


def rows_of(task: Task, number: int, seed: int = 0) -> list[Example]:
    lot, rows = random.Random(seed), []
    for _ in range(number):
        words = lot.sample(FILLED, 7)
        if task is SETS:
            held = [label for label in TOPICS if lot.random() < 0.4]
            words += [lot.choice(TOPICS[label].split()) for label in held]
            output = write_labels(held, SETS.labels)
        else:
            stars = lot.randint(1, 5)
            words += lot.sample(["good", "fine", "kind", "neat"], stars - 1)
            output = write_number(stars)
        lot.shuffle(words)
        rows.append(Example({"text": " ".join(words)}, output, source="user"))
    return rows


def built(task: Task, metric: Metric, rows: Sequence[Example], folder: Path) -> tuple[Split, Evaluated, Any]:
    """The linear student, as a build makes and judges it."""
    parts = split(task, Examples(tuple(rows)), None, None, splitting=Splitting(), seed=0)
    student, run = LinearTfidf(max_words=500, max_pieces=1), Here(folder)
    tried = cross_validate(
        task, parts, None, None, name="tfidf", student=student, to_choose=True, metric=metric, run=run
    )
    choice = choose(
        task, parts, None, tried, contenders=(Contender("tfidf", 1, 1, ""),), refused={}, metric=metric
    )
    made = solve(
        task, parts, Winner(choice.student), None, None, name="tfidf", student=student, metric=metric, run=run
    )
    variant = export(task, parts, made, student=student, metric=metric, seed=0, run=run)
    exported = pick(task, variant, tolerance=0.01, max_size=None)
    rivals = baselines(task, parts, None, None, students={}, metric=metric, run=run)
    evaluated = evaluate(
        task, parts, Winner("tfidf"), exported, rivals, None, tried, metrics=(metric,), bootstrap=100, seed=0,
        run=run,
    )  # fmt: skip
    return parts, evaluated, exported


def verdict(task: Task, exported: Any, evaluated: Evaluated, *required: Requirement) -> Any:
    return verdict_on(task, required, exported, evaluated, Measured(0.01, 0.01, 9.0, 5, 1, "one"))


@pytest.mark.parametrize(
    ("task", "metric", "least"), [(SETS, MicroF1(), 0.85), (STARS, Spearman(), 0.9), (STARS, MAE(), -0.5)]
)
def test_rows_choose_and_judge_and_what_beats_a_constant_ships(
    task: Task, metric: Metric, least: float, tmp_path: Path
) -> None:
    parts, evaluated, exported = built(task, metric, rows_of(task, 160), tmp_path)
    assert parts.is_cross_validated
    assert len(set(parts.folds)) == Splitting().folds
    (score,) = evaluated.scores
    assert score.low <= score.value <= score.high
    assert score.ahead(0.0) > least
    constant = {"majority", "common_label"} if task is SETS else {"median"}
    assert constant | {"nearest"} == set(evaluated.baselines)
    assert all(score.ahead(value) > 0 for value in evaluated.baselines.values())
    required = Requirement(metric.name, "<=" if metric == MAE() else ">=", abs(least))
    assert verdict(task, exported, evaluated, required).decision is Decision.SHIP
    assert all(0 <= row.correct <= 1 and 0 <= row.confidence <= 1 for row in evaluated.rows)


def test_an_error_is_required_to_be_small(tmp_path: Path) -> None:
    _, evaluated, exported = built(STARS, MAE(), rows_of(STARS, 120), tmp_path)
    value = evaluated.scores[0].value
    met = verdict(STARS, exported, evaluated, Requirement("mae", "<=", value + 0.5))
    missed = verdict(STARS, exported, evaluated, Requirement("mae", "<=", value / 2))
    assert (met.decision, missed.decision) == (Decision.SHIP, Decision.FALLS_SHORT)
    assert not any("may be" in line and "required" in line for line in met.warnings)
    near = verdict(STARS, exported, evaluated, Requirement("mae", "<=", value + 1e-6))
    assert any("may be as high as" in line for line in near.warnings)


def test_rows_that_say_nothing_ship_no_model(tmp_path: Path) -> None:
    lot = random.Random(1)
    noise = [Example(row.input, lot.choice(["1", "3", "5"]), source="user") for row in rows_of(STARS, 120)]
    _, evaluated, exported = built(STARS, Spearman(), noise, tmp_path)
    assert verdict(STARS, exported, evaluated).decision is not Decision.SHIP


def test_folds_have_every_label_in_its_share() -> None:
    rows = rows_of(SETS, 100)
    rare = [
        Example({"text": f"rare thing {n} {n * 7} {n * 31}"}, '["smell"]', source="user") for n in range(5)
    ]
    rows = [Example(row.input, write_labels(set(read_labels(row.output)) - {"smell"})) for row in rows]
    parts = split(
        SETS, Examples(tuple(Example(row.input, row.output, source="user") for row in (*rows, *rare))), None,
        None, splitting=Splitting(), seed=0,
    )  # fmt: skip
    held = [fold for row, fold in zip(parts.train, parts.folds, strict=True) if "smell" in row.output]
    assert sorted(held) == [0, 1, 2, 3, 4]


def test_what_a_rare_label_needs_to_be_named_is_fitted_on_rows_that_were_held_out(tmp_path: Path) -> None:
    rows = rows_of(SETS, 120)
    _, _, exported = built(SETS, MicroF1(), rows, tmp_path)
    assert Settings.read(exported.model).none == "[]"
    always = [row for row in rows if row.output != "[]"]
    parts, _, exported = built(SETS, MicroF1(), always, tmp_path)
    found = Settings.read(exported.model)
    assert (found.none, 0 < found.threshold < 1) == (None, True)
    answers = Predictor(exported.model).predict([{"text": "nothing of it all"}])
    assert read_labels(answers[0].output)  # every row had a label, so every answer has one
    assert len(parts.train) == len(always)


def test_an_encoder_learns_its_threshold_from_validation_rows(tiny_bert: Path, tmp_path: Path) -> None:
    parts = Split(tuple(rows_of(SETS, 40)), tuple(rows_of(SETS, 20, seed=1)), (), "gold")
    student, run = MiniLM(model=str(tiny_bert), sha256="", window=32), Here(tmp_path)
    brief = Training(epochs=1, batch_size=16, learning_rate=1e-3, max_length=32)
    made = train(
        SETS, parts, None, None, name="m", student=student, metric=MicroF1(), training=brief, seed=0, run=run
    )
    variant = export(SETS, parts, made, student=student, metric=MicroF1(), seed=0, run=run)
    assert variant.model is not None
    model = Predictor(variant.model)
    asked = [row.input for row in parts.validation]
    said = [each.output for each in model.predict(asked)]
    right = [row.answers for row in parts.validation]
    assert MicroF1().value(MicroF1().statistics(said, right)) == pytest.approx(variant.score)
    plain = MicroF1().value(MicroF1().statistics(made_at_half(variant.model, asked), right))
    assert variant.score >= plain


def made_at_half(folder: Path, asked: Sequence[dict[str, str]]) -> list[str]:
    """What the model would say with its first threshold."""
    from dataclasses import replace

    from p2m.deploy.serving.rows import answered

    model = Predictor(folder)
    settings = replace(model.settings, threshold=0.5, none="[]")
    return [each.output for each in answered(model.logits(asked, batch_size=4), settings)]


def test_numbers_know_their_errors(tmp_path: Path) -> None:
    _, _, exported = built(STARS, Spearman(), rows_of(STARS, 120), tmp_path)
    settings = Settings.read(exported.model)
    assert settings.scale == (1.0, 5.0, 1.0)
    assert 0 < settings.error < 1.5
    answer = Predictor(exported.model).predict([{"text": "good fine kind neat"}])[0]
    assert read_number(answer.output) >= 4
    assert 0.2 < answer.score <= 1
    assert answer.value == read_number(answer.output)


@pytest.mark.parametrize(
    ("task", "output", "said"),
    [(STARS, "4", "every row to learn from answers with 4"), (SETS, '["size"]', "no row to learn 'colour'")],
)
def test_one_answer_alone_is_refused(task: Task, output: str, said: str) -> None:
    rows = [Example(row.input, output, source="user") for row in rows_of(task, 30)]
    with pytest.raises(DataError, match=said):
        split(task, Examples(tuple(rows)), None, None, splitting=Splitting(), seed=0)


@pytest.mark.parametrize(("task", "metric"), [(SETS, MicroF1()), (STARS, Spearman())])
def test_a_dozen_rows_are_judged_as_unproven(task: Task, metric: Metric, tmp_path: Path) -> None:
    _, evaluated, exported = built(task, metric, rows_of(task, 12), tmp_path)
    assert verdict(task, exported, evaluated).decision is Decision.UNPROVEN
