"""The store never serves a byte that it was not given, and never loses one that it was."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.engine import hashing
from p2m.engine.recording.ledger import Ledger
from p2m.engine.storage import store_folder
from p2m.engine.store import KEY_TAG, DamagedError, Store
from p2m.errors import StoreError

PREIMAGE = {"stage": "a", "settings": {"k": 1, "r": 1.0}, "inputs": {"x": None}}
KEY = hashing.digest_tree_of_plain(PREIMAGE, tag=KEY_TAG)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, files: dict[str, bytes]) -> str:
    with store.temporary("test") as folder:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("/"):
                (folder / name).mkdir()
            else:
                (folder / name).write_bytes(content)
        return store.put_folder(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


NAMES = st.lists(st.text("abé ", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=5))
def test_a_folder_comes_back_as_it_was_put(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    files = {
        name: data
        for name, data in files.items()
        if not any(other.startswith(name + "/") for other in files) and name.strip("/ ")
    }
    store = Store(tmp_path_factory.mktemp("s") / "store")
    digest = put(store, files)
    assert contents(store.materialize(digest)) == files
    assert put(store, files) == digest == hashing.digest_tree(store.materialize(digest))
    assert list((store.root / "tmp").glob("test*")) == []


def test_the_key_and_its_whole_preimage_are_kept(store: Store) -> None:
    output = put(store, {"a": b"1"})
    store.publish(KEY, PREIMAGE, output, 1.25)
    action = Store(store.root).lookup(KEY)
    assert action is not None
    assert (action.output, action.seconds, action.preimage) == (output, 1.25, PREIMAGE)


def test_a_second_result_of_a_key_is_an_alternative_and_the_first_stands(store: Store) -> None:
    first, second = put(store, {"a": b"1"}), put(store, {"a": b"2"})
    store.publish(KEY, PREIMAGE, first, 1)
    assert store.publish(KEY, PREIMAGE, second, 1).output == first
    assert store.publish(KEY, PREIMAGE, first, 9).seconds == 1
    found = store.lookup(KEY)
    assert found is not None
    assert found.output == first
    assert store.alternatives(KEY) == (second,)


def test_writes_into_what_left_the_store_cannot_reach_it(store: Store) -> None:
    digest = put(store, {"a": b"right", "d/b": b"x"})
    copy = store.materialize(digest)
    (copy / "a").chmod(0o644)
    (copy / "a").write_bytes(b"wrong")
    (copy / "d" / "more").write_bytes(b"y")
    assert contents(store.materialize(digest)) == {"a": b"right", "d/b": b"x"}
    assert contents(Store(store.root).materialize(digest)) == {"a": b"right", "d/b": b"x"}


def test_a_copy_that_was_tampered_with_under_its_old_stats_is_noticed_by_the_next_process(
    store: Store,
) -> None:
    copy = store.materialize(put(store, {"a": b"right"})) / "a"
    stat = copy.stat()
    copy.chmod(0o644)
    copy.write_bytes(b"wrong")
    os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    for opened in (store, Store(store.root)):
        assert contents(opened.materialize(put(opened, {"a": b"right"}))) == {"a": b"right"}


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped": lambda path: path.write_bytes(flip(path.read_bytes())),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
    "swapped": lambda path: path.write_bytes(b"p2m.tree.v1\n"),
}


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def damage(path: Path, how: str) -> None:
    path.chmod(0o644)
    DAMAGES[how](path)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_blob_is_never_served_and_goes_to_quarantine(store: Store, how: str) -> None:
    digest = put(store, {"a": b"content", "b": b"other"})
    for blob in sorted(path for path in (store.root / "cas").rglob("*") if path.is_file()):
        damage(blob, how)
        with pytest.raises(DamagedError, match="the same command again"):
            Store(store.root).materialize(digest)
        assert not blob.exists()
        assert put(store, {"a": b"content", "b": b"other"}) == digest  # made anew, it is sound again
        assert contents(Store(store.root).materialize(digest)) == {"a": b"content", "b": b"other"}
        hashing_copy = store.root / "tmp" / "out" / digest
        hashing_copy.rename(store.root / "tmp" / f"aside{blob.name}")
    kept = len(list((store.root / "quarantine").glob("*.why")))
    assert kept == (0 if how == "deleted" else 3)


@pytest.mark.parametrize("how", DAMAGES)
def test_putting_the_same_content_again_heals_a_damaged_blob(store: Store, how: str) -> None:
    digest = put(store, {"a": b"content"})
    for blob in [path for path in (store.root / "cas").rglob("*") if path.is_file()]:
        damage(blob, how)
    assert put(store, {"a": b"content"}) == digest
    assert contents(store.materialize(digest)) == {"a": b"content"}


def test_any_flipped_bit_of_an_entry_is_noticed(store: Store) -> None:
    output = put(store, {"a": b"1"})
    store.publish(KEY, PREIMAGE, output, 1)
    (entry,) = (path for path in (store.root / "ac").rglob("*") if path.is_file())
    sound = entry.read_bytes()
    for index in range(len(sound)):
        for bit in (1, 4, 128):
            entry.unlink(missing_ok=True)
            entry.write_bytes(sound[:index] + bytes([sound[index] ^ bit]) + sound[index + 1 :])
            assert store.lookup(KEY) is None, (index, bit)
            assert not entry.exists()


def test_an_entry_under_another_key_is_no_answer(store: Store) -> None:
    store.publish(KEY, PREIMAGE, put(store, {"a": b"1"}), 1)
    (entry,) = (path for path in (store.root / "ac").rglob("*") if path.is_file())
    other = "0" * 64
    (store.root / "ac" / "00").mkdir()
    entry.rename(store.root / "ac" / "00" / other)
    assert store.lookup(other) is None
    assert store.lookup(KEY) is None


def test_an_entry_without_its_output_is_no_answer(store: Store) -> None:
    output = put(store, {"a": b"1"})
    store.publish(KEY, PREIMAGE, output, 1)
    (store.root / "cas" / output[:2] / output).unlink()
    assert store.lookup(KEY) is None
    assert store.entry(KEY) is not None


def test_a_link_cannot_enter(store: Store) -> None:
    with store.temporary("test") as folder:
        (folder / "link").symlink_to("/etc/passwd")
        with pytest.raises(StoreError, match="link"):
            store.put_folder(folder)


# --------------------------------------------------------------------------- which folder may be a store


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(StoreError, match=r"not a p2m store and not empty \(it holds thesis.tex\)"):
        Store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_store_that_another_process_makes_meanwhile_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find no store, and one of them looks for strangers when the other has made it."""
    looked = store_folder._foreign

    def late(root: Path) -> list[str]:
        (root / "FORMAT").write_text("p2m-store 1\n")
        return looked(root)

    monkeypatch.setattr(store_folder, "_foreign", late)
    root = tmp_path / "store"
    root.mkdir()
    assert Store(root).root == root


