"""Weights in eight bits, activations scaled as they come: onnxruntime's dynamic quantisation."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.errors import StageError

PRODUCTS = ("MatMul", "Gemm")
LOOKUP = "Gather"
ENCODER = "model.onnx"  # one pass an answer: its embedding table is worth shrinking


@dataclass(frozen=True)
class Int8:
    """Quantise the matrix products, and in encoders the embedding table.

    The table is half of a small encoder and read once a token, so it costs no time there. A decoder reads its
    own at every step, and a lookup in eight bits made T5 several times slower, so graphs of decoders keep
    theirs.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    embeddings: bool = True  # of encoders
    per_channel: bool = True  # a scale a column of each matrix: nearer to fp32, no slower

    @property
    def name(self) -> str:
        return "int8"

    def compress(self, source: Path, target: Path) -> None:
        """Write a quantised copy of every graph in `source`, and all other files as they are.

        Raises:
            StageError: there is no graph to quantise.
        """
        graphs = sorted(source.glob("*.onnx"))
        if not graphs:
            raise StageError(f"{source} holds no .onnx file to quantise")
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(source.iterdir()):
            if path.suffix != ".onnx":
                shutil.copyfile(path, target / path.name)
        for path in graphs:
            self._quantise(path, target / path.name)

    def _quantise(self, source: Path, target: Path) -> None:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        kinds = [*PRODUCTS, LOOKUP] if self.embeddings and source.name == ENCODER else list(PRODUCTS)
        with _silence():
            quantize_dynamic(
                str(source),
                str(target),
                op_types_to_quantize=kinds,
                per_channel=self.per_channel,
                weight_type=QuantType.QInt8,
            )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The quantiser advises on the root logger to run a preprocessing that the exporter has done already."""
    root = logging.getLogger()
    before = root.level
    handlers = list(root.handlers)
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
        root.handlers[:] = handlers  # logging.warning installs one where there is none
