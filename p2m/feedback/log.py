"""The lines of feedback logs, read for a task: what holds is kept, what does not is said with file and line.

A log is appended to by servers that may be killed, and is nothing that a user writes by hand: one damaged
line costs that line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from p2m.answers.canonical import Unfit, canonical_of
from p2m.curation.base import answer_fault
from p2m.curation.decisions import Key, key_of
from p2m.deploy.serving.feedback import RIGHT, WRONG
from p2m.deploy.serving.shapes import write_number
from p2m.errors import UserError
from p2m.sizes import short
from p2m.types import Example, Task

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_JUDGED = (RIGHT, WRONG, None)


@dataclass(frozen=True, slots=True)
class Seen:
    """One line: a row that was asked, what was answered, and what somebody said of it."""

    place: str  # file:line
    at: str  # UTC, to the microsecond: as texts they sort like the times
    id: str  # of the request
    bundle: str
    origin: str  # "server" or "demo"
    input: dict[str, str]
    output: str  # canonical, where the task has such an answer
    score: float
    abstain: bool
    judged: str | None  # RIGHT, WRONG, or None: seen only
    answer: str | None = None  # canonical: what would be right; of RIGHT the output
    fault: str = (
        ""  # of what was said to be right and is no answer of the task, why; then there is no `answer`
    )

    @property
    def key(self) -> Key:
        return key_of(self.input)


@dataclass(frozen=True, slots=True)
class Read:
    """What logs hold for a task."""

    lines: tuple[Seen, ...]  # in the order of their times
    damaged: tuple[str, ...]  # "file:line: what is wrong" with a line, or with its answer


def read_logs(task: Task, paths: Sequence[Path], since: str = "") -> Read:
    """Every line of the logs, each once, from the time `since` on: a day, or a time as lines have it.

    Raises:
        UserError: a log cannot be read, or `since` is no time.
    """
    try:
        since = since and _utc(since)
    except (ValueError, OverflowError):
        raise UserError(
            f"--since {since}: a day such as 2026-01-31 or a time such as 2026-01-31T09:05"
        ) from None
    found: dict[tuple[Any, ...], Seen] = {}
    damaged: list[str] = []
    for path in paths:
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            raise UserError(f"{path}: the log cannot be read: {error.strerror}") from None
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            place = f"{path}:{number}"
            try:
                seen = _seen(task, place, line)
            except ValueError as error:
                damaged.append(f"{place}: {error}")
                continue
            if seen.at >= since:
                found.setdefault((seen.at, seen.id, seen.key, seen.judged, seen.answer), seen)
                damaged += [f"{place}: {seen.fault}; somebody must answer it"] * bool(seen.fault)
    return Read(tuple(sorted(found.values(), key=lambda seen: seen.at)), tuple(damaged))


def _utc(text: str) -> str:
    """Raises ValueError or OverflowError where it is no time; one without an offset is in UTC."""
    at = datetime.fromisoformat(text)
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _seen(task: Task, place: str, line: bytes) -> Seen:
    """Raises ValueError with what is wrong with the line."""
    try:
        told = json.loads(line.decode("utf-8"))
        json.dumps(told, ensure_ascii=False).encode()
    except UnicodeError:
        raise ValueError("is not UTF-8, or holds half of a character") from None
    except (ValueError, RecursionError):
        raise ValueError("is no JSON, perhaps cut off by a power failure") from None
    if not isinstance(told, dict):
        raise ValueError('is no line of a feedback log, e.g. {"at": ..., "input": ..., "output": ...}')
    at, values, judged = told.get("at"), told.get("input"), told.get("judged")
    try:
        at = _utc(at if isinstance(at, str) and _TIME.fullmatch(at) else "")
    except ValueError:
        raise ValueError(f"`at` is a time such as 2026-01-31T09:05:00.000000Z, not {at!r}") from None
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        raise ValueError("`input` holds the texts of the input's fields, by name")
    names = [each.name for each in task.inputs]
    if values.keys() != set(names):
        raise ValueError(f"has the fields {', '.join(sorted(values))}, and the task has {', '.join(names)}")
    if judged not in _JUDGED:
        raise ValueError(f'`judged` is "{RIGHT}", "{WRONG}" or null, not {judged!r}')
    if told.get("output") is None:
        raise ValueError("lacks its `output`, what was answered")
    score = told.get("score", 0.0)
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
        raise ValueError(f"`score` is a number from 0 to 1, not {score!r}")
    output = _or_as_it_is(task, values, told["output"])
    answer, fault = None, ""
    try:
        if judged == RIGHT:
            answer = _answer(task, values, told["output"])
        elif judged == WRONG:
            answer = _answer(task, values, told.get("answer"))
            if answer == output:
                same = short(output, 60)
                raise ValueError(f"it was judged wrong, and corrected to the same answer, {same!r}")
    except ValueError as error:
        answer, fault = None, str(error)
    origin = str(told.get("from") or "server")
    return Seen(
        place, at, str(told.get("id", "")), str(told.get("bundle", "")), origin, values, output, float(score),
        told.get("abstain") is True, judged, answer, fault,
    )  # fmt: skip


def _answer(task: Task, values: Mapping[str, str], value: Any) -> str | None:
    """What would be right, as p2m spells it.

    Raises:
        ValueError: it is no answer of the task.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = _text(value)
    try:
        said = canonical_of(task, [text]).write(text, values[task.context_field])
    except Unfit as error:
        raise ValueError(f"the answer {short(text, 60)!r}: {error}") from None
    if fault := answer_fault(task, Example(dict(values), said)):
        raise ValueError(f"the answer {short(text, 60)!r}: {fault}")
    return said


def _or_as_it_is(task: Task, values: Mapping[str, str], value: Any) -> str:
    """What was answered; by a model of another revision it may be none of the task's answers."""
    try:
        return _answer(task, values, value) or ""
    except ValueError:
        return _text(value).strip()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return write_number(value) if abs(value) < 1e300 else str(value)
    return json.dumps(value, ensure_ascii=False)
