"""What a bundle ships: the files that its model needs, and the keys that hold them."""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import LABELS, QA, RECORD, SLOTS, SPANS, TEXT, Exports, Here, rows_of

import p2m.stages
from p2m.deploy.backends.onnx import ONNX, Onnx
from p2m.deploy.base import Predictor, open_encoder, open_model
from p2m.deploy.serving.linear import LINEAR
from p2m.deploy.serving.settings import KINDS, BundleError, Settings
from p2m.deploy.serving.shapes import shaped
from p2m.deploy.shipping import lay_out, requirements, shipped
from p2m.engine.code.closure import code_of
from p2m.engine.stage import Stage
from p2m.errors import RecipeError, StageError
from p2m.project import load
from p2m.stages.evaluate import evaluate
from p2m.stages.measure import measure
from p2m.stages.package import ASKING, SERVER, SERVER_NEEDS, package
from p2m.students.linear_editor import LinearEditor
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_records import LinearRecords
from p2m.students.linear_tagger import LinearTagger
from p2m.students.linear_tagger_minilm import LinearTaggerMiniLM
from p2m.types import Backend, Exported, Lesson, LinearStudent, Split, Task

ROWS = {
    "span": rows_of(QA)[0].input, "classification": rows_of(LABELS)[0].input,
    "seq2seq": rows_of(TEXT)[9].input, "linear": rows_of(LABELS)[0].input, "words": rows_of(LABELS)[0].input,
    "causal": rows_of(TEXT)[9].input, "copies": rows_of(TEXT)[9].input,
    "tags": rows_of(SPANS)[0].input, "records": rows_of(RECORD)[0].input,
    "slots": rows_of(SLOTS)[0].input, "tagger": rows_of(SPANS)[0].input,
    "states": rows_of(SPANS)[0].input, "editor": rows_of(TEXT)[9].input,
    "fields": rows_of(RECORD)[0].input,
}  # fmt: skip
# Answers like a bundle's user, then tells what it loaded: files below the bundle, and packages.
TOLD = """
import json, runpy, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "p2m", "datasets", "scipy", "pydantic"):
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, Blocker())
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
loaded = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
packages = sorted({"numpy", "onnxruntime", "tokenizers"} & set(sys.modules))
print(json.dumps({"files": loaded, "packages": packages}))
"""


@pytest.fixture(scope="module")
def models(exports: Exports, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of every kind; `words` is a linear model without an encoder, `states` a tagger with one."""
    words, dense = tmp_path_factory.mktemp("words"), tmp_path_factory.mktemp("dense")
    LinearMiniLM(model=str(tiny_bert), sha256="", window=40).encoder.export(dense)
    width = open_encoder(dense, threads=1, max_length=40).encode(["Ada"]).shape[1]
    bias = np.array([0.0, 0.1], np.float32)
    np.savez(dense / LINEAR, bias=bias, dense=np.linspace(-1, 1, 2 * width, dtype=np.float32).reshape(-1, 2))
    np.savez(
        words / LINEAR, bias=bias, sparse=np.array([[0, 9]], np.int8), scale=np.ones(2, np.float32),
        idf=np.ones(1, np.float32),
    )  # fmt: skip
    (words / "terms.json").write_text('{"words": ["ada"]}')
    for folder in (words, dense):
        Settings("linear", ("text",), labels=LABELS.labels, max_length=40).write(folder)
    kinds = ("span", "classification", "seq2seq", "tags", "slots", "causal", "copies", "records")
    made = {kind: exports[kind][1] for kind in kinds}
    return made | {"linear": dense, "words": words} | solved(tiny_bert, tmp_path_factory.mktemp("solved"))


def solved(tiny_bert: Path, folder: Path) -> dict[str, Path]:
    """Linear models of spans and of texts."""
    reader = LinearTaggerMiniLM(model=str(tiny_bert), sha256="", layers=1)
    reader.encoder.export(folder / "encoder")
    students: dict[str, tuple[Task, LinearStudent]] = {
        "tagger": (SPANS, LinearTagger()), "states": (SPANS, reader), "editor": (TEXT, LinearEditor()),
        "fields": (RECORD, LinearRecords()),
    }  # fmt: skip
    for name, (task, student) in students.items():
        encoder = folder / "encoder" if student.encoder else None
        student.solve(Lesson(task, task.labels, tuple(rows_of(task)), None, encoder), folder / name)
    return {name: folder / name for name in students}


def laid(model: Path, folder: Path, backend: Backend = ONNX) -> Path:
    shutil.copytree(model, folder / "model")
    lay_out(shipped(model, backend) | ASKING, folder)
    return folder


def asked(bundle: Path, row: dict[str, str]) -> tuple[dict[str, object], set[str], list[str]]:
    """The answer of a bundle alone in a process, the files of its own that it loaded, and the packages."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", TOLD, str(bundle / "predict.py"), json.dumps(row)],
        capture_output=True, text=True, cwd="/", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer, told = map(json.loads, done.stdout.splitlines())
    below = [Path(file) for file in told["files"] if file.startswith(f"{bundle}/")]
    own = {path.relative_to(bundle).as_posix() for path in below}
    return answer, own, told["packages"]


