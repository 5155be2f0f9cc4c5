"""Steps and rates that suit the rows, where a recipe leaves them open, and its own where it does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2m.students.minilm import MiniLM
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.training.base import Schedule, scheduled
from p2m.types import Pace, Training

PACE = Pace(learning_rate=1e-4, epochs=3.0, fewest_steps=60)


def test_what_a_recipe_says_is_kept() -> None:
    training = Training(epochs=1.0, batch_size=16, learning_rate=2e-4)
    assert scheduled(training, MiniLM().pace, 4000) == Schedule(250, 16, 2e-4, MiniLM().pace.fewest_steps)
    assert scheduled(training, MiniLM().pace, 160).steps == 10, "however few the steps"


def test_few_rows_are_passed_over_often_and_many_a_few_times() -> None:
    few, many = scheduled(Training(), PACE, 60), scheduled(Training(), PACE, 32_000)
    assert (few.steps, few.batch_size) == (60, 8)
    assert (many.steps, many.batch_size) == (3000, 32)
    assert few.rows == 480


def test_a_student_from_scratch_has_half_of_what_it_is_given_to_begin() -> None:
    pace = TinySeq2Seq().pace
    assert scheduled(Training(), pace, 1500).steps == pace.fewest_steps
    assert scheduled(Training(epochs=1.0), pace, 160_000).fewest_steps == 2500
    assert scheduled(Training(), pace, 160_000).fewest_steps == pace.fewest_steps


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_more_rows_never_mean_fewer_row_passes(one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    assert scheduled(Training(batch_size=16), PACE, fewer).rows <= (
        scheduled(Training(batch_size=16), PACE, more).rows
    )
