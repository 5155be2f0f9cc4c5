"""Whether what is asked in service is still what the model was made for.

Inputs are held against the rows that it learnt from, answers and scores against those that it gave to the
rows that judged it. Both come from the store, as the build of the bundle that stands left them; that is found
by what it made and not by the keys of today, so that another p2m finds it too.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from p2m.curation.base import Shingled, clusters
from p2m.curation.base import inputs as texts_of
from p2m.curation.decisions import Key, key_of
from p2m.delivery import MANIFEST
from p2m.deploy.answered import NAME, as_lines
from p2m.deploy.serving.command import CHECKSUMS
from p2m.deploy.serving.settings import BundleError, Settings
from p2m.engine.journal import runs
from p2m.engine.running.work import load_artifact
from p2m.engine.store import DamagedError, Store
from p2m.errors import P2MError, StoreError
from p2m.feedback.log import Seen
from p2m.feedback.statistics import Test, distances, nearest, shares
from p2m.types import Evaluated, Example, Judged, Split, Task, TaskType

LEVEL = 0.01  # how often a look at service that has not changed says that it has, all figures together
FEWEST = 30  # rows of each side, below which no figure is looked at
_MOST_INPUTS, _MOST = 500, 2000  # rows of each side that are looked at, by lot
_RUNS = 20  # that are looked through for the one that made the bundle
_SHOWN = 5

Encode = Callable[[Sequence[Mapping[str, str]]], Any]  # inputs to vectors of unit length


@dataclass(frozen=True, slots=True)
class Made:
    """What the build of a bundle left: the rows that it learnt from, and its answers to those that judged."""

    learnt: tuple[Example, ...]
    judged: tuple[Judged, ...]
    digests: frozenset[str]  # of the bundle, as logs have it behind the @ of its name
    abstain: float = 0.0  # the score below which it abstains


@dataclass(frozen=True, slots=True)
class _Look:
    """A comparison that is ready: rows of each side, and what makes the test at a level, with its words."""

    what: str
    service: int
    others: int
    test: Callable[[float], tuple[Test, str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison, with what it says in words."""

    what: str  # "inputs", "answers", "abstentions" or "scores"
    test: Test
    service: int  # rows
    others: int
    says: str


@dataclass(frozen=True, slots=True)
class Drift:
    """What was compared, and why other things were not."""

    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()  # inputs of the service that are least like anything learnt

    @property
    def is_seen(self) -> bool:
        return any(figure.test.differs for figure in self.figures)


def find_made(store: Store, name: str, bundle: Path) -> Made | None:
    """What the build of that bundle left; None where the store does not have it."""
    try:
        wanted = (bundle / NAME).read_text(encoding="utf-8")
        settings = Settings.read(bundle / "model")
    except (OSError, ValueError, BundleError):
        return None
    for run in islice(runs(store, name), _RUNS):
        steps = run.steps
        if not all(step in steps and steps[step].output for step in ("split", "evaluate")):
            continue
        try:
            evaluated = load_artifact("evaluate", Evaluated, steps["evaluate"].output, store)
            if as_lines(evaluated.rows) == wanted:
                parts = load_artifact("split", Split, steps["split"].output, store)
                return Made(parts.train, evaluated.rows, bundle_digests(bundle), settings.abstain)
        except (DamagedError, StoreError):
            continue
    return None


def bundle_digests(bundle: Path) -> frozenset[str]:
    """Of its checksums or, where it came without, of its manifest; what it is served as may be any name."""
    found = [file.read_bytes() for file in (bundle / CHECKSUMS, bundle / MANIFEST) if file.is_file()]
    return frozenset(hashlib.sha256(each).hexdigest()[:12] for each in found)


