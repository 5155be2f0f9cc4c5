"""Kills, rivals and full disks: at worst a step is done again, and nothing wrong is ever served."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from chain import NAMES, run
from test_executor import build, small
from toys import Number

from p2m.engine import hashing
from p2m.engine.executor import execute
from p2m.engine.files import disk
from p2m.engine.handles import Device
from p2m.engine.journal import runs
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.errors import StoreError

HERE = Path(__file__).parent
PROGRAM = """
import resource, sys
from pathlib import Path
from chain import run
if int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
sys.exit(run(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[4]))
"""


def start(
    folder: Path, *, seconds: float = 0.05, limit: int = 0, executor: str = "local", **variables: str
) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "P2M_TOY_LOG": str(folder / "log"),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])]),
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(seconds), str(limit), executor],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def log_of(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().splitlines() if path.exists() else []


def assert_sound(store: Store) -> None:
    """Every blob has its name's content, every entry verifies and has its output."""
    for blob in (store.root / "cas").rglob("*"):
        assert blob.is_dir() or hashing.digest_file(blob) == blob.name
    for entry in (store.root / "ac").rglob("?" * 64):
        assert store.lookup(entry.name) is not None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "n.txt").write_text("1")
    return tmp_path


def test_a_build_that_is_killed_again_and_again_loses_at_most_the_running_step(folder: Path) -> None:
    for step in ("s1", "s3", "s4"):
        process = start(folder)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == f"started {step}":
                break
        while f"slow {step} started" not in log_of(folder) and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        store = Store(folder / "store")
        assert_sound(store)
        record = next(runs(store, "chain"), None)
        assert record is not None
        assert record.status == "unfinished"
    out, _ = start(folder).communicate()
    assert "7 {" in out
    done = Counter(line.split()[1] for line in log_of(folder) if line.endswith("done"))
    assert done.keys() == set(NAMES)
    again = {name for name, times in done.items() if times > 1}  # done as the kill came, and not yet kept
    assert again <= {"s1", "s3", "s4"}
    assert "slow s3 resumed" in log_of(folder)  # it found its scratch folder as the kill had left it
    assert_sound(Store(folder / "store"))
    assert list((folder / "store" / "steps").iterdir()) == []


