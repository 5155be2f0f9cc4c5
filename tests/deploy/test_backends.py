"""Every backend answers as onnx does, without torch in the process, and says what it lacks or cannot run."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import LABELS, QA, TEXT, Exports, rows_of
from tiny_checkpoints import causal, t5, unigram

from p2m.compression.int8 import Int8
from p2m.deploy.backends.ctranslate2 import CTRANSLATE2
from p2m.deploy.backends.fastest import Fastest
from p2m.deploy.backends.gguf import LLAMA_CPP
from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.backends.openvino import OPENVINO, OpenVINO
from p2m.deploy.base import open_model
from p2m.deploy.serving.settings import BundleError, Settings
from p2m.deploy.shipping import lay_out, requirements, shipped
from p2m.errors import StageError
from p2m.stages.package import ASKING
from p2m.students.causal import Causal
from p2m.students.minilm import MiniLM
from p2m.students.seq2seq import Seq2Seq
from p2m.types import Backend, ExtraBackend, FormatBackend, RacingBackend

PACKAGES = {"openvino": "openvino", "ctranslate2": "ctranslate2", "gguf": "xllamacpp"}


def needs(*names: str) -> Any:
    lacking = [name for name in names if importlib.util.find_spec(PACKAGES[name]) is None]
    return pytest.mark.skipif(bool(lacking), reason=f"needs the extra of {lacking}")


@pytest.fixture(scope="module")
def models(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Folders of graphs in full precision."""
    made = {kind: exports[kind][1] for kind in ("span", "classification")}
    base = tmp_path_factory.mktemp("text-models")
    shutil.copytree(exports["seq2seq"][1], base / "bytes")
    sized = {"hidden_size": 64, "intermediate_size": 96}
    students = {
        "tokens": Seq2Seq(str(t5(base / "t5", unigram(), tied=False)), max_input=64, max_output=16),
    } | {
        kind.lower(): Causal(str(causal(base / kind, kind, **sized)), rank=0, max_input=64, max_output=16)
        for kind in ("Llama", "Qwen3")
    }  # fmt: skip
    for name, student in students.items():
        student.export(TEXT, (), Path(student.model), base / name)
    for name in ("bytes", *students):
        _end_soon(base / name)
        made[name] = base / name
    return made


def _end_soon(folder: Path) -> None:
    """Make a token the end mark that random weights write in some rows before they must stop."""
    found, rows = Settings.read(folder), rows_for("text")
    for token in range(3, 120):
        replace(found, ends=(token,)).write(folder)
        answers = open_model(folder, ONNX, threads=1).predict(rows, batch_size=8)
        if len({each.output for each in answers if each.score}) > 1:
            return
    raise AssertionError(f"{folder}: no token ends its answers")


def rows_for(kind: str) -> list[dict[str, str]]:
    task = {"span": QA, "classification": LABELS}.get(kind, TEXT)
    return [row.input for row in rows_of(task)[::5]]


def converted(backend: Backend, source: Path, target: Path, precision: str = "") -> Path:
    """A copy of what one conversion gave to all tests of this file."""
    shutil.copytree(once_converted(backend, source, precision), target)
    return target


@cache
def once_converted(backend: Backend, source: Path, precision: str) -> Path:
    place = source.with_name(f"{source.name}-{backend.name}-{precision}-{os.getpid()}")
    return afresh(backend, source, place, precision)


def afresh(backend: Backend, source: Path, target: Path, precision: str = "") -> Path:
    if isinstance(backend, FormatBackend):
        backend.convert(source, target, precision=precision)
    else:
        backend.convert(source, target)
    return target


