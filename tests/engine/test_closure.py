"""What counts as a stage's code: everything that it reaches by import, and no remark about it."""

from __future__ import annotations

import ast
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import p2m.types
from p2m.engine.code import closure, syntax
from p2m.engine.code.closure import code_of, component_code
from p2m.engine.code.components import components_in, is_component
from p2m.engine.code.loading import edited_since
from p2m.engine.code.syntax import Import, read_source
from p2m.engine.hashing import digest
from p2m.engine.keys import identify_all, recall_code
from p2m.engine.store import Store

_numbers = itertools.count()


def code_digest(function: Callable[..., Any]) -> str:
    return digest(dict(code_of(function).modules))


def component_digest(component: object) -> str:
    return digest(dict(component_code(component).modules))


FILES = {
    "__init__.py": '"""A package."""\n__version__ = "1"\n',
    "stages/__init__.py": "",
    "stages/work.py": (
        '"""Why."""\n'
        "from __future__ import annotations\n"
        "import json\n"
        "from typing import TYPE_CHECKING\n"
        "from ..helpers import add  # a relative import\n"
        "if TYPE_CHECKING:\n"
        "    import PACKAGE.only_types\n"
        "def work(x):\n"
        '    """What."""\n'
        "    from PACKAGE.late import later\n"
        "    import numpy\n"
        "    # a comment\n"
        "    return later(add(x))\n"
    ),
    "helpers/__init__.py": "from PACKAGE.helpers.sums import add\n",
    "helpers/sums.py": "LIMIT = 10\ndef add(x):\n    y = x + 1\n    return y if y < LIMIT else LIMIT\n",
    "helpers/prompt.txt": "Be brief.\n",
    "helpers/weights.npz": "0.1",
    "helpers/notes.md": "not code\n",
    "helpers/frames/deep/people.txt": "Ada\n",
    "helpers/frames/plugin.py": "x = 1  # by path\n",
    "helpers/package/__init__.py": "",
    "helpers/package/own.txt": "of an unused package\n",
    "late.py": "def later(x):\n    return -x\n",
    "unused.py": "x = 1\n",
    "only_types.py": "x = 1\n",
    "parts/__init__.py": "",
    "parts/scale.py": (
        "from dataclasses import dataclass\n"
        "from PACKAGE.late import later\n"
        "@dataclass(frozen=True)\n"
        "class Scale:\n"
        "    by: int = 2\n"
        "    def apply(self, x):\n"
        "        return later(x) * self.by\n"
        "@dataclass(frozen=True)\n"
        "class Sizes:\n"
        "    a: int = 1\n"
    ),
}