def kill_at_random(folder: Path, kills: int, executor: str) -> None:
    """Kill builds of one chain at random moments, now the command and now a worker of it.

    A build that comes to its end is no kill: it gives what it must, and the chain begins anew with another
    number. After every kill the store is sound, and no step that has its entry is ever done again.
    """
    random_ = random.Random(7)
    killed, value, spent = 0, 0, 0.0
    while killed < kills:
        place = folder / str(value // 10)  # now and then another store, so that looking it over stays quick
        place.mkdir(exist_ok=True)
        (place / "n.txt").write_text(str(value))
        store = Store(place / "store")
        before = entries(store)
        code = -1
        while code:
            finished = len(entries(store) - before)
            (place / "log").write_text("")
            began = time.monotonic()
            calm = value % 10 == 0 or killed == kills  # the first build of a store tells how long one takes
            code, out = forked(place, executor, None if calm else random_.uniform(0, spent), random_)
            again = [line.split()[1] for line in log_of(place) if line.endswith("done")]
            assert again == NAMES[max(0, finished - 1) :][: len(again)], (value, killed, finished)
            assert_sound(store)
            assert code in (0, -signal.SIGKILL) or "signal 9" in out, out
            killed += code != 0
        assert f"{value + 6} {{" in out, out
        assert len(entries(store) - before) == 1 + len(NAMES)
        # A kill just after an entry leaves that step's scratch folder behind, for gc; no other stays.
        assert {path.name for path in (place / "store" / "steps").iterdir()} <= entries(store)
        spent = time.monotonic() - began if value % 10 == 0 else spent
        value += 1


def forked(folder: Path, executor: str, seconds: float | None, random_: random.Random) -> tuple[int, str]:
    """Build in a child that need not load anything, and strike after so long; its end and what it printed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            sys.stdout = sys.stderr = open(1, "w", closefd=False)  # noqa: SIM115
            os.close(reading)
            os.close(writing)
            os.environ["P2M_TOY_LOG"] = str(folder / "log")
            code = run(folder, 0.005, executor)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writing)
    if seconds is not None:
        time.sleep(seconds)
        strike(child, random_)
    with open(reading) as stream:
        out = stream.read()  # to the end, which is when the last worker has gone too
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), out


def strike(process: int, random_: random.Random) -> None:
    """Kill the process, or a worker of it, or both; one that has ended is not waited for yet."""
    workers = children(process)
    victim = random_.choice(workers) if workers and random_.random() < 0.4 else process
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    if victim != process and random_.random() < 0.5:
        os.kill(process, signal.SIGKILL)


def entries(store: Store) -> set[str]:
    """The keys of the steps that were finished."""
    return {path.name for path in (store.root / "ac").rglob("?" * 64)}


def children(process: int) -> list[int]:
    """The processes that it has started, where the system tells."""
    try:
        return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


@pytest.mark.parametrize("executor", ["local", "inline"])
def test_kills_at_random_moments_never_leave_a_wrong_store(folder: Path, executor: str) -> None:
    kill_at_random(folder, 6, executor)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("executor", ["inline", "local"])
def test_a_thousand_kills_at_random_moments_never_leave_a_wrong_store(folder: Path, executor: str) -> None:
    kill_at_random(folder, int(os.environ.get("P2M_KILLS", "1000")), executor)


def check_rivals(folder: Path, number: int, executor: str = "local") -> None:
    """Cold processes on one build: one execution a step, and no error."""
    processes = [start(folder, seconds=0.02, executor=executor) for _ in range(number)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * number, outputs
    assert all("7 {" in output for output in outputs)
    done = Counter(line for line in log_of(folder) if line.endswith("done"))
    assert done == Counter(f"slow {name} done" for name in NAMES)
    assert_sound(Store(folder / "store"))


@pytest.mark.parametrize(("number", "executor"), [(2, "local"), (4, "inline")])
def test_processes_that_build_the_same_share_the_work(folder: Path, number: int, executor: str) -> None:
    check_rivals(folder, number, executor)


@pytest.mark.slow
@pytest.mark.parametrize("number", [8, 32])
def test_as_many_processes_with_workers_that_build_the_same_share_the_work(folder: Path, number: int) -> None:
    check_rivals(folder, number)


# --------------------------------------------------------------------------- every step of the protocol

SYNC_POINTS = """
import os, signal, sys
at, role = int(os.environ["P2M_TEST_KILL_AT"]), os.environ["P2M_TEST_ROLE"]
is_worker = len(sys.orig_argv) > 2 and "p2m.engine.running.worker" in sys.orig_argv[2]
if (role == "worker") == is_worker:
    import builtins, fcntl, io
    count = 0
    def counted(function):
        def call(*arguments, **options):
            global count
            if STORE in " ".join(map(str, arguments)) or function in (os_fsync, flock):
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return call
    STORE = os.environ["P2M_TEST_STORE"]
    os_fsync, flock = os.fsync, fcntl.flock
    fcntl.flock = counted(fcntl.flock)
    for name in ("link", "fsync", "chmod", "mkdir", "rename", "replace", "unlink", "rmdir", "open"):
        setattr(os, name, counted(getattr(os, name)))
    builtins.open = io.open = counted(io.open)
    import atexit
    atexit.register(lambda: open(os.environ["P2M_TEST_COUNT"], "w").write(str(count)))
"""


def kill_at_every_point(folder: Path, role: str, stride: int, first: int = 1) -> int:
    """Kill the command, or its worker, just before its k-th file operation, for every `stride`-th k."""
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(SYNC_POINTS)
    path = os.pathsep.join([str(hooks), str(HERE), str(HERE.parents[1])])
    tried, at = 0, first
    while True:
        place = folder / f"{role}{at}"
        place.mkdir()
        (place / "n.txt").write_text("1")
        hooked: dict[str, Any] = {
            "PYTHONPATH": path,
            "P2M_TEST_KILL_AT": str(at),
            "P2M_TEST_ROLE": role,
            "P2M_TEST_STORE": str(place / "store"),
            "P2M_TEST_COUNT": str(place / "count"),
        }
        process = start(place, seconds=0, **hooked)
        out, _ = process.communicate()
        if process.returncode == 0 and (place / "count").exists():
            assert "7 {" in out
            return tried  # there is no k-th operation any more
        assert process.returncode in (0, 1, -signal.SIGKILL), out
        if process.returncode == 0:
            assert "7 {" in out, (at, out)  # a worker that dies once all is done costs nothing
        if process.returncode == 1:
            assert "WorkerDied step" in out, out
            assert "signal 9" in out, out
        store = Store(place / "store")
        assert_sound(store)
        finished = len(list((store.root / "ac").rglob("?" * 64)))
        begun = len(log_of(place))
        out, _ = start(place, seconds=0).communicate()
        assert "7 {" in out, (at, out)
        assert f"'reused': {finished}" in out or not finished, (at, out)
        again = [line for line in log_of(place)[begun:] if line.endswith("done")]
        assert len(again) == min(len(NAMES), len(NAMES) + 1 - finished), at  # nothing finished is redone
        assert_sound(store)
        # A kill just after an entry leaves that step's scratch folder behind, for gc; no other stays.
        assert {path.name for path in (store.root / "steps").iterdir()} <= entries(store)
        tried, at = tried + 1, at + stride


@pytest.mark.parametrize(("role", "stride"), [("worker", 300), ("command", 60)])
def test_a_kill_at_a_step_of_the_protocol_costs_at_most_that_step(
    folder: Path, role: str, stride: int
) -> None:
    assert kill_at_every_point(folder, role, stride, first=7) >= 2


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("role", ["worker", "command"])
def test_a_kill_at_every_step_of_the_protocol_costs_at_most_that_step(folder: Path, role: str) -> None:
    assert kill_at_every_point(folder, role, 1) >= 80


def test_who_is_waited_for_is_said(folder: Path) -> None:
    holder = start(folder, seconds=3)  # a wait of less than a second is not worth a line
    assert holder.stdout is not None
    for line in holder.stdout:
        if line.startswith("started s0"):
            break
    follower = start(folder, seconds=3)
    assert follower.stdout is not None
    seen = next((line for line in follower.stdout if line.startswith("waiting")), "")
    for process in (follower, holder):
        process.kill()
        process.communicate()
    assert f"process {holder.pid}, at it for" in seen


def test_a_lock_goes_with_its_process(folder: Path) -> None:
    process = start(folder, seconds=30)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("started s0"):
            break
    process.kill()
    process.communicate()
    store = Store(folder / "store")
    for key in os.listdir(store.root / "locks"):
        with store.hold_key(key, "test", lambda who: None):
            pass


def test_a_file_size_limit_is_a_clear_error_and_the_store_stays_intact(folder: Path) -> None:
    process = start(folder, limit=1500)
    out, _ = process.communicate()
    assert process.returncode == 1, out
    assert "StoreError no room while" in out
    assert "what was stored before is intact" in out
    assert_sound(Store(folder / "store"))
    out, _ = start(folder).communicate()
    assert "7 {" in out


CALLS = ("link", "fsync", "chmod", "mkdir", "rename", "replace", "open", "unlink", "rmdir")


class Faulty:
    """Stands before the operating system's file calls, and fails the n-th one that touches the store."""

    def __init__(self, patch: pytest.MonkeyPatch, store: Path, code: int) -> None:
        self.store, self.code = str(store), code
        self.count, self.fail_at = 0, 0
        for name in CALLS:
            patch.setattr(os, name, self._wrap(getattr(os, name)))
        import builtins
        import io

        opened = self._wrap(io.open)
        patch.setattr(builtins, "open", opened)
        patch.setattr(io, "open", opened)

    def _wrap(self, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            touched = any(self.store in str(argument) for argument in arguments) or function is FSYNC
            if touched and self.fail_at:
                self.count += 1
                if self.count == self.fail_at:
                    raise OSError(self.code, os.strerror(self.code), str(arguments[0]))
            return function(*arguments, **options)

        return call


FSYNC = os.fsync


def _every_fault(folder: Path, patch: pytest.MonkeyPatch, code: int, stride: int) -> int:
    """Fail every `stride`-th file call of a cold build, a build each; returns how many were tried."""
    tried, position = 0, 1
    while True:
        root = folder / f"store{position}"
        with patch.context() as inner:
            faulty = Faulty(inner, root, code)
            faulty.fail_at = position
            failure: Exception | None = None
            try:
                assert build(small(folder), Store(root)).value("rows") == Number(8)
            except (StoreError, OSError) as error:
                failure = error
            faulty.fail_at = 0
        if isinstance(failure, OSError):  # the stage's own file call, in its scratch folder
            assert "/steps/" in str(failure.filename), (position, failure)
        elif failure is not None:
            assert str(root) in str(failure), position
        if faulty.count < position:
            return tried
        store = Store(root)
        assert_sound(store)
        assert build(small(folder), store).value("rows") == Number(8), position
        assert build(small(folder), store).counts == {"reused": 4}, position
        tried, position = tried + 1, position + stride


def test_a_fault_at_any_file_call_is_a_clean_error_or_a_right_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "n.txt").write_text("10")
    assert _every_fault(folder, monkeypatch, errno.ENOSPC, 13) >= 12


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_every_kind_of_fault_at_every_other_file_call(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    (folder / "n.txt").write_text("10")
    assert _every_fault(folder, monkeypatch, code, 2) >= 80


def test_a_stage_that_fills_the_disk_is_told_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from toys import fill

    plan = Plan("full")
    plan.add("fill", fill, plan.source("file", folder / "n.txt"))
    with pytest.raises(StoreError, match="no room while running fill"):
        execute(plan, Store(folder / "store"), Device())


def _wrapped(code: int) -> Exception:
    """What a library that is not Python makes of a full disk."""
    try:
        raise RuntimeError(f"I/O error: {os.strerror(code)} (os error {code})")
    except RuntimeError as error:
        outer = ValueError("could not save")
        outer.__cause__ = error
        return outer


def test_a_full_disk_is_known_behind_the_errors_of_other_libraries() -> None:
    found = disk.disk_full(_wrapped(errno.ENOSPC))
    assert found is not None
    assert found.errno == errno.ENOSPC
    assert disk.disk_full(ValueError("no such label")) is None
    assert disk.disk_full(_wrapped(errno.ENOENT)) is None
