"""What a recipe's own data hold, told before anything is built.

Files are read by the reader of the build (`stages.read.look`) and judged by its rules of curation and
splitting: what is refused here a build would refuse. Of much text, what takes long is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest

from p2m.answers.canonical import labels_in
from p2m.catalogs.base import flatten, read_rows
from p2m.catalogs.belonging import together
from p2m.catalogs.columns import text_of
from p2m.curation.base import (
    exposed,
    fold,
    inputs,
    malformed,
    repeated,
    same_input,
    surplus,
    with_span_first,
)
from p2m.deploy.serving.rows import sides
from p2m.errors import DataError
from p2m.parsing.language import guess
from p2m.spec import ModelSpec
from p2m.stages.collect import collect
from p2m.stages.curate import alike, protected_rows, too_near
from p2m.stages.decisions import decisions
from p2m.stages.read import data_paths, look, told
from p2m.stages.split import check_sizes, require, split
from p2m.students.base import given
from p2m.types import Count, Example, Examples, Files, LinearStudent, PairStudent, Split, Task

ROLES = ("train", "validation", "test")
MOST = 100_000  # rows of a file that are read
NEAR = 400_000  # characters of all rows up to which rows that are nearly alike are looked for too
LISTENED = 500  # rows whose language is guessed
_SHOWN = 3  # rows, or groups of rows, that a note names
_WORD = re.compile(r"\w+|[^\w\s]")
_PIECE = 7  # letters of an English word that a token has at most, about; in other scripts, one


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one role."""

    role: str
    files: tuple[str, ...]
    rows: int
    refused: int  # further rows, which cannot be read
    is_whole: bool  # whether all rows were looked at
    columns: tuple[str, ...]
    mappings: tuple[dict[str, str], ...]  # task field -> column; several where files have different columns
    labels: dict[str, int]  # of a classification: rows by label, those of the task first
    longest: int  # tokens of the longest input, estimated by words


@dataclass(frozen=True, slots=True)
class Note:
    """Something about the data that is worth a look, and the rows that it is about."""

    text: str
    rows: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the data say before a build, which problems would end."""

    parts: tuple[Part, ...] = ()
    decided: tuple[Count, ...] = ()  # inputs that people decided about, by what they did
    unanswered: tuple[Count, ...] = ()  # of data.inputs: rows a file and how it is read, then rows left out
    languages: dict[str, float] = field(default_factory=dict)  # share of rows; "" where untold
    split: dict[str, int] = field(default_factory=dict)  # rows by part, as a build has them; {} where unknown
    is_much: bool = False  # too much text to look for rows that are nearly alike
    evidence: str = ""  # what would judge the model, as in `Split`; "" where unknown
    notes: tuple[Note, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Own:
    """The rows of one role with their places."""

    part: Part
    rows: tuple[Example, ...]
    places: Sequence[str]  # file:line of each
    wrong: tuple[str, ...]  # what the build refuses


def inspect(spec: ModelSpec, task: Task) -> Inspection:
    """Read the rows and inputs that a recipe names."""
    owned = {role: _read(spec, task, role) for role in ROLES if getattr(spec.data, role)}
    rows = [row for own in owned.values() for row in own.rows]
    problems = [problem for own in owned.values() for problem in own.wrong]
    unanswered: tuple[Count, ...] = ()
    decided: tuple[Count, ...] = ()
    try:
        unanswered = _collected(spec, task) if spec.data.inputs else ()
    except DataError as error:
        problems.append(str(error))
    try:
        decided = decisions(task, Files(spec.data.decisions)).counts if spec.data.decisions else ()
    except DataError as error:
        problems.append(str(error))
    reasons = _reasons(spec, task, owned)
    notes = [*_left_out(task, owned, reasons), *_of_judges(task, owned)]
    parts: Split | None = None
    notes += _of_others(spec, task, owned)
    if "train" in owned and not problems and task.type.is_learnt and _is_alone(spec, task):
        try:
            parts = _parts(spec, task, owned, reasons)
        except DataError as error:
            problems.append(str(error))
    if parts is not None:
        given_up = [count for count in parts.counts if count.what.startswith("given up")]
        notes += [Note(f"{_rows(count.rows)} {count.what}", count.example) for count in given_up]
    languages = _languages(task, rows)
    return Inspection(
        parts=tuple(own.part for own in owned.values()),
        decided=decided,
        unanswered=unanswered,
        languages=languages,
        split={} if parts is None else {role: len(getattr(parts, role)) for role in ROLES},
        is_much=not _is_small(task, owned),
        evidence="" if parts is None else parts.evidence,
        notes=(
            *notes,
            *_together(spec, task, owned),
            *map(Note, alike(task, rows)),
            *_unheard(task, owned),
            *_long(spec, task, rows),
            *_whole(task, rows),
            *_foreign(task, languages),
        ),
        problems=tuple(problems),
    )


# --------------------------------------------------------------------------- reading


def _read(spec: ModelSpec, task: Task, role: str) -> _Own:
    paths = getattr(spec.data, role)
    seen = look(task, [Files(path) for path in paths], role, group=spec.data.group, most=MOST)
    rows = tuple(with_span_first(task, row) for row in seen.rows) if role == "train" else seen.rows
    part = Part(
        role=role,
        files=tuple(map(str, paths)),
        rows=len(rows),
        refused=len(seen.wrong),
        is_whole=seen.is_whole,
        columns=seen.columns,
        mappings=tuple(fit.mapping for fit in seen.fits if fit.mapping),
        labels=_labels(task, rows),
        longest=max((_tokens(task, row) for row in rows), default=0),
    )
    return _Own(part, rows, seen.places, (told(seen.wrong),) if seen.wrong else ())


def _collected(spec: ModelSpec, task: Task) -> tuple[Count, ...]:
    return collect(task, *map(Files, spec.data.inputs or ()), group=spec.data.group).counts


def _labels(task: Task, rows: Sequence[Example]) -> dict[str, int]:
    if not task.type.is_labelled:
        return {}
    counts = Counter(label for row in rows for label in labels_in(task, row.output))
    others = sorted(counts.keys() - set(task.labels), key=lambda label: (-counts[label], label))
    return {label: counts[label] for label in (*task.labels, *others)}


def _tokens(task: Task, row: Example) -> int:
    """About as many as the tokens of an English encoder: of 640 rows, 1% off on the whole."""
    words = [word for text in inputs(task, row) for word in _WORD.findall(text)]
    return 2 + sum(-(-len(word) // _PIECE) if word.isascii() else len(word) for word in words)


# --------------------------------------------------------------------------- what a build would do with them


def _is_written(spec: ModelSpec, task: Task) -> bool:
    """Whether a teacher writes rows of its own."""
    writer = spec.teacher.of("generate")
    return writer is not None and writer.refusal(task) is None and spec.generation.num_examples != 0


def _is_alone(spec: ModelSpec, task: Task) -> bool:
    """Whether the user's own rows are all that there will be to learn from."""
    others = (spec.retriever.sources, spec.data.inputs, spec.data.decisions)
    return not _is_written(spec, task) and not any(others)


