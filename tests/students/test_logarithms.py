"""Numbers of which causes multiply are learnt as logarithms, where held-out rows are answered nearer so."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import answered
from p2m.deploy.serving.settings import Settings
from p2m.metrics.mae import MAE
from p2m.parsing import parse_prompt, read_answers
from p2m.stages.lessons import linear_answers
from p2m.students.deciding import decided
from p2m.students.labels import aimed, labels_of
from p2m.students.linear_tfidf import LinearTfidf
from p2m.types import Example, Lesson, Scale, Task

JOBS = {"nurse": 1.0, "cook": 0.7, "lawyer": 3.0, "surgeon": 5.0, "porter": 0.5}
RANKS = {"trainee": 0.5, "plain": 1.0, "senior": 1.6, "chief": 4.0}


def product(job: str, rank: str, noise: float) -> float:
    return 30_000 * JOBS[job] * RANKS[rank] * math.exp(noise / 5)


def total(job: str, rank: str, noise: float) -> float:
    return 30_000 * (JOBS[job] + RANKS[rank]) + 5000 * noise + 20_000


def count(job: str, rank: str, noise: float) -> float:
    return math.floor(2 * (JOBS[job] * RANKS[rank]) ** 1.5 * math.exp(noise / 3))


def rows(number: int, seed: int, worth: Callable[[str, str, float], float]) -> list[Example]:
    lot = random.Random(seed)
    found = []
    for place in range(number):
        job, rank = lot.choice([*JOBS]), lot.choice([*RANKS])
        text = f"{rank} {job} wanted {place}"
        found.append(Example({"post": text}, str(round(worth(job, rank, lot.gauss(0, 1)), 2))))
    return found


def solved(drawn: Sequence[Example], folder: Path, task: Task | None = None) -> Settings:
    task = task or parse_prompt("Estimate.", inputs=("post",), output="pay", shown=read_answers(drawn))
    lesson = Lesson(task, labels_of(task, drawn), tuple(drawn), None, None)
    LinearTfidf().solve(lesson, folder)
    return Settings.read(folder)


@pytest.mark.parametrize(
    ("worth", "offset"), [(product, 0.0), (total, None), (count, 1.0)], ids=["product", "sum", "count"]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_causes_that_multiply_are_told_from_those_that_add_up(
    worth: Callable[[str, str, float], float], offset: float | None, seed: int, tmp_path: Path
) -> None:
    assert solved(rows(300, seed, worth), tmp_path).log_offset == offset


def test_answers_are_numbers_and_near_and_the_same_wherever_they_are_asked(tmp_path: Path) -> None:
    learnt, asked = rows(300, 1, product), rows(200, 2, product)
    settings = solved(learnt, tmp_path)
    said = [float(each.output) for each in Predictor(tmp_path).predict([row.input for row in asked])]
    wanted = [float(row.output) for row in asked]
    missed = [abs(math.log(one / other)) for one, other in zip(said, wanted, strict=True)]
    assert np.mean(missed) < 0.3, "the noise alone is 0.16"
    assert [float(each.output) for each in linear_answers(tmp_path, asked, None)] == said
    assert settings.scale is not None
    low, high, _ = settings.scale
    assert all(low <= one <= high for one in said)


def test_numbers_below_nothing_few_rows_and_a_scale_of_the_task_keep_what_they_are(tmp_path: Path) -> None:
    drawn = rows(300, 1, product)
    below = [*drawn, Example({"post": "a refund"}, "-5")]
    assert solved(below, tmp_path / "below").log_offset is None
    assert solved(drawn[:20], tmp_path / "few").log_offset is None
    task = parse_prompt("Estimate.", inputs=("post",), output="pay", shown=read_answers(drawn))
    named = Task(task.type, "", task.inputs, task.output, scale=Scale(0, 1_000_000))
    assert solved(drawn, tmp_path / "scale", named).log_offset is None


def test_a_held_out_number_below_those_that_were_learnt_counts_as_the_lowest() -> None:
    assert aimed(Example({"post": ""}, "0"), Scale(10, 1000), 0.0) == 0.0
    assert aimed(Example({"post": ""}, "100"), Scale(10, 1000), 0.0) == pytest.approx(0.5)
    assert aimed(Example({"post": ""}, "9"), Scale(0, 99), 1.0) == pytest.approx(0.5)


def test_the_error_is_that_of_logarithms_and_digits_are_those_of_the_number() -> None:
    settings = Settings("linear", ("post",), shape="number", scale=(0.001, 1000.0, 0.0), log_offset=0.0)
    drawn = [Example({"post": ""}, "1"), Example({"post": ""}, "1")]
    logits = np.array([[0.4], [0.6]])
    found = decided(settings, logits, drawn, MAE())
    assert found.error == pytest.approx(math.log(1000.0) * 0.2)
    low, high = answered(logits, found)
    assert (low.output, high.output) == ("0.2512", "3.981")
    assert low.score == pytest.approx(high.score)


def test_of_whole_numbers_over_a_wide_scale_near_is_not_the_very_number() -> None:
    wide = Settings("linear", ("post",), shape="number", scale=(0.0, 100_000.0, 1.0), error=5000.0)
    (answer,) = answered(np.array([[0.3]]), wide)
    assert answer.output == "30000"
    assert answer.score == pytest.approx(math.erf(1 / math.sqrt(2)), abs=1e-6)
    stars = Settings("linear", ("post",), shape="number", scale=(1.0, 5.0, 1.0), error=0.5)
    assert answered(np.array([[0.5]]), stars)[0].score == pytest.approx(math.erf(1 / math.sqrt(2)), abs=1e-6)
