"""Ctrl-C, SIGTERM and a killed parent: over at once, nothing left behind, and the way on is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from p2m.engine.store import Store

HERE = Path(__file__).parent
PATIENCE = 100  # seconds; what would go on by itself takes 300
PROGRAM = """
import sys
from pathlib import Path
from p2m.cli.dispatch import heed_interrupts, interrupted_text
from p2m.engine.executor import Local, execute
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.engine.handles import Device
from chain import Lines
from toys import native, single
folder, how, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
plan = Plan("native")
first = plan.add("first", single, name="first")
for number in range(int(sys.argv[4])):
    plan.add(f"native{number}", native, first, how=how, seconds=seconds)
heed_interrupts()
try:
    means = Local(workers=2)
    print("done", execute(plan, Store(folder / "store"), Device(), Lines(), executor=means).counts)
except KeyboardInterrupt as interrupt:
    print(interrupted_text(interrupt, ["build", "my recipe.yaml"]))
    sys.exit(130)
"""


def start(folder: Path, how: str, *, seconds: float = 300, steps: int = 1) -> subprocess.Popen[str]:
    """The program, in a process group of its own, as a terminal would start it."""
    environment = {
        **os.environ,
        "P2M_TOY_LOG": str(folder / "log"),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])]),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", _HEEDING + PROGRAM, str(folder), how, str(seconds), str(steps)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, process_group=0
    )


# A shell's background jobs, this test perhaps among them, ignore Ctrl-C.
_HEEDING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def workers(folder: Path) -> list[int]:
    """The processes that sit in native code, once they do."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        path = folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        begun = [line.split()[1] for line in lines if line.startswith("native ")]
        found = [int(word) for word in begun if word.isdigit()]
        if found:
            return found
        time.sleep(0.01)
    pytest.fail("no step began")


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def end(process: subprocess.Popen[str], send: str) -> str:
    """What it printed to its end, which comes long before that of its steps."""
    if send == "group":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal({"parent": signal.SIGINT, "term": signal.SIGTERM}[send])
    return process.communicate(timeout=PATIENCE)[0]


@pytest.mark.parametrize(
    ("how", "send"),
    [
        pytest.param("sleep", "group", marks=pytest.mark.slow),
        *(("sleep", "term"), ("lock", "parent"), ("matmul", "group")),
    ],
)
def test_an_interrupt_in_native_code_ends_it_and_says_how_to_go_on(
    tmp_path: Path, how: str, send: str
) -> None:
    process = start(tmp_path, how)
    found = workers(tmp_path)
    out = end(process, send)
    assert process.returncode == 130, out
    assert "finished in this run: first" in out
    assert "stopped: native0 after" in out
    assert "goes on from its last checkpoint" in out
    assert "p2m build 'my recipe.yaml'" in out
    assert "Traceback" not in out
    assert not any(is_alive(pid) for pid in found)
    from p2m.engine.journal import runs

    record = next(runs(Store(tmp_path / "store"), "native"), None)
    assert record is not None
    assert (record.status, record.steps["native0"].status) == ("interrupted", "interrupted")
    assert record.steps["first"].status == "ran"


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, "lock")
    found = workers(tmp_path)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert _gone(found, PATIENCE)


@pytest.mark.parametrize("how", [pytest.param("sleep", marks=pytest.mark.slow), "lock"])
def test_workers_die_with_a_parent_that_is_killed_and_the_same_command_goes_on(
    tmp_path: Path, how: str
) -> None:
    process = start(tmp_path, how)
    found = workers(tmp_path)
    process.kill()
    process.communicate()
    assert _gone(found, PATIENCE)
    out, _ = start(tmp_path, how, seconds=0).communicate(timeout=PATIENCE)
    assert "finished first reused" in out
    assert "done" in out


def test_a_worker_that_is_killed_takes_no_other_step_with_it(tmp_path: Path) -> None:
    process = start(tmp_path, "sleep", seconds=1.5, steps=2)
    os.kill(workers(tmp_path)[0], signal.SIGKILL)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert out.count("finished native") <= 1
    assert "was killed by signal 9 (SIGKILL)" in out


def _gone(pids: list[int], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while any(is_alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(is_alive(pid) for pid in pids)