def _of_others(spec: ModelSpec, task: Task, owned: Mapping[str, _Own]) -> Iterator[Note]:
    """That a teacher adds rows to the user's own, which hardly shows before the build."""
    if "train" in owned and "test" not in owned and _is_written(spec, task):
        yield Note(
            "the teacher writes rows beside yours, and only the build can tell which rows judge the model;"
            " teacher=none keeps to your own"
        )


def _is_small(task: Task, owned: Mapping[str, _Own]) -> bool:
    rows = (row for own in owned.values() for row in own.rows)
    return sum(len(text) for row in rows for text in inputs(task, row)) <= NEAR


def _examples(owned: Mapping[str, _Own], role: str) -> Examples | None:
    return Examples(owned[role].rows) if role in owned and owned[role].rows else None


def _reasons(spec: ModelSpec, task: Task, owned: Mapping[str, _Own]) -> list[str]:
    """Why curation drops each training row, by the rules of `curate` in their order; "" where it stays."""
    if "train" not in owned:
        return []
    rows = owned["train"].rows
    guards = protected_rows(task, _examples(owned, "validation"), _examples(owned, "test"))

    def guarded(task: Task, rows: Sequence[Example]) -> list[str]:
        if _is_small(task, owned):
            return too_near(task, guards, spec.curation, rows)
        return exposed(task, rows, guards if spec.curation.decontaminate else ())

    reasons = [""] * len(rows)
    for rule in (malformed, repeated, guarded):
        left = [number for number, reason in enumerate(reasons) if not reason]
        for number, reason in zip(left, rule(task, [rows[number] for number in left]), strict=True):
            reasons[number] = reason
    return reasons


