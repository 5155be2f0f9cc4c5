"""The answer without work: right as long as nothing changed, silent as soon as anything did."""

import os
import time
from pathlib import Path

import pytest

from p2m import noop

ARGUMENTS = ["build", "recipes/qa.yaml"]


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2M_STORE", str(tmp_path / "store"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "qa.yaml").write_text("prompt: x")
    (folder / "data" / "deep" / "rows.jsonl").write_text("{}")
    noop.remember(ARGUMENTS, noop.Answer("SHIP", 4), [folder])
    return folder


def test_an_unchanged_project_is_answered_with_the_text_and_the_exit_code(project: Path) -> None:
    assert noop.lookup(ARGUMENTS) == noop.Answer("SHIP", 4)


def test_other_arguments_have_no_answer(project: Path) -> None:
    assert noop.lookup([*ARGUMENTS, "seed=1"]) is None


def test_another_working_directory_has_no_answer(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert noop.lookup(ARGUMENTS) is None


@pytest.mark.parametrize("variable", noop.ENVIRONMENT)
def test_a_changed_environment_has_no_answer(
    project: Path, monkeypatch: pytest.MonkeyPatch, variable: str, tmp_path: Path
) -> None:
    if variable == "P2M_STORE":
        monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    else:
        monkeypatch.setenv(variable, "changed")
    assert noop.lookup(ARGUMENTS) is None


def test_an_edited_file_of_the_same_size_and_mtime_has_no_answer(project: Path) -> None:
    rows = project / "data" / "deep" / "rows.jsonl"
    stat = rows.stat()
    rows.write_text("[]")
    os.utime(rows, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert noop.lookup(ARGUMENTS) is None


def test_a_new_or_a_removed_file_has_no_answer(project: Path) -> None:
    (project / "data" / "deep" / "more.jsonl").write_text("{}")
    assert noop.lookup(ARGUMENTS) is None
    noop.remember(ARGUMENTS, noop.Answer("SHIP", 0), [project])
    (project / "data" / "deep" / "rows.jsonl").unlink()
    assert noop.lookup(ARGUMENTS) is None


def test_a_damaged_record_is_no_answer(project: Path) -> None:
    for record in (noop.default_store() / "noop").iterdir():
        record.write_text(record.read_text()[:-20])
    assert noop.lookup(ARGUMENTS) is None


def test_a_store_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("P2M_STORE", str(tmp_path / "file"))
    noop.remember(ARGUMENTS, noop.Answer("SHIP", 0), [])
    assert noop.lookup(ARGUMENTS) is None


def test_what_is_edited_while_a_build_runs_is_not_taken_for_what_it_built(project: Path) -> None:
    began = noop.now()
    seen = noop.look([project / "qa.yaml"], began)
    (project / "qa.yaml").write_text("prompt: y")  # the build has read the words before
    noop.remember(["build", "edited"], noop.Answer("SHIP", 0), [], seen)
    assert noop.lookup(["build", "edited"]) is None


def test_what_is_edited_while_it_is_being_read_is_not_remembered(project: Path) -> None:
    began = noop.now()
    (project / "qa.yaml").write_text("prompt: y")  # perhaps after it was read, and before it was looked at
    noop.remember(["build", "edited"], noop.Answer("SHIP", 0), [], noop.look([project / "qa.yaml"], began))
    assert noop.lookup(["build", "edited"]) is None


def test_a_folder_whose_entries_alone_were_read_is_known_by_them(project: Path) -> None:
    time.sleep(0.1)
    seen = noop.look([noop.Entries(project / "data")], noop.now())
    assert list(seen.stamps) == [str(project / "data")]
    noop.remember(["build", "listed"], noop.Answer("SHIP", 0), [], seen)
    (project / "data" / "deep" / "rows.jsonl").write_text("{}\n")
    assert noop.lookup(["build", "listed"]) == noop.Answer("SHIP", 0)
    (project / "data" / "more.csv").write_text("")
    assert noop.lookup(["build", "listed"]) is None


def test_what_was_left_alone_is_remembered(project: Path) -> None:
    time.sleep(0.1)  # files carry times that lag a little
    seen = noop.look([project], noop.now())
    noop.remember(["build", "calm"], noop.Answer("SHIP", 0), [], seen)
    assert noop.lookup(["build", "calm"]) == noop.Answer("SHIP", 0)


@pytest.mark.parametrize(
    ("recipe", "mark", "root"),
    [
        ("a/recipes/x.yaml", "a/.git", "a"),
        ("a/recipes/deep/x.yaml", "a/outputs", "a"),
        ("a/recipes/x.yaml", "", "a"),
        ("a/x.yaml", "", "a"),
    ],
)
def test_the_project_is_that_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, mark: str, root: str
) -> None:
    (tmp_path / "here" / "outputs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("P2M_STORE")
    for place in (Path(recipe).parent, mark):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
    assert noop.project_root(tmp_path / recipe) == tmp_path / root
    assert noop.default_store(Path("..") / recipe) == tmp_path / root / "outputs" / ".store"
    assert noop.project_root() == tmp_path / "here"
    (tmp_path / recipe).write_text("prompt: x")
    arguments = ["build", "--json", f"../{recipe}"]
    noop.remember(arguments, noop.Answer("SHIP", 0), [])
    assert noop.lookup(arguments) == noop.Answer("SHIP", 0)
    assert list((tmp_path / root / "outputs" / ".store" / "noop").iterdir())