@pytest.mark.parametrize(
    ("backend", "kind", "precision"),
    [
        pytest.param(OPENVINO, "classification", "", marks=needs("openvino")),
        *(
            pytest.param(OPENVINO, kind, "", marks=[needs("openvino"), pytest.mark.slow])
            for kind in ("span", "bytes", "llama")
        ),
        pytest.param(CTRANSLATE2, "bytes", "float32", marks=needs("ctranslate2")),
        pytest.param(CTRANSLATE2, "tokens", "float32", marks=needs("ctranslate2")),
        *(pytest.param(LLAMA_CPP, kind, "f16", marks=needs("gguf")) for kind in ("llama", "qwen3")),
    ],
    ids=lambda value: getattr(value, "name", value),
)  # fmt: skip
def test_a_backend_answers_as_onnx_does(
    models: dict[str, Path], backend: ExtraBackend, kind: str, precision: str, tmp_path: Path
) -> None:
    rows = rows_for(kind)
    expected = open_model(models[kind], ONNX, threads=1).predict(rows, batch_size=8)
    assert len(set(expected)) > 1
    folder = converted(backend, models[kind], tmp_path / "converted", precision)
    assert Settings.read(folder) == replace(Settings.read(models[kind]), backend=backend.name)
    assert not list(folder.glob("*.onnx*"))
    for size in (1, 8):
        found = open_model(folder, backend, threads=1).predict(rows, batch_size=size)
        pairs = list(zip(found, expected, strict=True))
        same = [(one, other) for one, other in pairs if one.output == other.output]
        # Half precision turns what random weights find as likely as not.
        assert len(same) >= (0.6 if precision == "f16" else 1) * len(pairs)
        for one, other in same:
            assert one.score == pytest.approx(other.score, rel=0.2 if precision == "f16" else 1e-3)


