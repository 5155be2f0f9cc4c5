"""The ledger under load: durable records a second with 64 threads, and lookups among many records.

    python bench/ledger.py                       # 1,000,000 records, about two minutes and 1 GB of disk
    python bench/ledger.py --records 100000

Exits with 1 where a bar is missed: 2,000 durable records/s, opening in 0.1 s, a lookup in 1 ms (the median),
and 150 MB of memory for opening and looking up. The bulk is put in by the writer that answers go through,
without calls; opening, lookups and memory are those of another process.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from p2m.engine.recording.ledger import Ledger
from p2m.engine.recording.records import Asked, Record, frame_of

THREADS = 64
WRITTEN = 20_000  # requests of the durability part, each answered by its own call
MESSAGE = "Write one question about the passage that follows, and its answer. " * 6  # 400 bytes
BARS = {"records/s": 2000.0, "open s": 0.1, "lookup ms": 1.0, "memory MB": 150.0}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", help="ignored; every benchmark is given a folder of datasets")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--look", type=Path, help=argparse.SUPPRESS)  # the second process of the benchmark
    arguments = parser.parse_args()
    if arguments.look is not None:
        print(json.dumps(look(arguments.look, arguments.records)))
        return 0
    with tempfile.TemporaryDirectory(prefix="p2m-ledger-") as place:
        folder = Path(place) / "ledger"
        figures = {"records/s": durable(folder)}
        fill(folder, WRITTEN, arguments.records)
        command = [sys.executable, __file__, "--look", str(folder), "--records", str(arguments.records)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        figures |= json.loads(done.stdout)
    return report(figures, arguments.records)


def request(number: int) -> dict[str, object]:
    return {
        "provider": "bench",
        "model": "m",
        "messages": [{"role": "user", "content": MESSAGE}],
        "row": number,
    }


def durable(folder: Path) -> float:
    """Answers recorded and on the disk a second, each call by a thread that waits for it."""
    ledger = Ledger(folder)
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda n: ledger.answer(request(n), lambda: b"answer %d" % n), range(WRITTEN)):
            pass
    seconds = time.perf_counter() - began
    ledger.close()
    return WRITTEN / seconds


def fill(folder: Path, first: int, last: int) -> None:
    """Add records without calls, many at a time, by the writer that answers go through."""
    ledger = Ledger(folder)
    for start in range(first, last, 5000):
        waiting = []
        for number in range(start, min(start + 5000, last)):
            record = Record(
                Asked.of(request(number)), b"answer %d" % number, time.time(), 0.0, {"model": "m"}
            )
            waiting.append(ledger._appender.put(record.digest, frame_of(record)))
        for pending in waiting:
            pending.result()
    ledger.close()


def look(folder: Path, records: int) -> dict[str, float]:
    """Opening and lookups in a process of its own, whose memory is only that."""
    before = _memory()
    began = time.perf_counter()
    ledger = Ledger(folder)
    opened = time.perf_counter() - began
    random_ = random.Random(1)
    numbers = [random_.randrange(records) for _ in range(5000)]
    times = sorted(_timed(ledger, number, number) for number in numbers)
    absent = sorted(_timed(ledger, -1 - number, None) for number in range(1000))
    memory = _memory() - before
    ledger.close()
    return {
        "open s": opened,
        "lookup ms": 1000 * times[len(times) // 2],
        "lookup p99 ms": 1000 * times[len(times) * 99 // 100],
        "miss ms": 1000 * absent[len(absent) // 2],
        "memory MB": memory,
    }


def _timed(ledger: Ledger, number: int, expected: int | None) -> float:
    asked = request(number)
    began = time.perf_counter()
    found = ledger.known(asked)
    seconds = time.perf_counter() - began
    assert found == (None if expected is None else b"answer %d" % expected), number
    return seconds


def _memory() -> float:
    """The most that this process has held, MB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage also counts the process that started this one
        lines = status.read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def report(figures: dict[str, float], records: int) -> int:
    print(f"{THREADS} threads, {records:,} records")
    for line in _lines(figures):
        print(line)
    missed = [name for name, bar in BARS.items() if (figures[name] < bar) is (name == "records/s")]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


def _lines(figures: dict[str, float]) -> Iterator[str]:
    for name, figure in figures.items():
        bar = f"   bar {BARS[name]:g}" if name in BARS else ""
        yield f"  {name:<18} {figure:>10.3f}{bar}"


if __name__ == "__main__":
    sys.exit(main())
