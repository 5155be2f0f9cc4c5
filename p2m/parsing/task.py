"""A prompt and a recipe's examples, read into one typed `Task`; what the recipe says outright is never"
" overruled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from p2m.answers.canonical import Canonical, Unfit
from p2m.answers.numbers import is_number
from p2m.deploy.serving.dates import SAMPLES
from p2m.errors import Problem, RecipeError, nearest
from p2m.parsing.demonstrations import BARE, Reading, Row, take_apart, unread
from p2m.parsing.fields import cut, default_names, field_name, read_names
from p2m.parsing.forms import Form, Stated, read_form
from p2m.parsing.items import fold_label
from p2m.parsing.kinds import NAMES, SURE, Kind, read_kind, signs_of, suggest_metrics
from p2m.parsing.labels import STRONG, Labels, read_labels
from p2m.parsing.language import guess, mentioned, read_language
from p2m.parsing.text import normalise, sentences, squeeze
from p2m.parsing.words import CONTEXT_WORDS, QUESTION_WORDS
from p2m.types import Example, Field, Layout, RecordField, Scale, Shown, Task, TaskType

_FORMAT = re.compile(
    r"\b(?:output|answers?|response|format(?:ted)?|return|reply|separated?|respond|ausgabe|antwort"
    r"|réponse|sortie|respuesta|salida|ответ)\b|出力|答え|输出|答案|출력|답",
    re.IGNORECASE,
)
_SPANS = (TaskType.EXTRACTION, TaskType.QUESTION_ANSWERING)
_STAND = 0.9  # share of the rows, from which answers are parts of inputs
_CONTEXT = re.compile(
    "|".join(rf"\b{word}\w*" if word.isascii() else re.escape(word) for word in sorted(CONTEXT_WORDS)), re.I
)
_QUESTION = re.compile(
    "|".join(
        rf"\b{word}\w*" if word.isascii() else re.escape(word) for word in sorted(QUESTION_WORDS - {"q"})
    ),
    re.I,
)
_OUTPUT_NAMES = {
    TaskType.QUESTION_ANSWERING: "answer",
    TaskType.EXTRACTION: "answer",
    TaskType.CLASSIFICATION: "label",
    TaskType.MULTI_LABEL: "labels",
    TaskType.REGRESSION: "value",
    TaskType.RECORDS: "record",
    TaskType.TEXT_TO_TEXT: "output",
    TaskType.UNSUPPORTED: "output",
}
_SHOWN = 0.9  # how likely the language of a demonstration must be to count as one of the task's
STATED = 0.9  # chance of a type from which the prompt is taken to state it


def parse_prompt(
    prompt: str,
    examples: Sequence[Example] = (),
    *,
    type: TaskType | None = None,
    inputs: Sequence[str] = (),
    output: str | None = None,
    labels: Sequence[str] = (),
    descriptions: Mapping[str, str] = MappingProxyType({}),
    language: str | None = None,
    none: str | None = None,
    layout: Layout | None = None,
    scale: Scale | None = None,
    record: Sequence[RecordField] = (),
    shown: Shown | None = None,
) -> Task:
    """Read a prompt. Two prompts that differ only in blanks at line ends give equal tasks.

    `examples` are demonstrations beside the prompt's own; one whose only field is `input` is a bare text. The
    keyword arguments overrule what would be read; `shown` is what the user's own rows say of it.

    Raises:
        RecipeError: the prompt is empty, or demonstrations do not fit the task's fields or answers.
    """
    text = _written(prompt)
    given = Stated(none, layout, scale, tuple(record))
    reading = take_apart(text)
    rows = (*reading.rows, *(_row(example) for example in examples))
    names, why_fields = (tuple(inputs), "") if inputs else read_names(reading.instruction, text, rows)
    found = (
        Labels(tuple(labels), "given")
        if labels
        else read_labels(reading.instruction, _outputs(rows), given=bool(examples))
    )
    drafts = tuple(Example(dict(_draft(row, names)), row.output) for row in rows)
    kind, why_kind, doubts = _kind(reading, names, drafts, found, type or given.type, shown)
    found, doubts = (found, doubts) if labels else _agreed(found, shown, kind, doubts)
    names = names or _default_names(kind, reading, rows)
    fitted = _fit(rows, names, examples)
    spoken, languages, why_language, unproven = _language(reading, fitted, language, shown, kind)
    form = read_form(kind, reading.instruction, fitted, names, found, given, shown)
    counted = f"{len(reading.rows)} demonstrations: {reading.form}" if reading.form else ""
    parts = _parts(shown, kind, names)
    measured = _measured(shown, kind, names)
    options = _options(shown, kind, form.labels)
    laid = _laid(parts, measured, options)
    listed = found.reason if not labels and found.reason not in why_kind else ""
    listed *= kind.is_labelled
    reasons = (counted, why_kind, why_fields, *laid, why_language, listed, *form.reasons)
    task = _assembled(
        kind, reading, fitted, names=names, output=output or _output_name(rows, kind), form=form, parts=parts,
        measured=measured, options=options,
        shown=shown or Shown(None),
        descriptions=dict(descriptions), language=spoken, languages=languages, reasons=reasons,
        lacking="" if kind.is_learnt else why_kind.partition(": ")[2],
        doubts=(*doubts, *form.doubts, *unproven, *_unread(reading)),
    )  # fmt: skip
    return _spelt(task, len(reading.rows), labels, is_stated=type is not None or bool(labels))


def _laid(parts: Sequence[str], measured: Shown, options: Mapping[str, str]) -> tuple[str, ...]:
    """What of the inputs is no plain text, in words."""
    return (
        f"numbers, not texts: {', '.join(measured.numbers)}" if measured.numbers else "",
        f"dates, not texts: {', '.join(map(_dated, measured.dates.items()))}" if measured.dates else "",
        f"a text for each label in the input: {', '.join(options.values())}" if options else "",
        f"two texts in each input, after {parts[0]!r} and {parts[1]!r}" if parts else "",
    )


def _dated(column: tuple[str, str]) -> str:
    name, order = column
    return f"{name} (like {SAMPLES[order]})"


def sure_of(prompt: str) -> frozenset[str]:
    """Which of "type", "inputs", "output" and "labels" the prompt states, so that nothing is guessed."""
    text = _written(prompt)
    reading = take_apart(text)
    names, _ = read_names(reading.instruction, text, reading.rows)
    found = read_labels(reading.instruction, _outputs(reading.rows))
    drafts = tuple(Example(dict(_draft(row, names)), row.output) for row in reading.rows)
    kind = read_kind(reading.instruction, names, drafts, found)
    stated = {
        "type": kind.sure >= STATED,
        "inputs": bool(names),
        "output": any(row.output_name for row in reading.rows),
        "labels": found.strength >= STRONG,
    }
    return frozenset(name for name, is_stated in stated.items() if is_stated)


def _written(prompt: str) -> str:
    """The prompt with its blanks normalised. Raises: RecipeError: it is empty."""
    text = normalise(prompt)
    if not text:
        hint = "say in a sentence what goes in and what comes out"
        raise RecipeError([Problem("the prompt is empty", "prompt", hint=hint)])
    return text


def _unread(reading: Reading) -> tuple[str, ...]:
    """That part of the prompt looks like demonstrations and was not read as such."""
    line = squeeze(unread(reading.instruction))
    if not line:
        return ()
    return (
        f"{line[:80]!r} looks like a demonstration and was not read as one; write such rows under examples:",
    )


def signed(prompt: str) -> tuple[str, tuple[str, ...]]:
    """What the reader of prompts is shown: the instruction, and the names of its signs."""
    text = normalise(prompt)
    reading = take_apart(text)
    names, _ = read_names(reading.instruction, text, reading.rows)
    found = read_labels(reading.instruction, _outputs(reading.rows))
    drafts = tuple(Example(dict(_draft(row, names)), row.output) for row in reading.rows)
    return reading.instruction or text, signs_of(reading.instruction, names, drafts, found).names


def _assembled(
    kind: TaskType,
    reading: Reading,
    rows: tuple[Example, ...],
    *,
    names: tuple[str, ...],
    output: str,
    form: Form,
    parts: tuple[str, ...],
    measured: Shown,
    options: dict[str, str],
    shown: Shown,
    descriptions: dict[str, str],
    language: str,
    languages: tuple[str, ...],
    reasons: tuple[str, ...],
    lacking: str,
    doubts: tuple[str, ...],
) -> Task:
    """The task, with what follows from its parts: descriptions, metrics, the output's format."""
    metrics, why_metrics = suggest_metrics(
        kind, reading.instruction, rows, language, form.layout, shown.commonest, is_strict=shown.is_strict
    )
    return Task(
        type=kind,
        instruction=reading.instruction,
        inputs=tuple(Field(name, _described(name, reading.instruction)) for name in names),
        output=Field(output),
        labels=form.labels,
        parts=parts,
        numbers=measured.numbers,
        choices=measured.choices,
        dates=measured.dates,
        options=options,
        none=form.none,
        layout=form.layout,
        scale=form.scale,
        record=form.record,
        descriptions=descriptions,
        demonstrations=rows,
        language=language,
        languages=languages,
        metrics=metrics,
        output_format=_output_format(kind, reading.instruction, names, form),
        reasons=tuple(reason for reason in (*reasons, why_metrics) if reason),
        lacking=lacking,
        doubts=doubts,
    )