@pytest.mark.parametrize("number", ["²", "9" * 5000, "-1"])
def test_a_format_that_is_no_number_is_refused(store: Store, number: str) -> None:
    (store.root / "FORMAT").write_text(f"p2m-store {number}\n")
    with pytest.raises(StoreError, match="not the format file"):
        Store(store.root)


def test_a_store_of_a_newer_format_is_refused_and_left_alone(store: Store) -> None:
    (store.root / "FORMAT").write_text("p2m-store 2\n")
    with pytest.raises(StoreError, match="upgrade p2m"):
        Store(store.root)
    (store.root / "FORMAT").write_text("something else\n")
    with pytest.raises(StoreError, match="not the format file"):
        Store(store.root)


def test_a_half_made_store_and_the_record_of_the_last_answer_are_no_strangers(tmp_path: Path) -> None:
    (tmp_path / "noop").mkdir()
    (tmp_path / "FORMAT.123.abc").write_text("")
    assert Store(tmp_path).root == tmp_path


def test_a_file_in_the_place_of_the_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="P2M_STORE"):
        Store(tmp_path / "file")
    with pytest.raises(StoreError, match="P2M_STORE"):
        Store(tmp_path / "file" / "store")


def test_a_folder_that_may_not_be_written_is_refused() -> None:
    home = Path(tempfile.mkdtemp())
    home.chmod(0o555)
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:  # what was imported stays usable when the rights are gone
        if os.getuid() == 0:
            os.setuid(65534)
        try:
            Store(home / "store")
        except BaseException as error:
            os.write(sender, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.close(sender)
    os.waitpid(child, 0)
    message = os.read(receiver, 4096).decode()
    os.close(receiver)
    home.rmdir()
    assert message.startswith("StoreError: cannot write")
    assert "P2M_STORE" in message


def test_what_several_processes_write_to_follows_the_umask_so_that_a_group_can_share_a_store(
    tmp_path: Path,
) -> None:
    before = os.umask(0o002)
    try:
        store = Store(tmp_path / "shared")
        with store.leased("run"), store.hold_key("a" * 64, "step", lambda who: None):
            store.pin(["b" * 64])
            ledger = Ledger(store.root / "ledger")
            ledger.answer({"a": 1}, lambda: b"paid for")
            ledger.close()
            shared = [
                *store.root.glob("locks/*"),
                *store.root.glob("leases/*"),
                *store.root.glob("locks/.gc"),
            ]
            shared += [store.root / "ledger" / "gate", store.root / "ledger" / "flights"]
            shared += store.root.glob("ledger/segments/*")
            assert len(shared) >= 6
            assert [path for path in shared if path.stat().st_mode & 0o060 != 0o060] == []
    finally:
        os.umask(before)
