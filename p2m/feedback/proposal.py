"""What the next build would learn of a log: new decisions, and rows that somebody must answer.

The same log twice proposes nothing the second time. What was decided in a review stands, whatever was said in
service; of what was said in service the later counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m.curation.decisions import Entry, Key, key_of, standing
from p2m.engine.files import disk
from p2m.errors import UserError
from p2m.feedback.judged import Judged
from p2m.feedback.log import Seen
from p2m.review.overlay import Overlay

UNSURE = "among the least sure"


@dataclass(frozen=True, slots=True)
class Ask:
    """A row that somebody must answer."""

    input: dict[str, str]
    output: str  # what was answered
    why: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be written, and what of the log is not."""

    decisions: Path
    asked: Path
    entries: tuple[Entry, ...]
    ask: tuple[Ask, ...]  # rows that the file of asked rows lacks
    answered: int = 0  # rows of that file that have been decided since, and go from it
    known: int = 0  # inputs that are decided so already
    overruled: tuple[Judged, ...] = ()  # a review has decided otherwise, which stands
    left: int = 0  # confirmed answers that are left aside, because only corrections are wanted

    @property
    def is_empty(self) -> bool:
        return not (self.entries or self.ask or self.answered)


def proposed(
    found: Sequence[Judged], seen: Sequence[Seen], decisions: Path, asked: Path, *,
    corrected_only: bool = False, unsure: int = 0,
) -> Proposal:  # fmt: skip
    """What the judged inputs, and at most so many of those that the model was least sure of, come to."""
    stand = standing(Overlay(decisions).entries())
    entries: list[Entry] = []
    overruled: list[Judged] = []
    known = left = 0
    for each in found:
        if each.answer is None:
            continue
        if corrected_only and each.is_confirmed:
            left += 1
            continue
        entry = Entry(each.at, each.input, each.answer, each.was, origin=each.origin)
        turns = stand.get(entry.key, {})
        reviews = [other for other in turns.values() if not other.origin]
        before = reviews or list(turns.values())
        if any(other.said == entry.said for other in before):
            known += 1
        elif reviews:
            overruled.append(each)
        elif before and before[-1].at >= entry.at:
            known += 1  # a later word on it was taken before
        else:
            entries.append(entry)
    decided = {*stand, *(entry.key for entry in entries)}
    there = read_asked(asked)
    wanted = _wanted(found, seen, decided, unsure, {key_of(values) for values in there})
    gone = sum(key_of(values) in decided for values in there)
    return Proposal(decisions, asked, tuple(entries), wanted, gone, known, tuple(overruled), left)


def _wanted(
    found: Sequence[Judged], seen: Sequence[Seen], decided: Collection[Key], unsure: int,
    there: Collection[Key],
) -> tuple[Ask, ...]:  # fmt: skip
    """Judged inputs without an answer, then those that were abstained from or had the lowest scores."""
    rows: dict[Key, Ask] = {}
    for each in found:
        key = key_of(each.input)
        if each.answer is None and key not in decided:
            rows[key] = Ask(each.input, each.was, each.why)
    judged = {key_of(each.input) for each in found}
    lines = {one.key: one for one in seen if one.judged is None and one.key not in judged}
    order = sorted(lines.values(), key=lambda one: (not one.abstain, one.score, one.key))
    for one in order[:unsure]:
        if one.key not in decided:
            rows[one.key] = Ask(dict(one.input), one.output, f"{UNSURE}: {one.score:.2f}")
    return tuple(ask for key, ask in rows.items() if key not in there)


def apply(made: Proposal) -> None:
    """Write what is proposed: decisions appended and sorted, the file of asked rows in one rename.

    Raises:
        UserError: a file cannot be written.
    """
    overlay = Overlay(made.decisions)
    if made.entries:
        overlay.append(*made.entries)
        overlay.tidy()
    if not made.ask and not made.answered:
        return
    decided = standing(overlay.entries())
    rows = [values for values in read_asked(made.asked) if key_of(values) not in decided]
    rows += [ask.input for ask in made.ask]
    _replace(made.asked, rows)


def read_asked(path: Path) -> list[dict[str, str]]:
    """The inputs of the file of asked rows, there or not yet.

    Raises:
        UserError: it is no such file.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines if line.strip()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}\n    repair it, or move it away") from None
    if not all(_is_input(row) for row in rows):
        raise UserError(f"{path}: its lines are the fields of inputs, as texts\n    move it away")
    return rows


def _is_input(row: object) -> bool:
    return isinstance(row, Mapping) and all(isinstance(text, str) for text in row.values())


def _replace(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Without rows there is no file, which a recipe cannot name."""
    text = "".join(f"{json.dumps(row, ensure_ascii=False, sort_keys=True)}\n" for row in rows)
    try:
        if not text:
            path.unlink(missing_ok=True)
            return
        disk.replace(path, text.encode())
        disk.sync_folders([path.parent])
    except OSError as error:
        raise UserError(f"{path}: the rows to ask about cannot be kept there: {error.strerror}") from None
