"""The manual on the command line: every page that an error names is there; examples can be typed."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

import p2m
from p2m.cli import arguments, manual, verbs
from p2m.cli.main import main
from p2m.errors import LockDrift, P2MError, Problem, RecipeError, UserError

RECIPE = 'prompt: "Sort a note into one of two boxes: garden, kitchen."\n'


@pytest.mark.parametrize("topic", sorted({*manual.PAGES.values(), *manual.OF_SECTION.values()}))
def test_what_errors_name_is_there(topic: str) -> None:
    assert manual.told(topic).startswith("#")


def test_every_error_that_has_a_page_is_one() -> None:
    for found in pkgutil.walk_packages(p2m.__path__, "p2m."):
        if found.name in ("p2m.errors", "p2m.teachers.chat", "p2m.engine.running.network"):
            importlib.import_module(found.name)
    known, waiting = set(), [P2MError]
    while waiting:
        one = waiting.pop()
        known.add(one.__name__)
        waiting += one.__subclasses__()
    assert set(manual.PAGES) <= known
    assert set(manual.OF_SECTION) <= set(manual.keys())


def test_a_wrong_key_is_explained_by_what_it_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.yaml").write_text(RECIPE + "training: {epochs: many}\nconstraints: {max_sise: 3 MB}\n")
    assert main(["check", "notes.yaml"]) == 2
    told = capsys.readouterr().err.splitlines()[-1].strip()
    assert told.startswith("see: ")
    assert set(told.removeprefix("see: ").split(", ")) == {"p2m help training.epochs", "p2m help constraints"}
    for command in told.removeprefix("see: ").split(", "):
        assert main(shlex.split(command)[1:]) == 0
    said = capsys.readouterr().out
    assert "passes over the training rows" in said
    assert ".max_size" in said


def test_topics_of_errors() -> None:
    assert manual.topics_of(LockDrift("x")) == ["lock"]
    assert manual.topics_of(UserError("x")) == []
    paths = ("student.candidates.mine.strength", "data.train[0]", "data.train[1]", "nowhere.at", "")
    error = RecipeError([Problem("x", path) for path in paths])
    assert manual.topics_of(error) == ["student.candidates.NAME.strength", "data.train"]
    assert manual.topics_of(RecipeError([Problem("x")])) == ["recipe"]


def test_a_topic_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "lokc"]) == 2
    assert "did you mean 'lock'?" in capsys.readouterr().err
    assert main(["help", "max_size"]) == 2
    assert "did you mean 'constraints.max_size' or 'retriever.max_size'?" in capsys.readouterr().err
    assert main(["help", "qqqq"]) == 2
    said = capsys.readouterr().err
    assert len(said) < 500
    assert "p2m help lists the verbs" in said
    for topic in ("Push", "Constraints.Max_Size", "Data#before-a-build", "student.candidates.NAME.strength"):
        assert main(["help", topic]) == 0
    capsys.readouterr()
    assert main(["help", "lock#nowhere"]) == 2
    assert "lock has no heading 'nowhere'; one of: in-a-project" in capsys.readouterr().err
    assert main(["help", "data#before-a-build"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("## Before a build")
    assert not re.search(r"^## (?!Before)", said, re.MULTILINE)
    assert main(["help", "gc"]) == 0
    assert "examples:" in capsys.readouterr().out


@pytest.mark.parametrize("name", verbs.names())
def test_the_examples_of_every_verb_can_be_typed(name: str) -> None:
    lines = [line.strip() for line in re.sub(r"\\\n\s*", "", verbs.verb(name).EXAMPLES).splitlines()]
    typed = [line for line in lines if line.startswith(f"p2m {name}")]
    assert typed
    for line in typed:
        words = shlex.split(line, comments=True)
        words = words[: next((n for n, word in enumerate(words) if word in ("|", "<", ">", "&")), None)]
        if words != ["p2m", "help"]:
            assert arguments.parse(words[1:]).verb == name


def test_the_reference_has_every_key_and_every_verb() -> None:
    page = manual.recipe_reference()
    assert len(manual.keys()) > 400
    assert "| `constraints.precision` | number, null | `null` | 0 to 1 |" in page
    assert all(f"## p2m {name}\n" in manual.commands_reference() for name in verbs.names())
