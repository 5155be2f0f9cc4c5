"""OpenVINO on the processor: graphs in its own format, also those that int8 made smaller."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from p2m.deploy.backends import extras
from p2m.deploy.serving.backends import openvino
from p2m.deploy.serving.settings import Settings
from p2m.errors import StageError
from p2m.types import Student, Task

PRECISIONS = ("f32", "bf16")


@dataclass(frozen=True)
class OpenVINO:
    """OpenVINO's intermediate representation.

    Its processor plugin reads the operators that `compression.int8` writes, and runs them on AMX and VNNI
    where there are any: MiniLM over 8 passages of 128 tokens takes half of onnxruntime's time for that graph.
    """

    name: ClassVar[str] = "openvino"
    requirements: ClassVar[tuple[str, ...]] = ("openvino",)
    serving: ClassVar[Path] = Path(openvino.__file__)
    precision: str = "f32"  # in which it computes what is not int8; bf16 pays where the processor has it

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision {self.precision!r} is not one of {', '.join(PRECISIONS)}")

    @property
    def computes(self) -> str:
        return "" if self.precision == "f32" else self.precision

    def missing(self) -> str | None:
        return extras.missing("openvino", "openvino")

    def refusal(self, task: Task) -> str | None:
        """None: it runs what every student exports."""
        return None

    def unfit(self, student: Student) -> str | None:
        """In bf16 its plugin (2026.4) divides by zero, which ends the process, over a small T5's products."""
        if self.computes and getattr(student, "writes", ""):
            return f"computing in {self.precision} may end the process where text is written; take f32"
        return None

    def convert(self, source: Path, target: Path) -> None:
        """<name>.xml and <name>.bin of each <name>.onnx, and the other files as they are.

        Raises:
            StageError: OpenVINO cannot read a graph.
        """
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(source.iterdir()):
            if path.suffix == ".onnx":
                self._convert(path, target / f"{path.stem}.xml")
            elif ".onnx." not in path.name:  # weights beside a large graph
                shutil.copyfile(path, target / path.name)
        replace(Settings.read(source), backend=self.name).write(target)

    def _convert(self, source: Path, target: Path) -> None:
        import onnx
        import openvino as library

        try:
            graph = library.convert_model(str(source))
        except RuntimeError as error:
            raise StageError(f"OpenVINO cannot convert {source.name}: {error}") from error
        graph.set_rt_info(self.precision, openvino.PRECISION)
        for number, node in enumerate(graph.get_ordered_ops()):
            node.set_friendly_name(f"node_{number}")  # its own count over all that the process converted
        named = onnx.load(str(source), load_external_data=False).graph.output
        for output, each in zip(graph.outputs, named, strict=True):
            output.get_tensor().set_names({each.name})  # it may have those of nodes that were merged with it
        library.save_model(graph, str(target), compress_to_fp16=False)


OPENVINO = OpenVINO()
