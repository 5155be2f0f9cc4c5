"""The laws of digests, and golden vectors that hold the encoding still."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.engine import hashing
from p2m.engine.hashing import digest, digest_tree, parse_tree, plain, tree_entries, tree_object
from p2m.types import TaskType, Training

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@dataclass(frozen=True)
class Pair:
    a: Any
    b: Any = None


@dataclass(frozen=True)
class Twin:
    a: Any
    b: Any = None


@dataclass
class Loose:
    a: int = 1


class Color(Enum):
    RED = 1
    GREEN = 1.0


def strictly_equal(left: Any, right: Any) -> bool:
    """Equality that tells 1 from 1.0 from True, and 0.0 from -0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(strictly_equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(strictly_equal(left[key], right[key]) for key in left)
    return repr(left) == repr(right)


@given(VALUES, VALUES)
def test_two_values_share_a_digest_only_if_they_are_the_same(left: Any, right: Any) -> None:
    assert (digest(left) == digest(right)) == strictly_equal(left, right)


@given(VALUES, st.data())
def test_changing_one_leaf_changes_the_digest(value: Any, data: st.DataObject) -> None:
    other = data.draw(LEAVES)
    for spot in _spots(value):
        changed = _replaced(value, spot, other)
        assert (digest(changed) == digest(value)) == strictly_equal(changed, value)


def _spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, (list, dict)):
        keys = range(len(value)) if isinstance(value, list) else value
        return [spot for key in keys for spot in _spots(value[key], (*path, key))]
    return [path]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


@given(st.dictionaries(st.text(max_size=5), LEAVES, min_size=2), st.randoms())
def test_the_order_of_keys_does_not_count(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(value)


@given(VALUES)
def test_a_plain_tree_survives_json(value: Any) -> None:
    import json

    tree = plain(value)
    again = json.loads(json.dumps(tree))
    assert hashing.digest_tree_of_plain(again) == digest(value)


def test_values_that_python_calls_equal_differ() -> None:
    values = [1, 1.0, "1", True, None, "", 0, False, 0.0, -0.0, [], {}, b"", b"1", "None", float("inf")]
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"a": "bc"}) != digest({"ab": "c"})
    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert digest([["a"], "b"]) != digest([["a", "b"]])


def test_a_dataclass_counts_by_its_class_and_every_field() -> None:
    values = [Pair(1, 2), Pair(2, 1), Pair(1, None), Twin(1, 2), {"a": 1, "b": 2}]
    spoofed = {"$type": hashing.qualified_name(Pair), "a": 1, "b": 2}
    assert len({digest(value) for value in [*values, spoofed]}) == len(values) + 1
    assert digest(Training(patience=3)) == digest(Training())
    assert digest(Training(patience=2)) != digest(Training())


def test_enum_members_count_by_name_and_not_as_their_value() -> None:
    assert digest(TaskType.CLASSIFICATION) != digest("text-classification")
    assert digest(Pair(TaskType.CLASSIFICATION)) != digest(Pair(TaskType.TEXT_TO_TEXT))


def test_a_tuple_is_the_same_sequence_as_a_list() -> None:
    assert digest((1, (2, 3))) == digest([1, [2, 3]])


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, float("nan")]}, "value['a'][1]"),
        (Pair({"x": Path("/tmp")}), "value.a['x']"),
        ([{1: 2}], "value[0]"),
        (Pair(Loose()), "value.a"),
        ({"s": {1, 2}}, "value['s']"),
        ([lambda: 1], "value[0]"),
        ("\ud800", "value"),
        (type("Sub", (int,), {})(3), "value"),
    ],
)
def test_what_is_not_plain_data_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(TypeError) as caught:
        digest(value)
    assert str(caught.value).startswith(f"{path} ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "4f5bc0f53b49d491c47ef2cb42fd4213ff305be2626faa7a69c6e014982e9f6a"),
        (
            {"b": [1, 1.5, "é", True, None], "a": {"$x": -0.0}},
            "50f20181c47b84783a237e12c8db105c528c4f565b433565e28ca5d37e17a285",
        ),
        (Training(), "ea7d069d78377a4e1f0334a4309920a9926520383fc895a5b44f9e46b6650174"),
        (
            (TaskType.CLASSIFICATION, b"\x00", 10**30, -7, float("-inf")),
            "4344ebfc0629fffae2fe8d335413b3d733e46132666ff744b6ae6ac16ed81dde",
        ),
    ],
)
def test_golden_digests_hold_the_encoding_still(value: Any, expected: str) -> None:
    assert digest(value) == expected


