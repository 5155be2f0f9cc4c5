"""Processes that write to one ledger, for tests that kill them, starve them or let them race."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from p2m.engine.recording.ledger import Ledger

HERE = Path(__file__).parent

# argv: ledger, log of calls, first and last number, threads, file size limit, seconds a call. Prints answers.
PROGRAM = """
import os, resource, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from p2m.engine.recording.ledger import Ledger
from p2m.errors import P2MError
folder, log = Path(sys.argv[1]), sys.argv[2]
first, last, threads, limit = (int(word) for word in sys.argv[3:7])
seconds = float(sys.argv[7])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
calls = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def ask(number):
    def call():
        os.write(calls, f"{number}\\n".encode())
        time.sleep(seconds)
        return f"answer {number} ".encode() * 20
    answer = ledger.answer({"number": number}, call, labels={"pid": os.getpid()})
    os.write(1, f"{number} {answer[:12].decode()}\\n".encode())

ledger = Ledger(folder)
os.write(1, b"open\\n")
while len(sys.argv) > 8 and not os.path.exists(sys.argv[8]):
    time.sleep(0.001)
try:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(ask, range(first, last)))
    ledger.close()
except P2MError as error:
    print(type(error).__name__, error)
    sys.exit(error.exit_code)
"""


def start(
    folder: Path,
    numbers: range,
    *,
    threads: int = 8,
    limit: int = 0,
    seconds: float = 0.0,
    gate: Path | None = None,
) -> subprocess.Popen[str]:
    """A process that asks for these numbers, a request each; calls are noted in `calls` beside the ledger."""
    words = [folder, folder.with_name("calls"), numbers.start, numbers.stop, threads, limit, seconds]
    words += [gate] if gate is not None else []  # nothing is asked before that file exists
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )


def calls(folder: Path) -> list[int]:
    path = folder.with_name("calls")
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def fill(folder: Path, count: int, **labels: Any) -> dict[int, bytes]:
    """Record `count` answers and close the ledger."""
    ledger = Ledger(folder)
    answers = {number: b"answer %d" % number for number in range(count)}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: ledger.answer({"n": n}, lambda: answers[n], labels=labels), answers))
    ledger.close()
    return answers
