"""What sort of task a table is for, by its answers alone: the say that the data have beside the prompt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import islice
from typing import Any

from p2m.answers.canonical import JOINTS, parsed
from p2m.answers.numbers import is_number, read_written, several_units, style_of
from p2m.answers.records import Nested, fields_of
from p2m.answers.spans import Laid, holds_spans, is_nothing, kinds_in, laid_out
from p2m.deploy.serving.dates import SAMPLES, moment_of
from p2m.deploy.serving.rows import number_of
from p2m.parsing.forms import NO_ANSWER, json_layout
from p2m.parsing.language import guess
from p2m.parsing.options import options_of
from p2m.types import Example, Scale, Shown, TaskType

FEWEST = 20  # rows from which answers that return are no accident
_EACH = 3  # rows that a label has on average, at least
_HEARD = 300  # rows whose language is guessed
_SPOKEN = 0.1  # share of the rows whose language is told, from which it is one of the task's
_TOLD = 0.03  # and of all rows: where most are too short to tell, the rest are names
_WORDS = 6  # of a label, at most, unless it returns often
_SENTENCES = 50  # labels of more words, at most
_OFTEN = 10  # rows that each of these has on average, at least
_NEARLY = 0.97  # share of the rows that must agree
_UNEQUAL = 0.9  # share of the rows with one answer, from which accuracy tells little of the others
_TELLING = 50  # rows that show such shares
_SEVERAL = 0.05  # share of the rows with more than one label, from which a row may have several
_NEW = 0.8  # share of the rows with another answer than all others, from which answers are no labels
_FEW = 5  # answers that may each stand in one row
_SORTS = 12  # numbers that may be the names of labels
_MARKED = 8  # rows from which marks that stand in all of them are no accident
_INDENT = 3  # signs before the first of them
_NAME = 40  # signs of such a name, and of one of a field's few values
_HEAD = 4000  # signs of a text that are looked at
_SIGN = 3  # signs of a mark that is hardly a name, the colon with them
_COLONS = 40  # of these
_COLON = re.compile(r"(?:[^\W\d]|\d(?![:\uff1a]\d)) ?[:\uff1a](?!/)")  # of no time and no address
_ENDINGS = tuple(re.compile(rf"(?<![\w-])(?:[\w-]+ ){{{more}}}[\w-]+ ?[:\uff1a]$") for more in range(3))
_CODE = re.compile(r"\+\d{6}|0\d")  # a telephone number, or a code with its zeros
_CODES = 0.1  # share of the rows with such an answer, up to which they are numbers
_BRIEF = 4.0  # words of a text, on the average, up to which there is hardly another way to put it
_ALIKE = 0.75  # of an answer and its input, from which their overlap tells little
_ALIKE_OF = 50  # rows that are held against their inputs
_HEAD_ALIKE = 400  # signs of the longest input that is
_LAID = 400  # rows whose layout is looked for


def read_answers(rows: Sequence[Example], *, fewest: int = FEWEST, is_whole: bool = True) -> Shown:
    """What the rows show of their task: its type by `fewest` answers at least, its languages by inputs.

    Rows that are not the whole of a table show neither a scale nor all types of spans: a table may be sorted.
    """
    numbers, choices, dates = _columns(rows)
    commonest = _commonest([row.output.strip() for row in rows], is_whole)
    shown = replace(
        _typed(rows, fewest), languages=_languages(rows), parts=_parts(rows), numbers=numbers,
        choices=choices, dates=dates, commonest=commonest,
    )  # fmt: skip
    if options := options_of(rows):
        why = f"the rows answer with the name of a text in their input: {_listed(tuple(options))}"
        shown = replace(
            shown, type=TaskType.CLASSIFICATION, why=why, labels=tuple(options), options=options, scale=None,
            none=None, layout=None,
        )  # fmt: skip
    if is_whole:
        return shown
    return replace(shown, scale=None, labels=() if shown.layout is not None else shown.labels)


def hardly_return(rows: Sequence[Example]) -> bool:
    """Whether almost every row has an answer of its own, as no column of labels has."""
    return len({row.output for row in rows}) > max(_FEW, _NEW * len(rows))


def _languages(rows: Sequence[Example]) -> tuple[str, ...]:
    """The languages that more than a few of the inputs are in, as far as they can be told."""
    heard = rows[:: max(1, len(rows) // _HEARD)][:_HEARD]
    counts = Counter(guess(" ".join(row.input.values())[:400]) for row in heard)
    counts.pop("", None)
    least = max(3, _SPOKEN * counts.total(), _TOLD * len(heard))
    return tuple(code for code, count in counts.most_common() if count >= least)


def _commonest(answers: Sequence[str], is_whole: bool) -> str:
    """The answer of nearly all rows, where there are enough to tell and others too; "" for none.

    Of a part, which may be sorted, both halves must have others.
    """
    answer, count = Counter(answers).most_common(1)[0] if answers else ("", 0)
    middle = 0 if is_whole else len(answers) // 2
    has_others = all(set(half) != {answer} for half in (answers[:middle], answers[middle:]))
    is_nearly_all = len(answers) >= _TELLING and count >= _UNEQUAL * len(answers)
    return answer if is_nearly_all and has_others else ""


def _columns(rows: Sequence[Example]) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]:
    """Inputs that are a number in every row, inputs of few short values, and dates; none of few rows."""
    if len(rows) < _MARKED:
        return (), (), {}
    numbers, choices, dates = [], [], {}
    for name in rows[0].input:
        values = [value for row in rows if (value := row.input.get(name, "").strip())]
        returns = _EACH * len(set(values)) <= len(values) and max(map(len, values), default=0) <= _NAME
        if 2 * len(values) < len(rows):
            continue
        if all(number_of(value) is not None for value in values):
            numbers.append(name)
        elif len(orders := orders_of(values)) == 1:
            dates[name] = orders[0]
        elif returns and len(rows[0].input) > 1:
            choices.append(name)
    return tuple(numbers), tuple(choices), dates


def orders_of(values: Sequence[str]) -> list[str]:
    """How a column may write its dates; none where they are no dates, two where all are like 03/04/2024."""
    return [order for order in SAMPLES if all(moment_of(value, order) for value in values)]


def _parts(rows: Sequence[Example]) -> tuple[str, ...]:
    """The marks of two texts that each input is made of ("Premise:", "Hypothesis:"), in their order; () where
    it is not.
    """
    texts = [next(iter(row.input.values()))[:_HEAD] for row in rows[:_LAID] if len(row.input) == 1]
    if len(texts) < _MARKED:
        return ()
    counts = Counter(mark for text in texts for mark in set(_marks(text)))
    common = [mark for mark, count in counts.items() if count >= _NEARLY * len(texts) and mark[0].isalpha()]
    whole = [mark for mark in common if not any(_is_better(other, mark) for other in common)]
    if len(whole) != 2:
        return ()
    first, second = sorted(whole, key=lambda mark: sum(text.find(mark) for text in texts))
    laid = sum(0 <= text.find(first) <= _INDENT and text.find(second) > text.find(first) for text in texts)
    return (first, second) if laid >= _NEARLY * len(texts) else ()


def _is_better(other: str, mark: str) -> bool:
    """Whether one is the same name with less of what stood before it, or with all of it: "Subject:" of
    "com Subject:", and "Option A:" of "A:".
    """
    if other == mark or not (mark.endswith(other) or other.endswith(mark)):
        return False
    short = min(mark, other, key=len)
    is_name = len(short) > _SIGN or not short.isascii()
    return is_name == (short == other)


def _marks(text: str) -> list[str]:
    """What may be the name of what follows: one to three words before a colon."""
    colons = islice(_COLON.finditer(text), _COLONS)
    heads = [text[max(0, colon.end() - _NAME) : colon.end()] for colon in colons]
    return [found.group() for head in heads for ending in _ENDINGS if (found := ending.search(head))]


def _typed(rows: Sequence[Example], fewest: int) -> Shown:
    answers = [row.output.strip() for row in rows]
    texts = ["\n".join(row.input.values()) for row in rows]
    if structured := _structured(answers, texts, fewest):
        return structured
    if len(answers) < fewest or len(set(answers)) == 1:
        # Of one answer alone, a file that is sorted by label may be the reason.
        short = tuple(dict.fromkeys(answer for answer in answers if len(answer.split()) <= _WORDS))
        return Shown(None, f"the rows answer with {_listed(short)}", short)
    laid = laid_out(answers[:_LAID], texts[:_LAID])
    if laid is not None and (laid.layout.has_types or laid.layout.has_values):  # also where they return
        return _laid(laid, answers)
    several = _several(rows, answers)
    if several:
        return Shown(TaskType.MULTI_LABEL, f"the rows answer with one or more of {_listed(several)}", several)
    labels = tuple(dict.fromkeys(answers))
    few = 2 <= len(labels) <= len(answers) / _EACH and _are_names(labels, len(answers))
    said = [row for row in rows if not _is_none(row.output)]
    spans = sum(map(_is_span, said)) / max(1, len(said))
    are_spans = spans >= _NEARLY and 2 * len(said) >= len(rows)
    mixed = several_units(answers)
    is_copied = are_spans and not few and any(mixed)  # an amount as it is written, not what it comes to
    if not is_copied and _share(answers, is_number) >= _NEARLY and _share(answers, _CODE.match) <= _CODES:
        if len(mixed) > 1:
            why = f"the rows answer with numbers of several units: {_listed(mixed)}"
            why += "; in one unit they would be numbers to learn"
            return Shown(TaskType.TEXT_TO_TEXT, why, is_strict=_are_strict(rows, answers))
        return replace(_numbers(answers, labels, few), stand=round(spans, 2))
    if are_spans:
        found = Counter(answer for answer in answers if _is_none(answer)).most_common(1)
        none = (NO_ANSWER if found[0][0] == "[]" else found[0][0]) if found else None
        why = "the rows answer with parts of their inputs" + (f", or {none!r}" if none else "")
        return Shown(TaskType.EXTRACTION, why, labels if few else (), none)
    if few:
        return Shown(
            TaskType.CLASSIFICATION, f"the rows answer with {len(labels)} labels: {_listed(labels)}", labels
        )
    if laid is not None:
        return _laid(laid, answers)
    return Shown(
        TaskType.TEXT_TO_TEXT,
        f"the rows answer with texts, e.g. {answers[0][:40]!r}",
        is_strict=_are_strict(rows, answers),
        stand=round(spans, 2),
    )


def _are_strict(rows: Sequence[Example], answers: Sequence[str]) -> bool:
    """Whether answers have few words, in a script with blanks between them, or nearly are their inputs."""
    spaced = [answer for answer in answers if answer.isascii() or " " in answer]
    if 2 * len(spaced) > len(answers) and sum(len(a.split()) for a in answers) <= _BRIEF * len(answers):
        return True
    some = rows[:: max(1, len(rows) // _ALIKE_OF)][:_ALIKE_OF]
    return sum(map(_alike, some)) >= _ALIKE * len(some)


def _alike(row: Example) -> float:
    """How much of a row's answer is its input, 0 to 1; case does not count."""
    texts = (text.casefold() for text in row.input.values() if len(text) <= _HEAD_ALIKE)
    said = row.output.casefold()
    return max((SequenceMatcher(None, text, said).ratio() for text in texts), default=0.0)


