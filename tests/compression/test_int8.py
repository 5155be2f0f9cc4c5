"""Eight bits on a real graph: smaller, nearly the same answers, and the rest of the folder untouched."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import QA, TEXT, Exports, rows_of

from p2m.compression.base import Compressor
from p2m.compression.int8 import Int8
from p2m.errors import StageError
from p2m.runtimes.base import Predictor


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
    assert "MatMulInteger" in kinds_of(tmp_path / "all" / "model.onnx")
    for name in ("tokenizer.json", "predictor.json"):
        assert (tmp_path / "all" / name).read_bytes() == (folder / name).read_bytes()
    answers = Predictor(tmp_path / "all").predict([row.input for row in rows_of(QA)[:10]])
    assert all(answer.output for answer in answers)


def test_a_decoder_keeps_its_lookups(exports: Exports, tmp_path: Path) -> None:
    folder = exports["seq2seq"][1]
    Int8().compress(folder, tmp_path / "int8")
    for name in ("encoder.onnx", "decoder.onnx"):
        assert "MatMulInteger" in kinds_of(tmp_path / "int8" / name)
    import onnx

    tables = {
        each.name: each.data_type
        for each in onnx.load(str(tmp_path / "int8" / "decoder.onnx")).graph.initializer
        if len(each.dims) == 2 and each.dims[0] == 259
    }
    assert onnx.TensorProto.FLOAT in tables.values()
    assert Predictor(tmp_path / "int8").predict([row.input for row in rows_of(TEXT)[:3]])


def test_the_same_folder_gives_the_same_bytes(exports: Exports, tmp_path: Path) -> None:
    for name in ("one", "two"):
        Int8().compress(exports["span"][1], tmp_path / name)
    assert (tmp_path / "one" / "model.onnx").read_bytes() == (tmp_path / "two" / "model.onnx").read_bytes()


def test_a_folder_without_graphs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"no \.onnx file"):
        Int8().compress(tmp_path, tmp_path / "x")
    assert isinstance(Int8(), Compressor)
