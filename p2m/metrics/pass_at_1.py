"""pass_at_1: the share of answers that pass the tests of their rows; the code of a model is run for it."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from p2m.engine.hashing import digest_file
from p2m.errors import StageError
from p2m.metrics.sandbox import ends_well, unfit
from p2m.types import Task, TaskType, unkeyed

_ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class PassAt1:
    """One answer a row, right where its tests end without an error (Chen et al., 2021, arXiv 2107.03374 with
    one sample); 0 to 1, over the rows that have tests.

    `tests` is a file of JSON Lines, `{"output": a right answer as the rows have it, "tests": Python}`. The
    answer runs first, its tests after it with its names; tests that use the name `answer` get its text, and
    run it themselves. Each row has a process of its own, without network, files to write or packages.
    """

    name: ClassVar[str] = "pass_at_1"
    tests: str = unkeyed("")  # relative to the recipe; "": off
    sha256: str = ""  # of that file; found by itself
    seconds: int = 5  # of processor time a row

    def __post_init__(self) -> None:
        if not self.tests:
            return
        if not Path(self.tests).is_file():
            raise ValueError(f"there is no file of tests {self.tests}")
        if self.seconds < 1:
            raise ValueError(f"seconds: {self.seconds} is too few, a row has at least 1")
        found = digest_file(Path(self.tests))
        if self.sha256 not in ("", found):
            raise ValueError(f"{self.tests} has changed: its sha256 is {found}")
        object.__setattr__(self, "sha256", found)
        _tests(self.tests, found)

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.TEXT_TO_TEXT:
            return f"pass_at_1 runs text that a model writes, and this is {task.type.value}"
        if not self.tests:
            return "it runs what a model writes, so it is off until metric.pass_at_1.tests names its tests"
        return unfit() or None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Passed or not a row, float (rows, 1); NaN where a row has no tests.

        Raises:
            StageError: this machine cannot confine a program, or the tests were edited since they were read.
        """
        import numpy as np

        known = _tests(self.tests, self.sha256)
        passed = [
            self._passes(said, tests) if tests is not None else np.nan
            for said, answers in zip(predictions, references, strict=True)
            for tests in [next((known[each] for each in answers if each in known), None)]
        ]
        return np.array(passed, dtype=float).reshape(-1, 1)

    def value(self, statistics: Any) -> float:
        import numpy as np

        known = statistics[~np.isnan(statistics)]
        return float(known.mean()) if len(known) else 0.0

    def _passes(self, said: str, tests: str) -> bool:
        uses = any(isinstance(each, ast.Name) and each.id == _ANSWER for each in ast.walk(ast.parse(tests)))
        return ends_well([tests] if uses else [said, tests], {_ANSWER: said}, seconds=self.seconds)


@lru_cache(maxsize=4)
def _tests(path: str, sha256: str) -> dict[str, str]:
    """Right answer -> its tests.

    Raises:
        ValueError: a line is no such pair, or its tests are no Python.
        StageError: the file is another one than was read before.
    """
    if digest_file(Path(path)) != sha256:
        raise StageError(f"{path} was edited while it was in use; run the command again")
    found = {}
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not in UTF-8") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            output, tests = row["output"], row["tests"]
            if not isinstance(tests, str):
                raise TypeError
            ast.parse(tests)
        except (ValueError, KeyError, TypeError, SyntaxError):
            wanted = '{"output": "...", "tests": "..."} with tests in Python'
            raise ValueError(f"{path}:{number}: {wanted} is expected, not {line[:80]}") from None
        found[str(output)] = tests
    if not found:
        raise ValueError(f"{path} has no tests: a line each of output and tests is expected")
    return found