def _parts(shown: Shown | None, kind: TaskType, names: Sequence[str]) -> tuple[str, ...]:
    """The marks of two texts in the one input, where the answer may be how these compare."""
    compares = len(names) == 1 and (kind.is_labelled or kind is TaskType.REGRESSION)
    return shown.parts if shown is not None and compares else ()


def _options(shown: Shown | None, kind: TaskType, labels: Sequence[str]) -> dict[str, str]:
    """The text of each label in the input, where the labels are those that the rows show."""
    if shown is None or kind is not TaskType.CLASSIFICATION or (labels and set(labels) != set(shown.options)):
        return {}
    return shown.options


def _measured(shown: Shown | None, kind: TaskType, names: Sequence[str]) -> Shown:
    """Which inputs are numbers, choices and dates, where a label or a number is told from them."""
    if shown is None or not (kind.is_labelled or kind is TaskType.REGRESSION):
        return Shown(None)
    numbers, choices = (tuple(n for n in names if n in each) for each in (shown.numbers, shown.choices))
    dates = {name: shown.dates[name] for name in names if name in shown.dates}
    return Shown(None, numbers=numbers, choices=choices, dates=dates)


def _outputs(rows: Sequence[Row]) -> list[str]:
    return [row.output for row in rows]


def _default_names(kind: TaskType, reading: Reading, rows: Sequence[Row]) -> tuple[str, ...]:
    asked = bool(_CONTEXT.search(reading.instruction)) and bool(_QUESTION.search(reading.instruction))
    return default_names(kind, reading.instruction, rows, asked)


