"""A recipe at a revision comes out as it was committed; the work tree is left alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from p2m.errors import UserError
from p2m.revisions import recipe_at, text_at


def git(folder: Path, *words: str) -> str:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *words], cwd=folder, env=os.environ | own | who, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two revisions of a recipe in a folder of its own, the second edited since."""
    root = tmp_path / "repository"
    (root / "recipes" / "data").mkdir(parents=True)
    git(root, "init", "-q")
    for text in ("first", "second"):
        (root / "recipes" / "qa.yaml").write_text(text)
        (root / "recipes" / "data" / "rows.jsonl").write_text(text)
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", text)
    (root / "recipes" / "qa.yaml").write_text("edited")
    return root


def test_the_recipe_and_what_lies_beside_it_are_those_of_the_revision(repository: Path) -> None:
    before = git(repository, "status", "--porcelain")
    for revision, text in (("HEAD", "second"), ("HEAD~1", "first")):
        with recipe_at(revision, str(repository / "recipes" / "qa.yaml")) as found:
            assert found.recipe.read_text() == text
            assert (found.recipe.parent / "data" / "rows.jsonl").read_text() == text
            place = found.root
        assert not place.exists()
    assert (repository / "recipes" / "qa.yaml").read_text() == "edited"
    assert git(repository, "status", "--porcelain") == before


@pytest.mark.parametrize(
    ("revision", "recipe", "message"),
    [
        ("HEAD~9", "recipes/qa.yaml", "there is no revision 'HEAD~9'"),
        ("--output=x", "recipes/qa.yaml", "there is no revision"),
        ("HEAD", "recipes/other.yaml", "HEAD has no recipes/other.yaml"),
        ("HEAD", "nowhere/qa.yaml", "there is no folder"),
    ],
)
def test_what_is_absent_is_named(repository: Path, revision: str, recipe: str, message: str) -> None:
    with pytest.raises(UserError, match=message), recipe_at(revision, str(repository / recipe)):
        pass
    assert not (repository / "x").exists()


def test_no_repository_and_no_git_are_said(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with (
        pytest.raises(UserError, match="not a git repository"),
        recipe_at("HEAD", str(tmp_path / "qa.yaml")),
    ):
        pass
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(UserError, match="git is not installed"),
        recipe_at("HEAD", str(repository / "recipes" / "qa.yaml")),
    ):
        pass


def test_one_file_is_read_as_it_was_committed_and_a_missing_one_is_named(repository: Path) -> None:
    path = repository / "recipes" / "qa.yaml"
    assert [text_at(revision, str(path)) for revision in ("HEAD~1", "HEAD")] == [b"first", b"second"]
    with pytest.raises(UserError, match=r"HEAD has no .*qa\.lock\n    next: git log"):
        text_at("HEAD", str(path.with_suffix(".lock")))
