"""What people decided about rows: the lines of a decisions file, and what they come to for each input.

A line is one decision, JSON with sorted keys, about an input by its texts; lines are sorted by them, so that
two branches of a repository merge. `pass` tells readings by several people, or by one at several times. Of
one input and pass the latest line counts; of several passes the answer that most of them give. `from` says
of a line that `p2m feedback` wrote where it was said: its row is learnt from, and judges no model.
"""

from __future__ import annotations

import json
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from p2m.curation.checks import malformed
from p2m.curation.repeats import same_input
from p2m.curation.rules import shown
from p2m.engine.rows import joined, picked
from p2m.errors import DataError, nearest
from p2m.sizes import on_a_line
from p2m.types import FEEDBACK, Count, Decided, Decisions, Example, Task, TaskType

SOURCE = "user:people"  # of rows that people decided
REJECTED = "rejected in review"
DISPUTED = "passes of the review disagree, and none has a majority"
REPLACED = "people decided about its input"
_OF_REFUSED = "people refused its dataset"
_TOLD = 5  # wrong lines of which one error tells
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_MARKS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_LABEL_KEYS = frozenset(("at", "edited", "from", "input", "output", "pass", "undone", "was"))
_DATASET_KEYS = frozenset(("at", "dataset", "use"))

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: an answer to an input, or that a dataset is used."""

    at: str  # UTC, 2026-01-31T09:05:00.000Z
    input: dict[str, str] = field(default_factory=dict)
    output: str | None = None  # None: the row is rejected
    was: str = ""  # the answer that was shown; "" where there was none
    edited: dict[str, str] = field(default_factory=dict)  # the input as it should read; {}: as it is
    turn: int = 1  # `pass`
    undone: bool = False  # the decision before is taken back
    dataset: str = ""
    use: bool = True
    origin: str = ""  # `from`: "server" or "demo" of what was said in service; "" of a review

    @property
    def key(self) -> Key:
        """The input by content: blanks and the coding of accents do not count."""
        return key_of(self.input)

    @property
    def said(self) -> tuple[str | None, Key]:
        """What two passes agree on or not."""
        return self.output, key_of(self.edited)

    @property
    def order(self) -> tuple[Any, ...]:
        """Where the line stands in its file."""
        return self.dataset, self.key, self.turn, self.at

    def line(self) -> str:
        """Without its line break."""
        if self.dataset:
            told: dict[str, Any] = {"at": self.at, "dataset": self.dataset, "use": self.use}
        else:
            told = {"at": self.at, "input": self.input, "pass": self.turn}
            told |= {"undone": True} if self.undone else {"output": self.output, "was": self.was}
            told |= {"edited": self.edited} if self.edited else {}
            told |= {"from": self.origin} if self.origin else {}
        return json.dumps(told, ensure_ascii=False, sort_keys=True)


def key_of(values: Mapping[str, str]) -> Key:
    """An input by content."""
    return tuple(
        sorted((name, " ".join(unicodedata.normalize("NFC", t).split())) for name, t in values.items())
    )


def read_entries(path: Path) -> list[Entry]:
    """Every line of a decisions file, in its order.

    Raises:
        DataError: with file and line, of several wrong ones the first.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8: {error}") from None
    found, wrong = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                found.append(_entry(line))
            except ValueError as error:
                wrong.append(f"{path}:{number}: {error}")
    if wrong:
        more = [f"... {len(wrong)} such lines in all"] if len(wrong) > _TOLD else []
        raise DataError("\n    ".join([*wrong[:_TOLD], *more]))
    return found


def _entry(line: str) -> Entry:
    """Raises ValueError with what is wrong with the line."""
    if line.startswith(_MARKS):
        raise ValueError("a merge left its marks: keep the lines of both sides, and take the marks out")
    try:
        told = json.loads(line)
    except ValueError:
        raise ValueError("is no JSON; take the line out, or complete it") from None
    if not isinstance(told, dict):
        raise ValueError('is no decision, e.g. {"input": {"text": "..."}, "output": "...", "pass": 1, ...}')
    known = _DATASET_KEYS if "dataset" in told else _LABEL_KEYS
    for name in told:
        if name not in known:
            raise ValueError(f"unknown key {name!r}; {nearest(name, known)}")
    at = told.get("at")
    if not (isinstance(at, str) and _TIME.fullmatch(at)):
        raise ValueError(f"`at` is a time such as 2026-01-31T09:05:00.000Z, not {at!r}")
    if "dataset" in told:
        dataset, use = told["dataset"], told.get("use")
        if not (isinstance(dataset, str) and dataset and isinstance(use, bool)):
            raise ValueError("of a dataset `dataset` is its name, and `use` is true or false")
        return Entry(at, dataset=dataset, use=use)
    return _of_row(at, told)


