"""Weights in eight bits, activations in eight bits as they come, each token by a scale of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.errors import StageError

ENCODER = "model.onnx"  # a graph that is passed once an answer
BESIDE = ".data"  # weights of a graph that is too large for one file
_TOP = 127  # an activation is a whole number from -_TOP to _TOP; stored as a byte with _ZERO added to it
_ZERO = 128
_WEIGHT_TOP = 64  # of a weight's magnitude: two products of bytes, 2 * 255 * 64, still fit sixteen bits
_FEWEST = 8  # columns; a narrower matrix (start and end logits) costs nothing and stays exact
FEWEST_WORDS = 64  # rows of a table; a shorter one (kinds of tokens, distances) is small
DOMAIN = "com.microsoft"  # onnxruntime's own operators


def graphs_of(source: Path, target: Path) -> list[Path]:
    """Every graph in `source`, whose other files are copied to `target`.

    Raises:
        StageError: there is no graph to quantise.
    """
    graphs = sorted(source.glob("*.onnx"))
    if not graphs:
        raise StageError(f"{source} holds no .onnx file to quantise")
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        if path.suffix not in (".onnx", BESIDE):
            shutil.copyfile(path, target / path.name)
    return graphs


@dataclass(frozen=True)
class Int8:
    """Quantise the matrix products, and the tables of words.

    Each token's activations are divided by their largest magnitude and rounded, so that no token depends on
    its neighbours: a row has one answer, alone or in a batch, padded or not. (onnxruntime's own dynamic
    quantisation takes one scale for the whole batch; it is used for the embedding table alone.)

    Weights keep seven bits. Processors without VNNI (AVX2 alone) add pairs of products in sixteen bits and
    cut off what is over; with eight bits of weight MiniLM's logits on SQuAD were 8% off fp32 with VNNI and
    10% without, with seven 9.5% on both: what was judged on one machine holds on another. (onnxruntime's own
    dynamic quantisation was 16% off.)

    The table of words is half of a small encoder. A row of it is looked up in eight bits and scaled by
    itself, so a decoder, which looks one up at every step, is no slower for it. (onnxruntime's own way
    unpacks the whole table at each step, and made T5 several times slower.)
    """

    name: ClassVar[str] = "int8"
    embeddings: bool = True  # the tables of words too
    per_channel: bool = True  # a scale a column of each matrix: nearer to fp32, no slower

    def compress(self, source: Path, target: Path) -> None:
        """Write a quantised copy of every graph in `source`, and all other files as they are.

        Raises:
            StageError: there is no graph to quantise.
        """
        for path in graphs_of(source, target):
            self._quantise(path, target / path.name)

    def _quantise(self, source: Path, target: Path) -> None:
        import onnx

        model = onnx.load(str(source))
        if self.embeddings:
            quantise_tables(model)
        quantise_products(model, per_channel=self.per_channel)
        onnx.save(model, str(target))


def quantise_tables(model: Any) -> None:
    """Rewrite, in place, every lookup in a table (words, width) as one of bytes and one of scales."""
    from onnx import helper

    graph = model.graph
    tables = {each.name: each for each in graph.initializer if len(each.dims) == 2}
    nodes: list[Any] = []
    constants: dict[str, Any] = {}
    for node in graph.node:
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or table.dims[0] < FEWEST_WORDS or any(each.i for each in node.attribute):
            nodes.append(node)
            continue
        constants |= _rows(table)
        name, (words, ids) = node.output[0], node.input
        # Not numbers: exporters tell values of one name apart by these.
        found = [f"{name}_{part}" for part in ("bytes", "whole", "scale")]
        nodes += [
            helper.make_node("Gather", [f"{words}_rows", ids], [found[0]]),
            helper.make_node("Cast", [found[0]], [found[1]], to=1),
            helper.make_node("Gather", [f"{words}_scales", ids], [found[2]]),
            helper.make_node("Mul", [found[1], found[2]], [name]),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    exchange(graph, constants)


def _rows(table: Any) -> dict[str, Any]:
    """A float table as bytes and a scale a row, (words, 1)."""
    import numpy as np
    from onnx import numpy_helper

    values = numpy_helper.to_array(table).astype(np.float32)
    scale = np.abs(values).max(axis=1, keepdims=True) / np.float32(_TOP)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return {f"{table.name}_rows": np.rint(values / scale).astype(np.int8), f"{table.name}_scales": scale}


def quantise_products(model: Any, *, per_channel: bool, peaks: Mapping[str, float] | None = None) -> None:
    """Rewrite, in place, every product of activations (..., k) with a constant matrix (k, n).

    x @ w becomes peak * (q @ w'), where peak (..., 1) is the largest magnitude of each token and q is
    127 x / peak, rounded, in a byte. Products that read one tensor share its q. With `peaks`, by the name of
    x, all tokens have the same, and what is larger is cut off.
    """

    graph = model.graph
    matrices = {each.name: each for each in graph.initializer if len(each.dims) == 2}
    nodes: list[Any] = []
    constants: dict[str, Any] = {}
    scaled: set[str] = set()
    for node in graph.node:
        if not is_product(node, matrices):
            nodes.append(node)
            continue
        if node.input[0] not in scaled:
            nodes += _scale(node.input[0]) if peaks is None else [_fixed(node.input[0])]
            constants |= {} if peaks is None else _step(node.input[0], peaks[node.input[0]])
            scaled.add(node.input[0])
        constants |= _weights(
            matrices[node.input[1]], transposed=is_transposed(node), per_channel=per_channel
        )
        nodes += _product(node, is_fixed=peaks is not None)
    if not scaled:
        return
    del graph.node[:]
    graph.node.extend(nodes)
    exchange(graph, constants | _constants())
    add_domain(model)


def is_product(node: Any, matrices: dict[str, Any]) -> bool:
    if node.op_type not in ("MatMul", "Gemm") or node.input[1] not in matrices:
        return False
    settings = {each.name: each.i or each.f for each in node.attribute}
    plain = settings.get("alpha", 1) == settings.get("beta", 1) == 1 and not settings.get("transA")
    return plain and matrices[node.input[1]].dims[0 if settings.get("transB") else 1] >= _FEWEST


def is_transposed(node: Any) -> bool:
    return any(each.name == "transB" and each.i for each in node.attribute)


def _scale(x: str) -> list[Any]:
    """Nodes from a tensor to its peaks and bytes. A token of zeros has peak 0, and whatever 0 / 0 is rounded
    to is multiplied by that 0 in the end.
    """
    from onnx import helper

    return [
        helper.make_node("Abs", [x], [f"{x}_magnitude"]),
        helper.make_node("ReduceMax", [f"{x}_magnitude", "int8_axis"], [f"{x}_peak"], keepdims=1),
        helper.make_node("Div", [x, f"{x}_peak"], [f"{x}_share"]),
        helper.make_node("QuantizeLinear", [f"{x}_share", "int8_step", "int8_zero"], [f"{x}_quantized"]),
    ]


def _fixed(x: str) -> Any:
    """The node from a tensor to its bytes, by a step that is known."""
    from onnx import helper

    return helper.make_node("QuantizeLinear", [x, f"{x}_step", "int8_zero"], [f"{x}_quantized"])


def _step(x: str, peak: float) -> dict[str, Any]:
    import numpy as np

    return {f"{x}_step": np.float32((peak or 1.0) / _TOP)}


def _product(node: Any, *, is_fixed: bool) -> list[Any]:
    """Nodes that stand for a MatMul or a Gemm. onnxruntime's operator takes one scale for all tokens, which
    is the step here; where each token has its own, peaks are multiplied afterwards.
    """
    from onnx import helper

    x, matrix, *bias = node.input
    y = node.output[0]
    scaled = y if not bias else f"{y}_product"
    step, found = (f"{x}_step", scaled) if is_fixed else ("int8_step", f"{y}_share")
    nodes = [
        helper.make_node(
            "MatMulIntegerToFloat",
            [f"{x}_quantized", f"{matrix}_quantized", step, f"{matrix}_scale", "int8_zero"],
            [found],
            domain=DOMAIN,
        )
    ]
    if not is_fixed:
        nodes.append(helper.make_node("Mul", [found, f"{x}_peak"], [scaled]))
    return nodes + [helper.make_node("Add", [scaled, each], [y]) for each in bias]


def _weights(matrix: Any, *, transposed: bool, per_channel: bool) -> dict[str, Any]:
    """A float matrix as a signed one of (k, n) and its scale, (n,) or ()."""
    import numpy as np
    from onnx import numpy_helper

    values = numpy_helper.to_array(matrix).astype(np.float32)
    values = values.T if transposed else values
    scale = np.abs(values).max(axis=0 if per_channel else None) / np.float32(_WEIGHT_TOP)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return {
        f"{matrix.name}_quantized": np.ascontiguousarray(np.rint(values / scale).astype(np.int8)),
        f"{matrix.name}_scale": scale,
    }


def _constants() -> dict[str, Any]:
    import numpy as np

    return {
        "int8_step": np.float32(1 / _TOP),
        "int8_zero": np.uint8(_ZERO),
        "int8_axis": np.array([-1], dtype=np.int64),
    }


def add_domain(model: Any) -> None:
    """Say that the graph has operators of onnxruntime's own."""
    from onnx import helper

    if all(each.domain != DOMAIN for each in model.opset_import):
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))


def exchange(graph: Any, constants: dict[str, Any]) -> None:
    """Put arrays in the place of the initializers that no node reads any more."""
    from onnx import numpy_helper

    read = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}
    kept = [each for each in graph.initializer if each.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
