"""A store that may only be read can be planned with, explained, shown and verified; and where none may be."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from test_executor import build, small
from test_store import damage

from p2m.engine.care.gc import collect
from p2m.engine.care.verify import verify
from p2m.engine.executor import stored
from p2m.engine.explaining.explain import Survey, why
from p2m.engine.storage.store_folder import network_mount
from p2m.engine.store import Store
from p2m.errors import StoreError


def as_reader(work: Callable[[], str]) -> str:
    """What `work` returned in a process that may not write."""
    receiver, sender = os.pipe()
    own = tempfile.TemporaryDirectory()  # for copies, which a process that ends so leaves behind
    os.chmod(own.name, 0o777)
    child = os.fork()
    if child == 0:  # what was imported stays usable when the rights are gone
        try:
            tempfile.tempdir = own.name
            if os.getuid() == 0:
                os.setuid(65534)
            text = work()
        except BaseException:
            text = traceback.format_exc()
        os.write(sender, text.encode())
        os._exit(0)
    os.close(sender)
    with open(receiver, "rb") as stream:
        text = stream.read().decode()
    os.waitpid(child, 0)
    own.cleanup()
    return text


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readonly")
    for place in (folder, *folder.parents):
        if place.owner() != "root" or place.parent == place:
            break
        if place.is_relative_to("/tmp") and place != Path("/tmp"):
            place.chmod(0o755)
    (folder / "n.txt").write_text("10")
    return folder


def shut(root: Path) -> None:
    for place in (root, *root.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)


def test_a_store_that_may_only_be_read_serves_all_that_only_reads(folder: Path) -> None:
    store = Store(folder / "store")
    build(small(folder), store)
    before = sorted(str(path) for path in store.root.rglob("*"))
    shut(store.root)

    def read() -> str:
        reader = Store(store.root)
        assert not reader.writable
        assert {step.status for step in Survey(small(folder), reader).previews} == {"cached", "source"}
        assert why(Survey(small(folder, plus=1), reader), "half").step == "half"
        table = stored(small(folder), reader, "table")
        assert table is not None
        assert (table.folder / "a.txt").read_text().startswith("a 5")
        assert not str(table.folder).startswith(str(store.root))
        assert verify(reader).faults == ()
        assert collect(reader, runs=0).total_freed.count > 5
        return "fine"

    told = as_reader(read)
    assert told == "fine", told

    def write(work: Callable[[Store], object]) -> str:
        try:
            work(Store(store.root))
        except StoreError as error:
            return str(error)
        return "no error"

    for work in (lambda s: build(small(folder, plus=1), s), lambda s: collect(s, delete=True)):
        said = as_reader(lambda work=work: write(work))  # type: ignore[misc]
        assert "cannot write" in said
        assert "P2M_STORE" in said
        assert "it is enough to read it" in said
    assert sorted(str(path) for path in store.root.rglob("*")) == before


def test_what_is_damaged_in_it_is_a_miss_and_stays(folder: Path) -> None:
    store = Store(folder / "store")
    key = build(small(folder), store).outcome("half").key
    damage(store.entry_path(key), "flipped")
    shut(store.root)

    def read() -> str:
        reader = Store(store.root)
        found = {step.step: step.status for step in Survey(small(folder), reader).previews}
        assert found["half"] == "run"
        assert [fault.kind for fault in verify(reader).faults] == ["entry"]
        return "fine"

    assert as_reader(read) == "fine"
    assert store.entry_path(key).exists()


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw,addr=10.0.0.1 0 0
/dev/vdb /home/local\\040disk ext4 rw 0 0
server:/x /mnt/x nfs rw 0 0
tmpfs /mnt/x tmpfs rw 0 0
sshfs /mnt/s fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/home/ada/store", "nfs4"),
        ("/home", "nfs4"),
        ("/homework/store", ""),
        ("/home/local disk/store", ""),
        ("/mnt/x/store", ""),  # another file system was mounted over it
        ("/var/store", ""),
        ("/mnt/s/store", ""),
    ],
)
def test_a_network_file_system_is_known_by_the_mount_that_a_place_lies_on(place: str, kind: str) -> None:
    assert network_mount(place, MOUNTS) == kind


def test_it_is_refused_with_the_reason_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from p2m.engine.storage import store_folder

    monkeypatch.setattr(store_folder, "network_mount", lambda place, mounts: "nfs4")
    with pytest.raises(StoreError, match=r"(?s)network file system \(nfs4\).*P2M_STORE.*P2M_ALLOW_NFS=1"):
        Store(tmp_path / "store")
    assert not (tmp_path / "store").exists()
    monkeypatch.setenv("P2M_ALLOW_NFS", "1")
    assert Store(tmp_path / "store").writable
