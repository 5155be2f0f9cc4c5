"""`tuning.trials`: a search over rates and batch sizes that resumes when it is widened, and says when it
cannot tell trials apart.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import LABELS, rows_of

from p2m.cli.main import main
from p2m.engine.executor import Result, execute
from p2m.engine.handles import Device
from p2m.engine.store import Store
from p2m.errors import RecipeError
from p2m.project import load
from p2m.types import Example, Exported, Proposal, Trained, Trial, Verdict

RECIPE = """\
name: tiny
prompt: |
  Sort it. Answer yes or no.
task: {type: text-classification, inputs: [text], output: label, labels: ["no", "yes"]}
data: {train: train.jsonl, validation: validation.jsonl, test: test.jsonl}
defaults: [base, override teacher: none, override student: minilm, override compression: none, _self_]
student: {candidates: {minilm: {model: MODEL, sha256: "", window: 40}}}
baselines: {candidates: {linear_tfidf: null, linear_minilm: null}}
training: {epochs: 1, evaluations: 1, learning_rate: 0.001, max_length: 40}
tuning: {trials: 1}
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
    assert (fit.proposal, fit.trials) == ({}, ())

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
    assert best.fit.trials == tuple(Trial(each.fit.proposal, each.fit.best) for each in trials)
    assert best.fit.best == max(each.score for each in best.fit.trials)
    for number in (2, 3):
        proposal: Proposal = three.value(f"propose-{number}")
        assert proposal.values.keys() == {"learning_rate", "batch_size"}
        assert trials[number - 1].fit.proposal == proposal.values
    exported: Exported = three.value("pick")
    assert exported.fit == best.fit
    assert exported.warnings == ()


OPTUNA = (
    "tuning=optuna", "tuning.startup=2",
    "tuning.space={learning_rate: x0.1 .. x10 log, batch_size: [4, 8, 16], epochs: null}",
    "training.evaluations=4",
)  # fmt: skip


def test_optuna_proposes_from_earlier_trials_and_a_further_one_costs_one_training(
    recipe: Path, store: Store
) -> None:
    four = build(recipe, store, *OPTUNA, "tuning.trials=4")
    assert four.plan.step("propose-2").needs == ("split",)
    assert four.plan.step("propose-4").needs == ("split", "train-1", "train-2", "train-3")
    five = build(recipe, store, *OPTUNA, "tuning.trials=5")
    after = {"export", "pick", "calibrate", "evaluate", "measure", "verdict", "report", "package"}
    assert {"propose-5", "train-5", "best"} <= ran(five) <= {"propose-5", "train-5", "best"} | after
    last: Proposal = five.value("propose-5")
    before = [five.value(f"train-{number}") for number in range(1, 5)]
    assert last.values.keys() == {"learning_rate", "batch_size", "schedule", "warmup_ratio", "dropout"}
    whole = [each for each in before if not each.fit.was_pruned]
    assert len(last.others) == len(whole)
    assert [each[-1].score for each in last.others] == [each.fit.best for each in whole]
    told = five.value("best").fit.trials
    assert [each.was_pruned for each in told[:2]] == [False, False]
    assert [each.values for each in told[1:]] == [
        five.value(f"propose-{number}").values for number in range(2, 6)
    ]
    card = json.loads((five.value("package").folder / "manifest.json").read_text())["training"]
    assert [each["score"] for each in card["trials"]] == [each.score for each in told]


def test_what_is_not_installed_or_cannot_be_searched_is_refused(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RecipeError, match=r"nothing of minilm can be searched for: rank: MiniLM has no such"):
        load(
            recipe, ["tuning.trials=2", "tuning.space={learning_rate: null, batch_size: null, rank: [4, 8]}"]
        )
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(RecipeError, match=r"Optuna is not installed(.|\n)*pip install 'p2m\[tune\]'"):
        load(recipe, ["tuning=optuna", "tuning.trials=2"])
    assert load(recipe, ["tuning=optuna"])  # which is not asked for anything


