"""Backends race: the fastest that keeps the metric within the limits is taken, and no step above differs."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import LABELS, Exports, Here, rows_of

from p2m.compose import compose
from p2m.compression.int8 import Int8
from p2m.deploy.backends.ctranslate2 import CTranslate2
from p2m.deploy.backends.fastest import Fastest
from p2m.deploy.backends.openvino import OPENVINO, OpenVINO
from p2m.deploy.serving.settings import Settings
from p2m.errors import RecipeError
from p2m.metrics.accuracy import Accuracy
from p2m.project import load
from p2m.stages.convert import convert
from p2m.stages.fastest import fastest
from p2m.stages.measure import measure
from p2m.stages.race import ROUNDS, race
from p2m.types import Exported, Race, Split, Timed, Variant

ROWS = rows_of(LABELS)
PARTS = Split(ROWS[:40], ROWS[40:52], ROWS[52:], "gold")
needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="needs the extra openvino"
)
RECIPE = """\
prompt: Answer a question from a passage. The output is a span of the passage.
examples: [{input: {question: "Who?", passage: "It was Ada who won."}, output: Ada}]
"""


def variants(folder: Path, **scores: tuple[float, int]) -> list[Variant]:
    return [Variant(folder, name, score, size) for name, (score, size) in scores.items()]


def times(**milliseconds: tuple[float, float]) -> Race:
    return Race(
        tuple(Timed(name, p50 / 1e3, p95 / 1e3, 1.0) for name, (p50, p95) in milliseconds.items()), ""
    )


def test_the_fastest_that_keeps_the_metric_within_the_limits_is_taken(tmp_path: Path) -> None:
    made = variants(
        tmp_path, fp32=(0.9, 90), int8=(0.89, 25), quick=(0.9, 80), wrong=(0.5, 5), slow=(0.9, 20)
    )
    raced = times(fp32=(20, 25), int8=(5, 30), quick=(4, 6), wrong=(1, 2), slow=(5.1, 9))

    def taken(max_size: int | None = None, max_latency: float | None = None) -> str:
        found = fastest(LABELS, raced, *made, tolerance=0.02, max_size=max_size, max_latency=max_latency)
        return found.precision

    assert taken() == "quick"
    assert taken(max_size=50) == "int8"
    assert taken(max_size=50, max_latency=0.010) == "slow"
    assert taken(max_size=50, max_latency=0.001) == "int8", "no one is soon enough: the fastest that fits"
    assert taken(max_size=10) == "slow", "none fits that keeps the metric: the smallest that does"
    found = fastest(LABELS, raced, *made, tolerance=0.02, max_size=None, max_latency=0.010)
    told = {each.name: each for each in found.variants}
    assert not told["wrong"].kept
    assert told["quick"].latency == 0.004
    assert told["int8"].reason.endswith("5.0 ms, p95 30.0 ms, over max_latency (10 ms)")


def test_an_earlier_one_stays_where_two_cannot_be_told_apart(tmp_path: Path) -> None:
    made = variants(tmp_path, onnx=(0.9, 90), other=(0.9, 80))
    for p50, name in ((9.6, "onnx"), (9.4, "other")):
        raced = times(onnx=(10, 10), other=(p50, p50))
        found = fastest(LABELS, raced, *made, tolerance=0.0, max_size=None, max_latency=None)
        assert found.precision == name


@needs_openvino
def test_variants_are_timed_in_turn_and_the_winner_is_measured_and_shipped(
    exports: Exports, tmp_path: Path
) -> None:
    folder = exports["classification"][1]
    Int8().compress(folder, tmp_path / "int8")
    full, smaller = Variant(folder, "fp32", 1.0, 10), Variant(tmp_path / "int8", "int8", 1.0, 5)
    scored = {"metric": Accuracy(), "seed": 0}
    other = convert(
        LABELS, PARTS, smaller, backend=OPENVINO, precision="", **scored, run=Here(tmp_path / "convert")
    )
    assert other.name == "openvino int8"
    half = convert(
        LABELS, PARTS, full, backend=OpenVINO("bf16"), precision="bf16", **scored, run=Here(tmp_path / "half")
    )
    assert half.name == "openvino bf16"
    run = Here(tmp_path / "race")
    raced = race(LABELS, PARTS, full, Variant(None, "left out"), other, rows=6, backend=Fastest(), run=run)
    assert [each.name for each in raced.timed] == ["fp32", "openvino int8"]
    assert all(0 < each.latency_p50 <= each.latency_p95 and each.throughput for each in raced.timed)
    assert len(run.lines) == 2 * ROUNDS
    assert other.model is not None
    assert Settings.read(other.model).backend == "openvino"
    exported = Exported(other.model, other.name, 1, other.size_bytes, ())
    assert measure(LABELS, PARTS, exported, rows=3, backend=Fastest(), run=Here(tmp_path / "one")).rows == 3


def plan_of(folder: Path, *overrides: str) -> dict[str, dict[str, object]]:
    (folder / "any.yaml").write_text(RECIPE)
    steps = load(folder / "any.yaml", list(overrides)).plan.steps
    return {step.name: dict(step.settings) for step in steps}


@needs_openvino
def test_what_is_tried_for_other_backends_changes_no_step_of_onnx(tmp_path: Path) -> None:
    plain, racing = plan_of(tmp_path), plan_of(tmp_path, "runtime=fastest")
    assert {"race", "convert-openvino", "convert-openvino-int8"} <= racing.keys() - plain.keys()
    for name in ("train", "export", "compress-int8"):
        assert racing[name] == plain[name]
    alone = plan_of(tmp_path, "runtime=openvino")
    assert {"convert-openvino", "convert-openvino-int8"} == alone.keys() - plain.keys()
    assert alone["train"] == plain["train"]
    assert alone["export"]["metric"] is None, "only what may ship is scored"
    assert alone["convert-openvino"]["metric"] == plain["export"]["metric"]


@dataclass(frozen=True)
class Lacking(CTranslate2):
    """One that nobody can install."""

    def missing(self) -> str | None:
        return "ct2"


def test_a_backend_that_is_not_here_or_cannot_run_the_student_is_refused(tmp_path: Path) -> None:
    from p2m.parsing import parse_prompt
    from p2m.spec import feasibility

    (tmp_path / "any.yaml").write_text(RECIPE)
    spec = compose(tmp_path / "any.yaml", []).spec.model_copy(update={"runtime": Lacking()})
    task = parse_prompt(spec.prompt, examples=spec.examples)
    found = [each for each in feasibility(spec, task) if each[0] == "runtime"]
    assert ("runtime", "ctranslate2 is not installed", "type: pip install 'p2m[ct2]'") in found
    assert any("ctranslate2 cannot run minilm: it runs models of the T5 kind" in each[1] for each in found)
    with pytest.raises(RecipeError) as caught:
        load(tmp_path / "any.yaml", ["runtime=gguf"])
    assert "gguf cannot run minilm: it runs decoders of the Llama kind" in str(caught.value.problems)
