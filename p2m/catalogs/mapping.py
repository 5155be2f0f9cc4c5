"""Which columns of a dataset are a task's fields, decided by names first, then by what the columns hold.

A mapping that only the structure suggests (two text columns for a text-to-text task) is marked by its low
confidence; whether that is enough is for the stages to say, which know how near the dataset is otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from p2m.answers.canonical import is_shaped, same_nothing
from p2m.answers.labels import fit_labels, listed
from p2m.answers.numbers import is_number
from p2m.catalogs.columns import MAX_LABELS, Column
from p2m.catalogs.joined import columns_of, joined_column
from p2m.catalogs.pairs import bare, companion, languages, made_pair, singular
from p2m.catalogs.vocabulary import ALSO, ASKED, BOOKKEEPING, FALSE, GROUPS, plain
from p2m.errors import DataError, nearest
from p2m.types import Task, TaskType

SURE = 0.5  # confidence from which names, and not structure alone, speak for a mapping
_UNSURE = 0.45
_NEAR = 0.03  # confidence between columns that are called like a field alike
_RIVAL = 0.75  # score of a further column that may be the output of a task that does not say which it wants
_WIDE = 4  # further texts, beside which a pair of names may not be the one that is wanted
_FEW = 100  # rows
SPANS = 0.9  # share of the sampled answers that must stand in the context of an extractive task
_TITLES = GROUPS["title"]
_BY_NAME = ("number", "date", "boolean")  # kinds of columns that are fields only where they are called so
_OUTPUT_GROUP = {
    TaskType.QUESTION_ANSWERING: "answer",
    TaskType.EXTRACTION: "answer",
    TaskType.CLASSIFICATION: "label",
    TaskType.MULTI_LABEL: "label",
    TaskType.REGRESSION: "number",
    TaskType.RECORDS: "record",
    TaskType.TEXT_TO_TEXT: "output",
}


@dataclass(frozen=True, slots=True)
class Fit:
    """Columns for a task's fields; `mapping` is None where there are none, and `refusal` says why."""

    mapping: dict[str, str] | None
    confidence: float = 0.0  # of the least sure field, 0 to 1
    reasons: tuple[str, ...] = ()
    refusal: str = ""


def map_columns(
    task: Task, columns: Sequence[Column], given: Mapping[str, str] = MappingProxyType({})
) -> Fit:
    """The best mapping of the task's inputs and output to columns, checked against the sampled values.

    Fields that are `given` have their column, or a template of several; the others are found beside them.

    Raises:
        DataError: a field or column that there is not, among those that are given.
    """
    output = task.output.name
    wanted = [field.name for field in task.inputs] + [output]
    _known_fields(wanted, columns, given)
    there = {column.name for column in columns}
    columns = [*columns, *(joined_column(one, columns) for one in {*given.values()} - there)]
    scores = _scores(task, [column for column in columns if column.name in there])
    taken = {name for written in given.values() for name in (written, *columns_of(written))}
    scores = {pair: score for pair, score in scores.items() if pair[0] not in given and pair[1] not in taken}
    chosen = {**given, **_assign([name for name in wanted if name not in given], output, columns, scores)}
    scores |= dict.fromkeys(given.items(), 1.0)
    called = {name: [each for each in columns if plain(each.name) == plain(name)] for name in wanted}
    # No other column takes the place of one that is called like the field and has no texts.
    void = [name for name in wanted if called[name] and not any(map(has_texts, called[name]))]
    missing = [name for name in wanted if name not in chosen or (name in void and name not in given)]
    if missing:
        names = ", ".join(column.name for column in columns)
        unused = dict.fromkeys(column for name in missing for column in called[name])
        unused |= dict.fromkeys(column for column in columns if column.kind == "binary")
        why = "".join(f"; {unfit(column)}" for column in unused)
        return Fit(None, refusal=f"no column for {' and '.join(map(repr, missing))} among {names}{why}")
    by_name = {column.name: column for column in columns}
    mapping = {name: chosen[name] for name in wanted}
    confidence = min(_confidence(name, mapping, scores) for name in wanted)
    rest = [column for column in columns if column.name not in taken]
    if not given and _is_half(task, rest, mapping, scores):
        confidence = min(confidence, _UNSURE)
    reasons = (", ".join(f"{name} <- {column}" for name, column in mapping.items()),)
    return _checked(task, Fit(mapping, min(confidence, 1.0), reasons), by_name, is_given=output in given)