def _of_row(at: str, told: Mapping[str, Any]) -> Entry:
    values, turn, undone = told.get("input"), told.get("pass"), told.get("undone", False)
    if not _is_texts(values) or not values:
        raise ValueError("`input` holds the texts of the input's fields, by name")
    if isinstance(turn, bool) or not isinstance(turn, int) or turn < 1:
        raise ValueError(f"`pass` is a number from 1 on, not {turn!r}")
    if not isinstance(undone, bool):
        raise ValueError(f"`undone` is true or left out, not {undone!r}")
    if not undone and "output" not in told:
        raise ValueError("lacks its `output`: an answer, or null where the row is rejected")
    output, was, edited = told.get("output"), told.get("was", ""), told.get("edited", {})
    if not isinstance(output, str | None) or not isinstance(was, str):
        raise ValueError("`output` is a text, or null where the row is rejected, and `was` is a text")
    if not _is_texts(edited) or (edited and edited.keys() != values.keys()):
        raise ValueError("`edited` holds the texts of the same fields as `input`")
    origin = told.get("from", "")
    if not isinstance(origin, str):
        raise ValueError(f"`from` is a text or left out, not {origin!r}")
    return Entry(at, values, output, was, edited, turn, undone, origin=origin)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def standing(entries: Iterable[Entry]) -> dict[Key, dict[int, Entry]]:
    """By input and pass the decision that stands: the latest, where it was not taken back."""
    latest: dict[tuple[Key, int], Entry] = {}
    for entry in entries:
        if not entry.dataset and not _is_older(entry, latest.get((entry.key, entry.turn))):
            latest[entry.key, entry.turn] = entry
    found: dict[Key, dict[int, Entry]] = {}
    for (key, turn), entry in latest.items():
        if not entry.undone:
            found.setdefault(key, {})[turn] = entry
    return found


def datasets(entries: Iterable[Entry]) -> dict[str, bool]:
    """Whether people want each dataset that they were asked about."""
    latest: dict[str, Entry] = {}
    for entry in entries:
        if entry.dataset and not _is_older(entry, latest.get(entry.dataset)):
            latest[entry.dataset] = entry
    return {name: entry.use for name, entry in sorted(latest.items())}


def _is_older(entry: Entry, other: Entry | None) -> bool:
    return other is not None and entry.at < other.at


def compacted(entries: Sequence[Entry]) -> list[Entry]:
    """The lines that decide something, sorted."""
    stand = [entry for turns in standing(entries).values() for entry in turns.values()]
    wanted = datasets(entries)
    last = {entry.dataset: entry for entry in entries if entry.dataset and entry.use == wanted[entry.dataset]}
    return sorted((*stand, *last.values()), key=lambda entry: entry.order)


def verdict(turns: Mapping[int, Entry]) -> Entry | None:
    """What the passes over one input come to; None where they disagree without a majority."""
    said = Counter(entry.said for entry in turns.values()).most_common(2)
    if len(said) > 1 and said[0][1] == said[1][1]:
        return None
    agreed = [turns[turn] for turn in sorted(turns) if turns[turn].said == said[0][0]]
    return min(agreed, key=lambda entry: bool(entry.origin))  # a review's, where one says the same


def agreement(found: Mapping[Key, Mapping[int, Entry]]) -> dict[str, float]:
    """Over the inputs of several passes: their number, the share of pairs of decisions that agree, and
    Krippendorff's alpha of them (1970; 1: perfect, 0: as chance would have it), where it is defined."""
    several = [[entry.said for entry in turns.values()] for turns in found.values() if len(turns) > 1]
    if not several:
        return {}
    pairs = [(a == b, 2 / (len(said) - 1)) for said in several for a, b in combinations(said, 2)]
    total = sum(len(said) for said in several)
    observed = sum(weight for same, weight in pairs if same) / total
    counts = Counter(each for said in several for each in said)
    chance = sum(number * (number - 1) for number in counts.values()) / (total * (total - 1))
    figures = {"passes_rows": float(len(several)), "passes_agree": observed}
    return figures if chance == 1 else figures | {"passes_alpha": (observed - chance) / (1 - chance)}


# --------------------------------------------------------------------------- for a task


