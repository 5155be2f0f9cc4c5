"""Weights in blocks of four or eight bits, each block with a scale; activations stay what they are.

Four bits are half of what `int8` ships, and take three times as long (minilm, one row, a core with VNNI);
full precision takes longer still. A table of words in four bits keeps what a factorised one of the same size
loses: on Banking77's validation rows it cost minilm 0.2 points of accuracy, one of half the rank (Lan et al.,
2020, arXiv 1909.11942) 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from p2m.compression.int8 import (
    DOMAIN,
    FEWEST_WORDS,
    add_domain,
    exchange,
    graphs_of,
    is_product,
    is_transposed,
    quantise_tables,
)

_TABLE_BLOCK = 32  # numbers of a table's row with one scale
_SHRINKS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)  # of a block's largest magnitude, of which the best is taken
_EIGHT_BIT_ACTIVATIONS = 4  # an accuracy level of onnxruntime's: whole numbers are multiplied, block by block


@dataclass(frozen=True)
class WeightOnly:
    """Round the matrices of products to blocks of `bits`, and tables of words to `table_bits`.

    A block's scale is the one of a few with the smallest squared error: a scale by the largest magnitude
    alone spends a quarter of sixteen steps on one weight. Products are onnxruntime's MatMulNBits.
    """

    bits: Literal[4, 8] = 4
    block: Literal[16, 32, 64, 128] = 32  # weights of a column with one scale, of four bytes
    table_bits: Literal[4, 8] = 4  # of tables of words

    @property
    def name(self) -> str:
        return f"int{self.bits}_weights"

    @property
    def least_share(self) -> float:
        """Of the bytes of eight-bit weights, what may be left."""
        return (min(self.bits, self.table_bits) + 32 / self.block) / 8

    def compress(self, source: Path, target: Path) -> None:
        """Write a copy of every graph in `source` in so many bits, and all other files as they are.

        Raises:
            StageError: there is no graph to quantise.
        """
        import onnx

        for path in graphs_of(source, target):
            model = onnx.load(str(path))
            if self.table_bits == 4:
                pack_tables(model)
            quantise_tables(model)  # of what four bits do not fit
            self._products(model)
            onnx.save(model, str(target / path.name))

    def _products(self, model: Any) -> None:
        from onnx import helper

        graph = model.graph
        matrices = {each.name: each for each in graph.initializer if len(each.dims) == 2}
        nodes: list[Any] = []
        constants: dict[str, Any] = {}
        for node in graph.node:
            if not is_product(node, matrices):
                nodes.append(node)
                continue
            matrix = node.input[1]
            rows, columns = matrices[matrix].dims
            if is_transposed(node):
                rows, columns = columns, rows
            constants |= self._blocks(matrices[matrix], transposed=is_transposed(node))
            x, _, *bias = node.input
            y = node.output[0]
            product = f"{y}_product" if bias else y
            nodes.append(
                helper.make_node(
                    "MatMulNBits", [x, f"{matrix}_blocks", f"{matrix}_block_scales"], [product],
                    domain=DOMAIN, K=rows, N=columns, bits=self.bits, block_size=self.block,
                    accuracy_level=_EIGHT_BIT_ACTIVATIONS,
                )
            )  # fmt: skip
            nodes += [helper.make_node("Add", [product, each], [y]) for each in bias]
        if not constants:
            return
        del graph.node[:]
        graph.node.extend(nodes)
        exchange(graph, constants)
        add_domain(model)

    def _blocks(self, matrix: Any, *, transposed: bool) -> dict[str, Any]:
        """A matrix (k, n) as bytes (n, blocks, block * bits / 8), the lower half of a byte first, and scales
        (n, blocks).
        """
        import numpy as np
        from onnx import numpy_helper

        values = numpy_helper.to_array(matrix).astype(np.float32)
        columns = values if transposed else values.T  # (n, k)
        padded = np.pad(columns, ((0, 0), (0, -columns.shape[1] % self.block)))
        numbers, scales = rounded(padded.reshape(-1, self.block), self.bits)
        stored = (numbers + 2 ** (self.bits - 1)).astype(np.uint8)
        if self.bits == 4:
            stored = stored[:, ::2] | (stored[:, 1::2] << 4)
        shape = len(columns), padded.shape[1] // self.block
        return {
            f"{matrix.name}_blocks": np.ascontiguousarray(stored.reshape(*shape, -1)),
            f"{matrix.name}_block_scales": scales.reshape(shape),
        }


def rounded(blocks: Any, bits: int) -> tuple[Any, Any]:
    """The nearest whole numbers (blocks, size) from -2^(bits-1) on, int16, and scales (blocks,) float32.

    The number that is largest in magnitude has the sign for which there is one step more.
    """
    import numpy as np

    least = -(2 ** (bits - 1))
    largest = blocks[np.arange(len(blocks)), np.abs(blocks).argmax(axis=1)]
    whole = np.where(largest == 0, np.float32(1), largest / np.float32(least)).astype(np.float32)
    best = np.full(len(blocks), np.inf, dtype=np.float32)
    scales, numbers = whole.copy(), np.zeros(blocks.shape, dtype=np.int16)
    for shrink in _SHRINKS:
        tried = whole * np.float32(shrink)
        found = np.clip(np.rint(blocks / tried[:, None]), least, -least - 1)
        error = np.square(found * tried[:, None] - blocks).sum(axis=1)
        better = error < best
        best[better], scales[better] = error[better], tried[better]
        numbers[better] = found[better]
    return numbers, scales


def pack_tables(model: Any) -> None:
    """Rewrite, in place, every lookup in a table of words (words, width) in four bits, where blocks fit."""
    graph = model.graph
    tables = {each.name: each for each in graph.initializer if len(each.dims) == 2}
    read = [name for node in graph.node for name in node.input]
    for node in list(graph.node):
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or any(each.i for each in node.attribute) or read.count(table.name) > 1:
            continue  # one that others read too stays for them, and would only add
        if table.dims[0] >= FEWEST_WORDS and not table.dims[1] % _TABLE_BLOCK:
            pack_table(model, list(graph.node).index(node))


def pack_table(model: Any, place: int) -> None:
    """Have the lookup at that place find its rows in blocks of four-bit numbers, from -8 to 7, each with a
    scale in fp16.

    The number of a block that is largest in magnitude becomes -8 exactly, as llama.cpp's Q4_0 has it, so what
    came from such blocks is what it was.
    """
    import ml_dtypes
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    node = graph.node[place]
    table, ids, states = node.input[0], node.input[1], node.output[0]
    rows = numpy_helper.to_array(next(each for each in graph.initializer if each.name == table))
    blocks = rows.reshape(-1, _TABLE_BLOCK)
    largest = blocks[np.arange(len(blocks)), np.abs(blocks).argmax(axis=1)]
    scales = (largest / np.float32(-8)).astype(np.float16)
    exact = np.where(scales == 0, np.float32(1), scales.astype(np.float32))[:, None]
    numbers = np.clip(np.rint(blocks / exact), -8, 7).astype(ml_dtypes.int4).reshape(rows.shape)
    looked_up = helper.make_node(
        "GatherBlockQuantized", [f"{table}_packed", ids, f"{table}_scales"], [f"{states}_fp16"],
        domain=DOMAIN, block_size=_TABLE_BLOCK, gather_axis=0, quantize_axis=1,
    )  # fmt: skip
    widened = helper.make_node("Cast", [f"{states}_fp16"], [states], to=TensorProto.FLOAT)
    del graph.node[place]
    graph.node.insert(place, looked_up)
    graph.node.insert(place + 1, widened)
    exchange(graph, {f"{table}_packed": numbers, f"{table}_scales": scales.reshape(len(rows), -1)})
    add_domain(model)
