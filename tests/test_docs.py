"""The texts in docs/ say what the code does: keys, defaults, links and the schema are held to it here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2m.compose import compose
from p2m.marked_yaml import plain_scalar
from p2m.spec import Retrieval, json_schema

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TEXTS = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "recipes/data/README.md"])
UNTOLD = (
    "metric",
    "verifier",
    "student.candidates",
    "baselines.candidates",
    "compression.candidates",
    "tuning.space",
)  # told by the groups' own files
OF_RETRIEVAL = tuple(name for name in Retrieval.model_fields if name != "component")


def _settings(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of a composed config with their values, but for the fields of single components."""
    for key, item in value.items():
        path = f"{at}.{key}" if at else key
        if path in UNTOLD or key == "target" or (at == "retriever" and key not in OF_RETRIEVAL):
            continue
        if isinstance(item, dict) and item:
            yield from _settings(item, path)
        else:
            yield path, item


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    recipe = tmp_path_factory.mktemp("recipe") / "plain.yaml"
    recipe.write_text("prompt: Answer a question from a passage.\n", encoding="utf-8")
    return dict(compose(recipe).config)


def _rows_of_tables() -> list[str]:
    return [
        line for line in (DOCS / "recipe.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")
    ]


def _documented(path: str, rows: list[str]) -> str:
    """The row of recipe.md that tells of a key, by its full name, or by its own under its section's table."""
    section, _, name = path.rpartition(".")
    names = [f"`{path}`"] + ([f"`{name}`"] if section in ("constraints", "metrics", "data") else [])
    return next((row for row in rows if any(name in row.split("|")[1] for name in names)), "")


def test_every_key_of_a_recipe_is_documented(base: dict[str, Any]) -> None:
    rows = _rows_of_tables()
    keys = [path for path, _ in _settings(base)]
    assert len(keys) > 45
    assert [path for path in keys if not _documented(path, rows)] == []


def _said(path: str, row: str) -> str:
    """The default that a row gives for a key; rows may tell of several keys, with a default each."""
    keys, defaults = ([part.strip(" `") for part in cell.split(",")] for cell in row.split("|")[1:3])
    place = keys.index(path if path in keys else path.rpartition(".")[2])
    return defaults[min(place, len(defaults) - 1)]


def test_documented_defaults_are_those_of_the_code(base: dict[str, Any]) -> None:
    rows = _rows_of_tables()
    wrong = []
    for path, value in _settings(base):
        if path in ("name", "prompt") or path.startswith("task."):
            continue  # read from the file's name and the prompt
        said = _said(path, _documented(path, rows))
        if plain_scalar(said) != value and said != json.dumps(value):
            wrong.append((path, said, value))
    assert wrong == []


def test_the_schema_that_editors_read_is_the_current_one() -> None:
    """After a change: p2m check --schema > docs/recipe.schema.json"""
    assert json.loads((DOCS / "recipe.schema.json").read_text(encoding="utf-8")) == json_schema()


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_links_lead_somewhere(text: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)\)", text.read_text(encoding="utf-8"))
    assert [target for target in targets if not (text.parent / target).exists()] == []


def test_the_gold_set_is_what_its_readme_says() -> None:
    text = (ROOT / "recipes/data/README.md").read_text(encoding="utf-8")
    rows = [
        json.loads(line)
        for line in (ROOT / "recipes/data/qa_gold.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    contexts = {row["context"] for row in rows}
    lengths = [len(context.split()) for context in contexts]
    assert f"{len(rows)} questions on {len(contexts)} short passages" in " ".join(text.split())
    assert f"{min(lengths)} to {max(lengths)} words each" in " ".join(text.split())
    assert len({row["question"] for row in rows}) == len(rows) >= 120
    assert [
        row["question"] for row in rows if not all(answer in row["context"] for answer in row["answers"])
    ] == []


def test_the_site_is_built_strictly_and_loads_nothing_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every link and anchor leads somewhere; the pages of the reference are made from schema and verbs."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path), strict=True))
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    assert {"index.html", "quickstart.html", "tutorials/table.html"} <= set(pages)
    assert "constraints.max_size" in pages["reference/recipe.html"]
    assert "p2m build recipes/qa.yaml" in pages["reference/commands.html"]
    loaded = re.compile(r"<(?:script|img|link(?=[^>]*stylesheet))[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*")
    assert {name: found for name, text in pages.items() if (found := loaded.findall(text))} == {}


@pytest.mark.slow
def test_the_notebook_runs_and_is_stored_without_outputs(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(DOCS / "quickstart.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    NotebookClient(notebook, timeout=250, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "\n".join(str(out.get("text", "")) for cell in cells for out in cell.outputs)
    assert "('garden', 'kitchen')" in said
    assert "strength" in said
    assert re.search(r"garden 0\.\d+\nkitchen 0\.\d+", said)
