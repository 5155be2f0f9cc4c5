"""`import p2m`: a recipe read, planned, explained and built, its bundle asked, from Python alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import p2m
from p2m.errors import RecipeError, UserError

RECIPE = """\
defaults: [base, {override teacher: none}, {override student: linear_tfidf}, _self_]
prompt: "Sort a note into one of two boxes: garden, kitchen."
data: {train: rows.jsonl}
"""
GARDEN = ("the hedge", "the rake", "a spade", "the lawn", "the roses", "compost", "a bulb", "the beds")
KITCHEN = ("the kettle", "a pan", "the oven", "a ladle", "the sink", "a whisk", "the larder", "a bowl")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    rows = [
        {"text": f"{what} number {number}, and {other}", "label": label}
        for label, words in (("garden", GARDEN), ("kitchen", KITCHEN))
        for number, (what, other) in enumerate(zip(words * 3, words[1:] * 4, strict=False))
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "notes.yaml").write_text(RECIPE)
    return folder / "notes.yaml"


def test_a_recipe_is_planned_explained_built_and_asked(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = p2m.load(recipe, {"executor.name": "inline"})
    assert opened.task.labels == ("garden", "kitchen")
    assert opened.spec.prompt.startswith("Sort a note")
    before = opened.plan()
    assert before["train"].status == "run"
    assert len(list(before)) == len(before)
    assert "+ train" in str(before)
    built = opened.build()
    told = capsys.readouterr()
    assert (told.out, "train" in told.err) == ("", True)
    assert built.verdict.decision in ("SHIP", "UNPROVEN", "FALLS SHORT")
    assert {step.status for step in opened.plan() if step.status != "source"} == {"cached"}
    assert "train" in str(opened.why("train"))
    changed = p2m.load(str(recipe), ["executor.name=inline", "student.candidates.linear_tfidf.strength=3.0"])
    assert changed.plan()["train"].status == "run"
    assert "strength" in str(changed.why("train"))
    changed.build(progress=False)
    assert capsys.readouterr().err == ""
    model = p2m.open_bundle(built.folder)
    assert model.inputs == ("text",)
    answers = model.predict(["mow the lawn", {"text": "fill the kettle"}])
    assert [answer.output for answer in answers] == ["garden", "kitchen"]
    assert all(0 <= answer.score <= 1 for answer in answers)
    with pytest.raises(UserError, match=r"precision 0\.123: no score is known that gives it"):
        p2m.open_bundle(built.folder, precision=0.123).predict(["mow the lawn"])
    with pytest.raises(UserError, match="text"):
        model.predict([{"txt": "the lawn"}])
    with pytest.raises(UserError, match="empty"):
        model.predict([""])
    for row in ("mow the lawn", {"text": "mow the lawn"}):
        with pytest.raises(UserError, match=r"predict\(\[row\]\)"):
            model.predict(row)  # type: ignore[arg-type]


def test_a_bundle_is_asked_from_wherever_the_process_goes(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = p2m.load(recipe, {"executor.name": "inline"}).build(progress=False).folder
    monkeypatch.chdir(folder.parent)
    model = p2m.open_bundle(folder.name)
    monkeypatch.chdir(tmp_path)
    assert model.predict(["mow the lawn"])[0].output == "garden"


def test_one_override_may_stand_alone(recipe: Path) -> None:
    assert p2m.load(recipe, "seed=3").spec.seed == 3


def test_what_is_wrong_is_said_with_what_to_do(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="strenght"):
        p2m.load(recipe, {"student.candidates.linear_tfidf.strenght": 1.0})
    with pytest.raises(UserError, match="no step 'tarin'"):
        p2m.load(recipe).why("tarin")
    with pytest.raises(KeyError, match="did you mean 'train'"):
        p2m.load(recipe).plan()["tarin"]
    with pytest.raises(UserError, match=r"group of steps, not one of them: .*train-linear_minilm"):
        p2m.load(recipe, "student=linear").why("linear_minilm")
    with pytest.raises(UserError, match="no bundle here"):
        p2m.open_bundle(tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        p2m.lode  # type: ignore[attr-defined]  # noqa: B018


TEXTS = ["plain", "it's", "a, b: {c}", "back\\slash", "q\\'x", "$5", "[x]", "ü", "", "=1"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_given_as_a_setting_arrives_as_it_is(recipe: Path, text: str) -> None:
    words = {"prompt": f"Sort a note {text} into one of two boxes: garden, kitchen.", "seed": 3}
    opened = p2m.load(recipe, words)
    assert (opened.spec.prompt, opened.spec.seed) == (words["prompt"], 3)


def test_a_damaged_bundle_is_refused(recipe: Path) -> None:
    folder = p2m.load(recipe, {"executor.name": "inline"}).build(progress=False).folder
    (folder / "model" / "linear.npz").write_bytes(b"damaged")
    with pytest.raises(UserError, match="damaged"):
        p2m.open_bundle(folder)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(UserError, match="SHA256SUMS: cannot be read"):
        p2m.open_bundle(folder)


def test_the_api_is_loaded_when_it_is_asked_for() -> None:
    code = "import sys, p2m; print([name for name in sys.modules if name.startswith('p2m.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
