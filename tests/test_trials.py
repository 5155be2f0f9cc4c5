"""`tuning.trials`: a search over rates and batch sizes that resumes when it is widened, and says when it
cannot tell trials apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import LABELS, rows_of

from p2m.engine.executor import Result, execute
from p2m.engine.handles import Device
from p2m.engine.store import Store
from p2m.errors import RecipeError
from p2m.project import load
from p2m.stages.propose import propose
from p2m.types import Example, Exported, Proposal, Trained, Verdict

RECIPE = """\
name: tiny
prompt: |
  Sort it. Answer yes or no.
task: {type: text-classification, inputs: [text], output: label, labels: ["no", "yes"]}
data: {train: train.jsonl, validation: validation.jsonl, test: test.jsonl}
defaults: [base, override teacher: none, override student: minilm, override compression: none, _self_]
student: {candidates: {minilm: {model: MODEL, sha256: "", window: 40}}}
baselines: {candidates: {linear_tfidf: null, linear_minilm: null}}
training: {epochs: 1, evaluations: 1, learning_rate: 0.001, max_length: 40, trials: 1}
evaluation: {bootstrap: 20, latency_rows: 3}
metrics: {primary: accuracy}
"""


@pytest.fixture(scope="module")
def recipe(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trials")
    rows = rows_of(LABELS)
    for name, part in {"train": rows[:40], "validation": rows[40:52], "test": rows[52:]}.items():
        (folder / f"{name}.jsonl").write_text(lines(part))
    (folder / "tiny.yaml").write_text(RECIPE.replace("MODEL", str(tiny_bert)))
    return folder / "tiny.yaml"


def lines(rows: Sequence[Example]) -> str:
    return "\n".join(json.dumps({"text": row.input["text"], "label": row.output}) for row in rows)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("trials-store"))


def build(recipe: Path, store: Store, *overrides: str) -> Result:
    return execute(load(recipe, overrides).plan, store, Device(type="cpu", threads=1))


def ran(result: Result) -> set[str]:
    return {outcome.step for outcome in result.outcomes if outcome.status == "ran"}


def test_a_search_resumes_where_the_last_one_ended(recipe: Path, store: Store) -> None:
    alone = build(recipe, store)
    assert {"train", "export"} <= ran(alone)
    fit = alone.value("train").fit
    assert (fit.proposal, fit.trials) == (None, ())

    two = build(recipe, store, "tuning.trials=2")
    made = ran(two)
    assert made & {step.name for step in two.plan.steps if step.group == "tune"} == {
        "propose-2", "train-2", "best",
    }  # fmt: skip
    assert two.outcome("train-1").key == alone.outcome("train").key
    assert two.outcome("train-1").output == alone.outcome("train").output

    three = build(recipe, store, "tuning.trials=3")
    tuned = {"propose-3", "train-3", "best"}
    after = {"export", "pick", "calibrate", "evaluate", "measure", "verdict", "report", "package"}
    assert tuned <= ran(three) <= tuned | after
    assert ran(build(recipe, store, "tuning.trials=3")) == set()

    trials: list[Trained] = [three.value(f"train-{number}") for number in (1, 2, 3)]
    best: Trained = three.value("best")
    assert best.fit.trials == tuple(trial.fit.best for trial in trials)
    assert best.fit.best == max(best.fit.trials)
    for number in (2, 3):
        proposal: Proposal = three.value(f"propose-{number}")
        assert proposal == propose(number=number, learning_rate=0.001, seed=0)
        assert trials[number - 1].fit.proposal == proposal
    exported: Exported = three.value("pick")
    assert exported.fit == best.fit
    assert exported.warnings == ()


def test_without_validation_rows_one_training_is_made_and_the_verdict_says_so(
    recipe: Path, store: Store
) -> None:
    found = build(recipe, store, "tuning.trials=3", "data.validation=null", "split.validation_share=0.001")
    assert not found.value("split").validation
    assert found.value("train-1").checkpoint is not None
    assert [found.value(f"train-{number}") for number in (2, 3)] == [Trained(None)] * 2
    assert found.value("best").fit.trials == (found.value("train-1").fit.best,)
    decided: Verdict = found.value("verdict")
    (warning,) = [line for line in decided.warnings if "tuning.trials" in line]
    assert warning.startswith("no validation rows to tell training.trials apart by, so one was made")
    assert "tuning.trials" in (found.value("package").folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "0 is out of range: from 1 to 1000"),
        ("-1", "-1 is out of range: from 1 to 1000"),
        ("1001", "1001 is out of range: from 1 to 1000"),
        ("many", "expected a whole number, got 'many'"),
        ("1.5", "expected a whole number, got 1.5"),
        ("true", "expected a number, got true"),
    ],
)
def test_a_number_of_trials_that_cannot_be_is_refused_where_it_was_written(
    recipe: Path, tmp_path: Path, value: str, message: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load(recipe, [f"tuning.trials={value}"])
    assert f"tuning.trials: {message}" in str(caught.value)
    text = recipe.read_text()
    line = next(number for number, one in enumerate(text.splitlines(), start=1) if "trials: 1" in one)
    (tmp_path / "wrong.yaml").write_text(text.replace("trials: 1", f"trials: {value}"))
    with pytest.raises(RecipeError) as caught:
        load(tmp_path / "wrong.yaml")
    assert f"wrong.yaml:{line}" in str(caught.value)
    assert f"tuning.trials: {message}" in str(caught.value)


@pytest.mark.parametrize("value", [1, 1000])
def test_bounds_of_trials_are_within(recipe: Path, value: int) -> None:
    names = {step.name for step in load(recipe, [f"tuning.trials={value}"]).plan.steps}
    assert (f"train-{value}" in names) == (value > 1)
