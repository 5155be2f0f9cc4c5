"""encoder: a base encoder exported once, made smaller once, and shared by every recipe that reads it."""

from __future__ import annotations

import shutil

from p2m.compression.base import Compressor
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.students.base import BaseEncoder
from p2m.types import Encoder


@stage(version="1", kind="seeded", cpus="all")
def encoder(*, base: BaseEncoder, compressor: Compressor | None, run: Run) -> Encoder:
    """Export `base`; what is fitted to its embeddings later is fitted to those of the smaller one.

    Raises:
        MissingWeights: the base model cannot be had.
    """
    full, small = run.folder / "fp32", run.folder / "small"
    for folder in (full, small):
        shutil.rmtree(folder, ignore_errors=True)
    if told := getattr(base, "download", ""):
        run.say(told)
    run.say("exporting the base encoder, once for all recipes that read it")
    base.export(full)
    if compressor is None:
        return Encoder(full, "fp32", base.window)
    compressor.compress(full, small)
    return Encoder(small, compressor.name, base.window)
