"""What answers of a model's folder cost on one core of this machine, in a fresh process that runs the
bundle's own files.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m.deploy.shipping import lay_out, shipped
from p2m.errors import StageError
from p2m.types import Backend, Example

_WARM_UP = 5  # answers before the clock counts: the first ones allocate
BATCH = 32  # rows that are given to the predictor at once, where throughput is measured
_BATCHES = 3  # of them at least,
SECONDS = 1.0  # and until so much time has passed

# Runs without p2m, bound to one core where the system lets it: loads predict.py as a bundle's user would, and
# reports seconds an answer, seconds a batch and peak memory in bytes. The memory is that of batches too.
_PROBE = """
import importlib.util, json, os, resource, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
spec = importlib.util.spec_from_file_location("predict", sys.argv[1])
predict = importlib.util.module_from_spec(spec)
sys.modules["predict"] = predict
spec.loader.exec_module(predict)
model = predict.Predictor(sys.argv[2], threads=1)
rows = json.load(sys.stdin)
for row in rows[: int(sys.argv[3])]:
    model.predict([row])
seconds = []
for row in rows:
    began = time.perf_counter()
    model.predict([row])
    seconds.append(time.perf_counter() - began)
size, least, most = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
ring, batches = rows * (size // len(rows) + 2), []
while len(batches) < least or sum(batches) < most:
    first = len(batches) * size % len(rows)
    began = time.perf_counter()
    model.predict(ring[first : first + size], batch_size=size)
    batches.append(time.perf_counter() - began)
try:  # Linux: getrusage would tell the peak of the process that started this one, where that was larger
    lines = open("/proc/self/status").read().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "batches": batches, "peak": peak}))
"""


@dataclass(frozen=True, slots=True)
class Clocked:
    """What a fresh process measured."""

    seconds: tuple[float, ...]  # of each row alone
    batches: tuple[float, ...]  # of each BATCH of them
    peak: int  # bytes of memory

    @property
    def throughput(self) -> float:
        """Rows a second."""
        return BATCH * len(self.batches) / sum(self.batches)


def served(model: Path, backend: Backend, folder: Path) -> Path:
    """The predict.py of a copy, alone in `folder`, of what the model's bundle runs."""
    shutil.rmtree(folder, ignore_errors=True)
    lay_out(shipped(model, backend), folder)
    return folder / "predict.py"


def clocked(script: Path, model: Path, rows: Sequence[Example], *, least: float = SECONDS) -> Clocked:
    """Each of `rows` alone, then batches of them for `least` seconds.

    Raises:
        StageError: the process failed.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    settings = map(str, (script, model, _WARM_UP, BATCH, _BATCHES, least))
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *settings],
        input=json.dumps([row.input for row in rows]),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise StageError(f"the latency probe failed: {last}")
    found = json.loads(done.stdout.splitlines()[-1])  # what it imports may print
    return Clocked(tuple(found["seconds"]), tuple(found["batches"]), int(found["peak"]))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending values: one that was really measured."""
    rank = max(1, -(-len(ordered) * round(share * 100) // 100))
    return ordered[rank - 1]


def processor() -> str:
    """The processor's name, as its maker wrote it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
