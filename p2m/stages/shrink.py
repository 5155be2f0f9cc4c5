"""shrink: a frozen encoder made smaller in one way, for the rows of one recipe."""

from __future__ import annotations

from p2m.compression.base import Compressor
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.stages.compressing import compressed, lineage
from p2m.types import Encoder, Split, Task


@stage(version="1", kind="seeded", cpus="all")
def shrink(
    task: Task, parts: Split, encoder: Encoder, *, name: str, compressor: Compressor, seed: int, run: Run
) -> Encoder:
    """Raises StageError where the compressor cannot read the graph."""
    folder = compressed(task, parts, encoder.folder, compressor, seed=seed, run=run)
    return Encoder(folder, lineage(encoder.precision, name), encoder.window)
