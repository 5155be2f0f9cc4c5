"""1,000 builds race on 32 clients over one bucket: `python bench/objects.py [--builds N] [--clients N]`.

The bucket is moto's, behind a server that throttles, fails, cuts and loses, and is killed and started again
all along (tests/engine/front.py). Each client is a process; each build has a new store of its own, and every
16 builds in a row want the same results, which are numbers made by a plan of two steps. A build fetches
what is there, makes what is not, and sends it. Afterwards everything in the bucket is read.

Bars: no build fails or has a wrong result; no key is published twice; whatever was published is there, whole,
and no file differs from its name. Beside it the same bytes put and got by plain s3fs, one client and no
faults. Exits 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.engine import hashing
from p2m.engine.executor import Inline, execute
from p2m.engine.handles import Device
from p2m.engine.plan import Plan
from p2m.engine.storage.shared import blob_name, entry_name
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.store import Store

TESTS = Path(__file__).resolve().parents[1] / "tests" / "engine"
sys.path.insert(0, str(TESTS))
toys: Any = importlib.import_module("toys")

BUCKET = "bench"
URL = f"s3://{BUCKET}/p2m"
RACING = 16  # builds in a row that want the same
CHANCES = {"slow-down": 0.05, "error": 0.01, "cut": 0.01, "lost": 0.01, "delay": 0.01}
UP, DOWN = (8.0, 16.0), (0.5, 2.0)  # seconds between kills, and until the server is back
MOTO = """
import sys, time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
time.sleep(1e6)
"""


@dataclass(frozen=True)
class Ran:
    """What became of a build."""

    number: int
    seconds: float
    error: str
    fetched: int
    sent: int
    keys: tuple[str, ...]
    notices: int


# --------------------------------------------------------------------------- servers


@contextmanager
def moto() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-c", MOTO], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        yield next(int(line) for line in process.stdout if line.strip().isdigit())
    finally:
        process.kill()
        process.wait()


class Killed:
    """The server in front, killed and started again while this is open."""

    def __init__(self, upstream: int, log: Path, chances: dict[str, float]) -> None:
        words = [str(TESTS / "front.py"), str(upstream), str(log), json.dumps(chances)]
        self._command = [sys.executable, *words]
        self.port, self.kills = 0, 0
        self._ended = threading.Event()
        self._start()
        self._thread = threading.Thread(target=self._kill, daemon=True)

    def __enter__(self) -> Killed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        command = [*self._command, *([str(self.port)] if self.port else [])]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def _kill(self) -> None:
        dice = random.Random(1)
        while not self._ended.wait(dice.uniform(*UP)):
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self.kills += 1
            time.sleep(dice.uniform(*DOWN))
            self._start()


# --------------------------------------------------------------------------- clients


def plan_of(folder: Path, number: int) -> Plan:
    """source -> number -> mix -> mix; each number has other keys from the first step on."""
    (folder / "n.txt").write_text(str(number))
    plan = Plan("race")
    first = plan.add("number", toys.read_number, plan.source("file", folder / "n.txt"))
    plan.add("mixed", toys.mix, first, None, plus=number)
    return plan


def answer(number: int) -> int:
    return int(hashlib.sha256(f"{number} None {number}".encode()).hexdigest()[:15], 16)


def one_build(folder: Path, number: int, place: SharedAddress) -> Ran:
    began = time.monotonic()
    folder.mkdir(parents=True)
    lines: list[str] = []
    fetched, sent, error = 0, 0, ""
    keys: tuple[str, ...] = ()
    try:
        store = Store(folder / "store", place)
        store.heed(lines.append)
        result = execute(plan_of(folder, number // RACING), store, Device(), executor=Inline())
        store.flush(lambda line: None)
        if result.value("mixed").value != answer(number // RACING):
            error = "a wrong result"
        fetched, sent = sum(one.shared for one in result.outcomes), store.sent
        keys = tuple(one.key for one in result.outcomes if one.key)
    except BaseException as failure:
        error = f"{type(failure).__name__}: {failure}"
    shutil.rmtree(folder, ignore_errors=True)
    return Ran(number, time.monotonic() - began, error, fetched, sent, keys, len(lines))


def client(folder: Path, builds: int, next_one: Any, answers: Any, place: SharedAddress) -> None:
    while True:
        with next_one.get_lock():
            number, next_one.value = next_one.value, next_one.value + 1
        if number >= builds:
            return
        answers.put(one_build(folder / str(number), number, place))


def race(folder: Path, builds: int, clients: int, place: SharedAddress) -> list[Ran]:
    """All builds, by that many processes, which are forked when all is imported."""
    for name in ("s3fs", "aiobotocore.session", "p2m.engine.storage.sharing", "p2m.engine.running.task"):
        importlib.import_module(name)
    fork = multiprocessing.get_context("fork")
    next_one, answers = fork.Value("i", 0), fork.Queue()
    processes = [
        fork.Process(target=client, args=(folder / f"client{number}", builds, next_one, answers, place))
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    found = []
    for done in range(1, builds + 1):
        found.append(answers.get(timeout=300))
        if done % 100 == 0:
            print(f"  {done} builds", flush=True)
    for process in processes:
        process.join()
    return found


# --------------------------------------------------------------------------- what lies in the bucket


def contents(port: int) -> dict[str, bytes]:
    s3 = _client(port)
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for one in page.get("Contents", ()):
            name = one["Key"].removeprefix("p2m/")
            found[name] = s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
    return found


def _client(port: int) -> Any:
    import boto3

    return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")


def torn(there: dict[str, bytes]) -> list[str]:
    """Files that differ from their names, and entries without their files."""
    found = []
    for name, content in there.items():
        if name.startswith("cas/") and hashing.digest_bytes(content) != name[-64:]:
            found.append(name)
        if name.startswith("ac/"):
            seal, _, text = content.partition(b"\n")
            listing = there.get(blob_name(json.loads(text)["output"]))
            files = hashing.parse_tree(listing) if listing is not None else ()
            if seal.decode() != hashing.digest_bytes(text) or listing is None or any(
                one.digest and blob_name(one.digest) not in there for one in files
            ):  # fmt: skip
                found.append(name)
    return found


def published(log: Path) -> Counter[str]:
    """How often each entry was written, by its name."""
    found: Counter[str] = Counter()
    for line in log.read_text().splitlines():
        method, path, _creates, status = line.split()
        name = path.partition("?")[0].removeprefix(f"/{BUCKET}/p2m/")
        if method == "PUT" and status == "200" and name.startswith("ac/") and "~" not in name:
            found[name] += 1
    return found


# --------------------------------------------------------------------------- beside plain s3fs


def beside(folder: Path, port: int, log: Path) -> bool:
    """One client without faults: what a build costs, and the same objects put and got by s3fs alone."""
    import s3fs

    def took(work: Callable[[], object]) -> tuple[float, int]:
        before, began = _lines(log), time.monotonic()
        work()
        return time.monotonic() - began, _lines(log) - before

    url = f"s3://{BUCKET}/alone"
    took(lambda: one_build(folder / "warm", RACING, SharedAddress(f"{url}0", "write")))
    place = SharedAddress(url, "write")
    one_build(folder / "found", 5 * RACING, place)
    sends = took(lambda: one_build(folder / "send", 0, place))
    fetches = took(lambda: one_build(folder / "fetch", 0, SharedAddress(url)))
    raw = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], skip_instance_cache=True)
    names = [name for name in raw.find(f"{BUCKET}/alone0") if "/ac/" in name or "/cas/" in name]
    bytes_of = {name: raw.cat_file(name) for name in names}

    def put() -> None:
        for name, content in bytes_of.items():
            raw.pipe_file(name.replace("alone0", "raw"), content)

    def get() -> None:
        for name in bytes_of:
            raw.cat_file(name.replace("alone0", "raw"), start=0, end=1 << 20)

    puts, gets = took(put), took(get)
    size = sum(map(len, bytes_of.values()))
    print(f"\none client, no faults, {len(names)} objects of {size:,} bytes in all")
    print(f"  {'':34}{'p2m build':>18}{'plain s3fs':>18}")
    for what, ours, theirs in (("makes and sends", sends, puts), ("fetches", fetches, gets)):
        print(f"  {what:34}" + "".join(f"{one[0]:8.3f} s {one[1]:3d} req" for one in (ours, theirs)))
    # Beside one an object: FORMAT, the lease, entries that are not there (2), and of a new store whether
    # create-only puts are honoured (3).
    lean = sends[1] <= len(names) + 7 and fetches[1] <= len(names) + 1
    return _bar("requests of a build: one an object and few more", lean)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _bar(what: str, holds: bool) -> bool:
    print(f"  {'ok' if holds else 'MISSED':8}{what}")
    return holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builds", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=32)
    words = parser.parse_args()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "p2m"
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # what is measured is no disk
    with tempfile.TemporaryDirectory(dir=memory) as name, moto() as port:
        folder = Path(name)
        _client(port).create_bucket(Bucket=BUCKET)
        log = folder / "log"
        began = time.monotonic()
        with Killed(port, log, CHANCES) as front:
            os.environ["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{front.port}"
            found = race(folder, words.builds, words.clients, SharedAddress(URL, "write", 10.0))
        seconds = time.monotonic() - began
        there, times = contents(port), published(log)
        for name in [name for name, count in times.items() if count > 1][:3]:
            print(*[line for line in log.read_text().splitlines() if name in line], sep="\n")
        good = report(found, there, times, _lines(log), seconds, front.kills, words.clients)
        quiet = folder / "quiet"
        with Killed(port, quiet, {}) as front:
            front._ended.set()
            os.environ["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{front.port}"
            good &= beside(folder, port, quiet)
    return 0 if good else 1


def report(
    found: list[Ran], there: dict[str, bytes], times: Counter[str], requests: int, seconds: float, kills: int,
    clients: int,
) -> bool:  # fmt: skip
    keys = {key for one in found for key in one.keys}
    failed, spoilt = [one for one in found if one.error], torn(there)
    sent, fetched = sum(one.sent for one in found), sum(one.fetched for one in found)
    median = statistics.median(one.seconds for one in found)
    print(f"\n{len(found)} builds on {clients} clients in {seconds:.0f} s; median build {median:.2f} s")
    print(f"  requests        {requests:,}, {requests / len(found):.1f} a build; faults by chance {CHANCES}")
    print(f"  server          killed and started again {kills} times")
    print(f"  steps           {len(keys)} keys; {fetched:,} fetched, {sent} sent first")
    told = sum(one.notices > 0 for one in found)
    print(f"  objects         {len(there):,}; builds that were told of a fault {told}")
    for one in failed[:3]:
        print(f"  build {one.number}: {one.error[:300]}")
    lost = [name for name in times if name not in there]
    never = sum(entry_name(key) not in there for key in keys)
    twice = {name: count for name, count in times.items() if count > 1}
    return all(
        [
            _bar(f"builds that failed or were wrong: {len(failed)}", not failed),
            _bar(f"keys published more than once: {len(twice)}", not twice),
            _bar(f"torn or incomplete objects: {len(spoilt)}", not spoilt),
            _bar(f"published entries that are not there: {len(lost)} of {len(times)}", not lost),
            _bar(f"results that builds counted as sent: {sent}, no more than published", sent <= len(times)),
            _bar(f"keys that no build could publish: {never}, at most one in 50", never <= len(keys) / 50),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
