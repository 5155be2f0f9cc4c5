"""The similarity join finds exactly the pairs that comparing every pair would find."""

from __future__ import annotations

import random
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.curation import similar
from p2m.curation.shingles import hashes
from p2m.curation.similar import Index, Shingled, clusters, fold, near_to


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
    return set(Index(Shingled(rows), threshold=threshold).pairs((0, len(rows))))


def kept(pairs: set[tuple[int, int]], labels: list[int], start: int = 0) -> list[int]:
    """The first earlier row that stays, is near and has the label; -1 where the row stays itself."""
    found = [-1] * len(labels)
    for row in range(start, len(labels)):
        near = (a for a in range(row) if (a, row) in pairs and found[a] < 0 and labels[a] == labels[row])
        found[row] = next(near, -1)
    return found


def closed(pairs: set[tuple[int, int]], groups: list[str]) -> list[int]:
    """The first row of each row's cluster."""
    found = list(range(len(groups)))
    same = {(a, b) for a, b in combinations(range(len(groups)), 2) if groups[a] and groups[a] == groups[b]}
    for _ in found:
        for a, b in pairs | same:
            found[a] = found[b] = min(found[a], found[b])
    return found


texts = st.one_of(
    st.lists(st.sampled_from(["mill", "Mill", "orrin", "built", "1811", "東京都", "x"]), max_size=12).map(
        " ".join
    ),
    st.text(max_size=20),
)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(texts, texts), max_size=14),
    threshold=st.sampled_from([0.3, 0.5, 0.8, 0.9, 1.0]),
    data=st.data(),
)
def test_what_is_found_is_what_comparing_every_pair_finds(
    rows: list, threshold: float, data: st.DataObject
) -> None:
    for place in data.draw(st.lists(st.integers(0, max(0, len(rows) - 1)), max_size=5)) if rows else ():
        left, right = rows[place]
        rows.append((left, right[1:] + data.draw(st.sampled_from(["", ".", "s", " mill"]))))
    pairs, size = brute(rows, threshold), len(rows)
    labels = data.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    groups = data.draw(st.lists(st.sampled_from(["", "", "a", "b"]), min_size=size, max_size=size))
    start = data.draw(st.integers(0, size))
    with pytest.MonkeyPatch.context() as patch:  # as if rows were many: several passes, blocks and crowds
        for name in ("_AT_ONCE", "_PAIRS", "_VERIFIED", "_BLOCK", "_CROWD"):
            patch.setattr(similar, name, data.draw(st.sampled_from([4, 9, 1 << 20])))
        index = Index(Shingled(rows), threshold=threshold)
        assert index.kept(labels=np.array(labels, dtype=np.uint64)).tolist() == kept(pairs, labels)
        near = near_to(Shingled(rows), start, threshold)
        assert [-1 if other is None else other for other in near] == kept(pairs, [0] * size, start)[start:]
        first = index.first((start, size), (0, start)).tolist()
        assert first == [
            min((b for a, b in pairs if a == row and b >= start), default=-1) for row in range(start)
        ]
        found = clusters(Shingled(rows), threshold=threshold, groups=hashes(groups)).tolist()
        assert found == closed(pairs, groups)


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
    assert clusters(Shingled(rows), threshold=0.8).tolist() == [0, 0, 2, 3, 4, 5]
    assert clusters(Shingled(rows), threshold=0.8, groups=hashes(["", "g", "h", "g", "", "h"])).tolist() == [
        0,
        0,
        2,
        0,
        4,
        2,
    ]


class Counting(Index):
    """Counts the pairs of which more is looked at than an entry."""

    looked = 0

    def _possible(self, one, other, labels, is_open):  # type: ignore[no-untyped-def]
        self.looked += len(one)
        return super()._possible(one, other, labels, is_open)


def test_rows_of_one_template_are_not_held_against_each_other() -> None:
    random_ = random.Random(2)
    far = [
        (f"please tell me where order {random_.randrange(10**25)} is and how long it will take",)
        for _ in range(3000)
    ]
    text = "please tell me where order {:03} is and how long it will take to come"
    near = [(text.format(number),) for number in range(3000)]
    for rows, number in ((far, 3000), (near, 1)):
        index = Counting(Shingled(rows), threshold=0.8)
        assert len(set(index.clusters(np.arange(len(rows))).tolist())) == number
        assert index.looked < 50 * len(rows)  # of 1,500 for each


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
    assert len(clusters(Shingled(rows), threshold=0.9)) == len(rows)


def test_a_pair_exactly_at_the_threshold_is_near() -> None:
    rows = [("abcdefghijklm",), ("abcdefghijklx",)]  # 8 of 10 shingles in common
    assert joined(rows, 0.8) == {(0, 1)}
    assert joined(rows, 0.81) == set()
