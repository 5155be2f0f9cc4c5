"""What two tables do not share: every row is accounted for once, and the other way round it is the mirror."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p2m.row_changes import Lines, lines, rows_between

rows = st.lists(
    st.builds(
        lambda asked, said, source: {"input": {"q": asked}, "output": said, "source": source},
        st.sampled_from("abc"), st.sampled_from("xy"), st.sampled_from(["", "user"]),
    ),
    max_size=6,
)  # fmt: skip


@given(rows, rows)
def test_every_row_is_accounted_for_once(old: list[Any], new: list[Any]) -> None:
    found = rows_between(old, new)
    kept = len(old) - len(found.removed) - len(found.changed)
    assert kept == len(new) - len(found.added) - len(found.changed) >= 0
    assert all(one["input"] == other["input"] for one, other in found.changed)
    assert all(one["output"] != other["output"] for one, other in found.changed)
    back = rows_between(new, old)
    assert (len(back.added), len(back.removed)) == (len(found.removed), len(found.added))
    assert len(back.changed) == len(found.changed)


@given(rows, st.integers(0, 99))
def test_order_and_where_a_row_came_from_do_not_count(table: list[Any], seed: int) -> None:
    shuffled = [row | {"source": "elsewhere"} for row in table]
    random.Random(seed).shuffle(shuffled)
    found = rows_between(table, shuffled)
    assert not found
    assert lines(found) == ("the same rows, in another order or layout",)


def test_the_lines_count_and_show_the_first_of_each() -> None:
    old = [{"input": {"q": "a"}, "output": "x"}, {"input": {"q": "b"}, "output": "x"}]
    new = [{"input": {"q": "a"}, "output": "y"}, {"input": {"q": "c"}, "output": "x"}]
    assert lines(rows_between(old, new)) == (
        "2 -> 2 rows: 1 added, 1 removed, 1 changed",
        '  + {"q": "c", "->": "x"}',
        '  - {"q": "b", "->": "x"}',
        '  - {"q": "a", "->": "x"}',
        '  + {"q": "a", "->": "y"}',
    )


@given(rows, rows)
def test_rows_of_a_file_are_compared_like_rows_in_memory(old: list[Any], new: list[Any]) -> None:
    one, other = (Lines(b"".join(json.dumps(row).encode() + b"\n" for row in each)) for each in (old, new))
    assert list(one) == one[:] == old
    assert rows_between(one, other) == rows_between(old, new)
