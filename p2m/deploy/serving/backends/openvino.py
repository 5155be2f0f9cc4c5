"""Graphs by OpenVINO, on the processor: <name>.xml with its weights in <name>.bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..settings import BundleError, first_line

# In the graph: what it is computed in. OpenVINO itself takes bf16 wherever the processor has it.
PRECISION = ["p2m", "precision"]


class OpenVinoGraph:
    """A compiled model as a `Graph`."""

    def __init__(self, compiled: Any, outputs: Sequence[str]) -> None:
        self._request = compiled.create_infer_request()
        self._outputs = outputs
        self.inputs = {
            each.get_any_name(): [
                size.get_length() if size.is_static else str(size) for size in each.get_partial_shape()
            ]
            for each in compiled.inputs
        }

    def run(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        """Copies: the next run writes over what this one gave."""
        self._request.infer(dict(feed), share_inputs=True)
        return {
            name: self._request.get_output_tensor(place).data.copy()
            for place, name in enumerate(self._outputs)
        }


def open_graph(folder: Path, name: str, *, threads: int) -> OpenVinoGraph:
    """Raises BundleError where a file is missing, or is no graph."""
    import openvino

    for path in (folder / f"{name}.xml", folder / f"{name}.bin"):
        if not path.is_file():
            raise BundleError(f"{path}: missing; copy the bundle again")
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    core = openvino.Core()
    try:
        model = core.read_model(folder / f"{name}.xml")
        settings["INFERENCE_PRECISION_HINT"] = model.get_rt_info(PRECISION).value
        named = [
            each.get_any_name() for each in model.outputs
        ]  # compiled, an output may have other names too
        return OpenVinoGraph(core.compile_model(model, "CPU", settings), named)
    except RuntimeError as error:
        raise BundleError(f"{folder / name}.xml: OpenVINO cannot open it ({first_line(error)})") from None
