"""No training row may give away a row that the model is judged by, or a demonstration of the prompt.

A row goes where it has the very input of a protected row, is near one in every field, shares 13 words in a
row with one (Brown et al., 2020, appendix C), or asks the same question with the same answer.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

from p2m.curation.rules import inputs
from p2m.curation.shingles import Spooled, fold
from p2m.curation.similar import Index
from p2m.types import Example, Task, TaskType

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

WORDS = 13  # in a row
# A run of words that this share of the training rows, and at least so many, have is a phrase of the trade
# (an instruction that every input repeats), and gives nothing away.
_PHRASE_SHARE, _PHRASE_ROWS = 0.01, 20

_BATCH = 500  # rows whose words are looked at together

# Where words are not separated a character counts as one, and a run must be longer to mean as much.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_UNSPACED_WORDS = 30
_WORD = re.compile(r"[^\W_]+")


class Protected(NamedTuple):
    """A row that training must not see, and what the reasons call it."""

    name: str  # "demonstration", "test row", "validation row"
    row: Example


def contaminated(
    task: Task, rows: Sequence[Example], protected: Sequence[Protected], index: Index
) -> list[str]:
    """Why each row is too close to a protected one, the strictest rule first; "" where it is not.

    `index` has the inputs of the rows, then those of the protected ones.
    """
    if not protected or not len(rows):
        return [""] * len(rows)
    rules = (
        exposed(task, rows, protected),
        _near(len(rows), protected, index),
        _same_question_and_answer(task, rows, protected),
        _shared_run(task, rows, protected, index.folder),
    )
    return [next((reason for reason in reasons if reason), "") for reasons in zip(*rules, strict=True)]


def exposed(task: Task, rows: Sequence[Example], protected: Sequence[Protected]) -> list[str]:
    """Why each row has the very input of a protected one; "" where it has not."""
    known = {tuple(map(fold, inputs(task, row))): name for name, row in reversed(protected)}
    keys = (tuple(map(fold, inputs(task, row))) for row in rows)
    return [intern(f"contamination: the input of a {known[key]}") if key in known else "" for key in keys]


def _near(rows: int, protected: Sequence[Protected], index: Index) -> list[str]:
    found = index.first((rows, rows + len(protected)), (0, rows)).tolist()
    return [
        intern(f"contamination: nearly the input of a {protected[place - rows].name}") if place >= 0 else ""
        for place in found
    ]


def _same_question_and_answer(
    task: Task, rows: Sequence[Example], protected: Sequence[Protected]
) -> list[str]:
    """The same question with the same answer, though from another passage; for reading comprehension only."""
    if task.type is not TaskType.QUESTION_ANSWERING or len(task.inputs) < 2:
        return [""] * len(rows)
    asked = [entry.name for entry in task.inputs if entry.name != task.context_field]

    def key(row: Example, answer: str) -> tuple[str, ...]:
        return (*(fold(row.input.get(name, "")) for name in asked), fold(answer))

    known = {key(row, answer): name for name, row in reversed(protected) for answer in row.answers}
    found = (known.get(key(row, row.output), "") for row in rows)
    return [intern(f"contamination: question and answer of a {name}") if name else "" for name in found]


def _shared_run(
    task: Task, rows: Sequence[Example], protected: Sequence[Protected], folder: Path | None
) -> list[str]:
    """Runs of words shared with a protected row, phrases of the trade aside."""
    guarded = [(name, _words(text)) for name, row in protected for text in inputs(task, row)]
    number_of = {word: n + 1 for n, word in enumerate(sorted({word for _, text in guarded for word in text}))}
    sought = []
    for run, unit in ((WORDS, "words"), (_UNSPACED_WORDS, "characters")):
        theirs = [(name, _numbers(words, number_of)) for name, words in guarded if _run_length(words) == run]
        sought.append((unit, _Runs(theirs, run, folder)))
    for first in range(0, len(rows), _BATCH):
        numbers, places = array("Q"), array("q")
        for place, row in enumerate(rows[first : first + _BATCH]):
            for text in inputs(task, row):
                numbers.extend(map(number_of.get, _words(text), repeat(0)))  # type: ignore[arg-type]
                numbers.append(0)
            places.extend(repeat(first + place, len(numbers) - len(places)))
        for _, runs in sought:
            runs.look(numbers, places)
    reasons = [""] * len(rows)
    for unit, runs in sought:
        for number, name in runs.telling(len(rows)):
            reasons[number] = reasons[number] or intern(
                f"contamination: {runs.run} {unit} in a row of a {name}"
            )
    return reasons


class _Runs:
    """Runs of protected texts, of one length, and which rows have them.

    The halves of a run overlap by a word where the length is odd.
    """

    def __init__(self, guarded: Sequence[tuple[str, Array]], run: int, folder: Path | None) -> None:
        import numpy as np

        self.run = run
        self._half = (run + 1) // 2
        self._names = [name for name, numbers in guarded for _ in range(max(0, len(numbers) - run + 1))]
        whole = [_runs(numbers, run)[1] for _, numbers in guarded]
        halves = [_runs(numbers, self._half)[1] for _, numbers in guarded]
        self._whole, self._owner = np.unique(_together(whole), return_index=True)
        rest = run - self._half
        long = [part for part in halves if len(part) > rest]
        ends = _together([part[:-rest] for part in long]), _together([part[rest:] for part in long])
        self._halves = np.unique(_together(ends))
        self._ends = [np.searchsorted(self._halves, end[self._owner]) for end in ends]
        self._seen = np.zeros(len(self._halves), dtype=np.int64)
        self._hits = Spooled([("row", "<u4"), ("run", "<u4")], folder)

    def look(self, numbers: Sequence[int], owners: Sequence[int]) -> None:
        """Find the runs in the words of some rows: their numbers, 0 after each text, and the row of each."""
        import numpy as np

        if not len(self._whole):
            return
        words, of = np.array(numbers), np.array(owners)
        rows, halves = _hits(words, of, self._half, self._halves)
        self._seen += np.bincount(halves, minlength=len(self._seen))
        rows, whole = _hits(words, of, self.run, self._whole)
        hits = np.zeros(len(rows), dtype=self._hits.dtype)
        hits["row"], hits["run"] = rows, whole
        self._hits.append(hits)

    def telling(self, rows: int) -> Iterator[tuple[int, str]]:
        """Of each row that has such a run of which neither half is a phrase of the trade: whose it is.

        Halves, since a phrase of twelve words and one more word, which by chance is the same, tells nothing.
        """

        is_phrase = self._seen > max(_PHRASE_ROWS, _PHRASE_SHARE * rows)
        tells = ~(is_phrase[self._ends[0]] | is_phrase[self._ends[1]])
        told = -1
        for start in range(0, len(self._hits), 1 << 20):
            hits = self._hits.read(start, min(start + (1 << 20), len(self._hits)))
            for row, run in hits[tells[hits["run"]]].tolist():  # by row, then by run
                if row != told:
                    yield row, self._names[self._owner[run]]
                told = row


def _hits(numbers: Array, owners: Array, run: int, known: Array) -> tuple[Array, Array]:
    """Rows, and the places in `known` (ascending) of the runs that they have, each pair once."""
    import numpy as np

    places, runs = _runs(numbers, run)
    found = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    is_known = known[found] == runs
    pairs = np.unique(owners[places[is_known]] * len(known) + found[is_known])
    rows, which = np.divmod(pairs, len(known))
    return rows, which


def _runs(numbers: Array, run: int) -> tuple[Array, Array]:
    """Where each run of `run` words begins, and its 64-bit hash; none has an unknown word (0)."""
    import numpy as np

    unknown = np.concatenate([[0], np.cumsum(numbers == 0)])
    places = np.flatnonzero(unknown[run:] == unknown[:-run])
    factors = np.random.default_rng(13).integers(1, 1 << 63, run, dtype=np.uint64) | np.uint64(1)
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    found = np.zeros(len(places), dtype=np.uint64)
    for shift, factor in enumerate(factors):
        found += mixed[places + shift] * factor
    return places, found


def _together(parts: Sequence[Array]) -> Array:
    import numpy as np

    return np.concatenate([np.zeros(0, dtype=np.uint64), *parts])


def _numbers(words: Sequence[str], number_of: Mapping[str, int]) -> Array:
    import numpy as np

    return np.array([number_of[word] for word in words], dtype=np.uint64)


def _words(text: str) -> list[str]:
    folded = fold(text)
    return _WORD.findall(folded if folded.isascii() else _UNSPACED.sub(r" \g<0> ", folded))


def _run_length(text: Sequence[str]) -> int:
    """How many tokens in a row count: more where most of them are single characters of an unspaced script."""
    unspaced = sum(1 for word in text if _UNSPACED.match(word))
    return _UNSPACED_WORDS if 2 * unspaced > len(text) else WORDS