def _row(example: Example) -> Row:
    """A recipe's example with its blanks normalised like the prompt's."""
    return Row({name: normalise(text) for name, text in example.input.items()}, normalise(example.output))


def _draft(row: Row, names: Sequence[str]) -> dict[str, str]:
    """The row's fields as far as they can be told before the task is known."""
    if names and BARE in row.input and len(row.input) == 1:
        return cut(row.input[BARE], names) or row.input
    return row.input


def _kind(
    reading: Reading,
    names: Sequence[str],
    drafts: Sequence[Example],
    found: Labels,
    stated: TaskType | None,
    shown: Shown | None,
) -> tuple[TaskType, str, tuple[str, ...]]:
    """The type, why, and where prompt and rows disagree.

    What is stated outranks the rows, and these the prompt.
    """
    if stated:
        return stated, "" if stated.is_learnt else f"{NAMES[stated]}: the recipe asks for it", ()
    read = read_kind(reading.instruction, names, drafts, found)
    if found.reason == "given":
        return _of_labels(read, shown)
    if shown is None or shown.type is None or _fits(read.type, shown):
        return read.type, read.reason, ()
    is_sure = read.sure >= SURE and read.type is not TaskType.REGRESSION
    if shown.type is TaskType.TEXT_TO_TEXT and is_sure and not _lacks_spans(read.type, shown):
        return read.type, read.reason, (_disagreement(read, shown, read.type),)
    kind = TaskType.QUESTION_ANSWERING if _asks(shown, names) else shown.type
    assert kind is not None
    doubts = (_disagreement(read, shown, kind),) if read.sure >= SURE else ()
    return kind, f"{NAMES[kind]}: {shown.why}", doubts


