"""A stranger's component is one file and one YAML, and no edit elsewhere: of each family one, in a copy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import p2m

ROOT = Path(p2m.__file__).parents[1]

HEAD = "from dataclasses import dataclass\n"
VARIED = """
from random import Random

LETTERS = "bcdfghklmnprstvz"


def varied(row):
    lot = Random(row)
    return " ".join("".join(lot.choice(LETTERS) + lot.choice("aeiou") for _ in range(3)) for _ in range(9))
"""
FILES = {
    "p2m/teachers/scribe.py": HEAD
    + VARIED
    + '''
from p2m.types import Example


@dataclass(frozen=True)
class Scribe:
    """Writes notes about two rooms."""

    loud: bool = False

    def refusal(self, task):
        return None

    def generate(self, task, number, *, seed, texts):
        for row in range(number):
            word, label = (("rake", "garden"), ("kettle", "kitchen"))[row % 2]
            text = f"{varied(row)} {word}"
            yield Example({task.inputs[0].name: text.upper() if self.loud else text}, label, source="scribe")

    def figures(self, task, rows):
        return {"notes": float(len(rows))}
''',
    "conf/teacher/scribe.yaml": "# Two rooms.\n# p2m build r.yaml teacher=scribe\n"
    "target: p2m.teachers.scribe.Scribe\nloud: false\n",
    "p2m/students/parrot.py": HEAD
    + '''
import shutil

from p2m.students import linear


@dataclass(frozen=True)
class Parrot:
    """Words alone, with logistic regression."""

    strength: float = 1.0
    license: str = "apache-2.0"
    parameters = 1000
    size_bytes = 50_000
    encoder = None

    def refusal(self, task):
        return linear.refusal(task)

    def solve(self, lesson, target):
        found = linear.terms(linear.texts_of(lesson), {"words": 500, "pieces": 500})
        weights = linear.logistic(found.matrix, lesson, strength=self.strength, label_weight=1.0)
        return linear.write(lesson, [linear.Part(weights, 1.0, found)], target, max_length=0)

    def export(self, task, labels, checkpoint, target):
        shutil.copytree(checkpoint, target, dirs_exist_ok=True)
''',
    "conf/student/parrot.yaml": "# Words.\n# p2m build r.yaml student=parrot\n"
    "candidates: {parrot: {target: p2m.students.parrot.Parrot, strength: 2.0}}\n",
    "p2m/metrics/half.py": HEAD
    + '''
from p2m.metrics.accuracy import Accuracy


@dataclass(frozen=True)
class Half:
    """Half of the accuracy."""

    share: float = 0.5
    name = "half"

    def refusal(self, task):
        return Accuracy().refusal(task)

    def statistics(self, predictions, references):
        return Accuracy().statistics(predictions, references)

    def value(self, statistics):
        return self.share * float(statistics.mean()) if len(statistics) else 0.0
''',
    "conf/metric/half.yaml": "# @package metric.half\n# Half.\n# p2m build r.yaml\n"
    "target: p2m.metrics.half.Half\n",
    "p2m/compression/lean.py": HEAD
    + '''
import json


@dataclass(frozen=True)
class Lean:
    """JSON without blanks."""

    name = "lean"

    def compress(self, source, target):
        target.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            data = path.read_bytes()
            if path.suffix == ".json":
                data = json.dumps(json.loads(data), separators=(",", ":")).encode()
            (target / path.name).write_bytes(data)
''',
    "conf/compression/lean.yaml": "# Lean.\n# p2m build r.yaml compression=lean\n"
    "candidates: {lean: {target: p2m.compression.lean.Lean}}\ntolerance: 0.02\n",
    "p2m/deploy/backends/plain.py": HEAD
    + '''
import json
import shutil
from pathlib import Path


@dataclass(frozen=True)
class Plain:
    """onnxruntime again, under another name; this very file opens its folders, in the bundle too."""

    name = "plain"
    requirements = ("onnxruntime",)
    serving = Path(__file__)

    def refusal(self, task):
        return None

    def convert(self, source, target):
        shutil.copytree(source, target, dirs_exist_ok=True)
        settings = json.loads((target / "predictor.json").read_text())
        (target / "predictor.json").write_text(json.dumps(settings | {"backend": "plain"}))


class Graph:
    def __init__(self, path):
        import onnxruntime

        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.inputs = {each.name: each.shape for each in self.session.get_inputs()}

    def run(self, feed):
        names = [each.name for each in self.session.get_outputs()]
        return dict(zip(names, self.session.run(None, feed)))


def open_graph(folder, name, *, threads):
    return Graph(folder / f"{name}.onnx")
''',
    "conf/runtime/plain.yaml": "# Plain.\n# p2m build r.yaml runtime=plain\n"
    "target: p2m.deploy.backends.plain.Plain\n",
    "p2m/retrievers/alphabet.py": HEAD
    + '''
from p2m.types import Candidate


@dataclass(frozen=True)
class Alphabet:
    """Cards by their names."""

    def search(self, task, cards, imagined=()):
        ordered = sorted(cards, key=lambda card: card.name)
        return tuple(Candidate(card, 1.0 / (n + 1), None, ("by name",)) for n, card in enumerate(ordered))
''',
    "conf/retriever/alphabet.yaml": "# By name.\n# p2m build r.yaml retriever=alphabet\n"
    "target: p2m.retrievers.alphabet.Alphabet\nsources: []\nlimit: 5\nmax_rows: 100\n",
    "p2m/teachers/domains/rooms/__init__.py": "",
    "p2m/teachers/domains/rooms/domain.py": HEAD
    + VARIED
    + '''
from typing import ClassVar

from p2m.teachers.domains.base import RuleTeacher
from p2m.types import Example


@dataclass(frozen=True, slots=True)
class Domain(RuleTeacher):
    """Which room a thing is in."""

    knows: ClassVar[str] = "rooms (a thing in, its room out)"

    def matches(self, task):
        return "garden" in task.labels

    def generate(self, task, number, *, seed, texts):
        for row in range(number):
            thing, room = (("rake", "garden"), ("kettle", "kitchen"))[row % 2]
            text = f"{varied(row)} {thing}"
            yield Example({task.inputs[0].name: text}, room, source="embedded:rooms")

    def figures(self, task, rows):
        return {"things": float(len(rows))}
''',
}
RECIPE = """\
defaults:
  - base
  - override teacher: {teacher}
  - override student: {student}
  - override compression: {compression}
  - override metric: [accuracy, half]
  - override runtime: {runtime}
  - _self_
