"""A bundle is scored on rows of the user's, and two are told apart by more than chance or not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from shouting import Call, call_in, write_project

from p2m.bundle_scores import labelled, opened, score
from p2m.cli import score_views
from p2m.types import Field, Layout, Task, TaskType

WORDS = [f"{first}{ending}" for first in "bcdfghklmnprstvw" for ending in ("at", "in", "ore", "ust", "ell")]


def answer(word: str) -> str:
    return "whispered" if word.endswith(("in", "ell")) else "shouted"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bundles: `outputs/shout`, and `poor`, which learnt that all is shouted but what ends in "in"."""
    place = write_project(tmp_path_factory.mktemp("scores") / "project")
    call = call_in(place)
    assert call("build", "shout.yaml").returncode == 0
    rows = [{"input": word, "output": "whispered" if word.endswith("in") else "shouted"} for word in WORDS]
    (place / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:60]))
    assert call("build", "shout.yaml", "name=poor", "metrics.require={accuracy: '>= 0'}").returncode in (0, 4)
    table = "".join(f"{word},{answer(word)}\n" for word in WORDS)
    (place / "november.csv").write_text("text,label\n" + table)
    return place


@pytest.fixture
def p2m(folder: Path) -> Call:
    return call_in(folder)


def bundles(folder: Path) -> tuple[str, str]:
    names = [path.parent.relative_to(folder) for path in sorted(folder.glob("outputs/**/manifest.json"))]
    (poor,) = (name for name in names if "poor" in str(name))
    return "outputs/shout", str(poor)