def _of_labels(read: Kind, shown: Shown | None) -> tuple[TaskType, str, tuple[str, ...]]:
    """The type of a task whose labels are given: rows with one each, with several, or types of spans."""
    if (
        shown is not None
        and shown.type in (TaskType.MULTI_LABEL, TaskType.EXTRACTION)
        and (shown.type is TaskType.MULTI_LABEL or (shown.layout is not None and shown.layout.has_types))
    ):
        return shown.type, f"{NAMES[shown.type]}: {shown.why}", ()
    if read.type is TaskType.MULTI_LABEL and (shown is None or shown.type is None):
        return read.type, read.reason, ()
    return TaskType.CLASSIFICATION, "a classification: its labels are given", ()


def _fits(read: TaskType, shown: Shown) -> bool:
    """Whether rows such as these may be rows of that type."""
    if shown.type is TaskType.EXTRACTION:  # a label or a text may stand in its input by chance
        return read in (TaskType.EXTRACTION, TaskType.QUESTION_ANSWERING) or (
            shown.layout is None and bool(shown.labels) and read is TaskType.CLASSIFICATION
        )
    if read in _SPANS and shown.type is TaskType.REGRESSION:
        return shown.stand >= _STAND  # numbers as they are written
    if read is TaskType.REGRESSION and shown.type is TaskType.CLASSIFICATION:
        # Few numbers, such as stars, return as labels do.
        return not shown.options and all(map(is_number, shown.labels))
    return read is shown.type or (read is TaskType.MULTI_LABEL and shown.type is TaskType.RECORDS)


def _lacks_spans(read: TaskType, shown: Shown) -> bool:
    """Whether answers that are to be parts of inputs mostly stand in none."""
    return read in _SPANS and shown.stand < 1 - _STAND


def _asks(shown: Shown, names: Sequence[str]) -> bool:
    return shown.type is TaskType.EXTRACTION and any(name in QUESTION_WORDS for name in names)


def _disagreement(read: Kind, shown: Shown, taken: TaskType) -> str:
    other = read.type if taken is not read.type else shown.type
    assert other is not None
    return (
        f"the prompt reads as {read.reason}; but {shown.why}. Taken as {NAMES[taken]}; if it is not, write"
        f" task: {{type: {other.value}}}"
    )


def _agreed(
    found: Labels, shown: Shown | None, kind: TaskType, doubts: tuple[str, ...]
) -> tuple[Labels, tuple[str, ...]]:
    """The prompt's labels where the rows answer with them; of a guess that they do not bear out, none."""
    if shown is None or not shown.labels or not found.values or not kind.is_labelled:
        return found, doubts
    listed, answered = ({fold_label(value) for value in values} for values in (found.values, shown.labels))
    if answered <= listed or (found.strength >= STRONG and answered & listed):
        return found, doubts
    if found.strength < STRONG:
        others = ", ".join(value for value in shown.labels if fold_label(value) not in listed)
        said = f"beside the labels of the prompt the rows answer with {others[:120]}: taken as labels too"
        return Labels(), (
            *doubts,
            *[f"{said}; if not, write task: {{labels: [...]}}"] * bool(answered & listed),
        )
    said = f"the prompt lists {', '.join(found.values[:6])}, but {shown.why}: the rows' labels are taken"
    return Labels(), (*doubts, f"{said}; if they are wrong, write task: {{labels: [...]}}")