class Package:
    """A package on disk, imported once; files may be edited afterwards."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root / name, name
        for path, content in FILES.items():
            self.write(path, content)

    def write(self, path: str, content: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content.replace("PACKAGE", self.name), encoding="utf-8")

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def load(self, module: str, member: str) -> Any:
        return getattr(importlib.import_module(f"{self.name}.{module}"), member)


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Package]:
    made = Package(tmp_path, f"toy_package_{next(_numbers)}")
    sys.path.insert(0, str(tmp_path))
    yield made
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == made.name]:
        del sys.modules[name]


@pytest.fixture
def work(package: Package) -> Callable[..., Any]:
    function: Callable[..., Any] = package.load("stages.work", "work")
    return function


def test_the_closure_follows_imports_inside_functions_and_relative_ones(package: Package, work: Any) -> None:
    code = code_of(work)
    names = {name.removeprefix(package.name).lstrip("./") for name in code.modules}
    assert names == {
        *("stages", "stages.work", "helpers", "helpers.sums", "late"),
        *("helpers/prompt.txt", "helpers/frames/deep/people.txt", "helpers/frames/plugin.py"),
        "helpers/weights.npz",
    }
    assert code.packages == ("numpy",)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("stages/work.py", "# a comment", "# another comment, and a longer one"),
        ("stages/work.py", '"""Why."""', '"""Because."""'),
        ("stages/work.py", '    """What."""\n', ""),
        ("stages/work.py", "return later(add(x))", "return later(\n        add(x)\n    )"),
        ("unused.py", "x = 1", "x = 2"),
        ("only_types.py", "x = 1", "x = 2"),
        ("helpers/notes.md", "not", "never"),
        ("helpers/frames/plugin.py", "by path", "by its path"),
        ("helpers/package/own.txt", "unused", "used"),
        ("__init__.py", '"1"', '"2"'),
    ],
)
def test_what_cannot_change_a_result_changes_no_digest(
    package: Package, work: Any, path: str, old: str, new: str
) -> None:
    before = code_digest(work)
    assert old in package.read(path)
    package.write(path, package.read(path).replace(old, new))
    assert code_digest(work) == before


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("stages/work.py", "later(add(x))", "later(add(x) + 0)"),
        ("helpers/__init__.py", "add\n", "add\nEXTRA = 1\n"),
        ("helpers/prompt.txt", "brief", "verbose"),
        ("helpers/weights.npz", "0.1", "0.2"),
        ("helpers/frames/deep/people.txt", "Ada", "Bob"),
        ("helpers/frames/plugin.py", "1", "2"),
        ("late.py", "-x", "+x"),
        ("stages/work.py", '    """What."""\n', '    x = """What."""\n'),
        ("stages/work.py", "add(x)", "add(*x)"),
    ],
)
def test_what_can_change_a_result_changes_the_digest(
    package: Package, work: Any, path: str, old: str, new: str
) -> None:
    before = code_digest(work)
    assert old in package.read(path)
    package.write(path, package.read(path).replace(old, new))
    assert code_digest(work) != before


def test_every_mutated_statement_of_a_helper_changes_the_digest(package: Package, work: Any) -> None:
    """A sweep: each constant, operator and name of the helper is changed in turn."""
    source = package.read("helpers/sums.py")
    seen = {code_digest(work)}
    mutants = list(_mutants(source))
    for mutant in mutants:
        package.write("helpers/sums.py", mutant)
        seen.add(code_digest(work))
    assert len(mutants) >= 12
    assert len(seen) == len(mutants) + 1
    package.write("helpers/sums.py", source)
    assert code_digest(work) in seen


def _mutants(source: str) -> Iterator[str]:
    count = sum(1 for _ in ast.walk(ast.parse(source)))
    for index in range(count):
        tree = ast.parse(source)
        node = list(ast.walk(tree))[index]
        if isinstance(node, ast.Constant):
            node.value += 1
        elif isinstance(node, ast.Name):
            node.id += "_"
        elif isinstance(node, ast.BinOp):
            node.op = ast.Sub()
        elif isinstance(node, ast.Compare):
            node.ops = [ast.LtE()]
        elif isinstance(node, ast.FunctionDef):
            node.body = node.body[::-1]
        else:
            continue
        yield ast.unparse(ast.fix_missing_locations(tree))


def test_a_deleted_or_new_prompt_file_changes_the_digest(package: Package, work: Any) -> None:
    before = code_digest(work)
    package.write("helpers/second.txt", "More.")
    second = code_digest(work)
    (package.root / "helpers/second.txt").unlink()
    assert second != before == code_digest(work)
    (package.root / "helpers/prompt.txt").unlink()
    assert code_digest(work) != before


def test_a_component_brings_its_own_closure(package: Package) -> None:
    scale = package.load("parts.scale", "Scale")()
    before = component_digest(scale)
    package.write("late.py", "def later(x):\n    return x\n")
    assert component_digest(scale) != before


def test_components_are_frozen_dataclasses_that_act(package: Package) -> None:
    scale, sizes = package.load("parts.scale", "Scale"), package.load("parts.scale", "Sizes")
    assert is_component(scale())
    assert not is_component(sizes())
    assert not is_component(3)
    found = components_in({"a": (scale(3), {"b": scale(4)}), "c": sizes()})
    assert found == (scale(3), scale(4))


def test_of_the_shared_types_only_what_is_imported_counts() -> None:
    text = Path(p2m.types.__file__).read_text(encoding="utf-8")
    source = read_source(text.encode(), "types.py")
    grown = read_source((text + "\n\nclass Stranger:\n    x = 1\n").encode(), "types.py")
    changed = read_source(text.replace('source: str = ""', 'source: str = "?"').encode(), "types.py")
    assert source.slice_digest(["Examples"]) == grown.slice_digest(["Examples"])
    assert source.slice_digest(["Examples"]) != changed.slice_digest(["Examples"])  # by way of Example
    assert source.slice_digest(["Device"]) == changed.slice_digest(["Device"])
    assert source.digest != grown.digest


def test_the_engine_and_the_errors_are_no_code_of_a_stage() -> None:
    import toys

    code = code_of(toys.total.function)
    assert set(code.modules) == {"toys", "p2m.types"}


def test_a_module_that_was_edited_after_it_was_loaded_is_noticed(package: Package, work: Any) -> None:
    assert closure.stale_modules(code_of(work)) == ()
    package.write("helpers/sums.py", "def add(x):\n    return 0\n")
    assert closure.stale_modules(code_of(work)) == (f"{package.name}.helpers.sums",)
    importlib.reload(sys.modules[f"{package.name}.helpers.sums"])
    assert closure.stale_modules(code_of(work)) == ()


def test_files_that_change_after_the_code_was_read_are_named(package: Package, work: Any) -> None:
    code = code_of(work)
    assert edited_since([code]) == ()
    package.write("helpers/prompt.txt", "Be wordy.\n")
    assert edited_since([code]) == (f"{package.name}/helpers/prompt.txt",)


EVERYTHING = '''
"""Docs."""
from __future__ import annotations
import a.b as c, d
from . import e
@decorate(1, *xs, k=2, **kw)
class A(B, metaclass=M):
    """Docs."""
    x: int = 1
    async def f(self, a, /, b: int = 2, *args, c, d=None, **kw) -> str:
        async with p as q, r:
            return [y async for y in await z if y]
def g():
    try:
        yield from h(f"{x!r:>{w}} {y=}" "tail")
    except* (E, F) as err:
        raise X from err
    else:
        del a[1:2, ::3], b.c
    finally:
        pass
    match v:
        case {"k": [1, *_], **rest} | C(x=1) if n:
            global G
        case None | True | -1.5 | "s" | b"b" | 2j:
            nonlocal_ = lambda x, y=1: (x := y) if not x else ...
    while 1 < a <= b is not c in d:
        a @= b // c ** ~d
        continue
    for i, *j in k: break
    else: assert t, "m"
    return {1: 2, **m}, {1, 2}, {k: v for k, v in i}, (x for x in y)
'''


def test_the_digest_of_all_syntax_is_golden_so_that_no_python_version_changes_it() -> None:
    digest = read_source(EVERYTHING.encode(), "everything.py").digest
    assert digest == "3d4f3143d78ac2416a76034de45ed32117e28105951aa919aeffb8108a60418d"
    assert read_source(EVERYTHING.replace('"""Docs."""', '"""D."""').encode(), "x.py").digest == digest


def test_a_function_without_a_file_is_refused() -> None:
    namespace: dict[str, Any] = {"__name__": "nowhere_to_be_found"}
    exec("def f(): pass", namespace)
    with pytest.raises(TypeError, match="was not found"):
        code_digest(namespace["f"])


def test_what_was_parsed_is_remembered_between_processes_and_never_trusted_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "code.json"
    content = b"from a.b import c\nimport d\nx = 1\n"
    fresh = read_source(content, "x.py")
    syntax.retain(file)
    for damaged in (False, True):
        if damaged:
            file.write_bytes(file.read_bytes().replace(b'"a.b"', b'"a.z"'))
        monkeypatch.setattr(syntax, "_known", {})
        monkeypatch.setattr(syntax, "_recalled", {})
        syntax.recall(file)
        assert bool(syntax._known) is not damaged
        assert read_source(content, "x.py") == fresh


def test_what_was_parsed_for_one_store_is_known_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    read_source(b"import a.b\n", "x.py")
    identify_all([], Store(tmp_path / "nowhere", make=False))
    assert not (tmp_path / "cache").exists(), "nothing is made by who only looks"
    identify_all([], Store(tmp_path / "one"))
    monkeypatch.setattr(syntax, "_known", {})
    monkeypatch.setattr(syntax, "_recalled", {})
    recall_code(Store(tmp_path / "two"))
    assert any(Import("a.b", 0, ()) in imports for _, imports in syntax._known.values())


IMPORTS = """
try:
    import a
except ImportError:
    import b
else:
    import c
finally:
    import d
match x:
    case 1:
        import e
async def f():
    async with g() as h:
        for i in j:
            while k:
                if l:
                    pass
                elif m:
                    import n
class O:
    def p(self):
        import q
"""


@pytest.mark.parametrize("more", ["", "import_module('r')\n", "import_modul\uff45('r')\n"])
def test_an_import_is_found_wherever_it_stands(more: str) -> None:
    found = {each.module for each in read_source((IMPORTS + more).encode(), "x.py").imports}
    assert found == {*"abcdenq", *("r" if more else "")}