def _parts(spec: ModelSpec, task: Task, owned: Mapping[str, _Own], reasons: Sequence[str]) -> Split | None:
    """The split of a build; None where the rows are too many to look for those that are nearly alike.

    Raises:
        DataError: a build would refuse them.
    """
    kept = tuple(row for row, reason in zip(owned["train"].rows, reasons, strict=True) if not reason)
    if not kept:
        raise DataError(f"none of {len(reasons):,} rows of train is fit to learn from, as is said above")
    surplus(kept, max_share=spec.curation.max_share_of_answer, seed=spec.seed)
    curated, test = Examples(kept), _examples(owned, "test")
    if _is_small(task, owned):
        validation = _examples(owned, "validation")
        return split(task, curated, validation, test, splitting=spec.split, seed=spec.seed)
    check_sizes(curated, test, spec.split)
    known = {label for row in kept for label in given(task, row.output)} if task.type.is_labelled else set()
    require(task, kept, test.rows if test else kept, known)
    return None


# --------------------------------------------------------------------------- notes


def _rows(number: int) -> str:
    return f"{number:,} row{'s' * (number != 1)}"


def _named(places: Sequence[str], beside: Sequence[str] = ()) -> str:
    """The first places, by the names of their files, each with what it stands beside."""
    told = [_short(place) for place in places[:_SHOWN]]
    told = [
        f"{one} as {_short(other)}" if other else one for one, other in zip_longest(told, beside[:_SHOWN])
    ]
    return ", ".join(told) + (", ..." if len(places) > _SHOWN else "")


def _short(place: str) -> str:
    return place.rpartition("/")[2]


def _left_out(task: Task, owned: Mapping[str, _Own], reasons: Sequence[str]) -> Iterator[Note]:
    """Training rows that curation drops, by reason, the commonest first."""
    if "train" not in owned:
        return
    own = owned["train"]
    alike = _alike(task, owned)
    for reason, count in Counter(filter(None, reasons)).most_common():
        numbers = [number for number, each in enumerate(reasons) if each == reason]
        text = f"{_rows(count)} of train left out: {reason}"
        if reason.startswith("contradiction"):
            yield Note(text, _answers(task, own, numbers))
            continue
        places = [own.places[number] for number in numbers]
        beside = [
            next((other for other in alike[_key(task, own.rows[number])] if other != own.places[number]), "")
            for number in numbers[:_SHOWN]
        ]
        yield Note(text, _named(places, beside))


def _key(task: Task, row: Example) -> tuple[str, ...]:
    return tuple(map(fold, inputs(task, row)))


def _alike(task: Task, owned: Mapping[str, _Own]) -> dict[tuple[str, ...], list[str]]:
    """Places of rows by their inputs, those of the test set first."""
    found: dict[tuple[str, ...], list[str]] = {}
    for role in reversed([*owned]):
        for row, place in zip(owned[role].rows, owned[role].places, strict=True):
            found.setdefault(_key(task, row), []).append(place)
    return found


def _answers(task: Task, own: _Own, numbers: Sequence[int]) -> str:
    """The answers to each of the inputs of some rows, with their places."""
    groups: dict[tuple[str, ...], list[str]] = {same_input(task, own.rows[n]): [] for n in numbers}
    for row, place in zip(own.rows, own.places, strict=True):
        said = groups.get(same_input(task, row))
        if said is not None:
            said.append(f"{row.output!r} {_short(place)}")
    told = [", ".join(said[: _SHOWN + 1]) for said in list(groups.values())[:_SHOWN]]
    return "; ".join(told) + ("; ..." if len(groups) > _SHOWN else "")


def _of_judges(task: Task, owned: Mapping[str, _Own]) -> Iterator[Note]:
    """Rows of the sets that judge and steer: they stay, whatever is to be said of them."""
    for role in ("validation", "test"):
        if role not in owned:
            continue
        own = owned[role]
        for rule in (malformed, repeated):
            reasons = rule(task, own.rows)
            for reason, count in Counter(filter(None, reasons)).most_common():
                places = [place for place, each in zip(own.places, reasons, strict=True) if each == reason]
                yield Note(f"{_rows(count)} of {role}, which stay: {reason}", _named(places))


def _together(spec: ModelSpec, task: Task, owned: Mapping[str, _Own]) -> Iterator[Note]:
    """That rows of train seem to belong together, and what of them the set that judges has."""
    if "train" not in owned or owned["train"].wrong or not task.type.is_decided:
        return
    own, test, named = owned["train"], owned.get("test"), spec.data.group
    if named is not None:
        if test is not None and not any(row.is_grouped for row in test.rows):
            yield Note(
                f"no row of test has {named!r}, so none is known to be of another one than train's rows"
            )
        return
    columns = _beside(spec, task, own)
    found = together(columns, [row.output for row in own.rows])
    if found is None:
        return
    name = found.column
    fields = [each.name for each in task.inputs if each.name != name]
    apart = f", and task: {{inputs: [{', '.join(fields)}]}}" * (name in task.measured)
    yield Note(
        f"{found}: where new rows are of others, what judges the model should be, too;"
        f" write {found.line}{apart}",
        _leaked(_beside(spec, task, test).get(name, ()) if test else (), columns[name], name),
    )


