"""Graphs by onnxruntime, on the processor: <name>.onnx."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..settings import BundleError, first_line

# onnxruntime's CPU kernel of this fusion takes ten times as long as its parts.
_SLOW = ["SkipLayerNormFusion"]


class OnnxGraph:
    """An inference session as a `Graph`."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._outputs = [each.name for each in session.get_outputs()]
        self.inputs = {each.name: each.shape for each in session.get_inputs()}

    def run(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        return dict(zip(self._outputs, self._session.run(None, feed), strict=True))


def open_graph(folder: Path, name: str, *, threads: int) -> OnnxGraph:
    """Raises BundleError where the file is missing, or is no graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    path = folder / f"{name}.onnx"
    if not path.is_file():
        raise BundleError(f"{path}: missing; copy the bundle again")
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOW
        )
    except Exception as error:  # onnxruntime raises a dozen unrelated types for a damaged file
        raise BundleError(f"{path}: onnxruntime cannot open it ({first_line(error)})") from None
    return OnnxGraph(session)