def drift(task: Task, lines: Sequence[Seen], made: Made, encode: Encode, *, near: float = 0.9) -> Drift:
    """Compare what service saw with what the model was made for; of inputs that are `near` one counts, as of
    the rows that it learnt from.
    """
    lines, notes = _sample(lines)
    inputs = _thinned(task, list({one.key: one.input for one in lines}.values()), near)
    theirs = [one for one in lines if one.bundle.rpartition("@")[2] in made.digests]
    if others := len(lines) - len(theirs):
        notes.append(f"{others:,} lines are answers of other bundles than the one that stands, and their"
                     " answers are not looked at")  # fmt: skip
    looks = [
        _Look("inputs", len(inputs), len(made.learnt), lambda level: _inputs(inputs, made, encode, level))
    ]
    looks += _of_answers(task, _each_once(theirs), made)
    ready = [each for each in looks if min(each.service, each.others) >= FEWEST]
    few = [(each.what, min(each.service, each.others)) for each in looks if each not in ready]
    notes += [f"{what}: {rows:,} rows are too few to tell, {FEWEST} are needed" for what, rows in few]
    figures = [
        Figure(each.what, test, each.service, each.others, says)
        for each in ready
        for test, says in [each.test(LEVEL / len(ready))]
    ]
    far = any(figure.what == "inputs" and figure.test.differs for figure in figures)
    return Drift(tuple(figures), tuple(notes), tuple(_unlike(inputs, made, encode)) if far else ())


def _sample(lines: Sequence[Seen]) -> tuple[list[Seen], list[str]]:
    """What was recorded unasked, where that is enough: what people judge is no sample of what is asked."""
    recorded = [one for one in lines if one.judged is None and one.origin == "server"]
    if len({one.key for one in recorded}) >= FEWEST:
        return recorded, []
    return list(lines), [
        "few or no lines were recorded unasked (p2m serve --record FILE), so that judged ones are looked at,"
        " too, which are no fair sample"
    ]


def _thinned(task: Task, rows: Sequence[dict[str, str]], near: float) -> list[dict[str, str]]:
    """At most `_MOST` rows, the first of those that are nearly alike."""
    some = _some(rows, _MOST)
    shingled = Shingled([texts_of(task, Example(row, "")) for row in some])
    of = clusters(shingled, threshold=near)
    return [row for number, row in enumerate(some) if of[number] == number]


def _each_once(lines: Sequence[Seen]) -> list[Seen]:
    """The last line of each input: rows that judge stand there once, too."""
    found: dict[Key, Seen] = {one.key: one for one in lines}
    return list(found.values())


def _of_answers(task: Task, lines: Sequence[Seen], made: Made) -> list[_Look]:
    here, there = _some(lines, _MOST), _some(made.judged, _MOST)
    sizes = len(here), len(there)
    found: list[_Look] = []
    if task.type is TaskType.REGRESSION:
        numbers = [float(one.output) for one in here if _is_number(one.output)]
        known = [float(one.predicted) for one in there if _is_number(one.predicted)]
        found.append(
            _Look("answers", len(numbers), len(known), lambda level: _numbers(numbers, known, level))
        )
    elif task.type.is_labelled:
        said, before = [one.output for one in here], [one.predicted for one in there]
        found.append(_Look("answers", *sizes, lambda level: _labels(said, before, level)))
    if made.abstain > 0:
        marks, known_marks = (
            ["abstained" if mark else "answered" for mark in each]
            for each in ([one.abstain for one in here], [one.confidence < made.abstain for one in there])
        )
        found.append(_Look("abstentions", *sizes, lambda level: _abstentions(marks, known_marks, level)))
    scores, known_scores = [one.score for one in here], [one.confidence for one in there]
    if len(set(known_scores)) > 1 and len(set(scores)) > 1:
        found.append(_Look("scores", *sizes, lambda level: _scores(scores, known_scores, level)))
    return found


def _inputs(
    inputs: Sequence[Mapping[str, str]], made: Made, encode: Encode, level: float
) -> tuple[Test, str]:
    here, there = _some(inputs, _MOST_INPUTS), _some(_learnt(made), _MOST_INPUTS)
    found = encode([*here, *there])
    test = nearest(found[: len(here)], found[len(here) :], level=level, seed=0)
    return test, (
        f"of the nearest neighbours of an input {test.value:.2f} are others of the service,"
        f" {test.expected:.2f} would be if they were like the rows that were learnt from"
    )


