"""Labels that name a text of their input are told by how what is asked compares with each of these texts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import Here

from p2m.compression.int8 import Int8
from p2m.deploy.serving.embeddings import opposed
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import laid_open
from p2m.parsing import columns_of, parse_prompt, read_answers
from p2m.stages.embed import embed, paired
from p2m.stages.encoder import encoder
from p2m.stages.lessons import linear_answers
from p2m.students.linear_pair import LinearPair
from p2m.types import Example, Lesson, Split, TaskType

TOPICS = {
    "a lost parcel": [
        "Where is my box?",
        "The courier never came.",
        "It says delivered, and is not.",
    ],
    "a wrong bill": ["You charged me twice.", "Why do I owe this sum?", "The invoice is too high."],
    "a forgotten password": ["I cannot log in.", "How do I get back into my account?", "My login fails."],
    "opening hours": ["When are you open?", "Is the shop open on Sunday?", "How late can I come?"],
    "a broken device": ["It does not turn on.", "The screen is cracked.", "It makes a strange noise."],
}
PROMPT = "Answer with the number of the choice that says what the message is about."


def drawn(number: int, seed: int, *, is_inline: bool) -> tuple[Example, ...]:
    lot = random.Random(seed)
    found = []
    for _ in range(number):
        topic = lot.choice([*TOPICS])
        shown = [topic, *lot.sample([each for each in TOPICS if each != topic], 2)]
        lot.shuffle(shown)
        message, place = lot.choice(TOPICS[topic]), shown.index(topic)
        if is_inline:
            listed = " ".join(f"{n}) {text}" for n, text in enumerate(shown, 1))
            found.append(Example({"question": f"{message}\nChoices: {listed}"}, str(place + 1)))
        else:
            options = {f"option_{n}": text for n, text in zip("abc", shown, strict=True)}
            found.append(Example({"message": message, **options}, "ABC"[place]))
    return tuple(found)


@pytest.mark.parametrize("is_inline", [True, False])
def test_the_right_option_is_found_wherever_it_stands(is_inline: bool, tmp_path: Path) -> None:
    parts = Split(drawn(60, 1, is_inline=is_inline), (), drawn(40, 2, is_inline=is_inline), "gold")
    task = parse_prompt(PROMPT, inputs=tuple(parts.train[0].input), shown=read_answers(parts.train))
    assert task.type is TaskType.CLASSIFICATION  # though the prompt speaks of a number
    assert task.options == (
        {"1": "1)", "2": "2)", "3": "3)"} if is_inline else {each: f"option_{each.lower()}" for each in "ABC"}
    )
    student = LinearPair()
    (tmp_path / "embed").mkdir()
    assert student.refusal(task) is None
    base = encoder(base=student.encoder, compressor=Int8(), run=Here(tmp_path / "encoder"))
    found = embed(task, parts, base, pairs=True, run=Here(tmp_path / "embed"))
    with np.load(found.vectors) as arrays:
        learnt, asked = arrays[paired("train")], arrays[paired("test")]
    labels = tuple(reversed(task.options))  # in an order of their own
    student.solve(Lesson(task, labels, parts.train, learnt, base.folder), tmp_path / "solved")
    served = Predictor(tmp_path / "solved").predict([row.input for row in parts.test], batch_size=8)
    right = [answer.output == row.output for answer, row in zip(served, parts.test, strict=True)]
    assert np.mean(right) >= 0.9
    known = linear_answers(tmp_path / "solved", parts.test, asked)
    assert [answer.output for answer in known] == [answer.output for answer in served]


@pytest.mark.parametrize(
    ("labels", "columns", "found"),
    [
        ("AB", ["text", "A", "B"], ["A", "B"]), ("ab", ["option_b", "option_a"], ["option_a", "option_b"]),
        ("12", ["choice1", "choice2"], ["choice1", "choice2"]), ("01", ["end0", "end1"], ["end0", "end1"]),
        ("01", ["premise", "choice1", "choice2"], ["choice1", "choice2"]),
        ("AB", ["data", "numb"], []), ("12", ["sol11", "sol2"], []), ("AB", ["A", "option A", "B"], []),
        ("A", ["A", "text"], []),
    ],
)  # fmt: skip
def test_columns_are_called_like_labels(labels: str, columns: Sequence[str], found: Sequence[str]) -> None:
    assert [*columns_of([*labels], columns).values()] == found


def test_options_are_laid_open() -> None:
    marks = ["(A)", "(B)", "(C)"]
    assert laid_open({"q": "Say it. (a) one (B) two"}, ["q"], marks) == ("Say it. ", ["one", "two", None])
    row = {"q": "Say it.", "A": "one", "B": " "}
    assert laid_open(row, ["q", "A", "B"], ["A", "B"]) == ("Say it.", ["one", None])
    assert laid_open({"q": "nothing"}, ["q"], marks) == ("nothing", [None, None, None])


def test_an_option_that_a_row_lacks_is_as_unlike_as_can_be() -> None:
    known = {"a": (1.0, 0.0), "b": (0.0, 1.0), "": (1.0, 0.0)}

    def encode(texts: Sequence[str]) -> np.ndarray:
        return np.array([known[text] for text in texts])

    found = opposed(encode, [("a", ["b", None]), ("b", ["a", "b"])])
    assert found.shape == (2, 10)
    assert found[0, 5:].tolist() == [0.0, 0.0, 0.0, 0.0, -2.0]
    assert found[1, -1] == 2.0  # twice the cosine
