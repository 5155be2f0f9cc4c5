"""A shared store in an object store: moto's server, behind one that throttles, cuts, corrupts and loses."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from front import Front, Request
from test_executor import Watch, build, small
from test_faults import assert_sound
from test_shared import FILES, key_of, listened, make, settle
from test_store import contents

from p2m.engine import hashing
from p2m.engine.care.gc_shared import collect_shared
from p2m.engine.executor import execute
from p2m.engine.handles import Device
from p2m.engine.storage.objects import GRACE, TRUSTED, ObjectStore, cost_text
from p2m.engine.storage.shared import blob_name, entry_name
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.storage.sharing import probe
from p2m.engine.store import Store

pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")

BUCKETS = count()
DAY = 86400.0


@pytest.fixture(scope="module")
def moto() -> Iterator[int]:
    """The port of a server that speaks S3."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield int(server.get_host_and_port()[1])
    server.stop()


@pytest.fixture
def front(moto: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "p2m")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    found = Front(moto).open()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{found.port}")
    yield found
    found.close()


@pytest.fixture
def bucket(moto: int, front: Front) -> Any:
    """moto's own view of a new bucket."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    return backend.create_bucket(f"box-{next(BUCKETS)}", "us-east-1")


def at(bucket: Any, mode: Any = "read", timeout: float = 10.0, **more: Any) -> SharedAddress:
    return SharedAddress(f"s3://{bucket.name}/p2m", mode, timeout, **more)


def objects(bucket: Any) -> dict[str, bytes]:
    return {name.removeprefix("p2m/"): bucket.keys[name].value for name in list(bucket.keys)}


def age(bucket: Any, seconds: float, *starts: str) -> None:
    """Make what is there, or what begins so, that old."""
    for name in list(bucket.keys):
        if not starts or name.removeprefix("p2m/").startswith(starts):
            made = datetime.now(UTC) - timedelta(seconds=seconds)
            bucket.keys[name].last_modified = made.replace(tzinfo=None)


def assert_whole(bucket: Any) -> None:
    """Every file matches its name, and every entry has its listing and all files."""
    there = objects(bucket)
    for name, content in there.items():
        if name.startswith("cas/"):
            assert hashing.digest_bytes(content) == name[-64:]
        if name.startswith("ac/"):
            output = json.loads(content.partition(b"\n")[2])["output"]
            listed = hashing.parse_tree(there[blob_name(output)])
            assert {blob_name(entry.digest) for entry in listed if entry.digest} <= there.keys()


def every(k: int, fault: str) -> Any:
    return lambda request: fault if request.number % k == 0 else None


# --------------------------------------------------------------------------- two machines


def test_a_second_machine_builds_nothing_and_the_requests_are_counted(
    tmp_path: Path, bucket: Any, front: Front
) -> None:
    (tmp_path / "n.txt").write_text("7")
    first = Store(tmp_path / "first", at(bucket, "write"))
    made = build(small(tmp_path), first)
    assert settle(first)[-1:] != ["4 results were not sent; the next build sends them"]
    assert first.sent == 4
    assert_whole(bucket)
    puts = [request.path for request in front.seen if request.method == "PUT" and "/cas/" in request.path]
    assert len(puts) == len(set(puts))
    assert sum("/ac/" in request.path for request in front.seen) == 4  # each created by one request
    assert f"{len(front.seen)} requests (" in first.spent
    front.seen.clear()
    second, watch = Store(tmp_path / "second", at(bucket)), Watch()
    result = execute(small(tmp_path), second, Device(), watch)
    assert (result.counts, watch.ran) == ({"reused": 4}, [])
    assert result.value("table").rows == made.value("table").rows
    assert {request.method for request in front.seen} == {"GET"}
    assert f"{len(front.seen)} requests (" in second.spent
    assert_sound(second)


def test_of_many_that_send_one_key_at_once_one_is_first_and_the_others_are_kept_beside_it(
    tmp_path: Path, bucket: Any, front: Front
) -> None:
    answers: list[Request] = []
    front.log = answers.append
    stores = [Store(tmp_path / str(number), at(bucket, "write")) for number in range(4)]
    start = threading.Barrier(len(stores))

    def work(number: int) -> None:
        start.wait()
        make(stores[number], 0, mine=b"%d" % number)
        settle(stores[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    name = entry_name(key_of(0)[0])
    assert sum(one.path.endswith(name) and one.method == "PUT" and one.status == 200 for one in answers) == 1
    assert sum(one.startswith(f"{name}~") for one in objects(bucket)) == len(stores) - 1
    assert sum(store.sent for store in stores) == 1
    assert_whole(bucket)


def test_a_store_that_ignores_create_only_puts_is_found_out_said_once_and_remembered(
    tmp_path: Path, bucket: Any, front: Front
) -> None:
    front.fault = lambda request: "ignore"
    assert "ignores create-only puts" in probe(at(bucket, "write")).text
    store = Store(tmp_path / "first", at(bucket, "write"))
    lines = listened(store)
    make(store)
    settle(store)
    assert [line for line in lines if "ignores create-only puts" in line] == lines
    assert len(lines) == 1
    assert_whole(bucket)
    front.seen.clear()
    sent(tmp_path / "first", bucket, 1)
    assert not any(request.creates or "probe" in request.path for request in front.seen)
    assert Store(tmp_path / "second", at(bucket)).lookup(key_of(1)[0]) is not None
    front.fault = lambda request: None
    assert probe(at(bucket, "write")).text == "format 1; honours create-only puts"
    assert probe(at(bucket)).text == "format 1"


def test_an_answer_that_is_lost_does_not_look_like_a_store_that_ignores_them(
    tmp_path: Path, bucket: Any, front: Front
) -> None:
    front.fault = lambda request: "lost" if "probe" in request.path and request.number % 2 == 0 else None
    store = ObjectStore(at(bucket, "write"))
    store.look("FORMAT")  # so that the first put is the second request
    assert store.creates


def test_what_took_little_time_to_make_is_not_sent_where_that_is_asked_for(
    tmp_path: Path, bucket: Any
) -> None:
    store = Store(tmp_path / "first", at(bucket, "write", least_seconds=0.6))
    make(store)  # it says 0.5 s
    assert settle(store) == []
    assert (store.sent, store.is_pending, objects(bucket)) == (0, False, {})


@pytest.mark.slow
def test_a_large_file_goes_in_parts_and_comes_back_in_pieces(
    tmp_path: Path, bucket: Any, front: Front
) -> None:
    first = Store(tmp_path / "first", at(bucket, "write"))
    action = make(first, large=bytes(range(256)) * (33 << 12))
    settle(first)
    assert sum("partNumber" in request.path for request in front.seen) == 3
    second = Store(tmp_path / "second", at(bucket))
    assert second.lookup(action.key) is not None
    assert contents(second.materialize(action.output))["weights.bin"] == FILES["weights.bin"]


# --------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("fault", "k"),
    [
        ("slow-down", 3),
        *(pytest.param(one, 3, marks=pytest.mark.slow) for one in ("error", "cut", "lost")),
        *(pytest.param(one, 4, marks=pytest.mark.slow) for one in ("flip", "forbidden")),
    ],
)
def test_a_store_in_trouble_is_at_worst_a_miss(
    tmp_path: Path, bucket: Any, front: Front, fault: str, k: int
) -> None:
    truth = FILES | {"number": b"0"}

    def machine(name: str) -> bool:
        store = Store(tmp_path / name, at(bucket, "write", timeout=5.0))
        found = store.lookup(key_of(0)[0])
        action = found or make(store)
        settle(store)
        assert contents(store.materialize(action.output)) == truth
        assert_sound(store)
        return found is not None

    sent(tmp_path / "first", bucket, 9)  # a FORMAT that is damaged is a person's to mend
    front.fault = every(k, fault)
    machine("a")
    machine("b")
    front.fault = lambda request: None
    mended = [machine(f"c{number}") for number in range(2)]
    assert mended[-1]
    assert_whole(bucket)
    if fault in ("slow-down", "error"):  # these were tried again
        assert mended[0]


def test_a_server_that_is_killed_is_a_miss_and_once_it_is_back_all_goes_on(
    tmp_path: Path, bucket: Any, front: Front
) -> None:
    make(first := Store(tmp_path / "first", at(bucket, "write")))
    settle(first)
    front.close()
    store = Store(tmp_path / "second", at(bucket, "write", timeout=1.0))
    lines = listened(store)
    assert store.lookup(key_of(0)[0]) is None
    make(store, 1)
    assert settle(store)[-1] == "1 results were not sent; the next build sends them"
    assert lines
    front.open()
    again = Store(tmp_path / "second", at(bucket, "write"))
    assert again.lookup(key_of(0)[0]) is not None
    settle(again)
    assert (again.sent, again.is_pending) == (1, False)
    assert_whole(bucket)


# --------------------------------------------------------------------------- gc


def sent(folder: Path, bucket: Any, *numbers: int) -> Store:
    store = Store(folder, at(bucket, "write"))
    for number in numbers:
        make(store, number)
    settle(store)
    return store


def test_gc_leaves_what_is_young_leased_or_kept_here_and_frees_the_rest(tmp_path: Path, bucket: Any) -> None:
    (tmp_path / "n.txt").write_text("7")
    mine = Store(tmp_path / "mine", at(bucket, "write"))
    build(small(tmp_path), mine)
    settle(mine)
    sent(tmp_path / "old", bucket, 1)
    ObjectStore(at(bucket)).write("tmp/left", b"", replace=True)
    age(bucket, 40 * DAY)
    sent(tmp_path / "leased", bucket, 2)
    age(bucket, 40 * DAY, entry_name(key_of(2)[0]))
    sent(tmp_path / "young", bucket, 3)
    before = objects(bucket)
    told = collect_shared(at(bucket), mine)
    assert objects(bucket) == before
    assert {kind: amount.count for kind, amount in told.freed.items()} == {
        "entries": 1, "blobs": 2, "leases": 2, "leavings": 1
    }  # fmt: skip
    assert {kept.label for kept in told.kept} == {
        "last run of small", "builds of the last 7 days", "too young"
    }  # fmt: skip
    assert "requests (" in told.cost
    assert "DELETE), about" in told.ahead
    done = collect_shared(at(bucket), mine, delete=True)
    assert done.freed == told.freed
    gone = before.keys() - objects(bucket).keys()
    assert {name for name in gone if name.startswith("ac/")} == {entry_name(key_of(1)[0])}
    assert blob_name(hashing.digest_bytes(b"1")) in gone
    assert_whole(bucket)
    assert collect_shared(at(bucket), mine, delete=True).freed == {}
    assert build(small(tmp_path), Store(tmp_path / "second", at(bucket))).counts == {"reused": 4}
    alone = collect_shared(at(bucket), None)  # without this machine's runs
    assert alone.freed["entries"].count == 4


def collected_at(tmp_path: Path, bucket: Any, front: Front, moto: int, k: int, part: str = "") -> int:
    """Send a result whose files are there and old, and collect at a request; how many there were."""
    sent(tmp_path / f"old{k}", bucket, 1)
    age(bucket, 40 * DAY)
    store = Store(tmp_path / f"new{k}", at(bucket, "write"))
    begun = len(front.seen)

    def collect() -> None:
        os.environ["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{moto}"
        collect_shared(at(bucket), None, delete=True)

    def fault(request: Request) -> None:
        if request.number == begun + k or (part and part in request.path):
            other = threading.Thread(target=collect)
            other.start()
            other.join()

    front.fault = fault
    make(store, 2)  # shares three files with the old one
    settle(store)
    front.fault = lambda request: None
    os.environ["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{front.port}"
    assert entry_name(key_of(2)[0]) in objects(bucket)
    assert_whole(bucket)
    return len(front.seen) - begun


def test_a_collection_in_the_middle_of_sending_takes_nothing_that_is_rested_on(
    tmp_path: Path, bucket: Any, front: Front, moto: int
) -> None:
    collected_at(tmp_path, bucket, front, moto, 0, part=entry_name(key_of(2)[0]))


@pytest.mark.slow
def test_a_collection_at_any_request_of_sending_takes_nothing_that_is_rested_on(
    tmp_path: Path, bucket: Any, front: Front, moto: int
) -> None:
    for k in count(1):
        if collected_at(tmp_path, bucket, front, moto, k) < k:
            break
        bucket.keys.clear()


def test_what_is_put_again_while_gc_deletes_stays(tmp_path: Path, bucket: Any, front: Front) -> None:
    sent(tmp_path / "old", bucket, 1)
    age(bucket, 40 * DAY)
    name = blob_name(hashing.digest_bytes(b"1"))

    def renew(request: Request) -> None:
        if request.method == "HEAD":
            age(bucket, 0, name)

    front.fault = renew
    collect_shared(at(bucket), None, delete=True)
    assert [one for one in objects(bucket) if one.startswith(("ac/", "cas/"))] == [name]
    assert TRUSTED < GRACE


def test_a_price_has_no_exponent() -> None:
    place = SharedAddress("s3://bucket/p2m")
    told = [cost_text(place, {"GET": number}) for number in (3, 125, 2_500_000)]
    assert [each.partition("about ")[2].partition(" at")[0] for each in told] == [
        "0.0000012 USD", "0.000050 USD", "1.0 USD"
    ]  # fmt: skip


def test_gc_says_in_plain_words_that_there_is_no_store(bucket: Any) -> None:
    from p2m.errors import StoreError

    with pytest.raises(StoreError, match=r"cannot be collected: it holds no p2m store"):
        collect_shared(at(bucket), None, delete=False)


@pytest.mark.slow
def test_gc_that_cannot_read_deletes_nothing(tmp_path: Path, bucket: Any, front: Front) -> None:
    from p2m.errors import StoreError

    sent(tmp_path / "old", bucket, 1)
    age(bucket, 40 * DAY)
    before = objects(bucket)
    front.fault = lambda request: "forbidden" if "prefix=p2m%2Fcas" in request.path else None
    with pytest.raises(StoreError, match=r"cannot be collected: PermissionError: Access Denied"):
        collect_shared(at(bucket), None, delete=True)
    assert objects(bucket) == before


def test_the_verb_says_what_goes_and_what_that_costs(
    tmp_path: Path, bucket: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from p2m.cli.main import main

    monkeypatch.chdir(tmp_path)
    sent(tmp_path / "old", bucket, 1)
    age(bucket, 40 * DAY)
    assert main(["gc", "--shared", at(bucket).url]) == 0
    text = capsys.readouterr().out
    assert f"to delete: p2m gc --shared {at(bucket).url} --delete" in text
    assert "deleting would take" in text
    monkeypatch.setenv("P2M_SHARED_STORE", at(bucket).url)
    assert main(["gc", "--shared", "--delete", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total_freed"]["count"] == 7
    assert list(objects(bucket)) == ["FORMAT"]
    for url, says in (("file:///mnt/p2m", "no object store"), ("nothing", "this is no url")):
        assert main(["gc", "--shared", url]) == 2
        assert says in capsys.readouterr().err
