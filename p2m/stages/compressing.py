"""What the stages share that make an exported folder smaller."""

from __future__ import annotations

from pathlib import Path

from p2m.compression.base import Compressor
from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.base import open_model
from p2m.deploy.serving.settings import Settings
from p2m.engine.handles import Run
from p2m.stages.rows import sample
from p2m.stages.scoring import fresh
from p2m.types import CalibratedCompressor, Split, Task, VocabularyCompressor

FULL = "fp32"
_BATCH = 32


def compressed(
    task: Task, parts: Split, source: Path, compressor: Compressor, *, seed: int, run: Run
) -> Path:
    """The folder that `compressor` makes of `source`; told, where it asks, what training rows are made of."""
    folder = fresh(run.folder / "smaller")
    if isinstance(compressor, VocabularyCompressor):
        texts = (text for row in parts.train for text in row.input.values())
        compressor.compress(source, folder, texts=texts)
    elif isinstance(compressor, CalibratedCompressor):
        watched = fresh(run.folder / "watched")
        compressor.watch(source, watched)
        rows = [row.input for row in sample(task, parts.train, compressor.rows, seed)]
        model = open_model(watched, ONNX, threads=run.device.threads)
        compressor.compress(source, folder, seen=model.outputs(rows, batch_size=_BATCH))
    else:
        compressor.compress(source, folder)
    return folder


def unfit(source: Path, compressor: Compressor) -> str:
    """Why the folder cannot be made smaller so; "" where it can."""
    if not isinstance(compressor, CalibratedCompressor) or Settings.read(source).kind == "classification":
        return ""
    return f"{compressor.name} is for models that are tuned to answer with labels or numbers"


def lineage(before: str, name: str) -> str:
    """The name of what is made of a variant: all ways that led to it."""
    return name if before == FULL else f"{before}+{name}"
