"""What one step does to its process reaches no other step, whether they share a worker or the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from p2m.engine.executor import Inline, Local, execute
from p2m.engine.handles import Device
from p2m.engine.plan import Plan
from p2m.engine.stage import stage
from p2m.engine.store import Store
from p2m.errors import StageError

EXECUTORS = [Inline(), Local(workers=1)]


@dataclass(frozen=True)
class Told:
    text: str


@stage(version="1", kind="pure")
def spoil(*, words: list[str]) -> Told:
    """Changes whatever a step may change of its process."""
    os.chdir("/")
    os.umask(0o777)
    os.environ["P2M_TEST_LEFT"] = "yes"
    os.environ.pop("HOME", None)
    sys.path.insert(0, "/nowhere")
    sys.stdout = None  # type: ignore[assignment]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 3600)
    words.append("spoilt")
    return Told(str(os.getpid()))


@stage(version="1", kind="pure")
def tell(before: Told | None, *, words: list[str]) -> Told:
    mask = os.umask(0)
    os.umask(mask)
    seen = {
        "folder": os.getcwd(),
        "mask": mask,
        "left": os.environ.get("P2M_TEST_LEFT"),
        "home": os.environ.get("HOME"),
        "path": "/nowhere" in sys.path,
        "stdout": sys.stdout is not None,
        "term": signal.getsignal(signal.SIGTERM) is signal.SIG_IGN,
        "timer": signal.getitimer(signal.ITIMER_REAL)[0] > 3000,
        "words": words,
    }
    return Told(json.dumps([before.text if before else "", str(os.getpid()), seen]))


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Were it not for what is tested, the rest of the tests would not get far."""
    folder, mask, path, variables = os.getcwd(), os.umask(0), list(sys.path), dict(os.environ)
    os.umask(mask)
    handler, stdout = signal.getsignal(signal.SIGTERM), sys.stdout
    yield
    os.chdir(folder)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(variables)
    sys.path[:], sys.stdout = path, stdout
    signal.signal(signal.SIGTERM, handler)
    if signal.getitimer(signal.ITIMER_REAL)[0] > 3000:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.mark.parametrize("executor", EXECUTORS, ids=lambda executor: type(executor).__name__)
def test_a_step_finds_nothing_that_an_earlier_step_of_its_process_left(tmp_path: Path, executor: Any) -> None:
    words = ["a"]
    clean, spoilt = Plan("clean"), Plan("spoilt")
    clean.add("tell", tell, None, words=words)
    spoilt.add("tell", tell, spoilt.add("spoil", spoil, words=words), words=words)
    found = []
    for number, plan in enumerate((clean, spoilt)):
        result = execute(plan, Store(tmp_path / str(number)), Device(), executor=executor)
        found.append(json.loads(result.value("tell").text))
    (_, _, undisturbed), (first, second, seen) = found
    assert first == second  # the same process did both
    assert seen == undisturbed
    assert words == ["a"]


@stage(version="1", kind="pure")
def leave(*, code: int) -> Told:
    sys.exit(code)


@pytest.mark.parametrize("executor", EXECUTORS, ids=lambda executor: type(executor).__name__)
def test_a_stage_that_calls_exit_fails_and_does_not_end_the_command(tmp_path: Path, executor: Any) -> None:
    plan = Plan("leave")
    plan.add("leave", leave, code=0)
    with pytest.raises(StageError, match=r"step leave wanted to end its process \(sys.exit\(0\)\)"):
        execute(plan, Store(tmp_path / "store"), Device(), executor=executor)


@stage(version="1", kind="pure")
def start_another(*, seconds: int) -> Told:
    """Leaves a process behind that was forked, and so has every file of this one."""
    if not (child := os.fork()):
        threading.Event().wait(seconds)
        os._exit(0)
    return Told(str(child))


def test_a_process_that_a_step_left_behind_holds_no_lock_of_it(tmp_path: Path) -> None:
    plan, store = Plan("fork"), Store(tmp_path / "store")
    plan.add("fork", start_another, seconds=600)
    result = execute(plan, store, Device())
    child = int(result.value("fork").text)
    try:
        command = ["flock", "-n", str(store.root / "locks" / result.outcome("fork").key), "true"]
        assert subprocess.run(command, check=False).returncode == 0
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