@pytest.mark.parametrize(
    ("backend", "kind"),
    [
        pytest.param(OPENVINO, "classification", marks=needs("openvino")),
        pytest.param(CTRANSLATE2, "tokens", marks=needs("ctranslate2")),
        pytest.param(LLAMA_CPP, "llama", marks=needs("gguf")),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_eight_bits_are_smaller_and_the_same_rows_give_the_same_bytes(
    models: dict[str, Path], backend: ExtraBackend, kind: str, tmp_path: Path
) -> None:
    full, source = models[kind], models[kind]
    precisions = backend.precisions if isinstance(backend, FormatBackend) else ("", "")
    if not isinstance(backend, FormatBackend):
        Int8().compress(full, tmp_path / "int8")
        source = tmp_path / "int8"
    exact = converted(backend, full, tmp_path / "exact", precisions[0])
    small = converted(backend, source, tmp_path / "small", precisions[-1])
    again = afresh(backend, source, tmp_path / "again", precisions[-1])
    name = "model.gguf" if backend is LLAMA_CPP else "model.bin"
    assert (small / name).stat().st_size < 0.8 * (exact / name).stat().st_size
    for path in small.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
    assert open_model(small, backend, threads=1).predict(rows_for(kind)[:2])


@pytest.mark.parametrize(
    ("backend", "kind"),
    [pytest.param(CTRANSLATE2, "tokens", marks=needs("ctranslate2")),
     pytest.param(LLAMA_CPP, "llama", marks=needs("gguf"))],
    ids=lambda value: getattr(value, "name", value),
)  # fmt: skip
def test_where_only_labels_may_be_written_nothing_else_is(
    models: dict[str, Path], backend: ExtraBackend, kind: str, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(models[kind], source)
    of_tokenizer = {"ends": (1,)} if kind == "tokens" else {}
    replace(Settings.read(source), labels=("yes", "no"), **of_tokenizer).write(source)
    folder = converted(backend, source, tmp_path / "converted")
    found = open_model(folder, backend, threads=1).predict(rows_for(kind), batch_size=4)
    assert {each.output for each in found} <= {"yes", "no"}
    assert all(0 < each.score < 1 for each in found)


# Answers like a bundle's user in a process that cannot import torch, then tells which packages it loaded.
TOLD = """
import json, runpy, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "p2m", "onnx", "gguf", "nncf"):
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, Blocker())
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
known = {"numpy", "onnxruntime", "tokenizers", "openvino", "ctranslate2", "xllamacpp"}
print(json.dumps(sorted(known & set(sys.modules))))
"""


@pytest.mark.parametrize(
    ("backend", "kind"),
    [pytest.param(OPENVINO, "classification", marks=needs("openvino")),
     pytest.param(CTRANSLATE2, "bytes", marks=needs("ctranslate2")),
     pytest.param(LLAMA_CPP, "qwen3", marks=needs("gguf"))],
    ids=lambda value: getattr(value, "name", value),
)  # fmt: skip
def test_a_bundle_lists_what_its_backend_imports_and_runs_without_torch(
    models: dict[str, Path], backend: ExtraBackend, kind: str, tmp_path: Path
) -> None:
    model = converted(backend, models[kind], tmp_path / "bundle" / "model")
    racing = Fastest()  # as it ships the winner of a race
    lay_out(shipped(model, racing) | ASKING, tmp_path / "bundle")
    typed = [sys.executable, "-I", "-c", TOLD, str(tmp_path / "bundle" / "predict.py")]
    done = subprocess.run(
        [*typed, json.dumps(rows_for(kind)[0])], capture_output=True, text=True, cwd="/", check=False
    )
    assert done.returncode == 0, done.stderr
    answer, loaded = map(json.loads, done.stdout.splitlines())
    assert answer["output"] == open_model(model, backend, threads=1).predict(rows_for(kind)[:1])[0].output
    assert tuple(loaded) == requirements(model, racing) == requirements(model, backend)
    assert PACKAGES[backend.name] in loaded
    assert "onnxruntime" not in loaded


@pytest.mark.parametrize(
    ("backend", "kind", "file"),
    [pytest.param(OPENVINO, "classification", "model.bin", marks=needs("openvino")),
     pytest.param(CTRANSLATE2, "bytes", "model.bin", marks=needs("ctranslate2")),
     pytest.param(LLAMA_CPP, "llama", "model.gguf", marks=needs("gguf"))],
    ids=lambda value: getattr(value, "name", value),
)  # fmt: skip
def test_a_damaged_folder_is_one_line(
    models: dict[str, Path], backend: ExtraBackend, kind: str, file: str, tmp_path: Path
) -> None:
    folder = converted(backend, models[kind], tmp_path / "converted")
    (folder / file).write_bytes((folder / file).read_bytes()[:200])
    with pytest.raises(BundleError, match="cannot open it"):
        open_model(folder, backend, threads=1)
    (folder / file).unlink()
    with pytest.raises(BundleError, match=rf"{file}: missing; copy the bundle again"):
        open_model(folder, backend, threads=1)


def test_what_a_backend_cannot_run_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    for backend, word in ((CTRANSLATE2, "tokens"), (LLAMA_CPP, "llama")):
        with pytest.raises(StageError, match=f"{backend.name} runs no model of the kind span"):
            backend.convert(models["span"], tmp_path)
        assert backend.unfit(Causal("x") if word == "tokens" else Seq2Seq("x"))
        assert backend.unfit(Causal("x") if word == "llama" else Seq2Seq("x")) is None
    for text in (Causal("x"), Seq2Seq("x")):
        assert "take f32" in (OpenVINO("bf16").unfit(text) or "")
        assert OPENVINO.unfit(text) is None
    assert OpenVINO("bf16").unfit(MiniLM()) is None
    with pytest.raises(ValueError, match="precision 'int4' is not one of f32, bf16"):
        OpenVINO("int4")


def test_a_racing_backend_knows_the_others_by_name() -> None:
    racing = Fastest()
    assert isinstance(racing, RacingBackend)
    assert all(isinstance(each, ExtraBackend) for each in racing.rivals)
    assert {each.name for each in racing.rivals} == set(PACKAGES)
    assert racing.of("gguf") is LLAMA_CPP
    assert racing.of("onnx") is racing
    assert racing == Fastest()
