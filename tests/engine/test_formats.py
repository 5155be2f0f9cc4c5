"""Artifacts come back from disk as they went, and a person can read them there."""

from __future__ import annotations

import dataclasses
import inspect
import tempfile
import types
import typing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import p2m.types
from p2m.engine.formats import FormatError, load, save
from p2m.engine.hashing import digest_tree
from p2m.types import Count, Example, Examples, Exported, Gated

ARTIFACTS = [
    kind
    for _, kind in inspect.getmembers(p2m.types, inspect.isclass)
    if dataclasses.is_dataclass(kind)
    and kind.__module__ == "p2m.types"
    # They hold arrays or a component, and live inside one step or in a recipe.
    and kind not in (p2m.types.Lesson, p2m.types.Shaping, p2m.types.Instructor)
]


def strategy(hint: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation; folders as {name: bytes} for `grounded` to write."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return st.one_of([strategy(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is not Ellipsis:
        return st.tuples(*map(strategy, arguments))
    if origin is tuple:
        return st.lists(strategy(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(strategy(arguments[0]), strategy(arguments[1]), max_size=3)
    if hint is types.NoneType:
        return st.none()
    if hint is Path:
        names = st.text("abcé", min_size=1, max_size=3)
        return st.builds(Folder, st.dictionaries(names, st.binary(max_size=20), max_size=3))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if dataclasses.is_dataclass(hint):
        inner = typing.get_type_hints(hint)
        return st.builds(hint, **{item.name: strategy(inner[item.name]) for item in dataclasses.fields(hint)})
    plain = {
        str: st.text(max_size=10),
        int: st.integers(),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
    }
    return plain[hint]


@dataclass(frozen=True)
class Folder:
    files: dict[str, bytes]


def grounded(value: Any, root: Path) -> Any:
    """The value with its folders written below `root`."""
    changes = {}
    for item in dataclasses.fields(value):
        content = getattr(value, item.name)
        if isinstance(content, Folder):
            target = root / item.name
            target.mkdir(parents=True)
            for name, data in content.files.items():
                (target / name).write_bytes(data)
            changes[item.name] = target
    return dataclasses.replace(value, **changes)


def comparable(value: Any) -> Any:
    paths = {
        item.name: digest_tree(getattr(value, item.name))
        for item in dataclasses.fields(value)
        if isinstance(getattr(value, item.name), Path)
    }
    return dataclasses.replace(value, **paths)


@pytest.mark.parametrize("kind", ARTIFACTS, ids=lambda kind: kind.__name__)
def test_every_type_of_p2m_comes_back_as_it_was_saved(kind: type) -> None:
    @settings(max_examples=8, deadline=None)
    @given(strategy(kind))
    def comes_back(drawn: Any) -> None:
        with tempfile.TemporaryDirectory() as place:
            value = grounded(drawn, Path(place) / "source")
            save(value, Path(place) / "saved")
            again = load(kind, Path(place) / "saved")
            assert comparable(again) == comparable(value)
            assert repr(comparable(again)) == repr(comparable(value))  # 1 and 1.0 are told apart

    assert len(ARTIFACTS) >= 20
    comes_back()


def test_an_artifact_is_readable_text(tmp_path: Path) -> None:
    save(Examples((Example({"q": "Où\u2028?"}, "là"),), (Count("a", 1),), {"bits": 1.5}), tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["counts.jsonl", "rejected.jsonl", "rows.jsonl", "value.json"]
    rows = (tmp_path / "rows.jsonl").read_text(encoding="utf-8")
    assert rows.count("\n") == 1
    assert "Où\u2028?" in rows
    assert '"bits": 1.5' in (tmp_path / "value.json").read_text()


def test_a_saved_folder_does_not_follow_later_writes_to_its_origin(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "w").write_text("old")
    save(Exported(tmp_path / "m", "fp32", 1, 2, ()), tmp_path / "saved")
    (tmp_path / "m" / "w").write_text("new")
    assert (load(Exported, tmp_path / "saved").model / "w").read_text() == "old"


def test_a_file_may_stand_for_a_path(tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(b"x")
    save(Exported(tmp_path / "one.bin", "fp32", 1, 2, ()), tmp_path / "saved")
    assert load(Exported, tmp_path / "saved").model.read_bytes() == b"x"


@pytest.mark.parametrize(
    "value",
    [
        Examples([Example({"a": "b"}, "c")]),  # type: ignore[arg-type]
        Examples((Example({"a": 3}, "c"),)),  # type: ignore[dict-item]
        Examples((Count("a", 1),)),  # type: ignore[arg-type]
        Examples((), figures={"a": "b"}),  # type: ignore[dict-item]
        Examples((Example({"a": "\ud800"}, "c"),)),
        Gated("a", "0.5", 1, True, ""),  # type: ignore[arg-type]
        Exported(Path("/nowhere/at/all"), "fp32", 1, 2, ()),
    ],
)
def test_a_value_that_is_not_what_its_type_says_is_refused_by_name(value: Any, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=type(value).__name__):
        save(value, tmp_path / "saved")


@dataclass(frozen=True)
class Inner:
    path: Path


@dataclass(frozen=True)
class Nested:
    inner: Inner


@dataclass(frozen=True)
class Listed:
    paths: tuple[Path, ...]


@pytest.mark.parametrize("value", [Nested(Inner(Path("a"))), Listed((Path("a"),))])
def test_a_path_deeper_inside_is_refused(value: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="only a field of the artifact itself"):
        save(value, tmp_path / "saved")


@pytest.mark.parametrize("damage", ["missing", "cut", "other type", "extra row"])
def test_a_folder_that_does_not_hold_the_value_is_refused(damage: str, tmp_path: Path) -> None:
    save(Examples((Example({"a": "b"}, "c"),)), tmp_path)
    kind: type = Examples
    if damage == "missing":
        (tmp_path / "rows.jsonl").unlink()
    elif damage == "cut":
        (tmp_path / "value.json").write_text('{"type"')
    elif damage == "other type":
        kind = Example
    else:
        (tmp_path / "rows.jsonl").write_text('{"input": {}}\n')
    with pytest.raises(FormatError, match=str(tmp_path)):
        load(kind, tmp_path)
