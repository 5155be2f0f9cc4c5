"""The similarity join finds exactly the pairs that comparing every pair would find."""

from __future__ import annotations

import random
from functools import cache
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.curation.similar import Index, Shingled, clusters, fold


@cache
def grams(text: str) -> frozenset[str]:
    """5-grams of the folded text, or the whole of a shorter one."""
    text = fold(text)
    return frozenset(text[n : n + 5] for n in range(max(1, len(text) - 4))) if text else frozenset()


def jaccard(left: str, right: str) -> float:
    union = grams(left) | grams(right)
    return len(grams(left) & grams(right)) / len(union) if union else 1.0


def brute(rows: list[tuple[str, ...]], threshold: float) -> set[tuple[int, int]]:
    return {
        (a, b)
        for a, b in combinations(range(len(rows)), 2)
        if any(map(str.strip, rows[a]))
        and all(jaccard(x, y) >= threshold - 1e-9 for x, y in zip(rows[a], rows[b], strict=True))
    }


def joined(rows: list[tuple[str, ...]], threshold: float) -> set[tuple[int, int]]:
    index = Index(Shingled(rows), threshold=threshold)
    found = set()
    for row in range(len(rows)):
        found |= {(other, row) for other in index.near(row)}
        index.add(row)
    return found


texts = st.one_of(
    st.lists(st.sampled_from(["mill", "Mill", "orrin", "built", "1811", "東京都", "x"]), max_size=12).map(
        " ".join
    ),
    st.text(max_size=20),
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(texts, texts), max_size=14),
    threshold=st.sampled_from([0.3, 0.5, 0.8, 0.9, 1.0]),
    data=st.data(),
)
def test_the_join_equals_comparing_every_pair(rows: list, threshold: float, data: st.DataObject) -> None:
    for place in data.draw(st.lists(st.integers(0, max(0, len(rows) - 1)), max_size=5)) if rows else ():
        left, right = rows[place]
        rows.append((left, right[1:] + data.draw(st.sampled_from(["", ".", "s", " mill"]))))
    assert joined(rows, threshold) == brute(rows, threshold)


def test_the_join_equals_comparing_every_pair_of_long_rows() -> None:
    random_ = random.Random(1)
    words = ["".join(random_.choices("abcdefgh", k=random_.randint(2, 7))) for _ in range(300)]
    rows = []
    for _ in range(60):
        text = random_.choices(words, k=random_.randint(20, 80))
        for edits in (0, 1, 3, 8):
            copy = list(text)
            for _ in range(edits):
                copy[random_.randrange(len(copy))] = random_.choice(words)
            rows.append((" ".join(copy),))
    for threshold in (0.7, 0.9):
        expected = brute(rows, threshold)
        assert len(expected) > 40
        assert joined(rows, threshold) == expected


def test_questions_of_one_passage_and_passages_of_one_template_are_not_near() -> None:
    passage = "The mill at Orrin was built in 1811 from plans by Ada Marsh, who had come from Leeds. " * 5
    rows = [
        ("Who drew the plans of the mill?", passage),
        ("When was the mill at Orrin built?", passage),
        ("Who drew the plans of the mill?", passage.replace("Orrin", "Tarn").replace("Ada Marsh", "Jo Vane")),
        ("who drew the  plans of the mill?", passage + "."),
    ]
    assert joined(rows, 0.9) == {(0, 3)}


def test_clusters_close_nearness_and_groups_transitively() -> None:
    base = "the quick brown fox jumps over the lazy dog near the old mill at orrin "
    rows = [
        (base + "today",),
        (base + "todays",),
        ("something else entirely",),
        ("a third thing",),
        ("",),
        ("",),
    ]
    assert clusters(Shingled(rows), threshold=0.8, groups=[""] * 6) == [0, 0, 2, 3, 4, 5]
    assert clusters(Shingled(rows), threshold=0.8, groups=["", "g", "h", "g", "", "h"]) == [0, 0, 2, 0, 4, 2]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(texts), max_size=12),
    groups=st.lists(st.sampled_from(["", "a", "b"]), min_size=12),
)
def test_no_near_pair_and_no_group_is_in_two_clusters(rows: list, groups: list[str]) -> None:
    found = clusters(Shingled(rows), threshold=0.8, groups=groups[: len(rows)])
    assert all(found[a] == found[b] for a, b in brute(rows, 0.8))
    for a, b in combinations(range(len(rows)), 2):
        assert found[a] == found[b] or groups[a] != groups[b] or not groups[a]


@pytest.mark.slow
def test_forty_thousand_rows_of_three_hundred_shapes_are_clustered() -> None:
    random_ = random.Random(0)
    words = ["".join(random_.choices("abcdefghijklmnop", k=random_.randint(2, 9))) for _ in range(3000)]
    shapes = [
        [random_.choice(words) if random_.random() < 0.75 else "" for _ in range(100)] for _ in range(300)
    ]
    rows = [
        (
            " ".join(random_.choices(words, k=8)),
            " ".join(word or random_.choice(words) for word in random_.choice(shapes)),
        )
        for _ in range(40_000)
    ]
    assert len(clusters(Shingled(rows), threshold=0.9, groups=[""] * len(rows))) == len(rows)


def test_a_pair_exactly_at_the_threshold_is_near() -> None:
    rows = [("abcdefghijklm",), ("abcdefghijklx",)]  # 8 of 10 shingles in common
    assert joined(rows, 0.8) == {(0, 1)}
    assert joined(rows, 0.81) == set()