GOLDEN = [
    (True, "489a26c119b3e09f390ddfab2ce91aab65cd71bc72ae75b8042c40483fe27085"),
    (False, "ed87d162af08998ea9c96370614182cba497df42016f618d5fc1749c273bdd5f"),
    (0, "b2c3ec9ee77c46e7fb17495bf6ea86694e077dbf4046e09b1ae3ea637910cbf4"),
    (1, "6a00516f1b1f3614ce7db2dd3a40a9aa6108338840d6ff62cd88e6e99d5a2d40"),
    (1.0, "5823bd7d6025b4efbf782f5f70d01147c52b238cda784f1370ff2846a012593e"),
    ("1", "97cd08b1784f6f21074a58410e1d22737cf28e379e062781fd59df84076f689d"),
    (-0.0, "e89088ab52dbc616b3fefad02b313cd29329dbc58871e899f4d8f6058a0a68ae"),
    (0.0, "8f9c68116bd7035721bad9e0fe1b68b4c3b17474a12dad8724c929a72bc4a1ee"),
    (float("inf"), "62ea13993f3fc1ff7bf39030af6db1b47fedd830ee378c01724eedf8b2ce8843"),
    (1e-320, "da073f7f94b729440c92199e0391685c44d838060e7a3914d24f3e88d228caff"),
    ("", "90854938bb44823f39b5f8b321f36032375fc622f459acda19fd7c2bbf56fecb"),
    ("\u00e9", "a355e1d479764d35ea6494ba2a90ae5695b95e7b9fd982b2fc5aa4f3c8270567"),
    ("e\u0301", "39bfa62f5c77ef3594ef8e6532274fa9dab36e34d0f0b9e9a7e696b650ae305a"),
    ([], "b19ecd64a74647289c9f11e3c45b98b31620128b8aead01aa3ebe165d18ee762"),
    ({}, "cc7a8da2ee3a614ab761fd462279337909a6176904a841340e64c3c445a108bf"),
    (b"", "0f2412f7e34950eea5617e9aecb270cdc3e65e2e72bd70feabe49f87dee2e470"),
    ({"$type": "x"}, "f1b58e4b5b14fa34121a68ed3f920f1d5f192b84ae0da3b12e86dea67e354609"),
    ({"a": {"b": [1, [2.5, None]]}}, "63e22238afd0b98770c92e1ab2c59eed0e8be18d34cb69886c897cf0956bc7e8"),
    (TaskType.CLASSIFICATION, "8456c6d9f331de9ced2c01beb64719ebcffe516a351f0d1916bdc8e2b49057c2"),
]


@pytest.mark.parametrize(("value", "expected"), GOLDEN)
def test_golden_digests_of_every_kind_of_value(value: Any, expected: str) -> None:
    assert digest(value) == expected


def test_the_encoding_is_what_the_rules_say_byte_for_byte() -> None:
    def sha(text: bytes) -> str:
        return hashlib.sha256(b"s12:p2m.value.v1" + text).hexdigest()

    assert digest(1) == sha(b"i1;")
    assert digest(-255) == sha(b"i-ff;")
    assert digest("\u00e9") == sha("s2:\u00e9".encode())
    assert digest([None, True, 1.5]) == sha(b"l3:n;b1;f0x1.8000000000000p+0;")
    assert digest({"b": "", "a": {}}) == sha(b"d2:s1:ad0:s1:bs0:")
    assert digest(b"\x01") == sha(b"d1:s6:$bytess2:01")
    assert digest({"$bytes": "01"}) == sha(b"d1:s7:$$bytess2:01")


def test_golden_digests_of_a_key_and_of_a_folder() -> None:
    key = hashing.digest_tree_of_plain({"inputs": {"a": "0" * 64, "b": None}}, tag="p2m.step.v1")
    assert key == "ca6aa8be8bfe83ca6d7cf65fab222cc94d27ba3dc532ffb434fa78145f0b254f"
    entries = (hashing.TreeEntry("a b/\u00e9", "0" * 64, 3), hashing.TreeEntry("empty/", "", 0))
    assert (
        hashing.digest_bytes(tree_object(entries))
        == "25a514c4370c3c0000c47fb2ec3c6a5da3df695fd3c120ec975a00f296a1ac52"
    )


NESTED = st.recursive(
    LEAVES | st.sampled_from([Color.RED, Color.GREEN, TaskType.CLASSIFICATION]),
    lambda inner: (
        st.builds(Pair, inner, inner)
        | st.builds(Twin, inner, inner)
        | st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from(["a", "b", "$type", "$$type", "$enum", "name"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(NESTED, NESTED)
def test_nested_dataclasses_and_enums_share_a_digest_only_if_they_are_the_same(left: Any, right: Any) -> None:
    assert (digest(left) == digest(right)) == strictly_equal(plain(left), plain(right))
    assert (plain(left) == plain(right)) or digest(left) != digest(right)


def test_the_digest_of_a_folder_ignores_modes_times_and_the_order_of_writing(tmp_path: Path) -> None:
    for name, order in (("one", ("b", "a")), ("two", ("a", "b"))):
        (tmp_path / name / "sub" / "empty").mkdir(parents=True)
        for file in order:
            (tmp_path / name / "sub" / file).write_bytes(file.encode())
    (tmp_path / "two" / "sub" / "a").chmod(0o755)
    os.utime(tmp_path / "two" / "sub" / "b", (1, 1))
    assert digest_tree(tmp_path / "one") == digest_tree(tmp_path / "two")
    assert digest_tree(tmp_path / "one") == "a5822ed3218ac89515644cbea71626c868500f1868ab7f52bbf3e40a2f96d013"
    (tmp_path / "two" / "sub" / "a").rename(tmp_path / "two" / "a")
    assert digest_tree(tmp_path / "one") != digest_tree(tmp_path / "two")
    (tmp_path / "one" / "sub" / "empty").rmdir()
    assert digest_tree(tmp_path / "one") != "a5822ed3218ac89515644cbea71626c868500f1868ab7f52bbf3e40a2f96d013"


def test_a_tree_object_holds_odd_names(tmp_path: Path) -> None:
    for name in ("a b", "new\nline", 'quote"', "é", "- 0 x"):
        (tmp_path / name).write_text(name)
    entries = tree_entries(tmp_path)
    assert parse_tree(tree_object(entries)) == entries
    assert len(entries) == 5


def test_links_inside_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="link"):
        digest_tree(tmp_path)
