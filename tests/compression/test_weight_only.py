"""Blocks of few bits on real graphs: as near as a block's scale allows, each row by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LABELS, QA, TEXT, Exports, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_int8 import kinds_of, product_of, run

from p2m.compression.base import Compressor
from p2m.compression.weight_only import WeightOnly, pack_tables, rounded
from p2m.deploy.serving.predictor import Predictor
from p2m.errors import StageError


def unpacked(blocks: Any, scales: Any, bits: int) -> Any:
    """What MatMulNBits makes of its weights: (n, k), padded."""
    if bits == 4:
        blocks = np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(*blocks.shape[:2], -1)
    return ((blocks.astype(np.float32) - 2 ** (bits - 1)) * scales[:, :, None]).reshape(len(blocks), -1)


@pytest.mark.parametrize("kind", ["MatMul", "Gemm"])
@pytest.mark.parametrize("bits", [4, 8])
def test_a_product_is_that_with_rounded_weights(kind: str, bits: Any, tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    random = np.random.default_rng(0)
    w, bias = random.normal(size=(72, 24)).astype(np.float32), random.normal(size=24).astype(np.float32)
    x = random.normal(size=(6, 72) if kind == "Gemm" else (2, 3, 72)).astype(np.float32)
    gemm = kind == "Gemm"
    model = product_of(kind, w, bias if gemm else None, transposed=gemm)
    _, narrow = run(model, x)
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    onnx.save(model, str(source / "model.onnx"))
    WeightOnly(bits=bits, block=32).compress(source, target)
    made = onnx.load(str(target / "model.onnx"))
    arrays = {each.name: numpy_helper.to_array(each) for each in made.graph.initializer}
    assert "w" not in arrays
    kept = unpacked(arrays["w_blocks"], arrays["w_block_scales"], bits)[:, :72].T
    assert np.abs(kept - w).max() < (0.4 if bits == 4 else 0.03)
    found, same = run(made, x)
    assert np.array_equal(same, narrow), "a narrow matrix stays exact"
    wanted = x @ kept + (bias if gemm else 0)
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()
    alone, _ = run(made, x[:1])
    assert np.array_equal(alone, found[:1]), "a row has one answer, whatever goes along with it"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([4, 8]), st.lists(st.floats(-100, 100, width=32), min_size=16, max_size=16))
def test_no_scale_by_the_largest_magnitude_is_nearer(bits: int, values: list[float]) -> None:
    block = np.array([values], dtype=np.float32)
    numbers, scales = rounded(block, bits)
    least = -(2 ** (bits - 1))
    assert least <= numbers.min() <= numbers.max() < -least
    largest = block[0, np.abs(block).argmax()]
    plain = largest / np.float32(least) or np.float32(1)
    simple = np.clip(np.rint(block / plain), least, -least - 1) * plain
    error, other = (np.square(each - block).sum() for each in (numbers * scales[:, None], simple))
    assert error <= other * (1 + 1e-5)


@pytest.mark.parametrize("kind", ["classification", "span", "seq2seq"])
def test_real_graphs_run_in_four_bits(exports: Exports, tmp_path: Path, kind: str) -> None:
    folder = exports[kind][1]
    WeightOnly().compress(folder, tmp_path / "small")
    size, small = (
        sum(path.stat().st_size for path in each.iterdir()) for each in (folder, tmp_path / "small")
    )
    assert small < size
    first = "encoder.onnx" if kind == "seq2seq" else "model.onnx"
    assert "MatMulNBits" in kinds_of(tmp_path / "small" / first)
    rows = [row.input for row in rows_of({"classification": LABELS, "span": QA, "seq2seq": TEXT}[kind])[:4]]
    assert len(Predictor(tmp_path / "small").predict(rows)) == 4


def test_answers_in_eight_bits_are_those_in_full(exports: Exports, tmp_path: Path) -> None:
    folder = exports["classification"][1]
    WeightOnly(bits=8, block=16, table_bits=8).compress(folder, tmp_path)
    rows = [row.input for row in rows_of(LABELS)]
    exact, found = (Predictor(each).logits(rows, batch_size=8) for each in (folder, tmp_path))
    assert np.abs(found - exact).max() < 0.1 * np.abs(exact).max()


def test_a_table_that_others_read_stays_for_them() -> None:
    """Packed, it would be there twice."""
    from onnx import TensorProto, helper, numpy_helper

    table = np.random.default_rng(0).normal(size=(80, 32)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["t", "ids"], ["states"]),
        helper.make_node("Gemm", ["states", "t"], ["y"], transB=1),
    ]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 80])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(table, "t")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    pack_tables(model)
    assert [each.name for each in model.graph.initializer] == ["t"]


def test_it_is_a_compressor_and_needs_a_graph(tmp_path: Path) -> None:
    assert isinstance(WeightOnly(), Compressor)
    assert (WeightOnly().name, WeightOnly(bits=8).name) == ("int4_weights", "int8_weights")
    with pytest.raises(StageError, match="to quantise"):
        WeightOnly().compress(tmp_path, tmp_path / "x")
