"""A student taught by a larger one, a bundle or a recipe, in whole builds; and what cannot teach."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import CITIES, LABELS, PEOPLE, rows_of

from p2m.deploy.serving.predictor import Predictor
from p2m.engine.executor import Result, execute
from p2m.engine.handles import Device
from p2m.engine.store import Store
from p2m.errors import RecipeError
from p2m.project import load
from p2m.students.distilled import opened
from p2m.types import Example, Exported, Softened, Split

RECIPE = """\
name: tiny
prompt: |
  Sort it. Answer yes or no.
task: {type: text-classification, inputs: [text], output: label, labels: ["no", "yes"]}
data: {train: train.jsonl, validation: validation.jsonl, test: test.jsonl}
defaults: [base, override teacher: none, override student: minilm_l3, override compression: none, _self_]
student: {candidates: {minilm_l3: {model: MODEL, sha256: "", window: 40, layers: 1}}}
distil: {from: {target: p2m.students.minilm.MiniLM, model: MODEL, sha256: "", window: 40}}
baselines: {candidates: {linear_tfidf: null, linear_minilm: null}}
training: {epochs: 1, evaluations: 1, learning_rate: 0.001, max_length: 40}
evaluation: {bootstrap: 20, latency_rows: 3}
metrics: {primary: accuracy}
"""
PLAIN = """\
defaults: [base, override teacher: none, override student: minilm_l3, _self_]
prompt: Sort it. Answer yes or no.
task: {type: text-classification, inputs: [text], output: label, labels: ["no", "yes"]}
data: {train: train.jsonl}

distil: {SETTINGS}
"""


@pytest.fixture(scope="module")
def recipe(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distilled")
    rows = rows_of(LABELS)
    for name, part in {"train": rows[:40], "validation": rows[40:52], "test": rows[52:]}.items():
        (folder / f"{name}.jsonl").write_text(lines(part))
    texts = [row.input["text"] for row in (rows[0], rows[60])]
    texts += [f"In {city} there is {person}." for person, city in zip(PEOPLE[:4], CITIES, strict=False)]
    (folder / "texts.txt").write_text("\n".join(texts))
    (folder / "tiny.yaml").write_text(RECIPE.replace("MODEL", str(tiny_bert)))
    return folder / "tiny.yaml"


def lines(rows: Sequence[Example]) -> str:
    return "\n".join(json.dumps({"text": row.input["text"], "label": row.output}) for row in rows)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("distilled-store"))


def build(recipe: Path, store: Store, *overrides: str, to: str = "package") -> Result:
    """A build up to one of its steps."""
    return execute(load(recipe, overrides).plan.up_to(to), store, Device(type="cpu", threads=1))


def ran(result: Result) -> set[str]:
    return {outcome.step for outcome in result.outcomes if outcome.status == "ran"}


def refused(recipe: Path, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load(recipe, overrides)
    return str(caught.value)


def test_a_larger_student_is_trained_first_and_teaches_the_one_that_ships(recipe: Path, store: Store) -> None:
    found = build(recipe, store, "data.inputs=texts.txt")
    parts, softened = found.value("split"), found.value("soften")
    assert isinstance(parts, Split)
    assert isinstance(softened, Softened)
    steps = {step.name: step for step in found.plan.steps}
    assert steps["train-teacher"].group == steps["soften"].group == "teacher"
    assert steps["train"].needs == ("parse", "split", "soften")
    assert len(softened.texts) == 4  # the others are a training row and a test row
    known = {row.input["text"] for row in (*parts.train, *parts.validation, *parts.test)}
    assert not known & {row.input["text"] for row in softened.texts}
    assert [each.rows for each in softened.counts] == [4, 1, 1]
    assert opened(softened.logits)["logits"].shape == (len(parts.train) + 4, 2)
    exported: Exported = found.value("pick")
    assert exported.fit.rows == len(parts.train) + 4
    told = exported.fit.environment["taught by"]
    trained = found.value("train-teacher").fit
    assert trained.parameters > exported.fit.parameters
    assert told == (
        f"teacher ({trained.parameters:,} parameters, trained on 40 rows), alpha 0.1, temperature 4;"
        " 4 texts without an answer by it alone"
    )
    bundle = found.value("package").folder
    assert (
        f"taught by the logits of another model (arXiv 1503.02531): {told}."
        in (bundle / "README.md").read_text()
    )
    assert json.loads((bundle / "manifest.json").read_text())["spec"]["distil"]["alpha"] == 0.1
    assert Predictor(bundle / "model").predict([{"text": "Ada lives in Rome."}])[0].output in ("no", "yes")

    assert ran(build(recipe, store, "data.inputs=texts.txt")) == set()
    assert ran(build(recipe, store, "data.inputs=texts.txt", "distil.alpha=0.9", to="train")) == {"train"}


def test_a_recipe_without_a_teacher_has_the_steps_that_it_had(recipe: Path, store: Store) -> None:
    plain = load(recipe, ["distil.from=null"]).plan
    names = {step.name for step in plain.steps}
    assert not names & {"train-teacher", "soften"}
    assert plain.step("train").stage is not None
    assert plain.step("train").stage.name == "train"  # type: ignore[union-attr]
    assert "distil" not in plain.step("package").settings["spec"]


def test_few_rows_are_judged_by_folds_of_which_the_teacher_learnt_nothing(recipe: Path, store: Store) -> None:
    few = ("data.test=null", "data.validation=null", "split.folds=2")
    found = build(recipe, store, *few, to="evaluate")
    parts: Split = found.value("split")
    assert parts.is_cross_validated
    for number in (1, 2):
        step = found.plan.step(f"fold-{number}")
        assert step.stage is not None
        assert step.stage.name == "fold_taught"
        asked = found.value(f"fold-{number}")
        assert [parts.folds[row] for row in asked.rows] == [number - 1] * len(asked.rows)
    assert found.value("evaluate").scores[0].rows == len(parts.train)


@pytest.fixture(scope="module")
def bundle(recipe: Path, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the recipe's own labels."""
    target = tmp_path_factory.mktemp("bundle") / "big"
    shutil.copytree(build(recipe, store, "distil.from=null").value("package").folder, target)
    return target


