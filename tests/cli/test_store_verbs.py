"""p2m gc, keep and verify as their user meets them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from shouting import write_project

from p2m.cli import common
from p2m.cli.main import main
from p2m.engine.executor import execute
from p2m.engine.handles import Device
from p2m.engine.journal import Invocation
from p2m.engine.plan import Plan
from p2m.engine.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
from toys import read_number, total


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("P2M_STORE", str(tmp_path / "store"))
    (tmp_path / "n.txt").write_text("1")
    store = Store(tmp_path / "store")
    for plus in range(5):
        plan = Plan("sums")
        first = plan.add("number", read_number, plan.source("file", tmp_path / "n.txt"))
        plan.add("sum", total, first, None, plus=plus)
        execute(plan, store, Device())
    return store


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def entries(store: Store) -> int:
    return len([path for path in (store.root / "ac").rglob("*") if path.is_file()])


def test_gc_is_a_dry_run_that_gives_the_command(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    before = entries(store)
    code, text = said(capsys, "gc", "--runs", "2")
    assert (code, entries(store)) == (0, before)
    assert "last 2 runs of sums" in text
    assert "  3  entries of keys that nothing keeps" in text
    assert "to delete: p2m gc --runs 2 --delete" in text
    code, text = said(capsys, "gc", "--runs", "2", "--delete")
    assert (code, entries(store)) == (0, before - 3)
    assert "freed." in text
    code, text = said(capsys, "gc", "--runs", "2")
    assert "nothing to free." in text


def test_a_name_is_given_listed_respected_and_dropped(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "keep", "last", "--as", "demo")[0] == 0
    _, text = said(capsys, "keep", "--list")
    assert text.startswith("demo  sums  run ")
    report = json.loads(said(capsys, "gc", "--runs", "0", "--delete", "--json")[1])
    assert [kept["label"] for kept in report["kept"]] == ["keep demo"]
    assert entries(store) == 2
    assert said(capsys, "keep", "--drop", "demon") == (
        2, "p2m keep: no name 'demon' is kept; did you mean 'demo'?\n"
    )  # fmt: skip
    assert said(capsys, "keep", "--drop", "demo")[0] == 0
    said(capsys, "gc", "--runs", "0", "--delete")
    assert entries(store) == 0


def test_a_recipe_s_run_is_chosen_by_its_overrides(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_project(tmp_path / "project") / "shout.yaml"
    runs: dict[tuple[str, ...], str] = {}
    for words in ((), ("training.epochs=2", "seed=2"), ("seed=3",)):
        plan = Plan("shout")
        plan.source("file", tmp_path / "n.txt")
        runs[words] = execute(plan, store, Device(), invocation=Invocation(str(recipe), words)).run
    assert f"keeps run {runs[()]} of" in said(capsys, "keep", str(recipe), "--as", "a")[1]
    words = ("seed=2", "training.epochs=2")
    assert f"keeps run {runs[words[::-1]]} of" in said(capsys, "keep", str(recipe), *words, "--as", "b")[1]
    code, text = said(capsys, "keep", str(recipe), "seed=4", "training.epochs=2")
    assert code == 2
    assert "has no finished run with seed=4 training.epochs=2 in" in text
    assert all(run in text for run in runs.values())
    assert "all runs: p2m log" in text
    assert said(capsys, "keep", "last", "seed=2")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("keep",), "what is to be done?"),
        (("keep", "last", "--list"), "what is to be done?"),
        (("keep", "last", "--as", "../x"), "is no name"),
        (("keep", "nothing-like-it"), "holds no run"),
        (("gc", "--store", "nowhere"), "no store here"),
        (("verify", "--store", "n.txt"), ""),
        (("verify", "--rebuild", "x"), "a step of which recipe?"),
    ],
)
def test_wrong_input_is_said_and_makes_nothing(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, text = said(capsys, *arguments)
    assert code == 2
    assert message in text
    assert not (tmp_path / "nowhere").exists()


def test_verify_ends_with_5_until_it_has_repaired(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "verify")[0] == 0
    blob = next(path for path in (store.root / "cas").rglob("*") if path.is_file())
    blob.chmod(0o644)
    blob.write_bytes(b"wrong")
    code, text = said(capsys, "verify")
    assert code == 5
    assert f"cas/{blob.parent.name}/{blob.name}" in text
    assert "to set it aside: p2m verify --repair" in text
    code, text = said(capsys, "verify", "--repair")
    assert code == 0
    assert "all dealt with" in text
    assert said(capsys, "verify")[1].endswith("sound.\n")
    found = json.loads(said(capsys, "verify", "--json")[1])
    assert found["sound"] is True


def test_a_store_of_a_newer_format_is_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (store.root / "FORMAT").write_text("p2m-store 99\n")
    for verb in ("gc", "verify"):
        code, text = said(capsys, verb)
        assert code == 1
        assert "upgrade p2m" in text


def test_json_takes_names_of_files_that_are_no_text() -> None:
    text = common.as_json({"path": "cas/\udcff"})
    assert json.loads(text.encode()) == {"path": "cas/\udcff"}
