"""Weights and activations in eight bits, activations by ranges that calibration rows showed.

Nothing is looked for at each answer, so it is faster than `int8`; and one range for all tokens is coarser.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.compression.int8 import BESIDE, ENCODER, is_product, quantise_products, quantise_tables

_WATCHED = "peak of "  # begins the names of outputs that only calibration has


@dataclass(frozen=True)
class StaticInt8:
    """Quantise as `int8` does, with one range a tensor: the `share` quantile of the rows' largest magnitudes.

    Rows that are the exception would stretch the range for all others; what is beyond it is cut off.
    """

    name: ClassVar[str] = "static_int8"
    rows: int = 200  # training rows to calibrate by
    share: float = 0.9  # 0 to 1; 1: the largest of all rows
    embeddings: bool = True  # the tables of words too
    per_channel: bool = True  # a scale a column of each matrix

    def watch(self, source: Path, target: Path) -> None:
        """Write a copy of the folder whose graph also gives what products read: of each its peak a row."""
        import onnx
        from onnx import TensorProto, helper

        shutil.copytree(source, target, dirs_exist_ok=True)
        (target / f"{ENCODER}{BESIDE}").unlink(missing_ok=True)
        model = onnx.load(str(source / ENCODER))
        graph = model.graph
        graph.initializer.append(helper.make_tensor("watched_shape", TensorProto.INT64, [2], [0, -1]))
        graph.initializer.append(helper.make_tensor("watched_axis", TensorProto.INT64, [1], [1]))
        for x in _read(model):
            graph.node.extend(
                [
                    helper.make_node("Reshape", [x, "watched_shape"], [f"{x}_watched"]),
                    helper.make_node("Abs", [f"{x}_watched"], [f"{x}_watched_size"]),
                    helper.make_node(
                        "ReduceMax", [f"{x}_watched_size", "watched_axis"], [f"{_WATCHED}{x}"], keepdims=0
                    ),
                ]
            )
            graph.output.append(helper.make_tensor_value_info(f"{_WATCHED}{x}", TensorProto.FLOAT, ["batch"]))
        onnx.save(model, str(target / ENCODER))

    def compress(self, source: Path, target: Path, *, seen: Mapping[str, Any] | None = None) -> None:
        """Write a quantised copy; `seen` are the outputs, (rows,) each, of the graph that `watch` wrote.

        Raises:
            ValueError: nothing was seen.
        """
        import numpy as np
        import onnx

        if not seen:
            raise ValueError("static_int8 needs rows to calibrate by")
        shutil.copytree(source, target, dirs_exist_ok=True)
        (target / f"{ENCODER}{BESIDE}").unlink(missing_ok=True)
        model = onnx.load(str(source / ENCODER))
        peaks = {x: float(np.quantile(seen[f"{_WATCHED}{x}"], self.share)) for x in _read(model)}
        if self.embeddings:
            quantise_tables(model)
        quantise_products(model, per_channel=self.per_channel, peaks=peaks)
        onnx.save(model, str(target / ENCODER))


def _read(model: Any) -> list[str]:
    """What products with constant matrices read, each once."""
    matrices = {each.name: each for each in model.graph.initializer if len(each.dims) == 2}
    return list(dict.fromkeys(node.input[0] for node in model.graph.node if is_product(node, matrices)))
