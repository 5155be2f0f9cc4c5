"""What opens exported models in a step.

A model's folder names its backend, whose file is found by that name when the folder is opened. Keys see
imports alone, so p2m's own backends are imported here.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from p2m.deploy.serving import backends
from p2m.deploy.serving.backends import onnx
from p2m.deploy.serving.embeddings import compared, open_encoder, opposed
from p2m.deploy.serving.predictor import Predictor
from p2m.errors import StageError
from p2m.types import Backend

__all__ = ["Backend", "Predictor", "compared", "onnx", "open_encoder", "open_model", "opposed"]


def open_model(folder: Path, backend: Backend, *, threads: int) -> Predictor:
    """The model in a folder that `backend` wrote; its serving file takes its place beside p2m's own.

    Raises:
        StageError: that place is one of p2m's own.
    """
    serving, own = backend.serving, Path(backends.__file__).with_name(f"{backend.name}.py")
    if not own.is_file():
        name = f"{backends.__name__}.{backend.name}"
        spec = importlib.util.spec_from_file_location(name, serving)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    elif own.resolve() != serving.resolve():
        raise StageError(f"{backend.name} is a runtime of p2m: name that of {serving} otherwise")
    return Predictor(folder, threads=threads)