def test_a_bundle_teaches_and_its_labels_must_be_the_task_s(recipe: Path, store: Store, bundle: Path) -> None:
    found = build(recipe, store, f"distil.from={bundle}", to="pick")
    assert "train-teacher" not in {step.name for step in found.plan.steps}
    told = found.value("pick").fit.environment["taught by"]
    assert told == "big, alpha 0.1, temperature 4"
    logits = opened(found.value("soften").logits)["logits"]
    rows = [row.input for row in found.value("split").train]
    assert np.allclose(logits, Predictor(bundle / "model").logits(rows), atol=1e-3)
    few = ("data.test=null", "data.validation=null", "split.folds=2")
    asked = build(recipe, store, f"distil.from={bundle}", *few, to="fold-1").value("fold-1")
    assert len(asked.rows) == 20

    turned = build(recipe, store, f"distil.from={bundle}", 'task.labels=["yes","no"]', to="soften")
    assert np.allclose(opened(turned.value("soften").logits)["logits"], logits[:, ::-1], atol=1e-3)

    said = refused(recipe, f"distil.from={bundle}", 'task.labels=["no","yes","maybe"]')
    assert "predictor.json: it does not know 'maybe'" in said
    assert "task.inputs" in refused(recipe, f"distil.from={bundle}", "task.inputs=[words]")
    assert "is no bundle: it has no folder model" in refused(recipe, f"distil.from={bundle / 'model'}")


def test_a_recipe_teaches_by_its_bundle_and_until_it_is_built_says_what_to_type(
    recipe: Path, bundle: Path
) -> None:
    other = recipe.with_name("big.yaml")
    other.write_text(recipe.read_text().replace("name: tiny", "name: larger"))
    said = refused(recipe, "distil.from=big.yaml")
    assert "big.yaml is not built yet: there is no bundle in" in said
    assert f"build it first: p2m build {other}" in said
    assert "cannot learn from the bundle that it makes" in refused(recipe, f"distil.from={recipe.name}")
    other.with_name("words.yaml").write_text("one line of text")
    assert "words.yaml is no recipe" in refused(recipe, "distil.from=words.yaml")
    target = recipe.parent / "outputs" / "larger"
    shutil.copytree(bundle, target)
    try:
        plan = load(recipe, ["distil.from=big.yaml"]).plan
        assert plan.step("distil.from").path == target / "model"
        assert plan.step("soften").settings["name"] == "big.yaml"
    finally:
        shutil.rmtree(recipe.parent / "outputs")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("from: minilmm", "there is no student 'minilmm'; did you mean 'minilm'?"),
        ("from: linear", "linear is several students; name one of them"),
        ("from: linear_tfidf", "linear_tfidf is solved, not tuned, and has no logits to hand on"),
        ("from: 3", "expected a student's name, a recipe or a bundle's folder, got 3"),
        ("from: none.yaml", "there is no"),
        (
            "from: minilm_l3",
            "no student is smaller than its teacher minilm_l3: minilm_l3 has 17.2M parameters",
        ),
        ("from: qwen3_0_6b", "qwen3_0_6b writes its answers, and minilm_l3 does not"),
        ("alpha: 1.5", "distil.alpha"),
        ("temperature: 0", "distil.temperature"),
        ("top_k: 0", "distil.top_k"),
        ("form: minilm", "distil.form: unknown key"),
    ],
)
def test_what_cannot_teach_is_refused_before_anything_runs(recipe: Path, settings: str, message: str) -> None:
    path = recipe.with_name("refused.yaml")
    path.write_text(PLAIN.replace("SETTINGS", settings))
    said = refused(path)
    assert message in said
    assert "refused.yaml:6" in said


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["student=linear_tfidf"], "linear ones are solved, and learn no logits"),
        (["task.type=regression", "task.labels=[]", "task.scale=[1,5]"], "written text, not of regression"),
        (["data.train=null", "data.inputs=texts.txt"], "there are no rows with answers"),
        (["task.type=text2text-generation", "task.labels=[]", "student=t5_small", "distil.from=qwen3_0_6b"],
         "qwen3_0_6b writes 151,936 different tokens, t5_small 32,128"),
    ],
)  # fmt: skip
def test_a_teacher_that_suits_no_student_or_task_is_refused(
    recipe: Path, overrides: list[str], message: str
) -> None:
    path = recipe.with_name("unsuited.yaml")
    path.write_text(PLAIN.replace("SETTINGS", "from: minilm"))
    assert message in refused(path, *overrides)