def _known_fields(wanted: Sequence[str], columns: Sequence[Column], given: Mapping[str, str]) -> None:
    names = [column.name for column in columns]
    for field, written in given.items():
        if field not in wanted:
            raise DataError(f"{field}: the task has no such field; {nearest(field, wanted)}")
        for name in (written,) if written in names else columns_of(written):
            if name not in names:
                there = f"it has {', '.join(names)}"
                raise DataError(f"{field}: there is no column {name!r}; {nearest(name, names) or there}")


def _confidence(name: str, mapping: dict[str, str], scores: dict[tuple[str, str], float]) -> float:
    """How sure a field's column is: not, where another one that is left is called so nearly as well."""
    found = scores[name, mapping[name]]
    left = max(
        (
            score
            for (field, column), score in scores.items()
            if field == name and column not in mapping.values()
        ),
        default=0.0,
    )
    return min(found, _UNSURE) if found < 0.97 and left > found - _NEAR else found


def _is_half(
    task: Task,
    columns: Sequence[Column],
    mapping: Mapping[str, str],
    scores: Mapping[tuple[str, str], float],
) -> bool:
    """Whether the columns that are left say that the fields may be more, or others, than were found."""
    left = [column for column in columns if column.name not in mapping.values()]
    if len(task.inputs) == 1 and companion(mapping[task.inputs[0].name], left):
        return True
    output = task.output.name
    if task.type is TaskType.CLASSIFICATION and scores[output, mapping[output]] < 0.97:
        labels = [column for column in left if column.kind in ("label", "boolean")]
        return any(scores.get((output, column.name), 0.0) >= _RIVAL for column in labels)
    if task.type is not TaskType.TEXT_TO_TEXT or _asked(task.instruction) or "output" not in _groups(output):
        return False
    rivals = [column for column in left if _last(column.name) not in _TITLES]
    texts = [
        column for column in rivals if column.kind in ("text", "texts") and not _bookkeeping(column.name)
    ]
    return len(texts) >= _WIDE or any(scores.get((output, column.name), 0.0) >= _RIVAL for column in rivals)


def map_inputs(task: Task, columns: Sequence[Column]) -> Fit:
    """The best mapping of the task's inputs alone, for rows whose answers are not known."""
    scores = _scores(task, columns)
    names = [field.name for field in task.inputs]
    answer = answer_column(task, columns)
    rest = [column for column in columns if column.name != answer]
    chosen = _assign(
        names, "", rest, {pair: scores[pair] for pair in scores if pair[0] in names and pair[1] != answer}
    )
    there = ", ".join(column.name for column in columns)
    if missing := [name for name in names if name not in chosen]:
        return Fit(None, refusal=f"no column for {' and '.join(map(repr, missing))} among {there}")
    confidence = min(scores[name, chosen[name]] for name in names)
    texts = [column for column in rest if scores.get((names[0], column.name), 0) > 0]
    if confidence < SURE and len(texts) > len(names):
        return Fit(
            None, refusal=f"which column is {' and '.join(map(repr, names))} cannot be told among {there}"
        )
    reasons = (", ".join(f"{name} <- {chosen[name]}" for name in names),)
    return Fit({name: chosen[name] for name in names}, min(confidence, 1.0), reasons)


def answer_column(task: Task, columns: Sequence[Column]) -> str:
    """The column that is called like the task's output, or as outputs of its kind often are; "": none."""
    name, taken = task.output.name, {plain(field.name) for field in task.inputs}
    groups = (*_output_groups(task), *_groups(name))
    named = {
        column.name: _name_score(column.name, name, groups)
        for column in columns
        if plain(column.name) not in taken
    }
    best = max(named, key=lambda column: named[column], default="")
    return best if best and named[best] >= _known(8) else ""


def has_texts(column: Column) -> bool:
    return not column.rows or (column.filled > 0 and column.kind not in ("binary", "other"))


def unfit(column: Column) -> str:
    """Why a column is no field in spite of its name."""
    if column.kind == "binary":
        return f"{column.name!r} holds binary data, which is no text"
    if not column.filled:
        return f"{column.name!r} is empty in every row"
    if column.kind == "other":
        return f"{column.name!r} holds lists or objects, where text was expected"
    if column.kind == "texts" or any(len(listed(text)) > 1 for text in column.samples):
        return f"{column.name!r} holds lists, where one text was expected"
    several = column.distinct is None or len(column.distinct) > 1
    return f"{column.name!r} holds {'values that hardly return' if several else 'one value'}: no labels"


