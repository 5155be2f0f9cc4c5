"""No training row may give away a row that the model is judged by, or a demonstration of the prompt.

A row goes where it has the very input of a protected row, is near one in every field, shares 13 words in a
row with one (Brown et al., 2020, appendix C), or asks the same question with the same answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from p2m.curation.rules import inputs
from p2m.curation.similar import Index, Shingled, fold
from p2m.types import Example, Task, TaskType

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

WORDS = 13  # in a row
# A run of words that this share of the training rows, and at least so many, have is a phrase of the trade
# (an instruction that every input repeats), and gives nothing away.
_PHRASE_SHARE, _PHRASE_ROWS = 0.01, 20

# Where words are not separated a character counts as one, and a run must be longer to mean as much.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_UNSPACED_WORDS = 30
_WORD = re.compile(r"[^\W_]+")


class Protected(NamedTuple):
    """A row that training must not see, and what the reasons call it."""

    name: str  # "demonstration", "test row", "validation row"
    row: Example


def contaminated(
    task: Task,
    rows: Sequence[Example],
    protected: Sequence[Protected],
    shingled: Shingled,
    *,
    threshold: float,
) -> list[str]:
    """Why each row is too close to a protected one, the strictest rule first; "" where it is not.

    `shingled` has the inputs of the rows, then those of the protected ones.
    """
    if not protected or not rows:
        return [""] * len(rows)
    rules = (
        exposed(task, rows, protected),
        _near(len(rows), protected, shingled, threshold),
        _same_question_and_answer(task, rows, protected),
        _shared_run(task, rows, protected),
    )
    return [next((reason for reason in reasons if reason), "") for reasons in zip(*rules, strict=True)]


def exposed(task: Task, rows: Sequence[Example], protected: Sequence[Protected]) -> list[str]:
    """Why each row has the very input of a protected one; "" where it has not."""
    known = {tuple(map(fold, inputs(task, row))): name for name, row in reversed(protected)}
    keys = [tuple(map(fold, inputs(task, row))) for row in rows]
    return [f"contamination: the input of a {known[key]}" if key in known else "" for key in keys]


def _near(rows: int, protected: Sequence[Protected], shingled: Shingled, threshold: float) -> list[str]:
    index = Index(shingled, threshold=threshold)
    for number in range(len(protected)):
        index.add(rows + number)
    reasons = []
    for number in range(rows):
        found = next((other for other in index.candidates(number) if index.verify(number, other)), None)
        name = "" if found is None else protected[found - rows].name
        reasons.append(name and f"contamination: nearly the input of a {name}")
    return reasons


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
    found = [known.get(key(row, row.output), "") for row in rows]
    return [f"contamination: question and answer of a {name}" if name else "" for name in found]


class _Owned(NamedTuple):
    """A run of a protected row: whose it is, and its two halves."""

    name: str
    halves: tuple[int, int]


def _shared_run(task: Task, rows: Sequence[Example], protected: Sequence[Protected]) -> list[str]:
    """Runs of words shared with a protected row, phrases of the trade aside."""
    guarded = [(name, _words(text)) for name, row in protected for text in inputs(task, row)]
    number_of = {word: n + 1 for n, word in enumerate(sorted({word for _, text in guarded for word in text}))}
    texts = [inputs(task, row) for row in rows]
    numbers = {text: _numbers(_words(text), number_of) for text in sorted({t for row in texts for t in row})}
    reasons = [""] * len(rows)
    for run, unit in ((WORDS, "words"), (_UNSPACED_WORDS, "characters")):
        owned: dict[int, _Owned] = {}
        for name, words in reversed(guarded):
            if _run_length(words) == run:
                owned.update(_protected_runs(name, _numbers(words, number_of), run))
        for number, found in enumerate(_telling(texts, numbers, owned, run)):
            if found and not reasons[number]:
                reasons[number] = f"contamination: {run} {unit} in a row of a {owned[min(found)].name}"
    return reasons


def _protected_runs(name: str, numbers: Array, run: int) -> dict[int, _Owned]:
    """The runs of a protected text with their halves, which overlap by a word where the length is odd."""
    half = (run + 1) // 2
    whole, halves = _runs(numbers, run), _runs(numbers, half)
    return {
        int(whole[n]): _Owned(name, (int(halves[n]), int(halves[n + run - half]))) for n in range(len(whole))
    }


def _telling(
    rows: Sequence[tuple[str, ...]], numbers: Mapping[str, Array], owned: Mapping[int, _Owned], run: int
) -> list[set[int]]:
    """For each row the protected runs in it of which neither half is a phrase of the trade.

    Halves, since a phrase of twelve words and one more word, which by chance is the same, tells nothing.
    """
    import numpy as np

    if not owned:
        return [set()] * len(rows)
    whole = np.array(sorted(owned), dtype=np.uint64)
    hits = {text: _hits(numbers[text], run, whole) for text in numbers}  # rows share passages: once a text
    halves = np.array(sorted({half for entry in owned.values() for half in entry.halves}), dtype=np.uint64)
    halves_of = {text: _hits(numbers[text], (run + 1) // 2, halves) for text in numbers}
    seen = Counter(half for row in rows for half in set().union(*(halves_of[text] for text in row)))
    limit = max(_PHRASE_ROWS, _PHRASE_SHARE * len(rows))
    phrases = {half for half, count in seen.items() if count > limit}
    return [
        {hit for text in row for hit in hits[text] if phrases.isdisjoint(owned[hit].halves)} for row in rows
    ]


def _hits(numbers: Array, run: int, known: Array) -> set[int]:
    """Hashes of a text's runs that are among `known` (ascending)."""
    import numpy as np

    runs = _runs(numbers, run)
    places = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    return set(map(int, runs[known[places] == runs]))


def _runs(numbers: Array, run: int) -> Array:
    """64-bit hashes of the runs of `run` words; runs with an unknown word (0) are left out."""
    import numpy as np

    if len(numbers) < run:
        return np.zeros(0, dtype=np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(numbers, run)
    windows = windows[(windows > 0).all(axis=1)]
    factors = np.random.default_rng(13).integers(1, 1 << 63, run, dtype=np.uint64) | np.uint64(1)
    mixed = windows * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    found: Array = (mixed * factors).sum(axis=1, dtype=np.uint64)
    return found


def _numbers(words: Sequence[str], number_of: Mapping[str, int]) -> Array:
    import numpy as np

    return np.array([number_of.get(word, 0) for word in words], dtype=np.uint64)


def _words(text: str) -> list[str]:
    return _WORD.findall(_UNSPACED.sub(r" \g<0> ", fold(text)))


def _run_length(text: Sequence[str]) -> int:
    """How many tokens in a row count: more where most of them are single characters of an unspaced script."""
    unspaced = sum(1 for word in text if _UNSPACED.match(word))
    return _UNSPACED_WORDS if 2 * unspaced > len(text) else WORDS