def _fit(rows: Sequence[Row], names: Sequence[str], examples: Sequence[Example]) -> tuple[Example, ...]:
    """The demonstrations with exactly the task's fields, in its order; the last of `rows` are the `examples`.

    Raises:
        RecipeError: one Problem for each demonstration that lacks a field or has one that the task has not.
    """
    own = len(rows) - len(examples)
    fitted: list[Example] = []
    problems: list[Problem] = []
    for index, row in enumerate(rows):
        fields = _fields(row, names)
        if not isinstance(fields, str):
            also = examples[index - own].also if index >= own else ()
            fitted.append(Example(fields, row.output, also, source="user"))
        elif index < own:
            said = f"demonstration {index + 1} of the prompt: {fields}"
            problems.append(Problem(said, "prompt", hint=_hint(names)))
        else:
            problems.append(Problem(fields, f"examples[{index - own}].input", hint=_hint(names)))
    if problems:
        raise RecipeError(problems)
    return tuple(fitted)


def _fields(row: Row, names: Sequence[str]) -> dict[str, str] | str:
    """The row by the task's fields, or what is wrong with it."""
    given = {field_name(name): text for name, text in row.input.items()}
    wanted = {field_name(name): name for name in names}
    if set(given) == set(wanted):
        empty = [wanted[name] for name in wanted if not given[name].strip()]
        return f"its field {empty[0]!r} is empty" if empty else {wanted[name]: given[name] for name in wanted}
    if len(given) == 1 and len(wanted) == 1 and BARE in given:
        return {names[0]: given[BARE]}
    if set(given) == {BARE}:
        parts = cut(given[BARE], list(wanted))
        if parts is not None:
            return {wanted[name]: parts[name] for name in wanted}
        return f"its input is one text, but the task has the fields {_listed(names)}"
    missing = [wanted[name] for name in wanted if name not in given]
    unknown = [name for name in given if name not in wanted]
    lacks = f"it lacks the field {_listed(missing)}" if missing else ""
    extra = (
        f"it has {_listed(unknown)}, which is no field of the task ({nearest(unknown[0], names)})"
        if unknown
        else ""
    )
    return " and ".join(part for part in (lacks, extra) if part)


def _hint(names: Sequence[str]) -> str:
    inner = ", ".join(f'{name}: "..."' for name in names)
    return f"write input: {{{inner}}}, or name the fields with task.inputs=[{', '.join(names)}]"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(repr(name) for name in names)


def _spelt(task: Task, own: int, labels: Sequence[str], *, is_stated: bool) -> Task:
    """The task with canonical answers in its demonstrations; the first `own` are the prompt's. One of these
    that does not suit a type which is only read from it is left out, which is said.

    Raises:
        RecipeError: one Problem for each other that answers with something that is no answer of the task.
    """
    canonical = Canonical(task)
    spelt: list[Example] = []
    doubts: list[str] = []
    problems: list[Problem] = []
    for index, row in enumerate(task.demonstrations):
        try:
            answers = [canonical.write(answer, row.input[task.context_field]) for answer in row.answers]
            if labels and task.type is TaskType.CLASSIFICATION and row.output not in labels:
                raise Unfit("none of task.labels")
            spelt.append(replace(row, output=answers[0], also=tuple(answers[1:])))
        except Unfit as error:
            if index < own and not is_stated:
                doubts.append(f"demonstration {index + 1} of the prompt is left out: {error}")
                continue
            hint = (
                nearest(row.output, task.labels)
                if task.type.is_labelled
                else f"expected {task.output_format}"
            )
            place = "prompt" if index < own else f"examples[{index - own}].output"
            which = f"demonstration {index + 1} " * (index < own)
            problems.append(Problem(f"{which}answers {row.output!r}, {error}", place, hint=hint))
    if problems:
        raise RecipeError(problems)
    return replace(task, demonstrations=tuple(spelt), doubts=(*task.doubts, *doubts))


