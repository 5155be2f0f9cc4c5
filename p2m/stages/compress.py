"""compress: an exported student made smaller in one way."""

from __future__ import annotations

from p2m.compression.base import Compressor
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.scoring import fresh, scored
from p2m.types import Split, Task, Variant, VocabularyCompressor


@stage(version="3", kind="seeded", cpus="all")
def compress(
    task: Task,
    parts: Split,
    full: Variant,
    *,
    compressor: Compressor,
    metric: Metric | None,
    seed: int,
    run: Run,
) -> Variant:
    """Nothing where there is nothing to make smaller; without a `metric`, not scored (`export`).

    Raises:
        StageError: the compressor made nothing that can be opened.
    """
    if full.model is None:
        return Variant(None, compressor.name)
    folder = fresh(run.folder / "smaller")
    if isinstance(compressor, VocabularyCompressor):
        texts = [text for row in parts.train for text in row.input.values()]
        compressor.compress(full.model, folder, texts=texts)
    else:
        compressor.compress(full.model, folder)
    return scored(task, parts, folder, compressor.name, full.fit, metric=metric, seed=seed, run=run)
