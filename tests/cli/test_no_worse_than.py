"""A model that is worse than the bundle which stands does not take its place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from shouting import RECIPE, Call, call_in, write_project

import p2m
from p2m.errors import RecipeError

WORDS = [f"{first}{ending}" for first in "bcdfghklmnprstvw" for ending in ("at", "in", "ore", "ust", "ell")]
HELD = RECIPE.replace('">= 0.7"}', '">= 0.7"}\n  no_worse_than: last')


def row(word: str, *, is_wrong: bool = False) -> str:
    whispered = word.endswith(("in", "ell"))
    return json.dumps({"input": word, "output": "whispered" if whispered != is_wrong else "shouted"}) + "\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first model stands."""
    folder = write_project(tmp_path_factory.mktemp("held") / "project", HELD)
    (folder / "train.jsonl").write_text("".join(map(row, WORDS[:40])))
    (folder / "test.jsonl").write_text("".join(map(row, WORDS[40:])))
    done = call_in(folder)("build", "shout.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def place(first: Path, tmp_path: Path) -> Path:
    return shutil.copytree(first, tmp_path / "project")


def spoil(folder: Path) -> None:
    """Rows to learn from of which those that end in "in" are wrong."""
    text = "".join(row(word, is_wrong=word.endswith("in")) for word in WORDS[:40])
    (folder / "train.jsonl").write_text(text)


def held_in(bundle: Path) -> dict[str, Any]:
    return dict(json.loads((bundle / "manifest.json").read_text())["held"])


def has_nothing_to_do(call: Call) -> bool:
    """Of the next build, as `plan` says, and as it says itself on the quick path."""
    assert call("plan", "shout.yaml", "--exit-code").returncode == 0
    call("build", "shout.yaml")
    return "nothing to do" in call("build", "shout.yaml").stdout


def test_a_worse_model_falls_short_and_each_build_is_done_once(place: Path) -> None:
    call = call_in(place)
    assert "there is no last bundle to hold it against" in (place / "outputs/shout/manifest.json").read_text()
    assert has_nothing_to_do(call)
    lock = (place / "shout.lock").read_text()

    spoil(place)
    worse = call("build", "shout.yaml")
    assert worse.returncode == 4, worse.stdout + worse.stderr
    assert "worse than last bundle by more than chance: accuracy 0." in worse.stdout
    rejected = place / "outputs/shout/rejected"
    held = held_in(rejected)
    assert (held["won"], held["lost"]) == (0, len(held["examples"]))
    assert held["lost"] >= 7
    assert "said before" in (rejected / "report.html").read_text()
    assert (place / "shout.lock").read_text() == lock
    assert has_nothing_to_do(call)
    again = call("build", "shout.yaml")
    assert (again.returncode, "nothing to do" in again.stdout) == (4, True)


def test_a_model_that_is_as_good_takes_its_place_and_then_there_is_nothing_to_do(place: Path) -> None:
    call = call_in(place)
    (place / "train.jsonl").write_text("".join(map(row, WORDS[:35])))
    done = call("build", "shout.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    bundle = place / "outputs/shout"
    held = held_in(bundle)
    assert held["beside"]["rows"] == 40
    assert f"{held['won']} won, {held['lost']} lost" in done.stdout
    assert (bundle / "last/manifest.json").is_file()
    kept = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    assert has_nothing_to_do(call)
    assert {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()} == kept
    assert call("lock", "shout.yaml", "--check").returncode == 0

    # What else than the model is new is held against the bundle that stands, which is the same model.
    (place / "shout.yaml").write_text(HELD.replace('">= 0.7"}', '">= 0.75"}'))
    assert call("build", "shout.yaml").returncode == 0
    held = held_in(bundle)
    assert (held["won"], held["lost"], held["beside"]["rows"]) == (0, 0, 40)
    assert has_nothing_to_do(call)


def test_of_new_test_rows_the_last_bundle_is_asked_by_its_own_files(place: Path) -> None:
    call = call_in(place)
    (place / "test.jsonl").write_text("".join(map(row, WORDS[30:])))
    spoil(place)
    done = call("build", "shout.yaml")
    assert done.returncode == 4, done.stdout + done.stderr
    assert held_in(place / "outputs/shout/rejected")["beside"]["rows"] == 50
    assert not (place / "outputs/shout/serving/__pycache__").exists()

    serving = place / "outputs/shout/serving/predictor.py"  # what is not what it was is not asked
    serving.write_text(serving.read_text().replace("import", "import sys\nimport", 1))
    (place / "test.jsonl").write_text("".join(map(row, WORDS[31:])))
    bent = call("build", "shout.yaml")
    assert bent.returncode == 1
    assert "the last bundle, is damaged: serving/predictor.py" in bent.stderr


@pytest.mark.slow
def test_a_lock_holds_on_a_machine_where_no_bundle_stands(place: Path) -> None:
    (place / "train.jsonl").write_text("".join(map(row, WORDS[:35])))
    assert call_in(place)("build", "shout.yaml").returncode == 0  # held against the first
    assert "  before:" not in (place / "shout.lock").read_text()
    other = place.parent / "other"
    other.mkdir()
    for name in ("shout.yaml", "shout.lock", "train.jsonl", "test.jsonl"):
        (other / name).write_bytes((place / name).read_bytes())
    there = call_in(other)
    checked = there("lock", "shout.yaml", "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    built = there("build", "shout.yaml", "--locked")
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.mark.slow
def test_a_named_bundle_stays_the_one(place: Path) -> None:
    call = call_in(place)
    (place / "outputs/shout").rename(place / "good")
    spoil(place)
    text = HELD.replace("no_worse_than: last", "no_worse_than: good")
    (place / "shout.yaml").write_text(text)
    done = call("build", "shout.yaml")
    assert done.returncode == 4
    assert "worse than good by more than chance" in done.stdout
    (place / "shout.yaml").write_text(text.replace("no_worse_than: good", "no_worse_than: outputs"))
    assert "holds no bundle" in call("plan", "shout.yaml").stderr
    (place / "shout.yaml").write_text(text.replace("no_worse_than: good", "no_worse_than: nowhere"))
    assert "nowhere" in call("plan", "shout.yaml").stderr


def test_a_bundle_for_another_task_is_refused_before_anything_runs(tmp_path: Path) -> None:
    rows = "".join(f'{{"text": "row {n}", "label": "{"ab"[n % 2]}"}}\n' for n in range(20))
    (tmp_path / "rows.jsonl").write_text(rows)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "sort.yaml").write_text(
        "prompt: Sort the notes.\n"
        "task: {type: text-classification, inputs: [text], output: label, labels: [a, b]}\n"
        "data: {train: rows.jsonl, test: rows.jsonl}\nmetrics: {no_worse_than: other}\n"
    )
    for told, said in (
        ({"type": "text-classification", "inputs": [{"name": "body"}]}, "for text-classification of body"),
        ({"type": "regression", "inputs": [{"name": "text"}]}, "is a bundle for regression of text"),
        ({}, "holds no bundle"),
    ):
        (tmp_path / "other/manifest.json").write_text(json.dumps({"task": told}))
        with pytest.raises(RecipeError, match=said):
            p2m.load(tmp_path / "sort.yaml")
    told = {"type": "text-classification", "inputs": [{"name": "text"}]}
    (tmp_path / "other/manifest.json").write_text(json.dumps({"task": told}))
    assert "held" in {step.step for step in p2m.load(tmp_path / "sort.yaml").plan()}
