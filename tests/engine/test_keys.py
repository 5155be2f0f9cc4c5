"""The same key wherever and by whomever it is computed, and another one for whatever else is asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from toys import Number, Scale, count_rows, halve, read_number, tabulate, total

import p2m
from p2m.engine.keys import identify_all, make_key
from p2m.engine.plan import Plan
from p2m.engine.stage import stage
from p2m.engine.store import Store
from p2m.types import TaskType

PACKAGE = Path(p2m.__file__).parent
TOYS = Path(__file__).with_name("toys.py")
PROGRAM = '''
"""Prints the keys of a plan over given inputs, and the digest of every module of p2m."""
import json, os, sys
from pathlib import Path
if sys.argv[1]:
    os.umask(int(sys.argv[1], 8))
import p2m
from p2m.engine.keys import identify_all, make_key
from p2m.engine.plan import Plan
from p2m.engine.sources import read_source
from p2m.engine.store import Store
from p2m.engine.code.syntax import read_source as parse
from toys import Scale, count_rows, halve, read_number, tabulate
here = Path(sys.argv[2])
here.mkdir(exist_ok=True)
(here / "n.txt").write_bytes(b"10")
plan = Plan("keys")
source = plan.source("file", here / "n.txt")
half = plan.add("half", halve, plan.add("number", read_number, source), None, plus=3)
plan.add("rows", count_rows, plan.add("table", tabulate, half, None), scale=Scale(7))
identities = identify_all(plan.steps, Store(here / "store"))
made = {"file": read_source(plan.step("file")).digest}
for name, identity in identities.items():
    inputs = {edge.parameter: edge.step and made[edge.step] for edge in plan.step(name).inputs}
    made[name] = make_key(identity, inputs).value
root = Path(p2m.__file__).parent
share = int(sys.argv[3])  # one module in so many
made["modules"] = {
    path.relative_to(root).as_posix(): parse(path.read_bytes(), path.name).digest
    for path in sorted(root.rglob("*.py"))[::share]
}
print(json.dumps(made, sort_keys=True))
'''


def keys(
    root: Path, folder: Path, *, python: str = sys.executable, umask: str = "", user: int | None = None,
    share: int = 40, **environment: str,
) -> Any:  # fmt: skip
    """What the program prints in that place and environment, with the code under `root`."""
    path = f"{root}{os.pathsep}{root / 'toys'}"
    done = subprocess.run(
        [python, "-B", "-c", PROGRAM, umask, str(folder), str(share)], cwd=folder.parent, user=user,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, **environment},
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def copy_code(root: Path) -> Path:
    shutil.copytree(PACKAGE, root / "p2m", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "toys").mkdir()
    shutil.copyfile(TOYS, root / "toys" / "toys.py")
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, which nobody edits while these tests run."""
    return copy_code(tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="module")
def usual(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return keys(root, tmp_path_factory.mktemp("usual") / "here")


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "utf-8"},
        {"LC_ALL": "tr_TR.UTF-8", "LANGUAGE": "tr", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "12345", "PYTHONOPTIMIZE": "2", "TZ": "Pacific/Kiritimati", "HOME": "nowhere"},
        {"USER": "somebody", "LOGNAME": "somebody", "HOSTNAME": "elsewhere", "COLUMNS": "3", "NO_COLOR": "1"},
    ],
    ids=["locale-c", "turkish", "optimized", "somebody"],
)
def test_the_environment_is_no_part_of_a_key(
    tmp_path: Path, root: Path, usual: Any, environment: dict[str, str]
) -> None:
    home = {"HOME": str(tmp_path / environment["HOME"])} if "HOME" in environment else {}
    assert keys(root, tmp_path / "here", **environment | home) == usual


def test_neither_is_the_folder_of_the_code_of_the_data_or_of_the_work(
    tmp_path: Path, root: Path, usual: Any
) -> None:
    elsewhere = tmp_path / "an other\u00e9 place"
    shutil.copytree(root, elsewhere)
    for path in elsewhere.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert keys(elsewhere, elsewhere / "deep", umask="077") == usual


def test_neither_is_the_user(root: Path, usual: Any) -> None:
    nobody = 65534
    if os.getuid() != 0:
        pytest.skip("only root can be somebody else")
    python = os.path.realpath(sys.executable)
    try:
        subprocess.run([python, "-c", "import json"], user=nobody, cwd="/", capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this Python is not for everybody")
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)
        open_root = Path(place) / "code"
        shutil.copytree(root, open_root)
        assert keys(open_root, Path(place) / "here", python=python, user=nobody) == usual