def test_without_validation_rows_one_training_is_made_and_the_verdict_says_so(
    recipe: Path, store: Store
) -> None:
    found = build(recipe, store, "tuning.trials=3", "data.validation=null", "split.validation_share=0.001")
    assert not found.value("split").validation
    assert found.value("train-1").checkpoint is not None
    assert [found.value(f"train-{number}") for number in (2, 3)] == [Trained(None)] * 2
    assert found.value("best").fit.trials == (Trial({}, found.value("train-1").fit.best),)
    decided: Verdict = found.value("verdict")
    (warning,) = [line for line in decided.warnings if "tuning.trials" in line]
    assert warning.startswith("no validation rows to tell tuning.trials apart by, so one was made")
    assert "tuning.trials" in (found.value("package").folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "input should be greater than or equal to 1, got 0"),
        ("-1", "input should be greater than or equal to 1, got -1"),
        ("1001", "input should be less than or equal to 1000, got 1001"),
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


# --------------------------------------------------------------------------- p2m tune

SLOW = """\
training: {epochs: 1, evaluations: 1, learning_rate: 1.0e-07, max_length: 40}  # learns nothing
tuning:
  trials: 3  # of them
  space: {learning_rate: 3e-3 .. 3e-2 log, epochs: [6.0], batch_size: [8]}
"""


@pytest.fixture(scope="module")
def slow(recipe: Path) -> Path:
    path = recipe.parent / "slow.yaml"
    head, _, rest = recipe.read_text().partition("training:")
    path.write_text(f"{head}{SLOW}{rest.split('}', 2)[2].lstrip()}".replace("name: tiny", "name: slow"))
    return path


def call(store: Store, *words: str) -> tuple[str, ...]:
    return (*words, "executor=inline", f"store.path={store.root}", "device=cpu", "device.threads=1")


def test_what_won_is_shown_as_a_diff_and_written_when_asked_for(
    slow: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    text = slow.read_text()
    assert main(call(store, "tune", str(slow))) == 0
    said = capsys.readouterr().out
    assert slow.read_text() == text
    assert "+training: {epochs: 6" in said
    assert "not written; to write it: p2m tune" in said
    assert sum(line.startswith("*") for line in said.splitlines()[1:4]) == 1
    assert said.splitlines()[1].endswith("the recipe as it is")
    assert main(call(store, "tune", str(slow), "--yes", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["applied"]
    assert told["best"] > 1
    won = told["trials"][told["best"] - 1]
    assert told["settings"] == {f"training.{name}": value for name, value in won["values"].items()}
    assert told["diff"] in said
    now = slow.read_text()
    assert "  # learns nothing" in now
    assert "  trials: 1  # of them" in now
    assert [old for old, new in zip(text.splitlines(), now.splitlines(), strict=True) if old != new] == [
        line for line in text.splitlines() if line.startswith(("training:", "  trials:"))
    ]
    built = build(slow, store)
    assert [step for step in ran(built) if step.startswith("train")] == ["train"]  # once, with what won
    before = build(recipe_of(slow, text), store).value(f"train-{told['best']}").fit
    assert built.value("train").fit == replace(before, proposal={})  # the very training of that trial


def recipe_of(beside: Path, text: str) -> Path:
    path = beside.parent / "again.yaml"
    path.write_text(text)
    return path


LINEAR = "student.candidates.linear_tfidf.target=p2m.students.linear_tfidf.LinearTfidf"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--trials", "1"), "one trial is the recipe as it is: --trials 2, or more"),
        (("--trials", "0"), "tuning.trials: input should be greater than or equal to 1, got 0"),
        ((LINEAR, "student.candidates.minilm=null"), "so there is nothing to search for: student=minilm"),
        (("data.validation=null", "split.validation_share=0.001"), "no validation rows to tell trials apart"),
    ],
)
def test_a_search_that_would_find_nothing_is_refused_before_it_trains(
    recipe: Path, store: Store, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert main(call(store, "tune", str(recipe), *words)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "train-1 " not in said
