"""A plan says what would run and why, down to the leaf, and runs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_executor import build, small
from toys import read_folder

from p2m.cli.plan_views import why_text
from p2m.engine.executor import execute
from p2m.engine.explaining.differences import difference
from p2m.engine.explaining.explain import StepPreview, Survey, causes
from p2m.engine.explaining.explain import why as explained
from p2m.engine.handles import Device
from p2m.engine.journal import Invocation
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.errors import UserError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "n.txt").write_text("10")
    return Store(tmp_path / "store")


def why(plan: Plan, store: Store, step: str) -> tuple[str, ...]:
    """The reasons as the command line prints them."""
    return tuple(why_text(explained(Survey(plan, store), step), {}).splitlines())


def statuses(previews: tuple[StepPreview, ...]) -> list[str]:
    return [found.status for found in previews]


def test_nothing_was_ever_built(tmp_path: Path, store: Store) -> None:
    previews = Survey(small(tmp_path), store).previews
    assert statuses(previews) == ["source", "run", "run", "run", "run"]
    assert {found.reason for found in previews[1:]} == {"never built"}
    assert {found.seconds for found in previews} == {None}


def test_all_is_cached_with_the_seconds_that_it_took(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    previews = Survey(small(tmp_path), store).previews
    assert statuses(previews) == ["source", "cached", "cached", "cached", "cached"]
    assert all(found.seconds is not None for found in previews[1:])


def test_a_changed_setting_is_shown_with_both_values_and_its_place(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    before = sorted(path for path in store.root.rglob("*") if path.is_file())
    previews = Survey(small(tmp_path, plus=2), store).previews
    assert statuses(previews) == ["source", "cached", "run", "unknown", "unknown"]
    assert [str(change) for change in previews[2].changes] == ["plus: 0 -> 2  r.yaml:5"]
    assert previews[3].reason == "if the output of half changes"
    assert sorted(path for path in store.root.rglob("*") if path.is_file()) == before


def test_the_preview_is_what_the_build_then_does(tmp_path: Path, store: Store) -> None:
    for plus, factor, number in ((0, 2, "10"), (1, 2, "10"), (1, 3, "10"), (1, 3, "11"), (0, 2, "10")):
        (tmp_path / "n.txt").write_text(number)
        expected = {
            found.step: found.status
            for found in Survey(small(tmp_path, plus=plus, factor=factor), store).previews
        }
        result = build(small(tmp_path, plus=plus, factor=factor), store)
        for outcome in result.outcomes:
            foreseen = expected[outcome.step]
            assert foreseen == "unknown" or (foreseen == "cached") == (outcome.status == "reused")


def test_a_step_downstream_that_changed_itself_runs_for_its_own_reason(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    found = Survey(small(tmp_path, plus=2, factor=7), store).previews[4]
    assert found.status == "run"
    assert [str(change) for change in found.changes] == ["scale.factor: 2 -> 7"]


def test_a_reverted_setting_is_cached_and_says_so(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    build(small(tmp_path, plus=4), store)
    previews = Survey(small(tmp_path), store).previews
    assert set(statuses(previews)) == {"source", "cached"}
    assert previews[2].reason == "built before with these inputs and settings"


def tried(folder: Path, store: Store, **settings: int) -> None:
    """A build with overrides."""
    words = tuple(f"{name}={value}" for name, value in settings.items())
    execute(small(folder, **settings), store, Device(), invocation=Invocation("r.yaml", words))


def told(folder: Path, store: Store, *words: str, **settings: int) -> list[str]:
    """What is said of every step of a plan with those overrides: its changes, or the reason."""
    found = Survey(small(folder, **settings), store, overrides=words).previews
    return [", ".join(map(str, one.changes)) or one.reason for one in found]


def test_a_plan_is_compared_with_the_last_build_with_the_same_overrides(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    tried(tmp_path, store, plus=2)
    tried(tmp_path, store, plus=4)
    assert set(told(tmp_path, store)) == {"unchanged"}
    assert set(told(tmp_path, store, "plus=2", plus=2)) == {"unchanged"}
    assert told(tmp_path, store, plus=6)[2] == "plus: 0 -> 6  r.yaml:5"  # the recipe itself was edited
    assert why(small(tmp_path), store, "half") == ("half is cached: unchanged",)


def test_other_overrides_are_compared_with_the_nearest_build(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    tried(tmp_path, store, plus=2)
    tried(tmp_path, store, plus=2, factor=5)
    tried(tmp_path, store, plus=4)
    assert told(tmp_path, store, "plus=6", plus=6)[2] == "plus: 0 -> 6  r.yaml:5"
    assert told(tmp_path, store, "plus=2", "factor=7", plus=2, factor=7)[2:] == [
        "unchanged", "unchanged", "scale.factor: 2 -> 7",
    ]  # fmt: skip
    assert told(tmp_path, store, "plus=4", "factor=5", plus=4, factor=5)[2:] == [
        "unchanged", "unchanged", "scale.factor: 2 -> 5",
    ]  # fmt: skip


def test_what_is_cached_from_elsewhere_names_no_change(tmp_path: Path, store: Store) -> None:
    tried(tmp_path, store, plus=4)
    build(small(tmp_path), store)
    survey = Survey(small(tmp_path, plus=4), store)
    assert [one.changes for one in survey.previews] == [()] * 5
    assert why(small(tmp_path, plus=4), store, "half") == (
        "half is cached: built before with these inputs and settings",
    )
    assert causes(survey) == ()


def test_why_names_the_file_that_changed(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    (tmp_path / "n.txt").write_text("12")
    assert why(small(tmp_path), store, "half") == (
        "half may run: if the output of number changes",
        "  number runs: input changed",
        "    file changed",
        "      file n.txt changed (2 bytes)  r.yaml:3",
    )
    build(small(tmp_path), store)
    assert why(small(tmp_path), store, "half") == ("half is cached: unchanged",)
    with pytest.raises(KeyError, match="did you mean 'half'"):
        why(small(tmp_path), store, "hafl")


def folder_plan(folder: Path) -> Plan:
    plan = Plan("folder")
    plan.add("names", read_folder, plan.source("texts", folder))
    return plan


def test_why_names_each_new_changed_and_deleted_file_of_a_folder(tmp_path: Path, store: Store) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for name in ("a", "b", "c"):
        (texts / name).write_text(name)
    execute(folder_plan(texts), store, Device())
    (texts / "a").unlink()
    (texts / "b").write_text("other")
    (texts / "d").write_text("new")
    lines = why(folder_plan(texts), store, "names")
    assert [line.strip() for line in lines[-3:]] == [
        "file a is gone (1 bytes)",
        "file b changed (1 -> 5 bytes)",
        "file d is new (3 bytes)",
    ]


def test_why_names_the_module_whose_code_changed(tmp_path: Path, store: Store) -> None:
    """The stage is the same, its code was another in the last build."""
    import json

    from p2m.engine import hashing
    from p2m.engine.journal import last_steps
    from p2m.engine.store import KEY_TAG

    build(small(tmp_path), store)
    record = last_steps(store, "small")["rows"]
    action = store.entry(record.key)
    assert action is not None
    old = json.loads(json.dumps(dict(action.preimage)))
    old["code"]["toys"] = old["components"]["toys.Scale"]["toys"] = "0" * 64
    old["packages"]["numpy"] = "1.0"
    key = hashing.digest_tree_of_plain(old, tag=KEY_TAG)
    store.publish(key, old, action.output, 1.0)
    (event,) = store.runs.glob("*/run.jsonl")
    event.write_text(event.read_text().replace(record.key, key))
    store.forget(record.key, "test")
    lines = why(small(tmp_path), store, "rows")
    assert lines[0] == "rows runs: code, package changed"
    assert "  code toys changed" in lines
    assert any(line.startswith('  package numpy is gone: "1.0"') for line in lines)


def test_a_missing_source_is_the_users_mistake(tmp_path: Path, store: Store) -> None:
    (tmp_path / "n.txt").unlink()
    with pytest.raises(UserError, match=r"r\.yaml:3"):
        Survey(small(tmp_path), store)


def test_differences_reach_the_leaf() -> None:
    old = {"a": {"$type": "T", "x": 1, "y": [1, 2]}, "b": 1, "gone": True}
    new = {"a": {"$type": "T", "x": 1.0, "y": [1, 3]}, "b": {"$type": "U"}, "new": None}
    found = [path for path, _, _ in difference(old, new)]
    assert found == ["a.x", "a.y[1]", "b", "new", "gone"]
    assert list(difference(old, old)) == []


def test_the_difference_of_two_long_texts_is_shown_where_it_lies(tmp_path: Path, store: Store) -> None:
    from p2m.engine.explaining.differences import compare

    plan = small(tmp_path)
    head = "Answer a question from a passage, " * 10
    (change,) = compare(
        plan.step("half"), {"settings": {"p": head + "old"}}, {"settings": {"p": head + "new"}}
    )
    assert "old" in change.old
    assert "new" in change.new
    assert len(change.old) < 70
