"""train, compress, measure, judge, package over a tiny encoder: a bundle that runs, and its verdict."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import LABELS, Here, rows_of

from p2m.deploy.serving.command import check_sums
from p2m.deploy.serving.predictor import Predictor
from p2m.errors import StageError
from p2m.metrics.accuracy import Accuracy
from p2m.stages.compress import compress
from p2m.stages.judge import judge
from p2m.stages.measure import measure, percentile
from p2m.stages.package import package
from p2m.stages.train import train
from p2m.students.minilm import MiniLM
from p2m.types import (
    Bundle,
    Choice,
    Comparison,
    Compressor,
    Constraints,
    Evaluated,
    Exported,
    Judged,
    Measured,
    Report,
    Requirement,
    Score,
    Split,
    Trained,
    Training,
)

ROWS = rows_of(LABELS)
PARTS = Split(ROWS[:40], ROWS[40:52], ROWS[52:], "gold")
CHOICE = Choice("minilm", ("it fits",))
EVALUATED = Evaluated(
    (Score("accuracy", 0.9, 0.8, 1.0, 52),), (Comparison("majority", 0.5, 0.0005, 1.0, False, 40),), None,
    "there is no teacher", "gold",
    (Judged(ROWS[0].input, "no", "yes", 0.8, 0.0), Judged(ROWS[1].input, "no", "no", 0.9, 1.0)),
)  # fmt: skip


@dataclass(frozen=True)
class Spoilt:
    """A compressor whose model has its labels swapped: small, and always wrong."""

    @property
    def name(self) -> str:
        return "spoilt"

    def compress(self, source: Path, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            data = path.read_bytes()
            if path.name == "predictor.json":
                settings = json.loads(data)
                data = json.dumps({**settings, "labels": ["never", "nothing"]}).encode()
            (target / path.name).write_bytes(data)


@dataclass(frozen=True)
class Lean:
    """A compressor that saves a few bytes and changes no answer."""

    @property
    def name(self) -> str:
        return "lean"

    def compress(self, source: Path, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            data = path.read_bytes()
            if path.suffix == ".json":
                data = json.dumps(json.loads(data), separators=(",", ":")).encode()
            (target / path.name).write_bytes(data)


@pytest.fixture(scope="module")
def fitted(tiny_minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    training = Training(epochs=6, batch_size=8, learning_rate=2e-3, evaluations=2, max_length=40)
    run = Here(tmp_path_factory.mktemp("train"))
    return train(
        LABELS,
        PARTS,
        CHOICE,
        None,
        None,
        students={"minilm": tiny_minilm},
        metric=Accuracy(),
        training=training,
        seed=0,
        run=run,
    )


def exported_with(
    fitted: Trained, student: MiniLM, folder: Path, *compressors: Compressor, max_size: int | None = None
) -> Exported:
    return compress(
        LABELS,
        PARTS,
        CHOICE,
        fitted,
        students={"minilm": student},
        compressors={each.name: each for each in compressors},
        metric=Accuracy(),
        tolerance=0.02,
        constraints=Constraints(max_size=max_size),
        seed=0,
        run=Here(folder),
    )


@pytest.fixture(scope="module")
def exported(fitted: Trained, tiny_minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported_with(fitted, tiny_minilm, tmp_path_factory.mktemp("compress"), Lean(), Spoilt())


def test_the_gate_keeps_the_smallest_that_keeps_the_metric(exported: Exported) -> None:
    trials = {trial.name: trial for trial in exported.trials}
    assert exported.precision == "lean"
    assert trials["lean"].kept
    assert trials["lean"].score == trials["fp32"].score
    assert not trials["spoilt"].kept
    assert trials["spoilt"].score == 0.0
    assert "more than the 0.02" in trials["spoilt"].reason
    assert exported.size_bytes == sum(path.stat().st_size for path in exported.model.iterdir())
    answer = Predictor(exported.model).predict([ROWS[0].input])[0]
    assert answer.output in LABELS.labels


def test_a_limit_that_only_a_refused_variant_meets_is_said(
    fitted: Trained, tiny_minilm: MiniLM, exported: Exported, tmp_path: Path
) -> None:
    sizes = {trial.name: trial.size_bytes for trial in exported.trials}
    limit = sizes["spoilt"]
    assert limit < sizes["fp32"]
    found = exported_with(fitted, tiny_minilm, tmp_path, Spoilt(), max_size=limit)
    assert found.precision == "fp32"
    assert "the only one that fits" in next(trial.reason for trial in found.trials if trial.name == "spoilt")


def test_one_answer_is_measured_in_a_process_of_its_own(exported: Exported, here: Here) -> None:
    ballast = b"x" * 2_000_000_000  # of this process, which must not count
    found = measure(LABELS, PARTS, exported, rows=30, run=here)
    assert found.rows == 30
    assert 0 < found.latency_p50 <= found.latency_p95 < 5
    assert found.throughput > 1 / found.latency_p95
    assert 20e6 < found.peak_memory < len(ballast)
    assert found.machine
    with pytest.raises(StageError, match="no row to measure"):
        measure(LABELS, Split((), (), (), "gold"), exported, rows=3, run=here)
    with pytest.raises(StageError, match=r"predictor\.json"):
        measure(LABELS, PARTS, replace(exported, model=here.folder), rows=3, run=here)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(each) for each in range(1, 101)]
    assert percentile(values, 0.50) == 50
    assert percentile(values, 0.95) == 95
    assert percentile([7.0], 0.95) == 7.0


def bundled(
    fitted: Trained,
    exported: Exported,
    folder: Path,
    *requirements: Requirement,
    evaluated: Evaluated = EVALUATED,
    **limits: int,
) -> Bundle:
    report = folder / "report"
    report.mkdir(parents=True)
    (report / "report.html").write_text("<p>report</p>")
    measured = Measured(0.01, 0.02, 150.0, 30, 50_000_000, "A Processor")
    verdict = judge(
        LABELS, exported, evaluated, measured, requirements=requirements, constraints=Constraints(**limits)
    )
    return package(
        LABELS,
        PARTS,
        CHOICE,
        fitted,
        exported,
        evaluated,
        measured,
        verdict,
        Report(report),
        name="tiny",
        spec={"name": "tiny", "students": {"minilm": {"license": "apache-2.0"}}},
        run=Here(folder / "run"),
    )


def test_rows_that_lost_their_end_are_warned_of(
    fitted: Trained, exported: Exported, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    assert (fitted.cut, exported.warnings) == (0, ())
    made = exported_with(replace(fitted, cut=7), tiny_minilm, tmp_path / "compress")
    assert f"7 of {len(PARTS.train)} training rows are longer than" in made.warnings[0]
    bundle = bundled(fitted, made, tmp_path)
    assert "their end was cut off" in (bundle.folder / "README.md").read_text()


def test_the_bundle_runs_says_what_it_is_and_is_byte_equal_when_rebuilt(
    fitted: Trained, exported: Exported, tmp_path: Path
) -> None:
    bundle = bundled(fitted, exported, tmp_path / "a", Requirement("accuracy", ">=", 0.5))
    again = bundled(fitted, exported, tmp_path / "b", Requirement("accuracy", ">=", 0.5))
    names = sorted(
        path.relative_to(bundle.folder).as_posix() for path in bundle.folder.rglob("*") if path.is_file()
    )
    assert {"README.md", "SHA256SUMS", "manifest.json", "predict.py", "requirements.txt"} <= set(names)
    for name in names:
        assert (bundle.folder / name).read_bytes() == (again.folder / name).read_bytes(), name
    assert check_sums(bundle.folder) == []
    listed = {line.split("  ")[1] for line in (bundle.folder / "SHA256SUMS").read_text().splitlines()}
    assert listed == set(names) - {"SHA256SUMS"}
    done = subprocess.run(
        [sys.executable, str(bundle.folder / "predict.py"), ROWS[0].input["text"]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)["output"] == Predictor(exported.model).predict([ROWS[0].input])[0].output
    assert bundle.verdict.ship


def test_the_manifest_and_the_card_tell_figures_limits_and_mistakes(
    fitted: Trained, exported: Exported, tmp_path: Path
) -> None:
    bundle = bundled(fitted, exported, tmp_path, Requirement("accuracy", ">=", 0.95), max_parameters=10)
    manifest = json.loads((bundle.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["schema"] == 1
    assert manifest["verdict"]["ship"] is bundle.verdict.ship is False
    assert len(manifest["verdict"]["failures"]) == 2
    assert manifest["metrics"][0]["low"] == 0.8
    assert manifest["model"]["license"] == "apache-2.0"
    assert manifest["data"] == {
        "rows": {"train": 40, "validation": 12, "test": 12}, "sources": {"made:labels.a": 40}, "figures": {},
    }  # fmt: skip
    model = bundle.folder / "model" / "model.onnx"
    assert manifest["files"]["model/model.onnx"] == hashlib.sha256(model.read_bytes()).hexdigest()
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert (
        "# tiny\n\n**FALLS SHORT**. It does **not** meet its contract.\n- falls short: accuracy 0.90" in card
    )
    assert manifest["baselines"] == {"majority": 0.5}
    assert manifest["verdict"]["decision"] == "FALLS SHORT"
    assert manifest["model"]["cross_validated"] == {}
    assert "falls short: accuracy 0.90 [0.80, 1.00] (>= 0.95)" in card
    assert "| no | yes | 0.80 |" in card
    assert "10.0 ms (median)" in card
    assert "/run/" not in card + json.dumps(manifest), "no place of this machine may leak"
    needs = (bundle.folder / "requirements.txt").read_text().split()
    assert [each.split("~=")[0] for each in needs] == ["numpy", "onnxruntime", "tokenizers"]


def test_a_card_of_few_weights_and_few_rows_says_so(
    fitted: Trained, exported: Exported, tmp_path: Path
) -> None:
    few = replace(EVALUATED, scores=(replace(EVALUATED.scores[0], rows=12),))
    bundle = bundled(fitted, replace(exported, parameters=5_120), tmp_path, evaluated=few)
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert "**UNPROVEN**. Whether it meets its contract is **unproven**: too few rows judged it." in card
    assert "- unproven: 12 rows to judge by tell little: 40 would tell" in card
    assert "- next: label about 28 more rows" in card
    assert "model of 5,120 parameters" in card
    assert re.search(r"fp32 [01]\.\d{3} on validation, ", card)
