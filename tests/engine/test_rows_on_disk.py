"""Rows on disk behave as the tuple that they stand for, and their artifacts have its bytes."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.engine import rows as engine_rows
from p2m.engine.formats import FormatError, load, save
from p2m.engine.hashing import digest_tree
from p2m.engine.rows import Rows, Spool, joined, mapped, picked
from p2m.types import Example, Examples

FEW = settings(max_examples=25, deadline=None)
ROW = st.builds(
    Example,
    st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=2),
    st.text(max_size=5),
    votes=st.dictionaries(st.text(max_size=2), st.floats(allow_nan=False), max_size=1),
)
ROWS = st.lists(ROW, max_size=12).map(tuple)


@pytest.fixture(autouse=True)
def _all_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_rows.Limits, "bytes", -1)
    monkeypatch.setattr(engine_rows.Limits, "rows", 1)
    monkeypatch.setattr(engine_rows, "CHUNK", 3)
    monkeypatch.setattr(engine_rows, "_BLOCK", 50)


def stored(rows: tuple[Example, ...]) -> Any:
    spool = Spool(Example)
    spool.extend(rows)
    return spool.rows()


@FEW
@given(ROWS, ROWS, st.data())
def test_rows_on_disk_behave_as_the_tuple(one: tuple[Any, ...], two: tuple[Any, ...], data: Any) -> None:
    lazy, other = stored(one), stored(two)
    assert isinstance(lazy, Rows) or not one
    assert tuple(lazy) == one
    assert lazy == one
    assert one == lazy
    assert (lazy == two) == (one == two)
    assert lazy != list(one) or not one
    both = one + two
    for sum_ in (lazy + other, lazy + two, one + other, joined(one, other), joined(lazy, (), two)):
        assert tuple(sum_) == both
        assert len(sum_) == len(both)
        bounds = st.none() | st.integers(-15, 15)
        cut = slice(data.draw(bounds), data.draw(bounds), data.draw(st.sampled_from([None, 1, 2, -1, -3])))
        assert tuple(sum_[cut]) == both[cut]
        again = slice(data.draw(bounds), data.draw(bounds))
        assert tuple(sum_[cut][again]) == both[cut][again]
        if both:
            numbers = data.draw(st.lists(st.integers(0, len(both) - 1), max_size=9))
            assert tuple(picked(sum_, numbers)) == tuple(both[number] for number in numbers)
            assert [sum_[number] for number in numbers] == [both[number] for number in numbers]
            assert [sum_[number] for number in range(-len(both), len(both))] == [*both, *both]
    with pytest.raises(IndexError):
        lazy[len(one)]
    assert tuple(mapped(lambda row: row.output, joined(lazy, other))) == tuple(row.output for row in both)


@FEW
@given(rows=ROWS, cut=st.integers(0, 12))
def test_however_rows_are_held_the_artifact_is_the_same(rows: tuple[Any, ...], cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _is_one_artifact(rows, cut, Path(folder))


def _is_one_artifact(rows: tuple[Any, ...], cut: int, place: Path) -> None:
    save(Examples(rows), place / "plain")
    digest = digest_tree(place / "plain")
    lazy = load(Examples, place / "plain")
    assert isinstance(lazy.rows, Rows)
    assert lazy == Examples(rows)
    back = list(range(len(rows)))[::-1]
    ways = (
        lazy.rows,
        joined(lazy.rows[:cut], lazy.rows[cut:]),
        joined(stored(rows[:cut]), rows[cut:]),
        picked(lazy.rows, range(len(rows))),
        picked(picked(lazy.rows, back), back),
        pickle.loads(pickle.dumps(lazy.rows)),
    )
    for number, way in enumerate(ways):
        save(Examples(way), place / str(number))
        assert digest_tree(place / str(number)) == digest


def test_a_small_file_is_a_tuple_and_a_large_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(Example({"q": str(number)}, "a") for number in range(100))
    save(Examples(rows), tmp_path)
    size = (tmp_path / "rows.jsonl").stat().st_size
    monkeypatch.setattr(engine_rows.Limits, "bytes", size)
    assert type(load(Examples, tmp_path).rows) is tuple
    monkeypatch.setattr(engine_rows.Limits, "bytes", size - 1)
    assert type(load(Examples, tmp_path).rows) is not tuple


def test_what_is_no_row_is_refused_as_it_is_spooled_and_as_it_is_read(tmp_path: Path) -> None:
    spool = Spool(Example, tmp_path)
    with pytest.raises(FormatError, match="Example"):
        spool.append("row")  # type: ignore[arg-type]
    save(Examples((Example({"q": "a"}, "b"),)), tmp_path / "kept")
    (tmp_path / "kept" / "rows.jsonl").write_text('{"input": {}}\n')
    with pytest.raises(FormatError, match=r"rows\.jsonl"):
        list(load(Examples, tmp_path / "kept").rows)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]  # a spool leaves nothing


_PASSES = """
import resource, sys
from pathlib import Path
from p2m.engine.formats import load, save
from p2m.engine.rows import Spool, joined, mapped, picked
from p2m.types import Example, Examples
folder = Path(sys.argv[1])
spool = Spool(Example, folder)
for number in range(200_000):
    spool.append(Example({"text": f"row {number} " + "word " * 60}, str(number % 7), source="user"))
save(Examples(spool.rows()), folder / "a")
rows = load(Examples, folder / "a").rows
import random
order = list(range(len(rows)))
random.Random(0).shuffle(order)
save(Examples(joined(picked(rows, order[:50_000]), rows[:50_000])), folder / "b")
assert sum(row.output == "3" for row in rows) == 28571
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PASSES, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 200  # MB, of which the interpreter and its libraries are 60