def decide(task: Task, entries: Sequence[Entry], name: str) -> Decisions:
    """What the lines of the file `name` come to for a task.

    Raises:
        DataError: an answer that is none of the task's, or an input with other fields; of several the first.
    """
    stand = standing(entries)
    found: list[Decided] = []
    wrong: list[str] = []
    for key in sorted(stand):
        turns = stand[key]
        first = next(iter(turns.values()))
        if fault := _foreign(task, first.input):
            wrong.append(f"{name}: the decision about {_cut(first.input)} {fault}")
            continue
        agreed = verdict(turns)
        row = None if agreed is None or agreed.output is None else _row(agreed)
        if row is not None and (fault := answer_fault(task, row)):
            wrong.append(f"{name}: the decision about {_cut(first.input)}: {fault}")
        why = DISPUTED if agreed is None else "" if row else REJECTED
        found.append(Decided(first.input, row, why))
    if wrong:
        more = [f"... {len(wrong)} such decisions in all"] if len(wrong) > _TOLD else []
        raise DataError("\n    ".join([*wrong[:_TOLD], *more]))
    refused = tuple(each for each, use in datasets(entries).items() if not use)
    return Decisions(tuple(found), refused, tuple(_counts(stand)), agreement(stand))


def answer_fault(task: Task, row: Example) -> str:
    """What is wrong with a row that people decided, and what would help; "" where nothing is."""
    (fault,) = malformed(task, [row])
    if task.type is TaskType.CLASSIFICATION and task.labels and row.output not in task.labels:
        return f"{row.output!r} is none of the labels; {nearest(row.output, task.labels)}"
    return fault


def _foreign(task: Task, values: Mapping[str, str]) -> str:
    names = [each.name for each in task.inputs]
    if values.keys() == set(names):
        return ""
    return f"has the fields {', '.join(sorted(values))}, and the task has {', '.join(names)}"


def _row(entry: Entry) -> Example:
    assert entry.output is not None
    return Example(entry.edited or entry.input, entry.output, source=FEEDBACK if entry.origin else SOURCE)


def _cut(values: Mapping[str, str]) -> str:
    return repr(on_a_line(values, most=60))


def _counts(stand: Mapping[Key, Mapping[int, Entry]]) -> Iterable[Count]:
    """What was done, each with an example."""
    done: dict[str, list[Entry]] = {}
    for turns in stand.values():
        agreed = verdict(turns)
        deed = "in review: in dispute" if agreed is None else _deed(agreed)
        done.setdefault(deed, []).append(agreed or next(iter(turns.values())))
    for deed in sorted(done):
        first = done[deed][0]
        yield Count(deed, len(done[deed]), shown(Example(first.input, first.output or "")))


def _deed(entry: Entry) -> str:
    is_changed = entry.edited or (entry.was and entry.was != entry.output)
    if entry.origin:
        return f"in service: {'corrected' if is_changed else 'confirmed'}"
    if entry.output is None:
        return "in review: rejected"
    if is_changed:
        return "in review: edited"
    return f"in review: {'accepted' if entry.was else 'labelled'}"


# --------------------------------------------------------------------------- for curation


@dataclass(frozen=True, slots=True)
class Settled:
    """Rows after people: those that they decided first, and how many others went for each reason."""

    rows: tuple[Example, ...]
    dropped: tuple[Count, ...]


def settled(task: Task, rows: Sequence[Example], decisions: Decisions) -> Settled:
    """The rows with what people decided in place of what they decided about."""
    known = {same_input(task, Example(each.input, "")): each for each in decisions.found}
    taken: dict[tuple[str, ...], Example] = {}
    rest = array("q")
    gone: dict[str, Count] = {}

    def drop(row: Example, why: str) -> None:
        said = gone.setdefault(why, Count(f"dropped: {why}", 0, shown(row)))
        gone[why] = replace(said, rows=said.rows + 1)

    for number, row in enumerate(rows):
        key = same_input(task, row)
        decision = known.get(key)
        if decision is not None and decision.row is not None and key not in taken:
            taken[key] = _in_place_of(row, decision.row)
        elif decision is not None:
            drop(row, decision.why or REPLACED)
        elif _dataset(row) in decisions.refused:
            drop(row, _OF_REFUSED)
        else:
            rest.append(number)
    new = [each.row for key, each in known.items() if each.row is not None and key not in taken]
    return Settled(
        joined((*taken.values(), *new), picked(rows, rest)), tuple(gone[why] for why in sorted(gone))
    )


def _in_place_of(row: Example, decided: Example) -> Example:
    """The decided row, with what else counts as right where its answer was among these."""
    also = tuple(each for each in row.answers if each != decided.output)
    is_known = decided.output in row.answers and decided.input == row.input
    return replace(decided, also=also if is_known else (), group=row.group)


def _dataset(row: Example) -> str:
    """Of a retrieved row, the dataset that it is from: `retrieved:snips:train` is of snips."""
    origin, _, source = row.source.partition(":")
    return source.rpartition(":")[0] or source if origin == "retrieved" else ""
