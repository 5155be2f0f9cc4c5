"""YAML is read strictly, with the line of every value, and without YAML 1.1's surprises."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from p2m.errors import RecipeError
from p2m.marked_yaml import join, parse_marked, plain_scalar, show

HERE = Path("x.yaml")


def test_every_value_knows_its_line() -> None:
    marked = parse_marked("a: 1\nb:\n  - c: 2\n    d: 3\n  - e\n", HERE)
    assert marked.value == {"a": 1, "b": [{"c": 2, "d": 3}, "e"]}
    assert marked.lines == {"a": 1, "b": 2, "b[0]": 3, "b[0].c": 3, "b[0].d": 4, "b[1]": 5}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("y", "y"), ("true", True), ("False", False),
        ("12:30", "12:30"), ("2013-03-22", "2013-03-22"), ("010", 10), ("0x1f", "0x1f"), ("1e-4", 1e-4),
        ("1_000", 1000), ("-3", -3), (".5", 0.5), ("null", None), ("~", None), ("1.2.3", "1.2.3"),
        (".inf", float("inf")), ("250M", "250M"), ("1e", "1e"), ("_1", "_1"), ("<<", "<<"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_scalars_are_yaml_1_2(text: str, value: object) -> None:
    assert plain_scalar(text) == value
    assert parse_marked(f"a: {text}\n", HERE).value == {"a": value}
    assert parse_marked(f"a: '{text}'\n", HERE).value == {"a": text}


def test_anchors_and_merges_keep_the_nearer_value() -> None:
    marked = parse_marked("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\n", HERE)
    assert marked.value == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}
    assert marked.lines["b.y"] == 4


def test_duplicate_keys_are_all_reported() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_marked("a: 1\nb: {c: 1, c: 2}\na: 2\n", HERE)
    assert [(one.path, one.where) for one in caught.value.problems] == [
        ("b.c", "x.yaml:2"),
        ("a", "x.yaml:3"),
    ]


def test_places_are_shown_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert show(tmp_path / "recipes" / "qa.yaml", 3) == "recipes/qa.yaml:3"
    assert show(Path("/elsewhere/qa.yaml")) == "/elsewhere/qa.yaml"
    assert join(join("a", 0), "b") == "a[0].b"


words = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(words.filter(lambda key: key not in ("prompt", "examples", "task")), values, max_size=4)
)
def test_what_pyyaml_writes_in_quotes_is_read_as_it_was(value: dict[str, object]) -> None:
    def quoted(item: object) -> object:
        if isinstance(item, dict):
            return {key: quoted(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [quoted(inner) for inner in item]
        return item

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    Dumper.add_representer(
        str, lambda dumper, data: dumper.represent_scalar("tag:yaml.org,2002:str", data, style='"')
    )
    text = yaml.dump(quoted(value), Dumper=Dumper, allow_unicode=False)
    assert parse_marked(text, HERE).value == value


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        problems = []
        parse_marked(text, HERE)
    except RecipeError as error:
        problems = list(error.problems)
    assert all(problem.where.startswith("x.yaml") for problem in problems)


@pytest.mark.parametrize(("text", "value"), [("0_", 0), ("1__0", 10), ("1_.5", 1.5), ("-2_0", -20)])
def test_underscores_inside_numbers_are_read_wherever_they_stand(text: str, value: float) -> None:
    assert plain_scalar(text) == value


@pytest.mark.parametrize(
    ("text", "line", "advice"),
    [
        ("prompt: Say it.\n  data:\n    train: x\n", 2, "with 0 blanks, not 2"),
        ("prompt: Say it.\ndata:\n    train: x\n  test: x\n", 4, "with 0 or 4 blanks, not 2"),
        ("data:\n  train: x\n   test: x\n", 3, "with 2 blanks, not 3"),
        ("task:\n  labels:\n  - a\n - b\n", 4, "with 0 or 2 blanks, not 1"),
        ("prompt: |\nSay it.\ndata: {train: x}\n", 3, "indent the text below"),
        ("prompt: Say it: now.\ndata: {train: x}\n", 1, "quotes"),
        ("name: x\ntask: {labels: [a, b}\n", 2, "quotes"),
    ],
)
def test_wrong_indentation_is_told_from_other_mistakes(text: str, line: int, advice: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_marked(text, HERE)
    (problem,) = caught.value.problems
    assert problem.where == f"x.yaml:{line}"
    assert advice in problem.hint
