"""What has not changed is not hashed again, and what has changed always is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_executor import build, small
from test_store import contents, flip, put

from p2m.engine import hashing
from p2m.engine.files import stats
from p2m.engine.files.stats import Stats
from p2m.engine.plan import Plan
from p2m.engine.sources import read_path, read_source
from p2m.engine.store import Store


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were hashed."""
    found: list[str] = []
    real = hashing.digest_file

    def watched(path: Path) -> str:
        found.append(path.name)
        return real(path)

    monkeypatch.setattr(hashing, "digest_file", watched)
    return found


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every file had been written long ago."""
    monkeypatch.setattr(stats, "SETTLED", -(10**9))


def tmp_of(folder: Path) -> Path:
    (folder / "tmp").mkdir(exist_ok=True)
    return folder / "tmp"


def data(folder: Path) -> Path:
    place = folder / "data"
    place.mkdir()
    for name in ("a", "b", "c"):
        (place / name).write_text(name)
    return place


def test_a_file_is_hashed_once_and_again_when_it_was_written_to(
    tmp_path: Path, hashed: list[str], settled: None
) -> None:
    place, tmp = data(tmp_path), tmp_of(tmp_path)
    first = Stats(tmp).entries(place)
    assert sorted(hashed) == ["a", "b", "c"]
    hashed.clear()
    assert Stats(tmp).entries(place) == first
    assert hashed == []
    (place / "b").write_text("B")
    (place / "d").write_text("d")
    (place / "c").unlink()
    again = Stats(tmp).entries(place)[0]
    assert hashed == ["b", "d"]
    assert again == hashing.tree_entries(place)


def test_a_change_under_the_same_size_and_mtime_is_seen(tmp_path: Path, settled: None) -> None:
    place, tmp = data(tmp_path), tmp_of(tmp_path)
    Stats(tmp).entries(place)
    then = (place / "a").stat()
    (place / "a").write_text("A")
    os.utime(place / "a", ns=(then.st_atime_ns, then.st_mtime_ns))
    assert Stats(tmp).entries(place)[0] == hashing.tree_entries(place)


def test_what_was_written_just_now_is_not_trusted_yet(tmp_path: Path, hashed: list[str]) -> None:
    place, tmp = data(tmp_path), tmp_of(tmp_path)
    for _ in range(2):
        hashed.clear()
        Stats(tmp).entries(place)
        assert sorted(hashed) == ["a", "b", "c"]  # it may be written again within the same tick


def test_once_its_times_lie_in_the_past_it_is(tmp_path: Path, hashed: list[str]) -> None:
    place, tmp = data(tmp_path), tmp_of(tmp_path)
    time.sleep(stats.SETTLED / 1e9 + 0.1)
    Stats(tmp).entries(place)
    hashed.clear()
    Stats(tmp).entries(place)
    assert hashed == []


@settings(max_examples=60, deadline=None)
@given(at=st.floats(0, 0.999), bit=st.sampled_from([1, 8, 64]))
def test_a_damaged_memory_costs_time_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, at: float, bit: int
) -> None:
    folder = tmp_path_factory.mktemp("stats")
    place, tmp = data(folder), tmp_of(folder)
    real, stats.SETTLED = stats.SETTLED, -(10**9)
    try:
        Stats(tmp).entries(place)
        (file,) = (tmp / "stats").iterdir()
        content = file.read_bytes()
        index = int(at * len(content))
        file.write_bytes(content[:index] + bytes([content[index] ^ bit]) + content[index + 1 :])
        assert Stats(tmp).entries(place)[0] == hashing.tree_entries(place)
        file.write_bytes(content[:index])
        assert Stats(tmp).entries(place)[0] == hashing.tree_entries(place)
    finally:
        stats.SETTLED = real


def test_the_memory_of_another_place_is_none_of_this_one(tmp_path: Path, settled: None) -> None:
    place, tmp = data(tmp_path), tmp_of(tmp_path)
    Stats(tmp).entries(place)
    (mine,) = (tmp / "stats").iterdir()
    other = tmp_path / "other"
    other.mkdir()
    (other / "a").write_text("x")
    Stats(tmp).entries(other)
    (theirs,) = (path for path in (tmp / "stats").iterdir() if path != mine)
    theirs.write_bytes(mine.read_bytes())
    assert Stats(tmp).entries(other)[0] == hashing.tree_entries(other)


def test_a_source_of_many_files_is_looked_at_and_not_read(
    tmp_path: Path, hashed: list[str], settled: None
) -> None:
    place = tmp_path / "data"
    count = int(os.environ.get("P2M_CASES", "5000"))
    for number in range(count):
        if number % 1000 == 0:
            (place / str(number)).mkdir(parents=True)
        (place / str(number // 1000 * 1000) / f"{number}").write_bytes(b"%d" % number)
    plan = Plan("p")
    plan.source("files", place)
    first = read_source(plan.step("files"), Stats(tmp_of(tmp_path)))
    assert len(hashed) == count
    hashed.clear()
    memory = Stats(tmp_of(tmp_path))
    assert read_source(plan.step("files"), memory) == first
    assert read_path(place, memory) == first
    assert hashed == []


def test_a_copy_is_compared_once_and_again_when_it_was_written_to(
    tmp_path: Path, hashed: list[str], settled: None
) -> None:
    digest = put(Store(tmp_path / "store"), {"a": b"right", "b": b"x"})
    copy = Store(tmp_path / "store").materialize(digest)
    Store(tmp_path / "store").materialize(digest)
    hashed.clear()
    assert Store(tmp_path / "store").materialize(digest) == copy
    assert hashed == []
    (copy / "a").chmod(0o644)
    (copy / "a").write_bytes(flip(b"right"))
    assert contents(Store(tmp_path / "store").materialize(digest)) == {"a": b"right", "b": b"x"}
    blob = Store(tmp_path / "store").blobs.path(hashing.digest_bytes(b"right"))
    assert blob.read_bytes() == b"right"


def test_an_edit_while_a_step_runs_is_noticed_with_the_memory_too(tmp_path: Path, settled: None) -> None:
    (tmp_path / "n.txt").write_text("10")
    store = Store(tmp_path / "store")
    build(small(tmp_path), store)
    step = small(tmp_path).step("file")
    state = read_source(step, store.stats)
    assert read_path(tmp_path / "n.txt", store.stats) == state
    (tmp_path / "n.txt").write_text("11")
    assert read_path(tmp_path / "n.txt", store.stats) != state
    (tmp_path / "n.txt").write_text("10")  # undone, but who knows what was read
    assert read_path(tmp_path / "n.txt", store.stats) != state
