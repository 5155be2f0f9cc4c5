"""measure: what answers cost on one core of this machine, one by one and in batches, in a fresh process that
runs the bundle's own files.
"""

from __future__ import annotations

from itertools import cycle, islice

from p2m.deploy.backends.onnx import ONNX
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.stages.timing import clocked, percentile, processor, served
from p2m.types import Backend, Exported, Measured, Split, Task


@stage(version="1", kind="measured")
def measure(
    task: Task, parts: Split, exported: Exported, *, rows: int, backend: Backend = ONNX, run: Run
) -> Measured:
    """Latency over `rows` test rows (repeated where there are fewer), one by one, and rows a second of the
    same rows, BATCH at a time; one thread, one core.

    Raises:
        StageError: there is no row to ask, or the probe failed.
    """
    real = parts.test or parts.validation or parts.train
    if not real:
        raise StageError("there is no row to measure with; give data.test, or raise split.test_share")
    run.say(f"measuring {rows} answers on one core")
    script = served(exported.model, backend, run.folder / "served")
    found = clocked(script, exported.model, list(islice(cycle(real), rows)))
    seconds = sorted(found.seconds)
    return Measured(
        latency_p50=percentile(seconds, 0.50),
        latency_p95=percentile(seconds, 0.95),
        throughput=found.throughput,
        rows=len(seconds),
        peak_memory=found.peak,
        machine=processor(),
        latency_p99=percentile(seconds, 0.99),
    )
