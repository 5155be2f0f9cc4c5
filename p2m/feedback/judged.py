"""What people said of each input, all lines together.

A request that was judged twice counts as it was judged last. What several people said of one input counts
like votes: the answer that most of them hold right is learnt. Where none has most, or what has most is that
the answer was wrong, somebody must be asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from p2m.curation.decisions import Key
from p2m.deploy.serving.feedback import RIGHT
from p2m.feedback.log import Seen

NO_ANSWER = "judged wrong, and nobody said what is right"
DISAGREED = "people disagree about it"


@dataclass(frozen=True, slots=True)
class Judged:
    """One input, and what people hold right; `answer` None: somebody must be asked, for the reason `why`."""

    input: dict[str, str]
    answer: str | None
    was: str  # what was answered
    at: str
    origin: str
    places: tuple[str, ...]  # file:line of every line that counts
    why: str = ""
    said: tuple[tuple[str, str], ...] = ()  # where people disagree: answers with their places

    @property
    def is_confirmed(self) -> bool:
        return self.answer is not None and self.answer == self.was


def judged(lines: Iterable[Seen]) -> list[Judged]:
    """Each input that was judged, in the order in which they were first asked."""
    latest: dict[tuple[str, Key], Seen] = {}
    for seen in lines:
        if seen.judged is not None:
            latest[seen.id or seen.place, seen.key] = seen
    found: dict[Key, list[Seen]] = {}
    for seen in latest.values():
        found.setdefault(seen.key, []).append(seen)
    return [_together(votes) for votes in found.values()]


def _together(votes: Sequence[Seen]) -> Judged:
    counts = Counter(seen.answer for seen in votes).most_common(2)
    answers = {seen.answer for seen in votes if seen.answer is not None}
    is_tied = len(counts) > 1 and counts[0][1] == counts[1][1]
    winner = None if is_tied else counts[0][0]
    last = [seen for seen in votes if is_tied or seen.answer == winner][-1]
    faults = [seen.fault for seen in votes if seen.fault]
    unknown = faults[-1] if faults else NO_ANSWER
    why = "" if winner is not None else DISAGREED if is_tied and answers else unknown
    told: dict[str, str] = {}
    for seen in votes:
        held = seen.output if seen.judged == RIGHT else f"not {seen.output}"
        told.setdefault(seen.answer or held, seen.place)
    places = tuple(seen.place for seen in votes)
    differ = tuple(told.items()) if len(told) > 1 else ()
    return Judged(dict(last.input), winner, last.output, last.at, last.origin, places, why, differ)
