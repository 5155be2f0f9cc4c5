"""Tasks that are told apart and cannot be built are refused by name; so are students that lack a language."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2m.errors import RecipeError
from p2m.project import load, understand

PROMPTS = [
    ("Look at the photo of the leaf and say which disease it shows.", "(unsupported)"),
    ("Transcribe the audio recordings of our board meetings.", "(unsupported)"),
]
ENGLISH = ["the parcel that you sent to me was not in the box", "is this for the kitchen or for the hall"]
SPANISH = [
    "no me llega el paquete que pedí y no sé por qué",
    "es para la cocina o para el pasillo",
]


def recipe(folder: Path, prompt: str, rows: list[str], more: str = "") -> Path:
    lines = [f"{text} {n},{('late', 'lost')[n % 2]}" for n, text in enumerate(rows)]
    (folder / "rows.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    path = folder / "r.yaml"
    path.write_text(f"prompt: {prompt!r}\ndata: {{train: rows.csv}}\n{more}", encoding="utf-8")
    return path


@pytest.mark.parametrize(("prompt", "named"), PROMPTS)
def test_a_task_without_students_is_refused_by_its_name(tmp_path: Path, prompt: str, named: str) -> None:
    path = recipe(tmp_path, prompt, ["one", "two"])
    (problem,) = understand(path).problems
    assert named in str(problem)
    assert (problem.path, problem.where.rpartition("/")[2]) == ("prompt", "r.yaml:1")
    with pytest.raises(RecipeError, match="cannot build"):
        load(path)


def test_a_kind_that_the_recipe_asks_for_is_refused_as_asked_for(tmp_path: Path) -> None:
    path = recipe(tmp_path, "Sort the mail.", ["one", "two"], "task: {type: unsupported}\n")
    (problem,) = understand(path).problems
    assert problem.message.endswith("which p2m cannot build: the recipe asks for it")
    assert (problem.path, problem.where.rpartition("/")[2]) == ("task.type", "r.yaml:3")


def test_a_type_that_there_is_not_is_told_from_those_that_can_be_built(tmp_path: Path) -> None:
    for typed, said in (
        ("classification", "'classification' is no type of task; did you mean 'text-classification'?"),
        (
            "qa",
            "one of: extraction, multi-label-classification, question-answering, records, regression, text-",
        ),
    ):
        path = recipe(tmp_path, "Sort the mail.", ["one", "two"], f"task: {{type: {typed}}}\n")
        with pytest.raises(RecipeError) as caught:
            understand(path)
        assert said in str(caught.value).replace("\n    ", "; ")


@pytest.mark.parametrize(("rows", "offered"), [(ENGLISH * 15, True), (ENGLISH * 15 + SPANISH * 15, False)])
def test_a_student_that_lacks_a_language_of_the_rows_is_not_offered(
    tmp_path: Path, rows: list[str], offered: bool
) -> None:
    task = understand(recipe(tmp_path, "Classify the mail as late or lost.", rows)).task
    project = load(tmp_path / "r.yaml")
    refusals = {name: each.refusal(task) for name, each in project.composed.spec.student.candidates.items()}
    assert (refusals["linear_minilm"] is None) is offered
    assert refusals["linear_tfidf"] is None


def test_a_student_that_lacks_a_language_that_is_demanded_is_refused(tmp_path: Path) -> None:
    more = "defaults: [base, override student: linear_minilm, _self_]\nconstraints: {languages: [en, es]}\n"
    path = recipe(tmp_path, "Classify the mail as late or lost.", ENGLISH * 15, more)
    (problem,) = understand(path).problems
    assert problem.path == "constraints.languages"
    assert "en and es" in problem.message
