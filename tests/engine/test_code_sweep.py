"""Every statement of real code counts, and no remark does: p2m's own modules, mutated one place at a time.

The quick form takes a sample; the slow one takes every place (P2M_CASES: at most so many per kind of change).
"""

from __future__ import annotations

import ast
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import p2m
from p2m.engine.code.syntax import read_source

PACKAGE = Path(p2m.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.read_text(encoding="utf-8").strip())
TEXTS = {path: path.read_text(encoding="utf-8") for path in MODULES}  # one moment's, whoever edits them
SEED = int(os.environ.get("P2M_SEED", "1"))
CASES = int(os.environ.get("P2M_CASES", "1000000"))


def digest(source: str) -> str:
    return read_source(source.encode(), "module.py").digest


# --------------------------------------------------------------------------- changes that mean something


def statements(tree: ast.Module) -> list[ast.stmt]:
    """Every statement that does something, in order of the text."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and not is_remark(node)]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def is_remark(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def mutated(text: str, index: int, *, delete: bool) -> str:
    """The module with the statement of that index deleted, or with one change inside it."""
    changed = ast.parse(text)
    target = statements(changed)[index]
    if delete or not change_inside(target):
        replace(changed, target, ast.Pass() if not isinstance(target, ast.Pass) else ast.Continue())
    return ast.unparse(ast.fix_missing_locations(changed))


def change_inside(statement: ast.stmt) -> bool:
    """Make the first change that this statement itself (not one nested in it) allows."""
    if isinstance(statement, (ast.If, ast.While)):
        statement.test = ast.UnaryOp(ast.Not(), statement.test)
        return True
    return any(change(node) for node in own_nodes(statement))


def own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop(0)
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def change(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        node.value = {bool: lambda v: not v, int: lambda v: v + 1, str: lambda v: v + "x"}.get(
            type(node.value), lambda v: "other"
        )(node.value)
    elif isinstance(node, ast.BinOp):
        node.op = ast.Sub() if not isinstance(node.op, ast.Sub) else ast.Add()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.Compare):
        node.ops[0] = ast.Lt() if not isinstance(node.ops[0], ast.Lt) else ast.GtE()
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        node.func.id += "_other"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node.func.attr += "_other"
    elif isinstance(node, ast.alias):
        node.name += "_other"
    else:
        return False
    return True


def replace(tree: ast.Module, target: ast.stmt, instead: ast.stmt) -> None:
    for parent in ast.walk(tree):
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and any(item is target for item in value):
                value[[item is target for item in value].index(True)] = instead
                return
    raise AssertionError(target)


def places(modules: list[Path]) -> list[tuple[Path, int, bool]]:
    """Every (module, statement, whether to delete it)."""
    return [
        (path, index, delete)
        for path in modules
        for index in range(len(statements(ast.parse(TEXTS[path]))))
        for delete in (False, True)
    ]


def check_statements(chosen: list[tuple[Path, int, bool]]) -> None:
    before: dict[Path, str] = {}
    for path, index, delete in chosen:
        if path not in before:
            before[path] = digest(TEXTS[path])
            # What is compared is written out anew, so that the mutation alone differs.
            assert digest(ast.unparse(ast.parse(TEXTS[path]))) == before[path], path
        changed = digest(mutated(TEXTS[path], index, delete=delete))
        assert changed != before[path], f"{path}: statement {index}, deleted: {delete}"


def test_a_change_of_a_statement_changes_the_digest_of_its_module() -> None:
    chance = random.Random(SEED)
    check_statements(chance.sample(places(chance.sample(MODULES, 8)), 30))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_change_of_any_statement_changes_the_digest_of_its_module() -> None:
    found = places(MODULES)
    assert len(found) > 5000
    check_statements(found[:CASES])


# --------------------------------------------------------------------------- changes that mean nothing


def without_meaning(text: str) -> Iterator[str]:
    """The module with one comment, one docstring or the layout of one line changed, for each in turn."""
    lines = text.splitlines(keepends=True)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row, column = token.start
        if token.type == tokenize.COMMENT:
            yield edited(lines, row, lines[row - 1][:column] + "# another remark, of another length\n")
            yield edited(lines, row, lines[row - 1][:column].rstrip() + "\n")
        elif token.type == tokenize.NEWLINE and not lines[token.end[0] - 1].endswith("\\\n"):
            end = lines[row - 1][:column].rstrip()
            yield edited(lines, row, f"{end}  # a new remark\n\n\n# and a line of them\n")
        elif token.type == tokenize.OP and token.string in "([{":
            yield edited(lines, row, f"{lines[row - 1][: column + 1]}  {lines[row - 1][column + 1 :]}")
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and is_remark(body[0]):
            kept = body[0]
            body[0] = ast.Expr(ast.Constant("Another docstring."))
            yield ast.unparse(ast.fix_missing_locations(tree))
            body[0] = kept
            if len(body) > 1:
                del body[0]
                yield ast.unparse(tree)
                body.insert(0, kept)


def edited(lines: list[str], row: int, line: str) -> str:
    return "".join((*lines[: row - 1], line, *lines[row:]))


def check_remarks(modules: list[Path], each: int) -> int:
    """Try at most so many changes of each module; returns how many were tried."""
    done, chance = 0, random.Random(SEED)
    for path in modules:
        text = TEXTS[path]
        before = digest(text)
        variants = list(enumerate(without_meaning(text)))
        for number, variant in chance.sample(variants, min(each, len(variants))):
            assert digest(variant) == before, f"{path}: change {number}"
            done += 1
    return done


def test_a_change_of_a_remark_or_of_the_layout_changes_no_digest() -> None:
    assert check_remarks(random.Random(SEED).sample(MODULES, 12), 16) > 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_change_of_any_remark_or_of_the_layout_changes_no_digest() -> None:
    assert check_remarks(MODULES, CASES) > min(CASES, 10000)


# --------------------------------------------------------------------------- from a module to the keys

KEYS = '''
"""Mutates a copy of p2m, module by module, and looks which steps of a recipe get another key."""
import json, modulefinder, sys
from functools import cache
from pathlib import Path
import p2m
from p2m.project import load
from p2m.engine.code import closure
from p2m.engine.code.components import components_in

root = Path(p2m.__file__).parent
assert root.parent == Path.cwd(), root
steps = [step for step in load(Path(sys.argv[1])).plan.steps if not step.is_source]
def codes():
    found = {}
    with closure.snapshot():
        for step in steps:
            parts = [closure.code_of(step.stage.function)]
            parts += [closure.component_code(each) for each in components_in(dict(step.settings))]
            found[step.name] = {name: value for part in parts for name, value in part.modules.items()}
    return found

def module_of(path):
    parts = list(path.relative_to(root.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

def try_edit(path, content):
    """The steps whose code digests differ while the file holds that content."""
    original = path.read_bytes()
    path.write_bytes(content)
    try:
        return {name for name, code in codes().items() if code != before[name]}
    finally:
        path.write_bytes(original)

before = codes()
problems, tried, reached_files, kept = [], 0, 0, 0
share = int(sys.argv[2])  # one file in so many
written = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"]
for number, path in enumerate(sorted(written)):
    if number % share:
        continue
    relative = path.relative_to(root.parent).as_posix()
    if path.suffix == ".py":
        name = module_of(path)
        if name.startswith(("p2m.engine", "p2m.types")):  # under a format version; sliced
            continue
        content = path.read_bytes() + b"\\nMUTATED = 1\\n"
        expected = {step for step, code in before.items() if name in code or relative in code}
        remark = path.read_bytes() + b"\\n\\n# a remark\\n"
        if tried % 8 == 0 and try_edit(path, remark):
            problems.append(f"a remark in {relative} counts")
    else:
        content = path.read_bytes() + b" "
        expected = {step for step, code in before.items() if relative in code}
    changed = try_edit(path, content)
    tried += 1
    reached_files += bool(expected)
    kept += not expected
    if changed != expected:
        problems.append(f"{relative}: changes {sorted(changed)}, reached by {sorted(expected)}")
# What each stage imports, found by another tool, from byte code; type checkers' imports fold away.
for path in root.rglob("*.py"):
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("if TYPE_CHECKING:", "if False:"), encoding="utf-8")
modulefinder.compile = cache(compile)
for step in steps:
    finder = modulefinder.ModuleFinder(path=[str(root.parent)])
    finder.run_script(sys.modules[step.stage.function.__module__].__file__)
    for name in finder.modules:
        own = name.startswith("p2m.") and not name.startswith(("p2m.engine", "p2m.types", "p2m.errors"))
        if own and name not in before[step.name]:
            problems.append(f"{step.name} imports {name}, which is not in its key")
print(json.dumps({"problems": problems, "tried": tried, "reached": reached_files, "kept": kept}))
'''


def test_a_key_changes_where_a_module_that_it_reaches_changed_and_nowhere_else(tmp_path: Path) -> None:
    found = changed_keys(tmp_path, share=12)
    assert found["problems"] == []
    assert found["reached"] > 8
    assert found["kept"] > 4


@pytest.mark.slow
def test_a_key_changes_for_any_module_or_text_that_it_reaches_and_no_other(tmp_path: Path) -> None:
    found = changed_keys(tmp_path, share=1)
    assert found["problems"] == []
    assert found["reached"] > 40
    assert found["kept"] > 20


def changed_keys(tmp_path: Path, *, share: int) -> dict[str, Any]:
    shutil.copytree(PACKAGE, tmp_path / "p2m")  # with byte code, which holds for files as they are
    if not (PACKAGE / "conf").exists():
        shutil.copytree(PACKAGE.parent / "conf", tmp_path / "conf")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "small.yaml").write_text("prompt: Answer the question from the passage.\n")
    (tmp_path / "sweep.py").write_text(KEYS)
    done = subprocess.run(
        [sys.executable, "-B", "sweep.py", "small.yaml", str(share)], cwd=tmp_path, capture_output=True,
        text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
