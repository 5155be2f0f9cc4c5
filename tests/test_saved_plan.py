"""A saved plan is refused when it is something else, older, newer, or damaged anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p2m.engine import hashing
from p2m.engine.explaining.explain import Survey
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.errors import UserError
from p2m.questions import load_plan
from p2m.saved_plan import Words, check, read_plan, write_plan

WORDS = Words("r.yaml", ("seed=1",), ("mine",), "elsewhere")


@pytest.fixture
def survey(tmp_path: Path) -> Survey:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    plan = Plan("plan")
    plan.source("data.train", tmp_path / "rows.jsonl", origin="r.yaml:3")
    return Survey(plan, Store(tmp_path / "store"))


def test_what_was_written_comes_back_and_holds(tmp_path: Path, survey: Survey) -> None:
    write_plan(tmp_path / "deep" / "plan.json", WORDS, survey, {"seed": 1, "limit": 0.5})
    saved = read_plan(tmp_path / "deep" / "plan.json")
    assert saved.words == WORDS
    check(saved, survey, {"limit": 0.5, "seed": 1}, {})


def test_every_change_of_the_recipe_and_of_data_is_told_with_its_place(
    tmp_path: Path, survey: Survey
) -> None:
    write_plan(tmp_path / "plan.json", WORDS, survey, {"seed": 1, "limit": 1})
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n')
    now = Survey(survey.plan, survey.store)
    with pytest.raises(UserError) as refused:
        check(read_plan(tmp_path / "plan.json"), now, {"seed": 2, "limit": 1.0}, {"seed": "override seed=2"})
    text = str(refused.value)
    assert "seed: 1 -> 2  override seed=2" in text
    assert "limit: 1 -> 1.0" in text
    assert "data.train changed" in text
    assert "r.yaml:3" in text
    assert "next: p2m plan r.yaml seed=1" in text


def test_another_store_is_named(tmp_path: Path, survey: Survey) -> None:
    write_plan(tmp_path / "plan.json", WORDS, survey, {})
    other = Survey(survey.plan, Store(tmp_path / "other"))
    with pytest.raises(UserError, match=r"made on the store .*store, and this is .*other"):
        check(read_plan(tmp_path / "plan.json"), other, {}, {})


def test_whichever_byte_is_flipped_the_plan_is_refused(tmp_path: Path, survey: Survey) -> None:
    path = tmp_path / "plan.json"
    write_plan(path, WORDS, survey, {"seed": 1})
    content = path.read_bytes()
    meant = json.loads(content)
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            same = json.loads(path.read_bytes()) == meant
        except ValueError:
            same = False
        if not same:  # a blank that became another blank is no damage
            with pytest.raises(UserError):
                read_plan(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: qa\n", "is no saved plan"),
        ("[]", "is no saved plan"),
        ('{"kind": "p2m-lock", "format": 1}', "is 'p2m-lock' of format 1"),
        ('{"kind": "p2m-plan", "format": 9}', "of format 9"),
        ('{"kind": "p2m-plan", "format": 1}', "edited or is damaged"),
        (b"\xff\xfe", "is no saved plan"),
    ],
)
def test_what_is_no_plan_of_ours_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match=message):
        read_plan(path)


def test_a_missing_plan_and_a_place_that_cannot_be_written_are_the_users_mistake(
    tmp_path: Path, survey: Survey
) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_plan(tmp_path / "nowhere.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_plan(tmp_path / "file" / "plan.json", WORDS, survey, {})


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": None}, {"overrides": 4}, {"trust": [1]}, {"outputs": []}, {"steps": []}, {"config": None},
        {"steps": {"a": 1}}, {"steps": {"a": {"status": "run", "identity": 1, "inputs": {}}}},
        {"steps": {"a": {"status": "odd", "identity": {}, "inputs": {}}}},
    ],
)  # fmt: skip
def test_a_sealed_file_that_has_another_form_is_no_plan(
    tmp_path: Path, survey: Survey, changes: dict[str, Any]
) -> None:
    path = tmp_path / "plan.json"
    write_plan(path, WORDS, survey, {})
    body = json.loads(path.read_text()) | changes
    del body["seal"]
    body["seal"] = hashing.digest_bytes(json.dumps(body, sort_keys=True).encode())
    path.write_text(json.dumps(body))
    with pytest.raises(UserError, match="no plan"):
        read_plan(path)


def test_a_file_that_is_nested_without_end_is_no_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="no saved plan"):
        read_plan(tmp_path / "plan.json")


def test_a_plan_cannot_trust_a_package_by_itself(tmp_path: Path, survey: Survey) -> None:
    write_plan(tmp_path / "plan.json", WORDS, survey, {})
    with pytest.raises(UserError, match=r"runs code of mine.*\n.*--trust mine"):
        load_plan(tmp_path / "plan.json")
    with pytest.raises(UserError, match=r"r\.yaml"):
        load_plan(tmp_path / "plan.json", trust=["mine"])
