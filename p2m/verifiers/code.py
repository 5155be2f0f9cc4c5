"""code: the answer parses as what it should be written in; nothing of it is run."""

from __future__ import annotations

import ast
import json
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from p2m.types import Example, Task, TaskType


@dataclass(frozen=True, slots=True)
class Code:
    """Syntax alone: Python by its own parser, or a document in JSON, TOML, YAML or XML."""

    name: ClassVar[str] = "code"
    language: Literal["python", "json", "toml", "yaml", "xml"] = "python"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.TEXT_TO_TEXT:
            return f"code is free text, and this is {task.type.value}"
        return None

    def fault(self, task: Task, row: Example) -> str | None:
        try:
            _PARSERS[self.language](row.output)
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            return f"no {self.language}: {str(error).splitlines()[0][:120] if str(error) else 'too deep'}"
        return None


def _python(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ast.parse(text)


def _yaml(text: str) -> None:
    import yaml

    try:
        yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _xml(text: str) -> None:
    from xml.etree import ElementTree

    if "<!ENTITY" in text:
        raise ValueError("entities are declared, which may grow without end")
    ElementTree.fromstring(text)


_PARSERS: dict[str, Callable[[str], object]] = {
    "python": _python,
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": _yaml,
    "xml": _xml,
}