prompt: "Sort a note into one of two rooms: garden, kitchen."
metrics: {{primary: accuracy, also: [half]}}
generation: {{num_examples: 240}}
"""
INLINE = "executor: {name: inline}\n"  # steps of one process import what they need once


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("strangers")
    for name in ("p2m", "conf"):
        shutil.copytree(ROOT / name, root / name)
    (root / "pyproject.toml").write_text("")
    for path, text in FILES.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)
    return root


def built(home: Path, name: str, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a build says, and the manifest of its bundle."""
    (home / f"{name}.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "p2m", "build", f"{name}.yaml", "--json"], capture_output=True, text=True,
        check=False, cwd=home, env={**os.environ, "PYTHONPATH": str(home)},
    )  # fmt: skip
    assert done.returncode in (0, 4, 10), done.stderr[-3000:]
    found = json.loads(done.stdout)
    return found, json.loads((Path(found["folder"]) / "manifest.json").read_text(encoding="utf-8"))


def test_a_teacher_a_student_and_a_metric(home: Path) -> None:
    plain = {"teacher": "scribe", "student": "parrot", "compression": "int8", "runtime": "onnx"}
    found, manifest = built(home, "written", RECIPE.format(**plain) + INLINE)
    assert manifest["model"]["student"] == "parrot"
    assert manifest["data"]["sources"] == {"generated:scribe": manifest["data"]["rows"]["train"]}
    scores = {each["metric"]: each["value"] for each in manifest["metrics"]}
    assert scores["accuracy"] == 1.0
    assert scores["half"] == 0.5
    assert {step["status"] for step in found["steps"]} <= {"ran", "source"}
    (home / "rooms.csv").write_text("input,output\na rake,garden\na kettle,kitchen\n")
    words = [sys.executable, "-m", "p2m", "eval", found["folder"], "rooms.csv", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=home,
                          env={**os.environ, "PYTHONPATH": str(home)})  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    scores = {each["metric"]: each["value"] for each in json.loads(done.stdout)["scores"]}
    assert scores["half"] == scores["accuracy"] / 2


@pytest.mark.slow
def test_a_domain_of_the_embedded_teacher_a_compressor_and_a_runtime(home: Path) -> None:
    chosen = {"teacher": "embedded", "student": "linear_minilm", "compression": "lean", "runtime": "plain"}
    found, manifest = built(home, "rooms", RECIPE.format(**chosen) + INLINE)
    assert set(manifest["data"]["sources"]) == {"generated:embedded:rooms"}
    assert manifest["model"]["precision"] == "plain lean"
    bundle = Path(found["folder"])
    assert {path.name for path in (bundle / "serving" / "backends").iterdir()} == {"__init__.py", "plain.py"}
    done = subprocess.run(
        [sys.executable, "-I", str(bundle / "predict.py"), "a rake"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["output"] == "garden"


@pytest.mark.slow
def test_a_retriever(home: Path) -> None:
    for name in ("b-rooms", "a-rooms"):
        folder = home / "catalogue" / name
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(
            "---\nlicense: mit\nlanguage: en\n---\n# Rooms\n\nThings in rooms.\n"
        )
        texts: dict[str, Any] = {}
        exec(VARIED, texts)
        rows = [
            json.dumps({"text": f"{texts['varied'](n)} {thing}", "label": room}) + "\n"
            for n in range(120)
            for thing, room in [(("rake", "garden"), ("kettle", "kitchen"))[n % 2]]
        ]
        (folder / "train.jsonl").write_text("".join(rows))
    chosen = RECIPE.format(teacher="none", student="parrot", compression="none", runtime="onnx").replace(
        "  - _self_", "  - override retriever: alphabet\n  - _self_"
    )
    _, manifest = built(home, "found", chosen + "retriever: {sources: [catalogue]}\n" + INLINE)
    assert {source.split(":")[1] for source in manifest["data"]["sources"]} == {"a-rooms", "b-rooms"}
