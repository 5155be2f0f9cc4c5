"""Where rows lie: like by like, the same every time, and next to what they were learnt from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_report import story

from p2m.reporting.atlas import JUDGED, LEARNT, Atlas, surveyed
from p2m.reporting.facts import Story
from p2m.types import Evaluated, Example, Judged, Split

WORDS = {"weather": ("rain", "snow", "fog", "hail"), "stop": ("halt", "end", "quit", "cease")}


def of_two_kinds(rows: int, learnt: int = 40) -> tuple[Story, list[int]]:
    """A story whose rows have the words of their label, and its wrong rows: every tenth."""
    told = story(rows=2)
    labels = list(WORDS)

    def text(n: int, what: str) -> dict[str, str]:
        words = WORDS[labels[n % 2]]
        return {"text": f"{words[n % 4]} {words[n % 3]} {words[(n + 1) % 4]} {what} {n}"}

    judged = tuple(
        Judged(text(n, "asked"), labels[n % 2], labels[(n + (n % 10 == 0)) % 2], 0.9, float(n % 10 != 0))
        for n in range(rows)
    )
    train = tuple(Example(text(n, "learnt"), labels[n % 2]) for n in range(learnt))
    test = tuple(Example(row.input, row.output) for row in judged)
    parts = Split(train, (), test, "gold")
    evaluated = replace(told.evaluated, rows=judged)
    return replace(told, parts=parts, evaluated=evaluated), list(range(0, rows, 10))


def atlas_of(told: Story, wrong: list[int], vectors: Path | None = None) -> Atlas:
    return surveyed(told.task, told.parts, told.evaluated, wrong, vectors)


def are_apart(told: Story, atlas: Atlas) -> bool:
    """Whether most rows lie nearest to one of their own label."""
    rows: tuple[tuple[Judged, ...], tuple[Example, ...]] = (told.evaluated.rows, told.parts.train)
    labels = np.array([rows[not spot.is_judged][spot.row].output for spot in atlas.spots])
    places = np.array([(spot.x, spot.y) for spot in atlas.spots])
    far = ((places[:, None] - places[None]) ** 2).sum(axis=2) + 9 * np.eye(len(places))
    return bool((labels[far.argmin(axis=1)] == labels).mean() > 0.9)


def test_rows_of_like_words_lie_together_next_to_what_was_learnt_the_same_every_time() -> None:
    told, wrong = of_two_kinds(60)
    atlas = atlas_of(told, wrong)
    assert atlas == atlas_of(told, wrong)
    assert atlas.by == "pieces of words"
    assert sum(spot.is_judged for spot in atlas.spots) == 60
    assert all(0 <= spot.x <= 1 and 0 <= spot.y <= 1 for spot in atlas.spots)
    assert are_apart(told, atlas)
    assert sorted(atlas.nearest) == wrong
    assert all(near.output == told.evaluated.rows[row].output for row, near in atlas.nearest.items())


def test_embeddings_of_the_build_are_taken_where_it_has_some(tmp_path: Path) -> None:
    told, wrong = of_two_kinds(60)
    lot = np.random.default_rng(1)

    def vectors(rows: tuple[Example, ...]) -> np.ndarray:
        made = np.array([[row.output == label for label in WORDS] for row in rows], dtype=np.float32)
        made = np.hstack([made, 0.1 * lot.normal(size=(len(rows), 6)).astype(np.float32)])
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    train, test = vectors(told.parts.train), vectors(told.parts.test)
    np.savez(tmp_path / "vectors.npz", train=train, test=test)
    atlas = atlas_of(told, wrong, tmp_path / "vectors.npz")
    assert atlas.by == "embeddings"
    assert are_apart(told, atlas)
    for row, near in atlas.nearest.items():
        assert near == told.parts.train[int((test[row] @ train.T).argmax())]
    strange = replace(told.evaluated.rows[0], input={"text": "in no part"})
    other = replace(told, evaluated=replace(told.evaluated, rows=(strange, *told.evaluated.rows[1:])))
    assert atlas_of(other, wrong, tmp_path / "vectors.npz").by == "pieces of words"


def test_of_many_rows_a_part_is_drawn_errors_first() -> None:
    told, _ = of_two_kinds(600, learnt=400)
    atlas = atlas_of(told, list(range(200)))
    drawn = {spot.row for spot in atlas.spots if spot.is_judged}
    assert (len(drawn), len(atlas.spots) - len(drawn)) == (JUDGED, LEARNT)
    assert len(drawn & set(range(200))) == JUDGED // 2
    assert sorted(atlas.nearest) == list(range(200))


def plain(rows: tuple[str, ...]) -> Evaluated:
    return replace(
        story(rows=2).evaluated, rows=tuple(Judged({"text": row}, "a", "b", 0.5, 0.0) for row in rows)
    )


@pytest.mark.parametrize("rows", [(), ("one",), ("same",) * 30, ("", " ") * 20, ("\x00", "﷽" * 9000)])
def test_rows_that_make_no_map_are_no_error(rows: tuple[str, ...]) -> None:
    told = replace(story(rows=2), evaluated=plain(rows), parts=Split((), (), (), "gold"))
    assert atlas_of(told, list(range(len(rows)))).spots == ()


def test_of_a_cross_validation_no_row_is_named_as_learnt() -> None:
    told, wrong = of_two_kinds(40)
    folded = Split(told.parts.test, (), (), "cross-validation", folds=tuple(n % 4 for n in range(40)))
    atlas = atlas_of(replace(told, parts=folded), wrong)
    assert len(atlas.spots) == 40
    assert not atlas.nearest