def _language(
    reading: Reading, rows: Sequence[Example], given: str | None, shown: Shown | None, kind: TaskType
) -> tuple[str, tuple[str, ...], str, tuple[str, ...]]:
    """The language of most rows, all where they are several, why, and what is asked for but not shown.

    What is stated outranks the user's own rows, and these the prompt and its demonstrations.
    """
    if given:
        return given, (), "", ()
    texts = [text for row in rows for text in row.input.values()]
    spoken, why = read_language(reading.instruction, texts)
    asked = mentioned(reading.instruction) if kind is not TaskType.TEXT_TO_TEXT else ()
    asked = tuple(dict.fromkeys((*asked, *filter(None, (guess(text, sure=_SHOWN) for text in texts)))))
    if shown is not None and shown.languages:
        there = shown.languages
        missing = [code for code in asked if code not in there]
        said = f"the prompt is about texts in {' and '.join(missing)} too, and no rows are: unproven there"
        main = spoken if spoken in there[:1] else there[0]
        why = why if there == (spoken,) else f"language {' and '.join(there)}: as the rows are"
        return main, there if len(there) > 1 else (), why, (said,) if missing and len(asked) > 1 else ()
    languages = tuple(dict.fromkeys((spoken, *asked)))
    return spoken, languages if len(languages) > 1 else (), why, ()


def _output_name(rows: Sequence[Row], kind: TaskType) -> str:
    """The demonstrations' own name for the answer, unless it says nothing."""
    named = [row.output_name for row in rows if row.output_name]
    name = field_name(named[0]) if named else ""
    return _OUTPUT_NAMES[kind] if name in ("", "output", "outputs", "out", "a") else name


def _described(name: str, instruction: str) -> str:
    """The sentence that first speaks of a field, shortened; "" where none does."""
    word = re.escape(name.replace("_", " "))
    for sentence in sentences(instruction):
        if re.search(
            rf"\b(?:the|an?|each|this) (?:\w+ )?{word}\b (?:is|are|contains?|holds?|describes?|may|can"
            rf"|will)\b",
            sentence,
            re.I,
        ):
            return squeeze(sentence)[:200]
    return ""


def _output_format(kind: TaskType, instruction: str, names: Sequence[str], form: Form) -> str:
    """In words: the labels, or what the prompt says of its output, at most three sentences."""
    if kind is TaskType.CLASSIFICATION and form.labels:
        return f"one of: {', '.join(form.labels)}"
    if kind is TaskType.MULTI_LABEL:
        return f"a JSON list of any of: {', '.join(form.labels) or 'the labels'}"
    if kind is TaskType.REGRESSION:
        return f"a number from {form.scale.low:g} to {form.scale.high:g}" if form.scale else "a number"
    if kind is TaskType.RECORDS:
        return f"a JSON object with {', '.join(each.name for each in form.record) or 'fields'}"
    said = [squeeze(part) for part in sentences(instruction) if _FORMAT.search(part)]
    # Sentences that say what the output *is* come before those that only mention it.
    said.sort(
        key=lambda part: (
            not re.search(r"\b(?:is|are|should|must|be|either|only|just|separate[d]?|format)\b", part)
        )
    )
    words = " ".join(part if part[-1:] in ".!?:。！？" else part + "." for part in said[:3])[:400]
    if kind in (TaskType.QUESTION_ANSWERING, TaskType.EXTRACTION):
        where = next((name for name in names if name in CONTEXT_WORDS), names[-1])
        return f"{_spans_of(form)} of the {where}. {words}".strip()
    return words or "free text"


def _spans_of(form: Form) -> str:
    """How spans are written."""
    layout, none = form.layout, f" (or {form.none})" if form.none else ""
    if layout is None:
        return f"a span{none}"
    if layout.style == "json":
        of = f" of the types {', '.join(form.labels)}" if form.labels else ""
        return f"a JSON list of the spans{of}{' with their values' * layout.has_values}{none}"
    sides = ["span", "type" if layout.has_types else "value"]
    pair = layout.pair.join(sides[::-1] if layout.type_first else sides)
    one = pair if layout.has_types or layout.has_values else "span"
    return f"spans as {f'{one}{layout.between}{one}'!r}{none}"