def test_a_bundle_is_scored_with_intervals_beside_what_it_was(p2m: Call, folder: Path) -> None:
    done = p2m("eval", "outputs/shout", "november.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("outputs/shout on 80 rows of november.csv\n")
    assert "when it was built: 0.9" in done.stdout
    told = json.loads(p2m("eval", "outputs/shout", "november.csv", "--json").stdout)
    lines = p2m("predict", "outputs/shout", "--input", "november.csv").stdout.splitlines()
    head = lines[0].split(",")
    right = [cells[head.index("label")] == cells[-2] for cells in (line.split(",") for line in lines[1:])]
    score = told["scores"][0]
    assert score["metric"] == "accuracy"
    assert score["value"] == pytest.approx(sum(right) / 80)
    assert score["low"] <= score["value"] <= score["high"]


def test_rows_are_also_scored_as_they_may_be_mistyped(p2m: Call) -> None:
    done = p2m("eval", "outputs/shout", "november.csv", "--robust")
    assert done.returncode == 0, done.stderr
    assert "accuracy of 80 rows" in done.stdout
    told = json.loads(p2m("eval", "outputs/shout", "november.csv", "--robust", "--json").stdout)["rewritten"]
    assert [each["what"] for each in told] == ["typing errors", "lower case", "upper case", "surplus blanks"]
    assert told[1]["same"] == 1.0  # they are lower case already
    assert f"{told[0]['after']:.3f}" in done.stdout
    assert json.loads(p2m("eval", "outputs/shout", "november.csv", "--json").stdout)["rewritten"] is None


def test_its_errors_are_written_and_a_requirement_that_is_missed_ends_in_4(p2m: Call, folder: Path) -> None:
    _, poor = bundles(folder)
    done = p2m("eval", poor, "november.csv", "--wrong", "wrong.jsonl", "--require", "accuracy >= 0.95")
    assert done.returncode == 4, done.stderr
    assert "missed: accuracy >= 0.95" in done.stdout
    wrong = [json.loads(line) for line in (folder / "wrong.jsonl").read_text().splitlines()]
    assert wrong
    assert all(row["right"] == answer(row["text"]) != row["said"] for row in wrong)
    assert [row["score"] for row in wrong] == sorted((row["score"] for row in wrong), reverse=True)
    assert p2m("eval", poor, "november.csv", "--require", "accuracy >= 0.1").returncode == 0


def test_of_two_bundles_the_worse_is_told(p2m: Call, folder: Path) -> None:
    good, poor = bundles(folder)
    done = p2m("compare", good, poor, "november.csv", "--no-worse")
    assert done.returncode == 4, done.stderr
    assert "worse by more than chance" in done.stdout
    assert "lost: " in done.stdout
    assert "better by more than chance" in p2m("compare", poor, good, "november.csv", "--no-worse").stdout
    same = p2m("compare", good, good, "november.csv", "--no-worse")
    assert (same.returncode, "may be chance" in same.stdout) == (0, True)
    told = json.loads(p2m("compare", good, poor, "november.csv", "--json").stdout)
    assert sum(told["outcomes"].values()) == 80
    assert told["difference"]["value"] == pytest.approx(
        told["second"][0]["value"] - told["first"][0]["value"]
    )


def test_rows_with_a_label_that_it_was_not_taught_are_wrong_and_said(p2m: Call, folder: Path) -> None:
    table = (folder / "november.csv").read_text() + "bat,sung\nbin,shoutted\ncat,sung\n"
    (folder / "sung.csv").write_text(table)
    done = p2m("eval", "outputs/shout", "sung.csv")
    assert done.returncode == 0, done.stderr
    said = "which outputs/shout was not taught, so wrong whatever it says: "
    assert f"! 2 rows with 'sung', {said}sung.csv:82, sung.csv:84" in done.stdout
    assert f"! 1 row with 'shoutted', {said}sung.csv:83; did you mean 'shouted'?" in done.stdout
    tables = ("november.csv", "sung.csv")
    before, told = (json.loads(p2m("eval", "outputs/shout", name, "--json").stdout) for name in tables)
    assert told["rows"] == 83
    assert told["scores"][0]["value"] == pytest.approx(before["scores"][0]["value"] * 80 / 83)
    assert set(told["unseen"]) == {"sung", "shoutted"}
    done = p2m("compare", "outputs/shout", "outputs/shout", "sung.csv")
    assert "'sung', which outputs/shout was not taught" in done.stdout


def test_labels_that_are_new_are_told_of_several_labels_and_of_spans_too(tmp_path: Path) -> None:
    table = tmp_path / "rows.jsonl"
    rows = [("a b", ["x"]), ("c d", ["x", "new"]), ("e f", []), ("g h", ["y"])]
    table.write_text("".join(json.dumps({"text": text, "label": said}) + "\n" for text, said in rows))
    several = Task(TaskType.MULTI_LABEL, "", (Field("text"),), Field("label"), ("x", "y"))
    found = labelled(several, table)
    assert dict(found.unseen) == {"new": (f"{table}:2",)}
    assert [row.output for row in found.rows] == ['["x"]', '["x", "new"]', "[]", '["y"]']
    spans = [("a b", [[0, 1, "x"]]), ("c d", [[0, 1, "new"], [2, 3, "y"]]), ("e f", [])]
    table.write_text("".join(json.dumps({"text": text, "label": said}) + "\n" for text, said in spans))
    typed = Task(TaskType.EXTRACTION, "", (Field("text"),), Field("label"), ("x", "y"),
                 layout=Layout("json", has_types=True))  # fmt: skip
    assert dict(labelled(typed, table).unseen) == {"new": (f"{table}:2",)}


LEEWAY = '''
from dataclasses import dataclass


@dataclass(frozen=True)
class Leeway:
    """Right where the first letters are."""

    letters: int = 1

    @property
    def name(self):
        return "leeway"

    def refusal(self, task):
        return None

    def statistics(self, predictions, references):
        import numpy as np

        pairs = zip(predictions, references)
        right = [said[: self.letters] == answers[0][: self.letters] for said, answers in pairs]
        return np.array(right, dtype=float).reshape(-1, 1)

    def value(self, statistics):
        return float(statistics.mean())
'''


def test_a_metric_of_ones_own_judges_with_its_settings_where_it_is_trusted(
    tmp_path: Path, folder: Path
) -> None:
    place = write_project(tmp_path / "own")
    (place / "ours").mkdir()
    (place / "ours" / "leeway.py").write_text(LEEWAY)
    recipe = (place / "shout.yaml").read_text()
    extra = "metric: {leeway: {target: ours.leeway.Leeway, letters: 0}}\n"
    (place / "shout.yaml").write_text(
        recipe.replace("primary: accuracy", "primary: accuracy\n  also: [leeway]") + extra
    )
    shutil.copy(folder / "november.csv", place)
    call = call_in(place)
    done = call("build", "shout.yaml", "--trust", "ours", PYTHONPATH=str(place))
    assert done.returncode == 0, done.stderr
    words = ("eval", "outputs/shout", "november.csv")
    told = json.loads(call(*words, "--json", "--trust", "ours", PYTHONPATH=str(place)).stdout)
    assert {each["metric"]: each["value"] for each in told["scores"]}["leeway"] == 1.0  # of no letter
    stranger = call(*words, PYTHONPATH=str(place))
    assert stranger.returncode == 0, stranger.stderr
    assert "not computed: leeway: it is of ours, whose code is run if you trust it" in stranger.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("eval", "nowhere", "november.csv"), "nowhere: no bundle here"),
        (("eval", "bent", "november.csv"), "bent: damaged: README.md"),
        (("eval", "outputs/shout", "absent.csv"), "absent.csv: no such file"),
        (("eval", "outputs/shout", "odd.csv"), "odd.csv:42"),
        (("eval", "outputs/shout", "alien.csv"), "'sung' is none of the labels, and so in 2 of 3 rows"),
        (("eval", "outputs/shout", "november.csv", "--require", "f1 > 0.5"), "no metric 'f1'"),
        (("eval", "outputs/shout", "november.csv", "--require", "accuracy good"), "not a requirement"),
        (("eval", "outputs/shout", "november.csv", "--require", "accuracy >= 85"), "e.g. '>= 0.85'"),
        (("eval", "outputs/shout", "november.csv", "--wrong", "absent/w.jsonl"), "cannot be written"),
        (("compare", "outputs/shout", "nowhere", "november.csv"), "nowhere: no bundle"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    p2m: Call, folder: Path, words: tuple[str, ...], told: str
) -> None:
    (folder / "odd.csv").write_text("text,label\n" + "bat,shouted\nbin,whispered\n" * 20 + "bat,\n")
    (folder / "alien.csv").write_text("text,label\nbat,sung\nbin,sung\nbell,whispered\n")
    if not (folder / "bent").exists():
        shutil.copytree(folder / "outputs" / "shout", folder / "bent")
        (folder / "bent" / "README.md").write_text("edited")
    done = p2m(*words)
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_bundles_without_a_label_in_common_are_not_compared(p2m: Call, folder: Path) -> None:
    for name in ("train", "test"):
        text = (folder / f"{name}.jsonl").read_text()
        other = text.replace("shouted", "loud").replace("whispered", "quiet")
        (folder / f"other-{name}.jsonl").write_text(other)
    recipe = (folder / "shout.yaml").read_text().replace("shouted", "loud").replace("whispered", "quiet")
    recipe = recipe.replace("train.jsonl", "other-train.jsonl").replace("test.jsonl", "other-test.jsonl")
    (folder / "other.yaml").write_text(recipe.replace("name: shout", "name: other"))
    built = p2m("build", "other.yaml", "metrics.require={accuracy: '>= 0'}")
    assert built.returncode in (0, 4), built.stderr
    (other,) = {path.parent for path in folder.glob("outputs/**/manifest.json") if "other" in str(path)}
    done = p2m("compare", "outputs/shout", str(other), "november.csv")
    assert done.returncode == 2
    assert "no label in common" in done.stderr


def test_long_tables_tell_how_far_they_are(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = opened(folder / "outputs" / "shout")
    rows = labelled(bundle.task, folder / "november.csv").rows
    seen: list[tuple[int, int]] = []
    found = score(bundle, rows * 10, progress=lambda done, total: seen.append((done, total)))
    assert (len(found.rows), seen) == (800, [(500, 800), (800, 800)])
    told = score_views.Answering()
    told._said -= 60
    told(500, 800)
    told(800, 800)
    assert capsys.readouterr().err == "500 of 800 rows answered\n"
