"""From a recipe to a bundle with a checkpoint that writes text, out of a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import CITIES, PEOPLE
from tiny_checkpoints import causal

from p2m.engine.executor import execute
from p2m.engine.explaining.survey import Survey
from p2m.engine.handles import Device
from p2m.engine.store import Store
from p2m.forecast import forecasts
from p2m.project import load

RECIPE = """\
prompt: Write who lives where as JSON.
task:
  {type: records, inputs: [text], output: result, record: {name: text, north: ["no", "yes"]}}
data: {train: train.jsonl, validation: test.jsonl, test: test.jsonl}
defaults: [base, override teacher: none, override student: smollm2_135m, _self_]
student: {candidates: {smollm2_135m: {model: MODEL, rank: 0, learning_rate: 0.01, prompt: "{input}"}}}
curation: {near_duplicate: 1, decontaminate: false}
training: {epochs: 30, batch_size: 8, evaluations: 1, precision: fp32}
evaluation: {bootstrap: 20, latency_rows: 3}
metrics: {primary: exact_match}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Records of which the model has seen all."""
    model = causal(tmp_path / "model", "Llama")
    rows = [
        {"text": f"{person} lives in {city}.", "result": json.dumps({"name": person, "north": yes})}
        for person, yes in zip(PEOPLE[:4], ("yes", "no", "no", "yes"), strict=True)
        for city in CITIES
    ]
    for name, part in (("train", rows), ("test", rows[::3])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, part)))
    (tmp_path / "people.yaml").write_text(RECIPE.replace("MODEL", str(model)))
    return tmp_path / "people.yaml"


def test_a_recipe_with_a_folder_s_checkpoint_becomes_a_bundle_that_writes_records(
    recipe: Path, tmp_path: Path
) -> None:
    import p2m

    opened = load(recipe)
    store = Store(tmp_path / "store")
    done = execute(opened.plan, store, Device(type="cpu", threads=1))
    bundle = done.value("package").folder
    assert (bundle / "serving" / "causal.py").is_file()
    assert json.loads((bundle / "manifest.json").read_text())["model"]["precision"] in ("int8", "fp32")
    answers = p2m.open_bundle(bundle).predict([{"text": f"{person} lives in Oslo."} for person in PEOPLE[:4]])
    assert [each.output for each in answers] == [
        json.dumps({"name": person, "north": yes})
        for person, yes in zip(PEOPLE[:4], ("yes", "no", "no", "yes"), strict=True)
    ]


def test_what_must_be_fetched_is_in_the_plan(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    name = "student.candidates.smollm2_135m.model"
    for model, told in (("HuggingFaceTB/SmolLM2-135M-Instruct", True), (tmp_path / "model", False)):
        opened = load(recipe, (f"{name}={model}",))
        found = Survey(opened.plan, Store(tmp_path / "store"))
        (line,) = map(str, forecasts(opened.composed.spec, opened.task, found))
        assert ("538" in line and "fetched from the Hub" in line) is told