def _beside(spec: ModelSpec, task: Task, own: _Own) -> dict[str, list[str]]:
    """The values of the rows in columns that no field is, and in numbers, choices and dates."""
    used = {
        column
        for mapping in own.part.mappings
        for name, column in mapping.items()
        if name not in task.measured
    }
    left = [name for name in own.part.columns if name not in used]
    places = {place: number for number, place in enumerate(own.places)}
    found = {name: [""] * len(own.rows) for name in left}
    files = [
        file for path in getattr(spec.data, own.part.role) for file in data_paths(path, own.part.role)[0]
    ]
    for record in (record for file in files if left for record in islice(read_rows(file), MOST)):
        if (number := places.get(record.where)) is not None:
            flat = dict(flatten(record.values))
            for name in left:
                found[name][number] = text_of(flat, name)
    return found


def _leaked(asked: Sequence[str], known: Sequence[str], name: str) -> str:
    """How many rows that judge are of what rows of train are; "" where none is."""
    there = set(known) - {""}
    shared = sum(value in there for value in asked)
    text = f"a leak between files: {_rows(shared)} of {len(asked):,} of test have a {name!r} that train has"
    return text if shared else ""


def _unheard(task: Task, owned: Mapping[str, _Own]) -> Iterator[Note]:
    """Labels of the task that a role has no row of."""
    if not task.type.is_labelled:
        return
    for role, own in owned.items():
        missing = [label for label in task.labels if not own.part.labels.get(label)]
        if missing and own.rows:
            more = ", ..." if missing[5:] else ""
            yield Note(f"no row of {role} is {', '.join(map(repr, missing[:5]))}{more}")


def _long(spec: ModelSpec, task: Task, rows: Sequence[Example]) -> Iterator[Note]:
    """Inputs of which a student would not read the end; passages of questions are read in windows."""
    if task.is_span or task.layout is not None:
        return
    limits: dict[int, list[str]] = {}
    for name, student in spec.student.candidates.items():
        if student.refusal(task) is not None:
            continue
        if not isinstance(student, LinearStudent):
            longest = min(spec.training.max_length, getattr(student, "reads", spec.training.max_length))
            limits.setdefault(longest, []).append(name)
        elif student.encoder is None or not student.encoder.is_pooled:  # read to the end, or in windows
            continue
        elif not isinstance(student, PairStudent):  # it reads less at once
            limits.setdefault(student.encoder.window, []).append(name)
    lengths = [_tokens(task, row) for row in rows]
    for limit, names in sorted(limits.items()):
        cut = sum(length > limit for length in lengths)
        if cut:
            yield Note(
                f"{_rows(cut)} of {len(rows):,} seem longer than {limit} tokens (counted by words): their"
                f" ends are not read by {', '.join(names)}"
            )


def _whole(task: Task, rows: Sequence[Example]) -> Iterator[Note]:
    """Inputs that lack one of the two texts that the others are made of."""
    fields = [field.name for field in task.inputs]
    lacking = sum(sides(row.input, fields, task.parts) is None for row in rows) if task.parts else 0
    if lacking:
        yield Note(
            f"{_rows(lacking)} of {len(rows):,} lack {task.parts[0]!r} or {task.parts[1]!r}: a student that"
            f" compares what stands behind them answers these by chance"
        )


def _languages(task: Task, rows: Sequence[Example]) -> dict[str, float]:
    """The share of each language among rows taken evenly; the commonest first, "" last."""
    heard = rows[:: max(1, len(rows) // LISTENED)][:LISTENED]
    counts = Counter(guess(" ".join(inputs(task, row))[:400]) for row in heard)
    ordered = sorted(counts, key=lambda code: (not code, -counts[code], code))
    return {code: counts[code] / len(heard) for code in ordered}


def _foreign(task: Task, languages: Mapping[str, float]) -> Iterator[Note]:
    code = next(iter(languages), "")
    if code and code != task.language and languages[code] >= 0.5:
        yield Note(
            f"{languages[code]:.0%} of the rows seem to be in {code}, and the task is read as one in"
            f" {task.language}; to say otherwise: task.language={code}"
        )
