"""Eight bits on a real graph: smaller, nearly the same answers, and the rest of the folder untouched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import LABELS, QA, SLOTS, TEXT, Exports, rows_of

from p2m.compression.base import Compressor
from p2m.compression.int8 import Int8, quantise_products
from p2m.deploy.serving.predictor import Predictor
from p2m.errors import StageError


def kinds_of(path: Path) -> set[str]:
    import onnx

    return {node.op_type for node in onnx.load(str(path)).graph.node}


def test_an_encoder_is_quantised_with_its_embedding_table(exports: Exports, tmp_path: Path) -> None:
    folder = exports["span"][1]
    Int8().compress(folder, tmp_path / "all")
    Int8(embeddings=False).compress(folder, tmp_path / "products")
    full, small, medium = (
        (each / "model.onnx").stat().st_size for each in (folder, tmp_path / "all", tmp_path / "products")
    )
    assert small < medium < full
    assert {"MatMulIntegerToFloat", "QuantizeLinear"} <= kinds_of(tmp_path / "all" / "model.onnx")
    assert "DynamicQuantizeLinear" not in kinds_of(tmp_path / "all" / "model.onnx")
    for name in ("tokenizer.json", "predictor.json"):
        assert (tmp_path / "all" / name).read_bytes() == (folder / name).read_bytes()
    answers = Predictor(tmp_path / "all").predict([row.input for row in rows_of(QA)[:10]])
    assert all(answer.output for answer in answers)


def test_several_tables_of_one_graph_are_quantised(exports: Exports, tmp_path: Path) -> None:
    import onnx

    folder = exports["slots"][1]
    Int8().compress(folder, tmp_path / "all")
    for name in ("model", "encoder", "decoder"):
        onnx.checker.check_model(onnx.load(str(tmp_path / "all" / f"{name}.onnx")))
    inputs = [row.input for row in rows_of(SLOTS)[:10]]
    assert len(Predictor(tmp_path / "all").predict(inputs)) == len(inputs)


def test_a_decoder_looks_words_up_in_eight_bits(exports: Exports, tmp_path: Path) -> None:
    folder = exports["seq2seq"][1]
    Int8().compress(folder, tmp_path / "int8")
    for name in ("encoder.onnx", "decoder.onnx"):
        assert "MatMulIntegerToFloat" in kinds_of(tmp_path / "int8" / name)
    import onnx

    tables = {
        each.name: each.data_type
        for each in onnx.load(str(tmp_path / "int8" / "decoder.onnx")).graph.initializer
        if len(each.dims) == 2 and each.dims[0] == 259 and each.dims[1] > 1
    }
    assert onnx.TensorProto.INT8 in tables.values()
    assert "DequantizeLinear" not in kinds_of(tmp_path / "int8" / "decoder.onnx"), (
        "which unpacks whole tables"
    )
    assert Predictor(tmp_path / "int8").predict([row.input for row in rows_of(TEXT)[:3]])


def product_of(kind: str, w: Any, bias: Any = None, *, transposed: bool = False) -> Any:
    """A graph of one product of x (rows, ..., k) with `w`, and two more that read the same x."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    arrays = {"w": w.T if transposed else w, "narrow": w[:, :2]} | ({} if bias is None else {"b": bias})
    settings = {"transB": 1} if transposed else {}
    nodes = [
        helper.make_node(kind, ["x", *(name for name in ("w", "b") if name in arrays)], ["y"], **settings),
        helper.make_node("MatMul", ["x", "narrow"], ["z"]),
    ]
    axes = ["rows", w.shape[0]] if kind == "Gemm" else ["rows", "length", w.shape[0]]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [*axes[:-1], width])
        for name, width in (("x", w.shape[0]), ("y", w.shape[1]), ("z", 2))
    ]
    constants = [numpy_helper.from_array(np.ascontiguousarray(each), name) for name, each in arrays.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(model: Any, x: Any) -> list[Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: list[Any] = session.run(None, {"x": x})
    return found


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("kind", ["MatMul", "Gemm"])
def test_each_token_is_quantised_by_itself(kind: str, per_channel: bool) -> None:
    import numpy as np

    random = np.random.default_rng(0)
    w, bias = random.normal(size=(48, 32)).astype(np.float32), random.normal(size=32).astype(np.float32)
    x = random.normal(size=(6, 48) if kind == "Gemm" else (2, 3, 48)).astype(np.float32)
    x *= np.logspace(-3, 3, 6, dtype=np.float32).reshape(
        *x.shape[:-1], 1
    )  # one scale for all would lose most
    gemm = kind == "Gemm"
    model = product_of(kind, w, bias if gemm else None, transposed=gemm)
    exact, narrow = run(model, x)
    quantise_products(model, per_channel=per_channel)
    assert [node.op_type for node in model.graph.node].count("QuantizeLinear") == 1
    assert {each.name for each in model.graph.initializer} >= {"narrow", "w_quantized"}
    assert "w" not in {each.name for each in model.graph.initializer}
    found, same = run(model, x)
    assert np.array_equal(same, narrow), "a narrow matrix stays exact"
    if gemm:
        exact, found = exact - bias, found - bias
    norm = np.linalg.norm(exact, axis=-1)
    # The bias rounds away digits of tokens that are a thousandth of it.
    assert (np.linalg.norm(found - exact, axis=-1) < 0.03 * norm + (1e-6 if gemm else 0)).all()
    alone, _ = run(model, x[:1])
    assert np.array_equal(alone - bias if gemm else alone, found[:1])


def test_a_token_of_zeros_stays_zero() -> None:
    import numpy as np

    model = product_of("MatMul", np.random.default_rng(0).normal(size=(48, 32)).astype(np.float32))
    quantise_products(model, per_channel=True)
    x = np.ones((1, 3, 48), dtype=np.float32)
    x[0, 1] = 0
    found, _ = run(model, x)
    assert not found[0, 1].any()
    assert np.isfinite(found).all()


def test_two_products_of_weights_and_bytes_fit_sixteen_bits(exports: Exports, tmp_path: Path) -> None:
    """What AVX2 multiplies saturates beyond, so that the answer would be another one there."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    Int8().compress(exports["classification"][1], tmp_path)
    graph = onnx.load(str(tmp_path / "model.onnx")).graph
    read = {node.input[1] for node in graph.node if node.op_type == "MatMulIntegerToFloat"}
    weights = [numpy_helper.to_array(each) for each in graph.initializer if each.name in read]
    assert weights
    assert (
        2 * 255 * max(int(np.abs(each.astype(np.int64)).max()) for each in weights) <= np.iinfo(np.int16).max
    )


@pytest.mark.parametrize("kind", ["span", "classification"])
def test_outputs_are_near_those_of_fp32(kind: str, exports: Exports, tmp_path: Path) -> None:
    import numpy as np

    Int8().compress(exports[kind][1], tmp_path)
    rows = [row.input for row in rows_of(QA if kind == "span" else LABELS)]
    full, small = (Predictor(folder).predict(rows) for folder in (exports[kind][1], tmp_path))
    assert np.mean([one.output == other.output for one, other in zip(full, small, strict=True)]) > 0.8


def test_the_same_folder_gives_the_same_bytes(exports: Exports, tmp_path: Path) -> None:
    for name in ("one", "two"):
        Int8().compress(exports["span"][1], tmp_path / name)
    assert (tmp_path / "one" / "model.onnx").read_bytes() == (tmp_path / "two" / "model.onnx").read_bytes()


def test_a_folder_without_graphs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"no \.onnx file"):
        Int8().compress(tmp_path, tmp_path / "x")
    assert isinstance(Int8(), Compressor)