def other_pythons() -> list[str]:
    """Interpreters of other versions on this machine that start."""
    roots = (Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions",)
    found = []
    for version in ("3.11", "3.12", "3.13", "3.14"):
        if sys.version_info[:2] == tuple(map(int, version.split("."))):
            continue
        named = shutil.which(f"python{version}")
        places = [named] if named else []
        places += [str(path) for root in roots for path in root.glob(f"{version}.*/bin/python{version}")]
        for place in places:
            if subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode == 0:
                found.append(place)
                break
    return found


def check_pythons(tmp_path: Path, root: Path, pythons: list[str], *, share: int) -> None:
    if not pythons:
        pytest.skip("there is no other Python here")
    usual = keys(root, tmp_path / "here", share=share)
    for number, python in enumerate(pythons):
        assert keys(root, tmp_path / f"here{number}", python=python, share=share) == usual, python


def test_neither_is_the_version_of_python(tmp_path: Path, root: Path) -> None:
    check_pythons(tmp_path, root, other_pythons()[-1:], share=12)


@pytest.mark.slow
def test_no_version_of_python_reads_any_module_otherwise(tmp_path: Path, root: Path) -> None:
    check_pythons(tmp_path, root, other_pythons(), share=1)


# --------------------------------------------------------------------------- what is asked for


@dataclass(frozen=True)
class Inner:
    rate: Any = 1
    kind: TaskType = TaskType.CLASSIFICATION


@dataclass(frozen=True)
class Outer:
    inner: Inner = Inner()
    extra: tuple[Inner, ...] = ()


@stage(version="1", kind="pure")
def free(first: Number, *, x: Any = None, y: Any = None) -> Number:
    return first


def key_of(tmp_path: Path, **settings: Any) -> str:
    plan = Plan("p")
    plan.add("free", free, plan.add("n", read_number, plan.source("file", tmp_path / "n.txt")), **settings)
    return make_key(identify_all(plan.steps, Store(tmp_path / "store"))["free"], {"first": "0" * 64}).value


def test_every_difference_in_a_setting_gives_another_key(tmp_path: Path) -> None:
    values: list[Any] = [
        *(1, 1.0, "1", True, "True", None, "None", "", (), {}, 0, False, 0.0, -0.0, 2**64, -1, 1e-320, "1.0"),
        *(
            ("a", "bc"),
            ("ab", "c"),
            ("abc",),
            "abc",
            (("a",), "bc"),
            {"a": "bc"},
            {"ab": "c"},
            {"a": ("bc",)},
        ),
        *("\u00e9", "e\u0301", "E\u0301", "\u212b", "\u00c5", "A\u030a", "\ufb01", "fi"),  # NFC, NFD, NFKC
        *("a", "a ", " a", "a\n", "a\r\n", "a\x00", "A", "\u0430"),  # the last one is Cyrillic
        *(TaskType.CLASSIFICATION, TaskType.TEXT_TO_TEXT, "text-classification", b"a", b"", b"1"),
        *(Inner(), Inner(rate=1.0), Inner(rate="1"), Inner(rate=True), Inner(kind=TaskType.TEXT_TO_TEXT)),
        *(Outer(), Outer(Inner(2)), Outer(extra=(Inner(),)), Outer(extra=(Inner(), Inner()))),
        *({"rate": 1, "kind": TaskType.CLASSIFICATION}, (Inner(),), {"inner": Inner()}, (1, 2), (2, 1)),
    ]
    found: dict[str, Any] = {}
    for value in values:
        key = key_of(tmp_path, x=value)
        assert key not in found, (value, found.get(key))
        found[key] = value
    assert key_of(tmp_path, x=1, y=2) != key_of(tmp_path, x=2, y=1)
    assert key_of(tmp_path, x="a", y="bc") != key_of(tmp_path, x="ab", y="c")


def test_the_order_of_settings_and_a_default_that_is_written_out_give_the_same_key(tmp_path: Path) -> None:
    assert key_of(tmp_path, x=1, y=(2, 3)) == key_of(tmp_path, y=[2, 3], x=1)
    assert key_of(tmp_path, x={"a": 1, "b": 2}) == key_of(tmp_path, x={"b": 2, "a": 1})
    assert key_of(tmp_path) == key_of(tmp_path, x=None)


def test_inputs_count_by_parameter_and_content_and_stages_by_what_they_are(tmp_path: Path) -> None:
    plan = Plan("p")
    number = plan.add("n", read_number, plan.source("file", tmp_path / "n.txt"))
    for name, made in (("sum", total), ("half", halve)):
        plan.add(name, made, number, number)
    plan.add("table", tabulate, number, None)
    plan.add("rows", count_rows, plan._refs["table"], scale=Scale(1))
    identities = identify_all(plan.steps, Store(tmp_path / "store"))
    one, two = "1" * 64, "2" * 64
    variants = [{"first": a, "second": b} for a in (one, two) for b in (one, two, None)]
    found = {
        make_key(identities[name], inputs).value for name in ("sum", "half", "table") for inputs in variants
    }
    assert len(found) == 3 * len(variants)
