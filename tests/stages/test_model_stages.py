"""train, export, compress, pick, measure, verdict, package over a tiny encoder: a bundle that runs, and its
verdict.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LABELS, Here, rows_of

from p2m.deploy.serving.command import check_sums
from p2m.deploy.serving.predictor import Predictor
from p2m.errors import StageError
from p2m.metrics.accuracy import Accuracy
from p2m.stages.best import best
from p2m.stages.compress import compress
from p2m.stages.export import export
from p2m.stages.measure import measure, percentile
from p2m.stages.package import package
from p2m.stages.pick import pick
from p2m.stages.train import train
from p2m.stages.verdict import verdict
from p2m.students.minilm import MiniLM
from p2m.types import (
    Account,
    Beside,
    Bundle,
    Choice,
    Comparison,
    Compressor,
    Evaluated,
    Exported,
    Fit,
    Judged,
    Judgement,
    Look,
    Measured,
    Proposal,
    Report,
    Requirement,
    Score,
    Spent,
    Split,
    Trained,
    Training,
    Trial,
    Variant,
    Winner,
)

ROWS = rows_of(LABELS)
PARTS = Split(ROWS[:40], ROWS[40:52], ROWS[52:], "gold")
CHOICE = Choice("minilm", ("it fits",))
TRAINING = Training(epochs=6, batch_size=8, learning_rate=2e-3, evaluations=2, max_length=40)
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


def trained_with(
    student: MiniLM, folder: Path, *, parts: Split = PARTS, winner: Winner | None = None,
    proposal: Proposal | None = None,
) -> Trained:  # fmt: skip
    return train(
        LABELS, parts, winner, proposal, name="minilm", student=student, metric=Accuracy(),
        training=TRAINING, seed=0, run=Here(folder),
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted(tiny_minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained_with(tiny_minilm, tmp_path_factory.mktemp("train"))


def exported_with(
    fitted: Trained, student: MiniLM, folder: Path, *compressors: Compressor, max_size: int | None = None
) -> Exported:
    scored: dict[str, Any] = {"metric": Accuracy(), "seed": 0}
    full = export(LABELS, PARTS, fitted, student=student, **scored, run=Here(folder / "export"))
    smaller = [
        compress(LABELS, PARTS, full, compressor=each, **scored, run=Here(folder / each.name))
        for each in compressors
    ]
    return pick(LABELS, full, *smaller, tolerance=0.02, max_size=max_size)


@pytest.fixture(scope="module")
def exported(fitted: Trained, tiny_minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported_with(fitted, tiny_minilm, tmp_path_factory.mktemp("compress"), Lean(), Spoilt())


def test_the_gate_keeps_the_smallest_that_keeps_the_metric(exported: Exported) -> None:
    trials = {trial.name: trial for trial in exported.variants}
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
    sizes = {trial.name: trial.size_bytes for trial in exported.variants}
    limit = sizes["spoilt"]
    assert limit < sizes["fp32"]
    found = exported_with(fitted, tiny_minilm, tmp_path, Spoilt(), max_size=limit)
    assert found.precision == "fp32"
    assert "the only one that fits" in next(
        trial.reason for trial in found.variants if trial.name == "spoilt"
    )


def test_what_a_fit_came_to_goes_with_the_model(fitted: Trained, exported: Exported) -> None:
    assert exported.fit == fitted.fit
    assert exported.parameters == fitted.fit.parameters > 0
    assert (fitted.fit.rows, fitted.fit.proposal, fitted.fit.trials) == (40, {}, ())


def test_a_student_that_was_left_out_is_neither_trained_nor_exported_nor_made_smaller(
    fitted: Trained, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    scored: dict[str, Any] = {"metric": Accuracy(), "seed": 0, "run": Here(tmp_path / "none")}
    for proposal in (None, Proposal({"learning_rate": 1e-3, "batch_size": 8})):
        nothing = trained_with(tiny_minilm, tmp_path / "none", winner=Winner("other"), proposal=proposal)
        assert nothing == Trained(None)
    assert best(nothing, nothing) == Trained(None)
    full = export(LABELS, PARTS, nothing, student=tiny_minilm, **scored)
    assert full == Variant(None, "fp32")
    smaller = compress(LABELS, PARTS, full, compressor=Lean(), **scored)
    assert smaller == Variant(None, "lean")
    assert not (tmp_path / "none").exists()
    scored["run"] = Here(tmp_path / "taken")
    taken = export(LABELS, PARTS, fitted, student=tiny_minilm, **scored)
    gate: dict[str, Any] = {"tolerance": 0.02, "max_size": None}
    assert pick(LABELS, full, smaller, taken, **gate) == pick(LABELS, taken, **gate)
    with pytest.raises(StageError, match="no student was exported"):
        pick(LABELS, full, smaller, **gate)


def test_a_winner_is_trained_as_if_there_had_been_no_choice(
    fitted: Trained, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    again = trained_with(tiny_minilm, tmp_path, winner=Winner("minilm"))
    assert again.fit == fitted.fit


# --------------------------------------------------------------------------- trials


def test_a_trial_is_trained_as_a_recipe_with_its_rate_and_batch_size(
    tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    proposal = Proposal({"learning_rate": 1e-3, "batch_size": 16})
    trial = trained_with(tiny_minilm, tmp_path / "a", proposal=proposal)
    same = train(
        LABELS, PARTS, None, None, name="minilm", student=tiny_minilm, metric=Accuracy(), seed=0,
        training=replace(TRAINING, learning_rate=1e-3, batch_size=16), run=Here(tmp_path / "b"),
    )  # fmt: skip
    assert trial.fit == replace(same.fit, proposal=proposal.values)


def test_a_trial_that_falls_behind_stops_and_says_that_it_was_pruned(
    tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    better = (Look(0.1, 1.5), Look(0.9, 1.5))  # than any can be
    behind = Proposal({"epochs": 13.0, "batch_size": 4}, (better,) * 3)
    pruned = trained_with(tiny_minilm, tmp_path, proposal=behind)
    assert pruned.fit.was_pruned
    assert (pruned.fit.steps, pruned.fit.planned) == (65, 130)  # the first look after learning has begun
    assert pruned.checkpoint is not None


def test_schedules_of_the_rate_are_learnt_by(tiny_minilm: MiniLM, tmp_path: Path) -> None:
    made = [
        trained_with(tiny_minilm, tmp_path / name, proposal=Proposal({"schedule": name, "dropout": 0.0}))
        for name in ("linear", "cosine", "constant")
    ]
    assert len({each.fit.losses for each in made}) == 3


def test_without_validation_rows_no_trial_is_made_and_that_is_warned_of(
    fitted: Trained, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    nothing = trained_with(
        tiny_minilm,
        tmp_path,
        parts=replace(PARTS, validation=()),
        proposal=Proposal({"learning_rate": 1e-3, "batch_size": 16}),
    )
    assert nothing == Trained(None)
    (warning,) = exported_with(best(fitted, nothing), tiny_minilm, tmp_path).warnings
    assert warning.startswith("no validation rows to tell tuning.trials apart by")
    assert exported_with(best(fitted, fitted), tiny_minilm, tmp_path).warnings == ()


def test_the_earliest_of_the_best_trials_is_kept_with_what_all_came_to(tmp_path: Path) -> None:
    set_by = [{}, {"batch_size": 1}, {"batch_size": 2}, {"batch_size": 3}]
    made = [
        Trained(tmp_path / str(n), Fit(best=score, proposal=set_by[n], was_pruned=n == 2))
        for n, score in enumerate((0.5, 0.9, 0.7, 0.9))
    ]
    found = best(*made)
    assert found.checkpoint == tmp_path / "1"
    trials = tuple(Trial(set_by[n], each.fit.best, n == 2) for n, each in enumerate(made))
    assert found.fit == replace(made[1].fit, trials=trials)
    assert best(made[1], Trained(None), made[3]).fit.trials == (trials[1], trials[3])


# --------------------------------------------------------------------------- measuring and packaging


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
    exported: Exported,
    folder: Path,
    *requirements: Requirement,
    evaluated: Evaluated = EVALUATED,
    account: Account | None = None,
    **limits: int,
) -> Bundle:
    report = folder / "report"
    report.mkdir(parents=True)
    (report / "report.html").write_text("<p>report</p>")
    measured = Measured(0.01, 0.02, 150.0, 30, 50_000_000, "A Processor")
    none: dict[str, int | None] = {
        "max_parameters": None,
        "max_size": None,
        "max_latency": None,
        "precision": None,
        "smaller": (),
    }
    found = verdict(
        LABELS, exported, evaluated, measured, account, None, requirements=requirements, **{**none, **limits}
    )
    return package(
        LABELS,
        PARTS,
        CHOICE,
        exported,
        evaluated,
        measured,
        found,
        account,
        None,
        Report(report),
        name="tiny",
        spec={"name": "tiny", "students": {"minilm": {"license": "apache-2.0"}}},
        run=Here(folder / "run"),
    )


def test_a_bundle_tells_what_teachers_cost_and_beside_whom_it_stands_and_no_votes(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {"zq-nobody-ships-this": 1.0}
    voted = replace(PARTS, train=tuple(replace(row, votes=secret) for row in PARTS.train))
    monkeypatch.setitem(globals(), "PARTS", voted)
    apart = Score("difference", -0.05, -0.1, 0.0, 52)
    rival = Beside("local m", 52, 0.95, 0.9, apart, Score("teacher_ratio", 0.947, 0.9, 1.0, 52), 0.9, 0.1)
    judgement = Judgement("local m", Score("agreement", 0.9, 0.85, 0.95, 52), right=0.97, steady=0.8)
    told = replace(EVALUATED, teacher=rival, teacher_note="local m on the same 52 rows", judgement=judgement)
    spent = Spent(1_250, cost=0.8125, outcomes={"answered": 1_250})
    paid = Account(spent, per_request=0.00065, latency=0.84, break_even=1_250)
    folder = bundled(exported, tmp_path, evaluated=told, account=paid).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["teacher"]["score"] == 0.95
    assert manifest["teacher"]["difference"]["low"] == -0.1
    assert (manifest["account"]["break_even"], manifest["judge"]["steady"]) == (1_250, 0.8)
    card = (folder / "README.md").read_text()
    for shown in (
        "Teacher: 0.950, local m on the same 52 rows; the model 0.900 there, 0.947 of the teacher",
        "95% interval -0.100 to +0.000",
        "takes 840 ms and 0.00065 USD. A million of its answers cost 650.00 USD. The model has paid for"
        " itself after 1,250 requests.",
        "Judge: local m grades the known answers 0.97",
    ):
        assert shown in card
    for path in folder.rglob("*"):
        assert path.is_dir() or b"zq-nobody-ships-this" not in path.read_bytes(), path
    plain = json.loads((bundled(exported, tmp_path / "plain").folder / "manifest.json").read_text())
    assert (plain["teacher"]["score"], plain["account"], plain["judge"]) == (None, None, None)


def test_rows_that_lost_their_end_are_warned_of(
    fitted: Trained, exported: Exported, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    assert (fitted.fit.cut, exported.warnings) == (0, ())
    made = exported_with(replace(fitted, fit=replace(fitted.fit, cut=7)), tiny_minilm, tmp_path / "compress")
    assert f"7 of {len(PARTS.train)} training rows are longer than" in made.warnings[0]
    bundle = bundled(made, tmp_path)
    assert "their end was cut off" in (bundle.folder / "README.md").read_text()


def test_the_bundle_runs_says_what_it_is_and_is_byte_equal_when_rebuilt(
    exported: Exported, tmp_path: Path
) -> None:
    bundle = bundled(exported, tmp_path / "a", Requirement("accuracy", ">=", 0.5))
    again = bundled(exported, tmp_path / "b", Requirement("accuracy", ">=", 0.5))
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
    exported: Exported, tmp_path: Path
) -> None:
    bundle = bundled(exported, tmp_path, Requirement("accuracy", ">=", 0.95), max_parameters=10)
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


def test_a_card_of_few_weights_and_few_rows_says_so(exported: Exported, tmp_path: Path) -> None:
    few = replace(EVALUATED, scores=(replace(EVALUATED.scores[0], rows=12),))
    bundle = bundled(replace(exported, parameters=5_120), tmp_path, evaluated=few)
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert "**UNPROVEN**. Whether it meets its contract is **unproven**: too few rows judged it." in card
    assert "- unproven: 12 rows to judge by tell little: 40 would tell" in card
    assert "- next: label about 28 more rows" in card
    assert "model of 5,120 parameters" in card
    assert re.search(r"fp32 [01]\.\d{3} on validation, ", card)
