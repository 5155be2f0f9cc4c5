"""onnxruntime on the processor, which opens what students export as it is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from p2m.deploy.serving.backends import onnx
from p2m.types import Task


@dataclass(frozen=True)
class Onnx:
    """ONNX graphs, opened by onnxruntime."""

    name: ClassVar[str] = "onnx"
    requirements: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    serving: ClassVar[Path] = Path(onnx.__file__)

    def refusal(self, task: Task) -> str | None:
        """None: it runs what every student exports."""
        return None

    def convert(self, source: Path, target: Path) -> None:
        """The folder as it is."""
        shutil.copytree(source, target, dirs_exist_ok=True)


ONNX = Onnx()
