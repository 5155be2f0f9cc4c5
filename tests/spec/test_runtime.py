"""`runtime` names what runs the deployed model; it once named the device, and whoever writes so is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from p2m.compose import compose
from p2m.deploy.backends.onnx import ONNX, Onnx
from p2m.errors import RecipeError
from p2m.parsing import parse_prompt
from p2m.spec import ModelSpec, feasibility
from p2m.types import Task

PROMPT = "prompt: Answer a question from a passage.\n"


def composed(folder: Path, text: str, *overrides: str) -> ModelSpec:
    path = folder / "any.yaml"
    path.write_text(PROMPT + text)
    return compose(path, overrides).spec


def refused(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        composed(folder, text, *overrides)
    return "\n".join(str(problem) for problem in caught.value.problems)


def test_a_recipe_runs_on_onnxruntime_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert composed(tmp_path, "").runtime == Onnx() == ModelSpec.model_fields["runtime"].default
    assert composed(tmp_path, "runtime:\n").runtime == ONNX
    assert composed(tmp_path, "", "runtime=onnx").runtime == ONNX


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("runtime: {device: cpu}\n", "write `device: {type: cpu}`", "runtime.device"),
        ("runtime: {threads: 2}\n", "write `device: {threads: 2}`", "runtime.threads"),
        ("runtime:\n  batch_size: 8\n", "write `device: {batch_size: 8}`", "runtime.batch_size"),
    ],
)
def test_a_device_under_runtime_is_told_its_new_name(tmp_path: Path, text: str, line: str, key: str) -> None:
    said = refused(tmp_path, text)
    assert f"any.yaml:{1 + text.count(chr(10))}: {key}: unknown key" in said
    assert f"what was `runtime` is `device` now; {line}" in said


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda"])
def test_an_old_choice_is_told_its_new_name(tmp_path: Path, device: str) -> None:
    said = refused(tmp_path, "", f"runtime={device}")
    assert f"override runtime={device}: there is no runtime '{device}'" in said
    assert f"what was `runtime` is `device` now; type: device={device}" in said
    said = refused(tmp_path, f"defaults:\n  - base\n  - override runtime: {device}\n")
    assert "any.yaml:4: defaults[1]" in said
    assert f"`- override device: {device}`" in said


def test_an_old_override_is_told_what_to_type(tmp_path: Path) -> None:
    for override in ("runtime.threads=3", "runtime={threads: 3}"):
        said = refused(tmp_path, "", override)
        assert f"override {override}: runtime.threads: unknown key" in said
        assert "what was `runtime` is `device` now; type: device.threads=3" in said
    assert "what was" not in refused(tmp_path, "", "runtime.thread=3", "training.threads=2")


def test_processes_that_nodes_do_not_share_out_are_refused_before_anything_runs(tmp_path: Path) -> None:
    said = refused(tmp_path, "device:\n  nodes: 2\n  processes: 3\n")
    assert "any.yaml:4: device.processes: 3: as many on each of 2 nodes, so a multiple of 2" in said
    assert composed(tmp_path, "device: {nodes: 2, processes: 4}\n").device.processes == 4


def test_something_must_run_the_model(tmp_path: Path) -> None:
    assert "runtime=onnx" in refused(tmp_path, "", "runtime.target=null")
    said = refused(tmp_path, "", "runtime.target=p2m.students.minilm.MiniLM")
    assert "is a student, and a runtime is wanted here (p2m.deploy.backends.*)" in said


@dataclass(frozen=True)
class Choosy(Onnx):
    """Refuses every task."""

    def refusal(self, task: Task) -> str | None:
        return f"it runs no {task.type}"


def test_a_runtime_that_refuses_the_task_is_said_before_anything_is_spent(tmp_path: Path) -> None:
    spec = composed(tmp_path, "").model_copy(update={"runtime": Choosy()})
    found = feasibility(spec, parse_prompt(spec.prompt))
    assert ("runtime", "does not fit the task: it runs no question-answering") in [each[:2] for each in found]
