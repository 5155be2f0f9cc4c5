"""A Python module as what it does: its digest without comments and docstrings, and what it imports.

The tree is written out by own rules instead of `ast.dump`, whose output differs between Python versions:
empty fields are left out, so a field that a later version adds changes nothing while it is not used.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from p2m.engine.files import disk
from p2m.engine.hashing import digest_bytes
from p2m.engine.slots import TAKES

TAG = "p2m.code.v1"
_KEPT = 5000  # files at most that are remembered between processes
_IGNORED = frozenset(("ctx", "type_comment", "kind", "type_ignores"))
_IMPORTERS = frozenset(("import_module", "__import__"))
# What a stage declares of the machine it likes to run on, and a component: it cannot change what is made.
_STAGE_MODULE = f"{__name__.partition('.code.')[0]}.stage"
_RESOURCES = frozenset(("cpus", "memory", "gpus"))
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where statements hold others
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Import:
    """One import: `from <dots><module> import <names>`, or `import <module>` with no names."""

    module: str
    level: int  # leading dots
    names: tuple[str, ...]

    def absolute(self, package: str) -> str:
        """The module's full name, seen from a module of `package`."""
        if not self.level:
            return self.module
        base = package.split(".")
        base = base[: len(base) - (self.level - 1)]
        return ".".join([*base, self.module] if self.module else base)


@dataclass(frozen=True)
class Source:
    """A parsed module."""

    digest: str
    imports: tuple[Import, ...]
    content: bytes

    def slice_digest(self, names: Iterable[str], *, whole: bool = False) -> str:
        """The digest of those top-level definitions and of what they name in turn."""
        if whole:
            return self.digest
        wanted = sorted(set(names))
        label = f"{digest_bytes(self.content)} {' '.join(wanted)}"
        if label not in _slices:
            _slices[label] = self._slice(wanted)
        return _slices[label]

    def _slice(self, names: Iterable[str]) -> str:
        defined = _definitions(self.content)
        waiting = [name for name in names if name in defined]
        reached = set(waiting)
        while waiting:
            mentioned = defined[waiting.pop()][1]
            waiting.extend(mentioned - reached)
            reached |= mentioned
        parts = [f"{name}={defined[name][0]}" for name in sorted(reached)]
        return digest_bytes("\n".join((TAG, *parts)).encode())


@lru_cache(maxsize=4)
def _definitions(content: bytes) -> dict[str, tuple[str, frozenset[str]]]:
    """Of every top-level definition of a module its digest, and those that it mentions."""
    tree = ast.parse(content)
    _drop_resources(tree)
    defined = {name: node for node in tree.body for name in _defined(node)}
    return {name: (_digest(node), frozenset(_names(node) & defined.keys())) for name, node in defined.items()}


def read_source(content: bytes, path: str) -> Source:
    """Parse a module.

    Raises:
        SyntaxError: with `path` as its file.
    """
    seal = digest_bytes(content)
    if seal not in _known:
        tree = ast.parse(content, filename=path)
        _drop_resources(tree)
        # An identifier of other than ASCII letters may be spelt in several ways.
        has_calls = not content.isascii() or any(name.encode() in content for name in _IMPORTERS)
        _known[seal] = (_digest(tree), tuple(dict.fromkeys(_imports(tree, has_calls=has_calls))))
    return Source(*_known[seal], content)


# What parsing gave, by the digest of the file's content: a pure function of it, so it may be kept on disk.
_known: dict[str, tuple[str, tuple[Import, ...]]] = {}
_slices: dict[str, str] = {}  # content's digest and the names asked for -> digest of those definitions
_recalled: dict[Path, int] = {}  # file -> how many it held


