"""p2m feedback from a log to the next build: only what follows from it runs, and a worse model is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from p2m.cli.main import main
from p2m.deploy.serving.feedback import RIGHT, WRONG, Entry, Log
from p2m.project import load

RECIPE = """\
name: shout
prompt: |
  Say whether the word is shouted or whispered.
  input="bust" output="shouted"
  input="bin" output="whispered"
data: {train: train.jsonl, test: test.jsonl}
metrics:
  primary: accuracy
  require: {accuracy: ">= 0.7"}
  no_worse_than: last
defaults: [base, override teacher: none, override student: linear_tfidf, override compression: none, _self_]
baselines: {candidates: {linear_tfidf: null, linear_minilm: null}}
executor: {name: inline}
"""
WORDS = [f"{first}{ending}" for first in "bcdfghklmnprstvw" for ending in ("at", "in", "ore", "ust", "ell")]


def right(word: str) -> str:
    return "whispered" if word.endswith(("in", "ell")) else "shouted"


def row(word: str) -> str:
    return json.dumps({"input": word, "output": right(word)}) + "\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first model stands."""
    folder = tmp_path_factory.mktemp("feedback") / "project"
    (folder / "outputs").mkdir(parents=True)
    (folder / "shout.yaml").write_text(RECIPE)
    (folder / "train.jsonl").write_text("".join(map(row, WORDS[:40])))
    (folder / "test.jsonl").write_text("".join(map(row, WORDS[40:])))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("P2M_STORE", raising=False)
        assert main(["build", "shout.yaml"]) == 0
    return folder


@pytest.fixture
def place(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shutil.copytree(first, tmp_path / "project")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("P2M_STORE", raising=False)
    return folder


def judge(
    word: str, judged: str | None, answer: str | None = None, was: str | None = None,
    bundle: str = "shout@000000000000",
) -> None:  # fmt: skip
    output = was or right(word)
    entry = Entry("2026-01-31T09:00:00Z", word, bundle, "server", {"text": word}, output, 0.7,
                  judged=judged, answer=answer)  # fmt: skip
    Log(Path("shout.feedback.jsonl")).append(entry)


def steps_to_run() -> set[str]:
    from p2m.questions import survey

    told = survey(load(Path("shout.yaml"))).previews
    return {each.step for each in told if each.status not in ("cached", "source")}


def test_without_a_log_it_says_what_would_make_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feedback", "shout.yaml"]) == 2
    assert "shout.feedback.jsonl does not exist" in capsys.readouterr().err


def test_it_writes_only_when_told_and_the_build_reruns_what_follows(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge("zell", WRONG, "whispered", was="shouted")
    judge("zust", RIGHT)
    judge("zore", WRONG)
    judge("zat", WRONG, "loud")
    assert main(["feedback", "shout.yaml"]) == 0
    said = capsys.readouterr().out
    assert "shout.decisions.jsonl: 2 new decisions, 1 corrected and 1 confirmed" in said
    assert "+  whispered  was shouted  zell" in said
    assert "left out: shout.feedback.jsonl:4: the answer 'loud'" in said
    assert "not written; to write it: p2m feedback shout.yaml --yes" in said
    assert steps_to_run() == set()
    assert main(["feedback", "shout.yaml", "--yes", "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["written"], len(told["new"]), [ask["input"]["text"] for ask in told["ask"]]) == (
        True, 2, ["zore", "zat"],
    )  # fmt: skip
    names = {step.name for step in load(Path("shout.yaml")).plan.steps}
    follow = steps_to_run()
    assert {"decisions", "curate", "split", "package"} <= follow
    assert not {"parse", "read-train", "read-test"} & follow
    assert follow < names
    kept = {path: path.read_bytes() for path in place.glob("*.jsonl")}
    assert main(["feedback", "shout.yaml", "--yes"]) == 0
    assert "nothing to write: all of this has been decided" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in place.glob("*.jsonl")} == kept


def test_what_is_printed_can_be_typed_steers_no_terminal_and_says_what_does_not_fit(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge("zore", WRONG)
    judge("zat", WRONG, "loud")
    judge("z\x1b]0;\u202eell", WRONG, "whispered", was="shouted")
    judge("zin", RIGHT, was="quiet")
    typed = "feedback shout.yaml shout.feedback.jsonl --since 2026-01-01 curation.near_duplicate=0.95 --ask 3"
    assert main(typed.split()) == 0
    said = capsys.readouterr().out
    assert f"not written; to write it: p2m {typed} --yes" in said
    assert "z\\x1b]0;\\u202eell" in said
    assert not {"\x1b", "\u202e"} & {*said}
    assert "?  zore  judged wrong, and nobody said what is right" in said
    assert "?  zat   the answer 'loud': 'loud' is none of the labels" in said
    assert "?  zin   the answer 'quiet': 'quiet' is none of the labels" in said
    assert main(["feedback", "shout.yaml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["judged"]
    assert (told["corrected"], told["unanswered"], told["unfit"]) == (1, 1, 2)


def test_what_a_variant_answered_is_held_against_that_variant_and_the_next_build_is_of_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "shout.yaml", "seed=3"]) == 0
    origin = next((place / "outputs/shout/variants").glob("*/built.json"))
    bundle = json.loads(origin.read_text())["bundle"]
    for word in WORDS[:40]:
        judge(word, RIGHT, bundle=f"served@{bundle}")
    judge("zore", WRONG, bundle=f"served@{bundle}")
    capsys.readouterr()
    assert main(["feedback", "shout.yaml", "--yes", "--trust", "json"]) == 0
    said = capsys.readouterr().out
    assert "learns from it: p2m build shout.yaml seed=3 --trust=json" in said
    assert "feedback-inputs.jsonl: p2m review data shout.yaml seed=3 --trust=json" in said
    assert "are answers of other bundles" not in said
    judge("zust", RIGHT)  # of a bundle that lies nowhere
    assert main(["feedback", "shout.yaml", "seed=4", "--yes"]) == 0
    said = capsys.readouterr().out
    assert "learns from it: p2m build shout.yaml seed=4\n" in said
    assert "next: p2m build shout.yaml seed=4\n" in said  # drift: that variant was not built


def test_a_model_that_wrong_corrections_made_worse_is_refused_and_drift_is_looked_at(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for word in WORDS[:40]:
        judge(word, WRONG, "shouted" if right(word) == "whispered" else "whispered")
    before = (place / "outputs/shout/manifest.json").read_bytes()
    assert main(["feedback", "shout.yaml", "--yes"]) == 0
    said = capsys.readouterr().out
    assert "drift: none seen" in said
    assert "40 lines are answers of other bundles" in said
    assert "written. The next build learns from it: p2m build shout.yaml" in said
    assert main(["build", "shout.yaml"]) == 4
    assert "worse than last bundle by more than chance" in capsys.readouterr().out
    assert (place / "outputs/shout/manifest.json").read_bytes() == before
    assert (place / "outputs/shout/rejected/manifest.json").is_file()