def _assign(
    wanted: Sequence[str], output: str, columns: Sequence[Column], scores: dict[tuple[str, str], float]
) -> dict[str, str]:
    """Best pairs first; of equal ones, inputs take the earlier column and the output the later."""
    place = {column.name: index for index, column in enumerate(columns)}
    pairs = sorted(
        (pair for pair in scores if scores[pair] > 0),
        key=lambda pair: (
            -round(scores[pair], 6),
            wanted.index(pair[0]),
            -place[pair[1]] if pair[0] == output else place[pair[1]],
        ),
    )
    chosen: dict[str, str] = {}
    for name, column in pairs:
        if name not in chosen and column not in chosen.values():
            chosen[name] = column
    return chosen


def _scores(task: Task, columns: Sequence[Column]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    named = {field.name for field in (*task.inputs, task.output)}
    for column in columns:
        if column.name in ALSO and column.name not in named:
            continue
        for index, field in enumerate(task.inputs):
            found[field.name, column.name] = _input_score(task, index, column)
        found[task.output.name, column.name] = _output_score(task, column)
    pair = _pair(task, columns)
    for name, made in zip((task.inputs[0].name, task.output.name), pair, strict=False):
        found[name, made] = max(found.get((name, made), 0.0), 0.9)
    spoken = languages(columns) if task.type is TaskType.TEXT_TO_TEXT and not pair else {}
    for side, code in spoken.items():  # translation.en, the task being about English texts
        known, own = task.language in spoken.values(), code == task.language
        for name in (task.inputs[0].name, task.output.name) if known else ():
            found[name, side] = 0.9 * (own is (name != task.output.name))
    return found


def _pair(task: Task, columns: Sequence[Column]) -> tuple[str, str] | tuple[()]:
    """The columns that stand together as an input and what is made of it, as `source` and `target` do."""
    if task.type is not TaskType.TEXT_TO_TEXT or len(task.inputs) > 1:
        return ()
    asked = {name for group in _asked(task.instruction) for name in GROUPS[group]}
    output = _groups(task.output.name)
    if output and "output" not in output:
        asked |= {name for group in output for name in GROUPS[group]}
    return made_pair(columns, asked)


@lru_cache(maxsize=64)
def _asked(instruction: str) -> tuple[str, ...]:
    """The sorts of output that the instruction speaks of."""
    return tuple(group for stem, group in ASKED.items() if stem in instruction.lower())


def _input_score(task: Task, index: int, column: Column) -> float:
    name = task.inputs[index].name
    if column.kind not in ("text", "texts", *_BY_NAME) or (column.rows and not column.filled):
        return 0.0
    named = _name_score(column.name, name, _groups(name, alone=len(task.inputs) == 1))
    if column.kind in _BY_NAME:
        return named if named >= 0.97 else 0.0
    if named >= 0.9:
        return named
    if task.type is not TaskType.TEXT_TO_TEXT and _last(column.name) == "source":
        named = min(named, _UNSURE)  # where a text is from, beside one that is called otherwise
    if _bookkeeping(column.name):
        return 0.0
    if column.kind == "texts" and _last(column.name) not in ("tokens", "words"):
        named = min(0.6 * named, _UNSURE)
    if named == 0 and "question" in _groups(name) and column.questions > 0.5:
        return 0.45
    if named == 0 and name == task.context_field and len(task.inputs) > 1 and column.words > 30:
        return 0.4
    return named or 0.1 + min(column.words, 50) / 1000


def _output_score(task: Task, column: Column) -> float:
    if column.rows and not column.filled:
        return 0.0
    name = task.output.name
    if task.type is TaskType.CLASSIFICATION:
        return _label_score(task, column)
    if column.kind not in ("text", "texts", *_BY_NAME) and not (
        column.kind == "label" and task.type in (TaskType.TEXT_TO_TEXT, TaskType.MULTI_LABEL)
    ):
        return 0.0
    groups = (*_output_groups(task), *_groups(name))
    named = _name_score(column.name, name, groups)
    if is_shaped(task) or is_json(column):
        return _shaped_score(task, column, named)
    if any(_name_score(column.name, group, (group,)) >= _known(18) for group in _asked(task.instruction)):
        named = max(named, 0.92)
    if _bookkeeping(column.name) and named < 0.9:
        return 0.0
    if set(_last(column.name).split("_")) & FALSE:
        named *= 0.5
    if _last(column.name) in ("source", "src"):
        return min(named, 0.02)
    if column.kind == "number" and task.type is TaskType.TEXT_TO_TEXT and named < 0.97:
        named = min(named, _UNSURE - 0.02)
    if column.kind == "label" or column.kind in _BY_NAME:
        return max(named, _as_label(column) if task.type is TaskType.TEXT_TO_TEXT else 0.0)
    if named < 0.9 and _last(column.name) in _TITLES[:1] and task.type is TaskType.TEXT_TO_TEXT:
        named = min(named, _UNSURE)  # it stands beside texts of all sorts, whatever these are for
    return named or (0.1 if column.kind == "text" else 0.05)


def _as_label(column: Column) -> float:
    """How well a column of labels or scores suits as the output of text to text, by its name."""
    names = GROUPS["label"] if column.kind == "label" else (*GROUPS["label"], *GROUPS["number"])
    known = _last(column.name) in names
    if column.kind == "label":
        return _UNSURE + 0.02 if known else 0.12
    return _UNSURE - 0.02 if known and column.kind == "number" else 0.0


def _shaped_score(task: Task, column: Column, named: float) -> float:
    """How well a column suits an answer that is a list, a number or an object: by its name and its values."""
    if _bookkeeping(column.name) and named < 0.9:
        return 0.0
    filled = [text for text in column.samples if text]
    if task.type is TaskType.REGRESSION and column.kind != "number":
        fits = sum(map(is_number, filled)) / max(1, len(filled))
        return named if named >= 0.97 or (fits > 0.5 and named) else 0.2 * (fits > 0.9)
    if task.type is TaskType.REGRESSION:
        return named or 0.2
    if is_json(column):
        return max(named, 0.88)
    if task.type is TaskType.RECORDS:
        return named if named >= 0.97 else 0.0
    return named or (0.3 if column.kind == "texts" else 0.05)


def is_json(column: Column) -> bool:
    """Whether it holds lists or objects, written out."""
    filled = [text for text in column.samples if text]
    return (
        bool(filled)
        and column.kind == "text"
        and all(text[:2] in ("[{", "[[", "[]", '{"') for text in filled)
    )


def _output_groups(task: Task) -> list[str]:
    own = _OUTPUT_GROUP.get(task.type, "output")
    return ["spans", own] if task.layout is not None or task.type is TaskType.EXTRACTION else [own]


def _label_score(task: Task, column: Column) -> float:
    """Few values that return; what the task's labels are, if it names them, outweighs the column's name."""
    observed = column.rows > 0
    named = _name_score(column.name, task.output.name, ("label", *_groups(task.output.name)))
    several = column.distinct is not None and len(column.distinct) > 1
    few = column.filled < _FEW or (column.distinct is not None and not several)
    trusted = named >= 0.97 and few and column.filled > 0  # too few to see whether values return
    if observed and not trusted and not (several and _returns(column)):
        return 0.0
    if not observed and column.kind not in ("label", "boolean", "text", "number", "texts"):
        return 0.0
    if task.labels and column.distinct and fit_labels(task.labels, column.distinct).fits:
        return max(named, 0.9) + 0.1
    if _bookkeeping(column.name) and named < 0.5:
        return 0.05 * (column.kind == "label")  # what is declared as labels numbers no rows
    if column.kind == "texts":
        return named * 0.5
    if column.kind == "number" and named < 0.5:
        return 0.5 * _name_score(column.name, task.output.name, ("number",)) or 0.05
    if column.kind not in ("label", "boolean"):
        return named or 0.15
    return max(named, 0.89 + 0.08 * named) if named >= SURE else named or 0.3


def _returns(column: Column) -> bool:
    """Whether each value stands in several rows, as labels do."""
    return column.distinct is not None and len(column.distinct) <= min(MAX_LABELS, max(2, column.filled // 3))


def _last(name: str) -> str:
    return plain(name.rpartition(".")[2])


@lru_cache(maxsize=1024)
def _groups(name: str, *, alone: bool = False) -> tuple[str, ...]:
    """The roles that a field's name may mean; a lone input may be any text."""
    name = plain(name)
    own = tuple(group for group, names in GROUPS.items() if name == group or name in names[:3])
    return (*own, "text", "input") if alone else own


@lru_cache(maxsize=65_536)
def _name_score(column: str, field: str, groups: tuple[str, ...]) -> float:
    """How well a column's name says that it is the field, 0 to 1."""
    whole, last, field = plain(column), _last(column), plain(field)
    parent = plain(column.rpartition(".")[0])
    last = parent if parent and last in ("text", "value", "text_value") else last
    if whole == field:
        return 1.0
    if last == field:
        return 0.97
    best = 0.0
    for group in groups:
        names = GROUPS.get(group, ())
        for candidate in (whole, last):
            if candidate in names:
                best = max(best, _known(names.index(candidate)))
    if best:
        return best
    best = max((_bare_score(one, field, groups) for one in (whole, last)), default=0.0)
    return best or _head_score(last.split("_"), field, groups)


def _bare_score(name: str, field: str, groups: Sequence[str]) -> float:
    """The score of a name in the singular, or without what only says how a field is written."""
    for form in dict.fromkeys((singular(name), bare(name), singular(bare(name)))):
        if form == field:
            return 0.87
        known = [GROUPS[group].index(form) for group in groups if form in GROUPS.get(group, ())]
        if known:
            return 0.97 * _known(min(known))
    return 0.0


def _head_score(words: Sequence[str], field: str, groups: Sequence[str]) -> float:
    """The score of a longer name: its last word says what a column is, the others what it is about."""
    if field in words:
        return 0.6
    places = {
        word: GROUPS[group].index(word) for group in groups for word in words if word in GROUPS.get(group, ())
    }
    if words[-1] in places:
        return SURE - 0.01 - 0.0001 * places[words[-1]]
    near = [place for place in places.values() if place < 12]
    return _UNSURE - 0.01 * min(near) if near else 0.0


def _known(place: int) -> float:
    """What a name of a role's list says, by its place there, 0 being the commonest."""
    return 0.88 - 0.004 * place


@lru_cache(maxsize=65_536)
def _bookkeeping(name: str) -> bool:
    words = _last(name).split("_")
    return (
        words[-1] in BOOKKEEPING
        or words[0] in ("num", "n", "is", "has", "id", "url", "uri", "date")
        or _last(name) in BOOKKEEPING
    )


def _checked(task: Task, fit: Fit, by_name: dict[str, Column], *, is_given: bool) -> Fit:
    """The fit with what the values say of it: spans of an extractive task, labels of a classification."""
    mapping = fit.mapping or {}
    output = by_name[mapping[task.output.name]]
    if task.is_span and output.samples:
        return _with_spans(task, fit, by_name[mapping[task.context_field]], output)
    if task.type is TaskType.CLASSIFICATION and output.distinct is not None and output.rows:
        return _with_labels(task, fit, output, is_given=is_given)
    return fit


def _with_spans(task: Task, fit: Fit, context: Column, output: Column) -> Fit:
    pairs = [
        (text, answer)
        for text, answer in zip(context.samples, output.samples, strict=True)
        if answer and text and not same_nothing(answer, task.none)
    ]
    inside = sum(answer in text for text, answer in pairs)
    share = inside / len(pairs) if pairs else 0.0
    said = f"{inside} of {len(pairs)} sampled answers stand in {context.name!r}"
    if share < SPANS:
        return replace(fit, refusal=f"{said}; an extractive task needs nearly all")
    return replace(fit, reasons=(*fit.reasons, said))


def _with_labels(task: Task, fit: Fit, output: Column, *, is_given: bool) -> Fit:
    values = output.distinct or ()
    if task.labels:
        found = fit_labels(task.labels, values)
        if not found.fits:
            return replace(fit, refusal=found.reason)
        return replace(fit, reasons=(*fit.reasons, found.reason))
    if not is_given and output.kind == "number" and sorted(values) == sorted(map(str, range(len(values)))):
        return replace(
            fit, refusal=f"its labels are bare numbers ({', '.join(values[:5])}), with no names in the card"
        )
    if len(values) < 2:
        return replace(fit, refusal=f"its rows have one label only ({', '.join(values)})")
    return replace(fit, reasons=(*fit.reasons, f"{len(values)} labels, e.g. {', '.join(values[:3])}"))