def _labels(said: Sequence[str], before: Sequence[str], level: float) -> tuple[Test, str]:
    def share(label: str, rows: Sequence[str]) -> float:
        return rows.count(label) / len(rows)

    test = shares(said, before, level=level, seed=0)
    moved = sorted(
        {*said, *before}, key=lambda label: (-abs(share(label, said) - share(label, before)), label)
    )
    told = ", ".join(f"{label} {share(label, before):.2f} -> {share(label, said):.2f}" for label in moved[:3])
    return test, f"{test.value:.2f} of the answers would have to be others; {told}"


def _numbers(said: Sequence[float], before: Sequence[float], level: float) -> tuple[Test, str]:
    test = distances(said, before, level=level, seed=0)
    return test, f"on average {_mean(before):g} -> {_mean(said):g}"


def _abstentions(said: Sequence[str], before: Sequence[str], level: float) -> tuple[Test, str]:
    test = shares(said, before, level=level, seed=0)
    rates = [each.count("abstained") / len(each) for each in (before, said)]
    return test, f"the model abstains from {rates[0]:.2f} -> {rates[1]:.2f} of its answers"


def _scores(said: Sequence[float], before: Sequence[float], level: float) -> tuple[Test, str]:
    test = distances(said, before, level=level, seed=0)
    return test, f"on average {_mean(before):.2f} -> {_mean(said):.2f}"


def _unlike(inputs: Sequence[Mapping[str, str]], made: Made, encode: Encode) -> list[str]:
    """Inputs whose nearest row that was learnt from is farthest away."""
    here, there = _some(inputs, _MOST_INPUTS), _some(_learnt(made), _MOST_INPUTS)
    found = encode([*here, *there])
    likeness = (found[: len(here)] @ found[len(here) :].T).max(axis=1)
    return [" / ".join(" ".join(text.split()) for text in here[place].values())
            for place in likeness.argsort(kind="stable")[:_SHOWN]]  # fmt: skip


def _learnt(made: Made) -> list[dict[str, str]]:
    return list({key_of(row.input): row.input for row in made.learnt}.values())


def _some(rows: Sequence[Any], most: int) -> list[Any]:
    """At most so many, by a lot that is always the same."""
    return list(rows) if len(rows) <= most else random.Random(0).sample(list(rows), most)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# --------------------------------------------------------------------------- texts as vectors


def by_words(rows: Sequence[Mapping[str, str]]) -> Any:
    """(rows, terms): TF-IDF of three to five letters within words, of unit length; no model is needed."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [" \n ".join(row.values()) for row in rows]
    try:
        made = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_features=4096, sublinear_tf=True)
        return made.fit_transform(texts).toarray()
    except ValueError:  # no text has a letter
        import numpy as np

        return np.ones((len(texts), 1))


def by_encoder(
    open_encoder: Callable[[], Callable[[Sequence[str]], Any]], text: Callable[[Mapping[str, str]], str],
    say: Callable[[str], None],
) -> Encode:  # fmt: skip
    """By a frozen encoder, opened when it is first wanted; by words where it cannot be, which is said."""
    import numpy as np

    known: dict[str, Any] = {}
    opened: list[Callable[[Sequence[str]], Any] | None] = []

    def embed(rows: Sequence[Mapping[str, str]]) -> Any:
        if not opened:
            try:
                opened.append(open_encoder())
            except P2MError as error:
                why = str(error).partition("\n")[0]
                say(f"inputs are compared by their letters, no encoder can be opened: {why}")
                opened.append(None)
        encode = opened[0]
        if encode is None:
            return by_words(rows)
        texts = [text(row) for row in rows]
        new = list(dict.fromkeys(each for each in texts if each not in known))
        if new:
            known.update(zip(new, encode(new), strict=True))
        return np.stack([known[each] for each in texts])

    return embed
