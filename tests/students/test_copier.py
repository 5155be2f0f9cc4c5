"""The student that copies: what it learns from few rows, what is too long for it, what it is not for."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import LABELS, SPANS, TEXT, rows_of

from p2m.deploy.serving.copies import PLACES
from p2m.errors import DataError
from p2m.students.copier import Copier
from p2m.types import Example, Shaping

PLAIN = Shaping()


def test_numbers_that_no_row_has_are_copied_to_another_place(tiny_copier: Copier) -> None:
    import torch

    learner: Any = tiny_copier.prepare(TEXT, (), seed=0)
    pairs = [(n * 37 % 90 + 10, n * 53 % 90 + 10) for n in range(90)]
    rows = [Example({"text": f"from {a} to {b}"}, f"{b} after {a}") for a, b in pairs]
    features, asked = learner.encode(rows[:70], max_length=40), rows[70:]
    adam = torch.optim.Adam(learner.model.parameters(), lr=5e-3)
    for step in range(160):
        batch = learner.collate([features[(16 * step + place) % 70] for place in range(16)])
        adam.zero_grad()
        learner.loss(batch, PLAIN).backward()
        adam.step()
    learner.model.eval()
    said = learner.predict(asked, batch_size=8, device="cpu")
    assert sum(one == row.output for one, row in zip(said, asked, strict=True)) >= 16, said


def test_what_is_too_long_is_said(tiny_copier: Copier) -> None:
    learner: Any = tiny_copier.prepare(TEXT, (), seed=0)
    assert learner.remarks(rows_of(TEXT)) == []  # whose pieces are no runs of q or z
    rows = [
        Example({"text": "Ada"}, "Eve"),
        Example({"text": "q" * 300}, "Eve"),
        Example({"text": "x"}, "z" * 90),
    ]
    features = learner.encode(rows, max_length=40)
    assert [each["row"] for each in features] == [0, 1]
    assert learner.cut(rows, max_length=40) == 1
    assert learner.collate(features)["source"].shape == (2, PLACES)
    (remark,) = learner.remarks(rows)
    assert (
        remark == "1 of 3 answers have more than 12 pieces and are left out: raise max_output of the student"
    )
    with pytest.raises(DataError, match="raise max_output"):
        learner.encode(rows[2:], max_length=40)


def test_it_refuses_what_others_learn_better(tiny_copier: Copier) -> None:
    assert tiny_copier.refusal(TEXT) is None
    assert tiny_copier.refusal(SPANS) is None
    assert "student=linear_tfidf" in (tiny_copier.refusal(LABELS) or "")
    assert "pieces is 99" in (Copier(pieces=99).refusal(TEXT) or "")
    assert "heads" in (Copier(heads=3).refusal(TEXT) or "")


def test_the_seed_decides_the_fresh_weights_and_their_number_is_known(tiny_copier: Copier) -> None:
    one, same, other = (tiny_copier.prepare(TEXT, (), seed=seed).model.state_dict() for seed in (0, 0, 1))
    assert all(one[name].equal(same[name]) for name in one)
    assert not all(one[name].equal(other[name]) for name in one)
    learner: Any = tiny_copier.prepare(TEXT, (), seed=0)
    learner.encode(rows_of(TEXT), max_length=40)
    assert sum(each.numel() for each in learner.model.parameters()) == tiny_copier.parameters