def memory_file() -> Path:
    """Where that is remembered for all stores: the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p2m" / "code.json"


def recall(file: Path) -> None:
    """Take in what an earlier process parsed; a file that does not match its own seal is ignored."""
    if file in _recalled:
        return
    _recalled[file] = 0
    try:
        seal, _, body = file.read_bytes().partition(b"\n")
        if seal.decode() != digest_bytes(body):
            return
        record = json.loads(body)
        if record["tag"] != TAG:
            return
        for content, (digest, imports) in record["known"].items():
            found = tuple(Import(module, level, tuple(names)) for module, level, names in imports)
            _known.setdefault(content, (digest, found))
        _slices.update(record["slices"])
        _recalled[file] = len(record["known"]) + len(record["slices"])
    except (OSError, ValueError, KeyError, TypeError):
        return


def retain(file: Path) -> None:
    """Keep what was parsed for the next process; failing to is harmless."""
    count = len(_known) + len(_slices)
    if count <= _recalled.get(file, 0):
        return
    known = {
        content: [digest, [[wanted.module, wanted.level, wanted.names] for wanted in imports]]
        for content, (digest, imports) in list(_known.items())[-_KEPT:]
    }
    slices = dict(list(_slices.items())[-_KEPT:])
    body = json.dumps({"tag": TAG, "known": known, "slices": slices}).encode()
    with suppress(OSError):
        disk.replace(file, digest_bytes(body).encode() + b"\n" + body, durable=False)
        _recalled[file] = count


def _digest(node: ast.AST) -> str:
    parts: list[str] = [TAG]
    _write(node, parts)
    return digest_bytes("".join(parts).encode("utf-8", "surrogatepass"))


def _write(value: object, parts: list[str]) -> None:
    """Append the canonical text of a node, a list or a constant; every piece is delimited."""
    if isinstance(value, ast.AST):
        kind: Any = type(value)
        parts.append(f"({kind.__name__}")
        for name, label in _fields(kind):
            child: Any = getattr(value, name, _ABSENT)
            if child is _ABSENT or child == [] or (child is None and name != "value"):
                continue
            parts.append(label)
            if type(child) is str:
                parts.append(f"s{len(child)}:{child}")
            else:
                _write(_merged(child) if kind is ast.JoinedStr else child, parts)
        parts.append(")")
    elif isinstance(value, list):
        parts.append("[")
        for item in value:
            if not _is_remark(item):
                _write(item, parts)
                parts.append(",")
        parts.append("]")
    elif isinstance(value, str):
        parts.append(f"s{len(value)}:{value}")
    else:
        parts.append(f"<{type(value).__name__}:{value!r}>")


@cache
def _fields(kind: Any) -> tuple[tuple[str, str], ...]:
    """Of a sort of node the fields that count, each with what is written before its value."""
    return tuple((name, f" {name}=") for name in kind._fields if name not in _IGNORED)


def _merged(pieces: list[ast.expr]) -> list[ast.expr]:
    """The pieces of an f-string with neighbouring texts joined, which Python versions split differently."""
    merged: list[ast.expr] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if isinstance(piece, ast.Constant) and isinstance(last, ast.Constant):
            merged[-1] = ast.Constant(str(last.value) + str(piece.value))
        elif not (isinstance(piece, ast.Constant) and piece.value == ""):
            merged.append(piece)
    return merged


def _is_remark(node: object) -> bool:
    """A docstring, or another constant that stands alone and does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _imports(tree: ast.Module, *, has_calls: bool) -> Iterator[Import]:
    """Every import, wherever it stands, but those for the type checker alone.

    `has_calls`: whether a call may import too; else expressions are passed over, which are most of a module.
    """
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, 0, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Import(node.module or "", node.level, tuple(alias.name for alias in node.names))
        elif isinstance(node, ast.Call):
            yield from _dynamic(node)
        if has_calls:
            waiting.extend(ast.iter_child_nodes(node))
        else:
            waiting.extend(child for name in _BLOCKS for child in getattr(node, name, ()))


def _dynamic(call: ast.Call) -> Iterator[Import]:
    """`import_module("literal")`; what is computed cannot be seen here."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _IMPORTERS and call.args and isinstance(call.args[0], ast.Constant):
        module = call.args[0].value
        if isinstance(module, str) and module and not module.startswith("."):
            yield Import(module, 0, ())


def _drop_resources(tree: ast.Module) -> None:
    """Take the declared resources out of the decorators of stages, and those of components out of classes."""
    names = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == _STAGE_MODULE
        for alias in node.names
        if alias.name == "stage"
    }
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            node.body = [each for each in node.body if getattr(each, "name", "") != TAKES]
        for call in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names:
                call.keywords = [word for word in call.keywords if word.arg not in _RESOURCES]


def _is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"


def _defined(node: ast.stmt) -> tuple[str, ...]:
    """The names that a top-level statement defines."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return (node.name,)
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return tuple(target.id for target in targets if isinstance(target, ast.Name))


def _names(node: ast.AST) -> set[str]:
    """Every name that a definition mentions, those in text annotations too."""
    found = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            found.add(child.id)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str) and child.value.isidentifier():
            found.add(child.value)
    return found
