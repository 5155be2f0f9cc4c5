"""Whichever of the installed backends is fastest where the model is built, of those that keep the metric."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from p2m.deploy.backends.ctranslate2 import CTRANSLATE2
from p2m.deploy.backends.gguf import LLAMA_CPP
from p2m.deploy.backends.onnx import Onnx
from p2m.deploy.backends.openvino import OPENVINO, OpenVINO
from p2m.types import Backend, ExtraBackend

_CPU = Path("/proc/cpuinfo")  # of Linux; elsewhere bf16 is not tried


@dataclass(frozen=True)
class Fastest(Onnx):
    """onnxruntime, unless another one is faster: which it is, is measured by each build on its machine.

    It has no settings, so that what is installed is in no key but of the steps that try it and of `pick`.
    """

    @property
    def rivals(self) -> tuple[ExtraBackend, ...]:
        half = (OpenVINO("bf16"),) if _computes_bf16() else ()
        return (OPENVINO, *half, CTRANSLATE2, LLAMA_CPP)

    def of(self, name: str) -> Backend:
        return next((each for each in self.rivals if each.name == name), self)


def _computes_bf16() -> bool:
    """Whether the processor has products of bf16; elsewhere it is f32 by another name."""
    try:
        return bool({"amx_bf16", "avx512_bf16"} & set(_CPU.read_text(encoding="utf-8").split()))
    except OSError:
        return False
