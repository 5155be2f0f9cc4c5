"""YAML with the line of every value, read strictly and the same way for recipes and for our own groups.

Three departures from PyYAML, each against a silent mistake: a key may stand only once in a mapping; only
`true` and `false` are booleans and only plain decimals are numbers (YAML 1.2), so the labels `yes` and `no`,
the language `no` and the time `12:30` stay text; and the prompt, the examples and the labels, which are a
user's own words, keep exactly what was written, `2012` and `1.50` included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from p2m.errors import Problem, RecipeError

MAX_VALUES = 100_000  # in one file, aliases counted as often as they are used
_TEXT = re.compile(
    r"prompt|examples\[\d+\](\.input|\.output|\.input\..+|\.also\[\d+\])"
    r"|task\.(none|labels\[\d+\]|descriptions\..+|record\.([^.]+|.+\.labels)\[\d+\]|layout\.(between|pair))"
)
_TRUE_FALSE = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {".inf": float("inf"), "-.inf": float("-inf"), "+.inf": float("inf"), ".nan": float("nan")}
_BLOCK = re.compile(r":\s+[|>][-+\d]*\s*(#.*)?$")  # the key of a text in the lines below
_VALUE = re.compile(r":\s+[^\s|>&#]")  # a key with its value on the same line
_KEY = re.compile(r"\s*(- +)?[\w.-]+:(\s|$)")
_CONTAINERS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_NULL = ("", "~", "null", "Null", "NULL")
QUICK: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, which explains mistakes less well


@dataclass(frozen=True)
class Marked:
    """A YAML file as plain data, and the line (from 1) on which each config path was written."""

    path: Path
    text: str
    value: Any
    lines: Mapping[str, int] = field(default_factory=dict)


def join(path: str, key: str | int) -> str:
    """A config path one step deeper: `a.b` or `a[0]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def read_marked(path: Path, *, is_ours: bool = False) -> Marked:
    """Read a YAML file; one of our own is read once, and ten times as fast.

    Raises:
        RecipeError: it is missing, not UTF-8, or not YAML as we read it; with the line where there is one.
    """
    if is_ours:
        with suppress(OSError):  # said below
            found = path.stat()
            return _ours(path, (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        hint = "save the file as UTF-8 and run the same command again"
        raise _refusal(path, line, f"not UTF-8 (byte 0x{error.object[error.start]:02x})", hint) from error
    except OSError as error:
        raise RecipeError([Problem(f"cannot be read: {error.strerror}", where=show(path))]) from error
    return parse_marked(text, path)


@lru_cache(maxsize=256)
def _ours(path: Path, _stamp: tuple[int, ...]) -> Marked:
    return parse_marked(path.read_text(encoding="utf-8"), path, loader=QUICK)


def parse_marked(text: str, path: Path, *, loader: Any = yaml.SafeLoader) -> Marked:
    """As `read_marked`, of a text that stands, or would stand, in `path`."""
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise _refusal(path, line, f"not YAML: {_reason(error)}", _advice(text, line)) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        message = f"not YAML: the character U+{int(error.character):04X} is not allowed"
        raise _refusal(path, line, message, "remove it, or write it as an escape in double quotes") from error
    except RecursionError as error:
        raise _refusal(path, 1, "nested too deeply", "") from error
    if root is None:
        return Marked(path, text, None)
    walker = _Walker(path)
    try:
        value = walker.plain(root, "")
    except RecursionError as error:
        raise _refusal(path, 1, "nested too deeply, or an alias that contains itself", "") from error
    if walker.problems:
        raise RecipeError(walker.problems)
    return Marked(path, text, value, walker.lines)


def show(path: Path, line: int | None = None) -> str:
    """`file:line`, relative to the working directory where the file lies under it."""
    try:
        shown = path.resolve().relative_to(Path.cwd().resolve())
    except (ValueError, OSError, RuntimeError):  # not below, or a loop of links
        shown = path
    return f"{shown.as_posix()}:{line}" if line else shown.as_posix()


class _Walker:
    """Nodes to plain data, gathering lines and problems on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self.values = 0

    def plain(self, node: yaml.Node, at: str) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            raise _refusal(self.path, node.start_mark.line + 1, f"holds more than {MAX_VALUES} values", "")
        if at:
            self.lines.setdefault(at, node.start_mark.line + 1)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _CONTAINERS:
            self._problem(node.start_mark.line + 1, at, f"the tag {node.tag} is not allowed", "remove it")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, join(at, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, at)

    def _mapping(self, node: yaml.MappingNode, at: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == "tag:yaml.org,2002:merge":
                merged = self._merge(value, at) | merged
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._problem(line, at, "a key must be a plain word", "")
                continue
            name = str(key.value)
            if name in found:
                self._problem(
                    line, join(at, name), "the key stands twice in this mapping", "keep one of the two"
                )
            self.lines[join(at, name)] = line
            found[name] = self.plain(value, join(at, name))
        return merged | found

    def _merge(self, node: yaml.Node, at: str) -> dict[str, Any]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in reversed(parts):
            if isinstance(part, yaml.MappingNode):
                merged |= self._mapping(part, at)
            else:
                self._problem(part.start_mark.line + 1, at, "`<<` takes a mapping", "")
        return merged

    def _scalar(self, node: yaml.Node, at: str) -> Any:
        text, kind = str(node.value), node.tag.rpartition(":")[2]
        quoted = isinstance(node, yaml.ScalarNode) and bool(node.style)
        if not quoted and kind == "null" and text in _NULL:
            return None
        if kind not in ("str", "null", "bool", "int", "float", "timestamp", "merge", "value"):
            self._problem(node.start_mark.line + 1, at, f"the tag {node.tag} is not allowed", "remove it")
            return None
        if quoted or _TEXT.fullmatch(at):
            return text
        return plain_scalar(text)

    def _problem(self, line: int, at: str, message: str, hint: str) -> None:
        self.problems.append(Problem(message, at, show(self.path, line), hint))


def plain_scalar(text: str) -> Any:
    """What an unquoted scalar stands for: null, a boolean, a number, else its own text."""
    if text in _NULL:
        return None
    if text in _TRUE_FALSE:
        return _TRUE_FALSE[text]
    if _INTEGER.fullmatch(text):
        return int(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return _SPECIAL.get(text.lower(), text)


def _reason(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return ", ".join(parts) or "it cannot be parsed"


def _advice(text: str, line: int) -> str:
    """What to do about the usual mistakes, told from the line itself."""
    lines = text.splitlines()
    bad = lines[line - 1] if line <= len(lines) else ""
    if "\t" in bad[: len(bad) - len(bad.lstrip())] or bad.lstrip(" ").startswith("\t"):
        return "indent with spaces: YAML forbids tabs"
    indentation = _misplaced(lines, line - 1) if line <= len(lines) else ""
    if indentation:
        return indentation
    if re.match(r"\s*(- )?[\w.]+:\S", bad):
        return "put a blank after the colon"
    if bad.count(": ") > 1:
        return "put text that contains a colon in quotes, or use a block: `prompt: |`"
    return "put text with special characters in quotes, or use a block: `prompt: |`"


def _misplaced(lines: list[str], at: int) -> str:
    """What to do about the line at index `at` where it begins in a column in which it may not, else ""."""
    above = [line for line in lines[:at] if line.strip() and not line.lstrip().startswith("#")]
    if not above or not lines[at].strip():
        return ""
    begins, before, columns = _column(lines[at]), _column(above[-1]), {_column(line) for line in above}
    for head, below in pairwise([*above[-2:], lines[at]]):
        if _BLOCK.search(head) and _column(below) <= _column(head):
            return "indent the text below the `|` or `>`, by two blanks, say"
    too_deep = begins > before and _KEY.match(lines[at]) and _VALUE.search(above[-1])
    if too_deep or (begins < before and begins not in columns):
        known = " or ".join(str(column) for column in ([before] if too_deep else sorted(columns)))
        return f"the indentation is wrong: begin the line with {known} blanks, not {begins}"
    return ""


def _column(line: str) -> int:
    """In which column a line begins, from 0."""
    return len(line) - len(line.lstrip(" "))


def _refusal(path: Path, line: int, message: str, hint: str) -> RecipeError:
    return RecipeError([Problem(message, where=show(path, line), hint=hint)])