@pytest.mark.parametrize("kind", ROWS)
def test_a_bundle_of_each_kind_ships_what_it_loads_and_lists_what_it_imports(
    models: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    bundle = laid(models[kind], tmp_path / "bundle")
    answer, own, packages = asked(bundle, ROWS[kind])
    predictor = Predictor(models[kind])
    expected, known = predictor.predict([ROWS[kind]])[0], predictor.settings
    said = shaped(expected.output, known.shape, known.layout, known.none)
    assert answer["output"] in (said, expected.output)
    assert answer["score"] == round(expected.score, 4)
    for_files = {f"serving/{name}.py" for name in ("file_answers", "part", "tables", "separated", "parquet")}
    assert own | {"predict.py"} | for_files == shipped(models[kind], ONNX).keys() | ASKING.keys()
    assert tuple(packages) == requirements(models[kind], ONNX)


def test_each_kind_of_model_was_tried(models: dict[str, Path]) -> None:
    assert {Settings.read(folder).kind for folder in models.values()} == set(KINDS)


def test_no_kind_ships_another_s_reader(models: dict[str, Path]) -> None:
    of = {kind: {Path(name).stem for name in shipped(folder, ONNX)} for kind, folder in models.items()}
    assert of["words"] == {
        "predict",
        "predictor",
        "rows",
        "settings",
        "shapes",
        "sureness",
        "dates",
        "linear",
        "measures",
        "scope",
    }
    assert not of["span"] & {"linear", "labels", "texts", "embeddings"}
    assert requirements(models["words"], ONNX) == ("numpy",)
    assert requirements(models["seq2seq"], ONNX) == ("numpy", "onnxruntime")


def test_several_bundles_are_open_in_one_process(models: dict[str, Path], tmp_path: Path) -> None:
    script = "import importlib.util, json, sys\n"
    for kind in ("words", "span"):
        bundle = laid(models[kind], tmp_path / kind)
        script += (
            f"spec = importlib.util.spec_from_file_location('of_{kind}', {str(bundle / 'predict.py')!r})\n"
            f"sys.modules['of_{kind}'] = module = importlib.util.module_from_spec(spec)\n"
            "spec.loader.exec_module(module)\n"
            f"print(module.Predictor({str(bundle / 'model')!r}).predict([{ROWS[kind]!r}])[0].output)\n"
        )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    expected = [Predictor(models[kind]).predict([ROWS[kind]])[0].output for kind in ("words", "span")]
    assert done.stdout.splitlines() == expected, done.stderr


def test_it_is_a_module_too(models: dict[str, Path], tmp_path: Path) -> None:
    bundle = laid(models["words"], tmp_path / "bundle")
    script = (
        "import pickle, predict\nfrom predict import Answer, BundleError, InputError, Predictor\n"
        "answer = Predictor('model').predict([{'text': 'Ada'}])[0]\n"
        "assert pickle.loads(pickle.dumps(answer)) == answer\nprint(predict.Predictor is Predictor)\n"
        "try:\n    Predictor('model').predict([{}])\nexcept InputError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=bundle, check=False
    )
    assert done.stdout == 'True\nno "text"; expected "text", the object is empty\n', done.stderr


def test_what_a_bundle_lacks_is_one_line(models: dict[str, Path], tmp_path: Path) -> None:
    bundle = laid(models["span"], tmp_path / "bundle")
    for path, said in (
        ("serving/backends/onnx.py", "onnx.py: missing; copy the bundle again"),
        ("serving/spans.py", "spans.py: missing; copy the bundle again"),
        ("serving", "copy the bundle again"),
    ):
        target = bundle / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        typed = [sys.executable, "-I", str(bundle / "predict.py"), json.dumps(ROWS["span"])]
        done = subprocess.run(typed, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("predict.py: ")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1


# --------------------------------------------------------------------------- backends


@dataclass(frozen=True)
class Renamed:
    """ONNX files that are called otherwise, which is as good as another format."""

    folder: Path
    requirements: tuple[str, ...] = ("onnxruntime",)
    name: str = "renamed"

    @property
    def serving(self) -> Path:
        path = self.folder / "renamed.py"
        own = Onnx().serving.read_text()
        path.write_text(own.replace('f"{name}.onnx"', 'f"{name}.renamed"'))
        return path

    def refusal(self, task: Task) -> str | None:
        return None

    def convert(self, source: Path, target: Path) -> None:
        shutil.copytree(source, target)
        for graph in target.glob("*.onnx"):
            graph.rename(graph.with_suffix(".renamed"))
        replace(Settings.read(source), backend=self.name).write(target)


@pytest.mark.parametrize("kind", ["span", "seq2seq", "linear"])
def test_another_backend_ships_its_own_file(models: dict[str, Path], kind: str, tmp_path: Path) -> None:
    backend = Renamed(tmp_path)
    assert isinstance(backend, Backend)
    backend.convert(models[kind], tmp_path / "converted")
    expected = Predictor(models[kind]).predict([ROWS[kind]])
    assert open_model(tmp_path / "converted", backend, threads=1).predict([ROWS[kind]]) == expected
    bundle = laid(tmp_path / "converted", tmp_path / "bundle", backend)
    assert not (bundle / "serving" / "backends" / "onnx.py").exists()
    answer, own, _ = asked(bundle, ROWS[kind])
    assert answer["output"] == expected[0].output
    assert "serving/backends/renamed.py" in own


def test_a_backend_that_prints_is_measured_all_the_same(models: dict[str, Path], tmp_path: Path) -> None:
    class Loud(Renamed):
        @property
        def serving(self) -> Path:
            path = super().serving
            path.write_text(path.read_text() + "\nprint('loaded')\n")
            return path

    backend, run = Loud(tmp_path), Here(tmp_path)
    backend.convert(models["span"], tmp_path / "converted")
    exported = Exported(tmp_path / "converted", "fp32", 1, 1, ())
    parts = Split(tuple(rows_of(QA)), (), (), "gold")
    assert measure(QA, parts, exported, rows=3, backend=backend, run=run).rows == 3


def test_a_backend_cannot_be_called_as_one_of_p2ms_own(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"onnx is a runtime of p2m: name that of .*renamed.py otherwise"):
        open_model(models["span"], Renamed(tmp_path, name="onnx"), threads=1)


TOY = """
from dataclasses import dataclass
from pathlib import Path

from p2m.deploy.backends.onnx import Onnx


@dataclass(frozen=True)
class Toy(Onnx):
    place: str = "toy_serving.py"

    @property
    def serving(self):
        return Path(__file__).parent / self.place
"""


def test_a_file_that_is_shipped_and_in_no_key_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "own_runtimes"
    (mine / "served").mkdir(parents=True)
    for name, text in {"__init__.py": "", "toy.py": TOY, "toy_serving.py": "", "served/toy.py": ""}.items():
        (mine / name).write_text(text)
    recipe = tmp_path / "toy.yaml"
    recipe.write_text("""\
prompt: Answer a question from a context. The output is a span of the context.
examples: [{input: {question: "Who?", context: "It was Ada who won."}, output: Ada}]
runtime: {target: own_runtimes.toy.Toy}
""")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RecipeError, match=r"own_runtimes\.toy ships .*toy_serving\.py") as caught:
        load(recipe, trust=["own_runtimes"])
    assert caught.value.problems[0].where.endswith("toy.yaml:3")
    load(recipe, ["runtime.place=served/toy.py"], trust=["own_runtimes"])


def test_the_server_ships_whole_and_needs_what_the_extra_brings() -> None:
    below = Path(p2m.__file__).parent / "deploy"
    folder = {path.relative_to(below).as_posix() for path in (below / "serving" / "http").glob("*.py")}
    assert SERVER.keys() == folder | {"server.py", "serving/feedback.py"}
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert sorted(SERVER_NEEDS) == sorted(project["optional-dependencies"]["serve"])


def test_onnx_converts_nothing(models: dict[str, Path], tmp_path: Path) -> None:
    ONNX.convert(models["span"], tmp_path / "same")
    for path in models["span"].iterdir():
        assert (tmp_path / "same" / path.name).read_bytes() == path.read_bytes()
    assert ONNX.refusal(QA) is None


def test_a_folder_is_opened_by_the_backend_that_wrote_it(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(StageError, match="for the runtime onnx, not for renamed"):
        shipped(models["span"], Renamed(tmp_path))
    other = tmp_path / "other"
    shutil.copytree(models["span"], other)
    for name, said in (("nobody", "nobody.py: missing"), ("os.path", "not the name of a backend")):
        replace(Settings.read(models["span"]), backend=name).write(other)
        with pytest.raises(BundleError, match=said):
            Predictor(other)


# --------------------------------------------------------------------------- keys


def stages() -> dict[str, Callable[..., object]]:
    found = {}
    for info in pkgutil.iter_modules(p2m.stages.__path__):
        module = importlib.import_module(f"p2m.stages.{info.name}")
        found |= {f"{info.name}.{n}": s.function for n, s in vars(module).items() if isinstance(s, Stage)}
    return found


def test_the_command_line_is_in_no_key_but_that_of_packaging() -> None:
    files = {Path(name) for name in ASKING | SERVER if not name.endswith("__init__.py")}
    asking = {".".join(("p2m.deploy", *file.with_suffix("").parts)) for file in files}
    reading = {f"p2m.deploy.serving.{name}" for name in ("lines", "objects", "separated", "parquet")}
    known = stages()
    assert len(known) > 15
    reached = {name: asking & code_of(function).modules.keys() for name, function in known.items()}
    readers = (
        "read.read", "collect.collect", "index.index", "shortlist.shortlist", "load.load",
        "transform.transform", "retrieve.retrieve", "settle.settle", "rank.rank", "select.select",
        "search.search", "rerank.rerank", "reshape.reshape", "rewrite.rewrite",
    )  # fmt: skip
    assert {name: found for name, found in reached.items() if found} == {
        "package.package": asking, **dict.fromkeys(readers, reading)
    }  # fmt: skip


def test_keys_hold_every_file_that_is_run(models: dict[str, Path]) -> None:
    run = {path for model in models.values() for path in shipped(model, ONNX).values()}
    for function, files in (
        (package.function, run | set(ASKING.values()) | set(SERVER.values())),
        (measure.function, run),
        (evaluate.function, {path for path in run if path.name != "predict.py"}),
    ):
        assert files <= {Path(path) for path in code_of(function).files}, function
