"""The JSON Schema says what a recipe may say, in the user's words, with every key described."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2m.marked_yaml import parse_marked
from p2m.spec import ModelSpec
from p2m.spec.schema import field_comments
from p2m.types import Training

# As it ships: tests/test_docs.py holds it to what the code makes.
SCHEMA = json.loads(Path(__file__).parents[2].joinpath("docs", "recipe.schema.json").read_text("utf-8"))


def misfits(value: Any, schema: dict[str, Any], at: str = "") -> Iterator[str]:
    """Where `value` breaks `schema`, for the part of JSON Schema that ours uses."""
    schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] | schema if "$ref" in schema else schema
    if "anyOf" in schema and not any(not list(misfits(value, branch)) for branch in schema["anyOf"]):
        yield f"{at}: fits no branch"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    python = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    if kinds and not any(
        value is None if kind == "null" else isinstance(value, python[kind]) for kind in kinds
    ):
        yield f"{at}: not {kinds}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: not of the enum"
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        yield f"{at}: does not match"
    if isinstance(value, (int, float)) and value > schema.get("maximum", value):
        yield f"{at}: too large"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from misfits(item, schema.get("items", {}), f"{at}[{index}]")
    if isinstance(value, dict):
        rest = schema.get("additionalProperties", {})
        yield from (f"{at}.{name}: missing" for name in schema.get("required", []) if name not in value)
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key, rest)
            if inner is False:
                yield f"{at}.{key}: unknown"
            else:
                yield from misfits(item, inner if isinstance(inner, dict) else {}, f"{at}.{key}")


def described(schema: dict[str, Any], at: str = "") -> Iterator[tuple[str, str]]:
    for key, item in schema.get("properties", {}).items():
        yield f"{at}.{key}", item.get("description", "")
        yield from described(item, f"{at}.{key}")


RECIPE = """\
defaults:
  - base
  - override student: auto
  - override metric: [exact_match, token_f1]
  - _self_
prompt: Answer.
examples: [{input: {question: a}, output: 2012, also: [b]}, {input: c, output: d}]
task: {type: question-answering, labels: [1, yes]}
constraints: {max_parameters: 250M, max_size: 24 MB, max_latency: 40 ms, max_cost: $5, licenses: [mit]}
metrics: {primary: exact_match, require: {exact_match: ">= 0.60", token_f1: 0.5}}
teacher: {text_share: 0.7}
student: {candidates: {minilm: null}}
training: {epochs: 2, precision: bf16}
data: {test: gold.jsonl}
retriever: {sources: [datasets]}
hydra: {sweeper: {max_batch_size: 2}}
"""


def test_a_recipe_as_users_write_it_is_valid() -> None:
    assert list(misfits(parse_marked(RECIPE, Path("x.yaml")).value, SCHEMA)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "prompt: a\ntrainng: {}\n",
        "prompt: a\ntraining: {epoch: 3}\n",
        "prompt: a\ntraining: {epochs: soon}\n",
        "prompt: a\ntraining: {precision: fp8}\n",
        "prompt: a\ntraining: {warmup_ratio: 2}\n",
        "prompt: a\nconstraints: {max_size: 24 parsecs}\n",
        "prompt: a\nconstraints: {max_latency: fast}\n",
        "prompt: a\nexamples: [{input: a}]\n",
        "prompt: a\ntask: {type: qa}\n",
        "prompt: a\nhydra: {callbacks: {}}\n",
        "prompt: a\ndefaults: base\n",
        "name: a\n",
    ],
)
def test_a_wrong_recipe_is_not(wrong: str) -> None:
    assert list(misfits(parse_marked(wrong, Path("x.yaml")).value, SCHEMA))


def test_every_key_is_described() -> None:
    places = [*described(SCHEMA)]
    for name, definition in SCHEMA["$defs"].items():
        places += described(definition, name)
    assert len(places) > 80
    assert [place for place, text in places if not text and not place.startswith(".defaults")] == []


def test_every_key_of_the_spec_is_in_it() -> None:
    assert set(ModelSpec.model_fields) | {"defaults", "hydra"} == set(SCHEMA["properties"])


def test_it_is_plain_json_without_dangling_references() -> None:
    text = json.dumps(SCHEMA)
    for name in re.findall(r'"#/\$defs/(\w+)"', text):
        assert name in SCHEMA["$defs"]
    assert "WrittenComponent" not in text


def test_descriptions_are_the_comments_beside_the_fields() -> None:
    comments = field_comments(Training)
    assert comments["batch_size"] == "rows a step"
    assert set(comments) >= {field.name for field in dataclasses.fields(Training)}