def _are_names(labels: Sequence[str], rows: int) -> bool:
    """Whether these may be labels: of few words each, or sentences that return often."""
    is_short = all(len(label.split()) <= _WORDS for label in labels)
    return is_short or len(labels) <= min(_SENTENCES, rows // _OFTEN)


def _laid(laid: Laid, answers: Sequence[str]) -> Shown:
    like = next(answer for answer in answers if answer != laid.none)
    why = f"the rows answer with spans of their inputs, e.g. {like[:40]!r}"
    return Shown(TaskType.EXTRACTION, why, laid.types, laid.none, laid.layout)


def _structured(answers: Sequence[str], texts: Sequence[str], fewest: int) -> Shown | None:
    """What answers show that are lists of spans, or objects; of these a few are enough."""
    values = [parsed(answer) if answer[:1] in ("[", "{") else None for answer in answers]
    objects = [(value, text) for value, text in zip(values, texts, strict=True) if isinstance(value, dict)]
    if objects and len(objects) >= _NEARLY * len(answers):
        return _objects([value for value, _ in objects], [text for _, text in objects])
    lists = [(value, text) for value, text in zip(values, texts, strict=True) if isinstance(value, list)]
    filled = [(value, text) for value, text in lists if value]
    if not filled or len(lists) < _NEARLY * len(answers):
        return None
    if all(holds_spans(value) for value, _ in filled):
        layout = json_layout([value for value, _ in filled])
        kinds = tuple(dict.fromkeys(kind for value, _ in filled for kind in kinds_in(value)))
        of = f" of {len(kinds)} types: {_listed(kinds)}" if kinds else ""
        return Shown(TaskType.EXTRACTION, f"the rows answer with lists of spans{of}", kinds, layout=layout)
    items = [(item, text) for value, text in filled for item in value if isinstance(item, str)]
    returns = len({item for item, _ in items}) * _EACH <= len(items)
    stand = sum(item in text for item, text in items) >= _NEARLY * len(items) > 0
    if stand and not returns and len(answers) >= min(fewest, 3):
        why = f"the rows answer with lists of spans, e.g. {_listed([item for item, _ in items[:3]])}"
        return Shown(TaskType.EXTRACTION, why, layout=json_layout([[]]))
    return None


def _is_none(answer: str) -> bool:
    """Whether a row says that it has no answer, also by an empty list."""
    return is_nothing(answer) or answer.strip() == "[]"


def _objects(values: Sequence[dict[str, Any]], texts: Sequence[str]) -> Shown:
    if all(value and all(_is_switch(each) for each in value.values()) for value in values):
        labels = tuple(dict.fromkeys(key for value in values for key in value))
        if len(labels) > 1:
            return Shown(
                TaskType.MULTI_LABEL, f"the rows say of {_listed(labels)} whether each is there", labels
            )
    try:
        fields = fields_of(values, texts)
    except Nested as error:
        return Shown(TaskType.TEXT_TO_TEXT, f"the rows answer with JSON objects, and {error}")
    return Shown(TaskType.RECORDS, "the rows answer with JSON objects", record=fields)


def _is_switch(value: Any) -> bool:
    return isinstance(value, int) and value in (0, 1)


def _numbers(answers: Sequence[str], labels: tuple[str, ...], few: bool) -> Shown:
    """Numbers on a scale, of which few may be the names of labels too."""
    scale = None
    try:
        style = style_of(answers)
        values = [read_written(answer, style) for answer in answers if is_number(answer)]
        low, high = min(values), max(values)
        step = next((one for one in (1.0, 0.5) if all(value % one == 0 for value in values)), 0.0)
        scale = Scale(min(low, 1.0) if style.of else low, max(style.of, high), step) if low < high else None
    except ValueError:
        pass  # the reader of the rows says what is wrong with them, and where
    if few and len(labels) <= _SORTS:
        why = f"the rows answer with {len(labels)} labels: {_listed(labels)}"
        if len(labels) > 2:
            why += "; task: {type: regression} learns them as numbers"
        return Shown(TaskType.CLASSIFICATION, why, labels, scale=scale)
    why = f"the rows answer with numbers, e.g. {_listed(labels[:3])}"
    return Shown(TaskType.REGRESSION, why, labels if few else (), scale=scale)


def _several(rows: Sequence[Example], answers: Sequence[str]) -> tuple[str, ...]:
    """The labels of answers that join some of a small set; () where they do not."""
    lists = [list(row.answers) if row.also else _items(row.output) for row in rows]
    if any(len(items) > 1 for items in lists):
        counts = Counter(item for items in lists for item in items)
        is_few = len(counts) <= counts.total() / _EACH and all(len(one.split()) <= _WORDS for one in counts)
        return tuple(counts) if is_few and len(counts) > 1 else ()
    for joint in JOINTS[:4]:
        parted = [[part for part in re.split(joint, answer) if part] for answer in answers]
        found = _few_parts([[part for part in parts if not is_nothing(part)] for parts in parted])
        if found:
            return found
    return ()


def _few_parts(parted: Sequence[Sequence[str]]) -> tuple[str, ...]:
    counts = Counter(part for parts in parted for part in parts)
    joined = sum(len(parts) > 1 for parts in parted)
    if joined < max(2, _SEVERAL * len(parted)) or len(counts) > counts.total() / _EACH or len(counts) < 2:
        return ()
    if any(len(part.split()) > _WORDS for part in counts) or len(counts) >= len(set(map(tuple, parted))):
        return ()
    return tuple(counts)


def _share(answers: Sequence[str], holds: object) -> float:
    assert callable(holds)
    return sum(bool(holds(answer)) for answer in answers) / len(answers)


def _items(text: str) -> list[str]:
    """The items of a list that is written out, as JSON or as Python writes it; any other text itself."""
    value = parsed(text.strip()) if text.strip()[:1] == "[" else None
    return [str(item) for item in value] if isinstance(value, list) else [text]


def _is_span(row: Example) -> bool:
    """One of the answers stands in a clearly longer input."""
    texts = row.input.values()
    return any(answer in text and len(answer) < 0.8 * len(text) for answer in row.answers for text in texts)


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 6} more" if len(labels) > 6 else ""
    return ", ".join(label[:40] for label in labels[:6]) + more
