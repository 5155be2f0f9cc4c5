# ruff: noqa: E501
"""What the answers of a task look like: the answer of rows without one, the layout of spans, the scale of numbers,
the fields of records. What the recipe states outranks the user's rows, and these the prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from p2m.answers.canonical import parsed
from p2m.answers.records import Nested, fields_of
from p2m.answers.spans import bracketed, is_nothing, kinds_in, laid_out
from p2m.parsing.labels import STRONG, Labels
from p2m.parsing.text import sentences
from p2m.types import Example, Field, Layout, RecordField, Scale, Shown, Task, TaskType

NO_ANSWER = "N/A"  # where rows without an answer write nothing
_MOST_STEPS = 20  # of a scale that the rows show
_IF = r"\b(?:if|where|when|whenever|otherwise|unless|in case|else|wenn|falls|sonst|ansonsten|si|sinon|se|cuando|quando|altrimenti|als|anders|jeśli|если|иначе)\b"
_SAYS = r"(?:outputs?|answers?|say|says|return|returns|write|reply|respond|give|put|use|with|is|be|as|of|to|the label|antworte|schreibe?|gib|réponds?|répondez|responde|rispondi|ответь|wpisz|:|=|->)"
_NOTHING_SAID = r"n/a|na|none|null|nil|nothing|no answer|no_answer|unanswerable|not found|not mentioned|not stated|not given|not specified|unknown|unclear|no date|keine angabe|keine|nichts|aucune?|ninguno|ninguna|nessuno|нет|-|–|—"
_NONE = re.compile(
    rf"{_SAYS}\s*(?:it\s+)?(?:[\"'“„«`](?P<quoted>{_NOTHING_SAID})[\"'”»`]|(?P<bare>N/A|NONE|NULL|NA|UNANSWERABLE|NO_ANSWER|None)(?![\w/]))",
    re.IGNORECASE,
)
_NONE_WHERE = re.compile(  # N/A where there is none
    rf"(?:[\"'“„«`](?P<quoted>{_NOTHING_SAID})[\"'”»`]|(?<![\w/])(?P<bare>N/A|NULL|UNANSWERABLE|NO_ANSWER))\s+{_IF}",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    rf"{_IF}[^.\n]*\b(?:empty (?:string|answer|output|text|field)|(?:output|answer|leave it|leave this|return|leave the \w+) (?:empty|blank|nothing))\b",
    re.IGNORECASE,
)
_OUTSIDE = re.compile(
    r"(?:none of (?:these|the above|them|those)|out[ _-]of[ _-](?:scope|domain)|oos|no[ _-]?(?:intent|label|category|match)|none|not[ _-]?applicable|n/?a|irrelevant|off[ _-]topic|unrelated|unsupported|keine davon|aucun|ninguno|nessuno|ничего из этого)",
    re.IGNORECASE,
)
_REST = re.compile(
    r"\b(?:(?:if|when|where) (?:none|nothing|no (?:other )?(?:label|category|class|team|one|intent)|it)\b[^.\n;]{0,40}?\b(?:fits?|appl(?:y|ies)|match(?:es)?|suits?)?|otherwise|anything else|everything else|fits? (?:none|no other)|all else|sonst(?:iges)?|alles andere|tout le reste|todo lo demás|tutto il resto)\b",
    re.IGNORECASE,
)
_ELSE = re.compile(
    r"\b(?:none of (?:these|them|those|the (?:above|labels|categories|intents|classes))|no (?:label|category|class|intent|team)|nothing|none)\b[^.\n]{0,30}?(?:\b(?:fits?|applies|apply|matches|match)\b)?[^.\n\w]{0,3}\s*(?:please )?(?:answer|output|say|return|write|label it|use|reply with|respond with|choose)\s+(?:with )?[\"'“`]?(?P<label>[\w-]+(?: of (?:these|the above))?)[\"'”`]?\s*(?:[.,;\n]|$)",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\b(?:extract|find|list|pull (?:out)?|identify|tag|mark|highlight|locate|label|pick out|get|collect|recogni[sz]e|spot|detect|annotate)\w*\b[^.\n]{0,40}\b(?:all|every|each|any|entities|mentions|spans|slots)\b|\bnamed entit\w+|\bner\b|\bslots?\b[- ]filling|\b(?:finde|markiere|extrahiere)\w*\b[^.\n]{0,40}\b(?:alle|jede\w*)\b|\b(?:extrai\w+|trouve\w*|relève\w*)\b[^.\n]{0,40}\b(?:tous|toutes|chaque)\b|\bextrae\w*\b[^.\n]{0,40}\b(?:todos|todas|cada)\b",
    re.IGNORECASE,
)
_VALUED = re.compile(
    r"\b(?:spans?|text|phrase|expression|mention|quote)\b[>\]})]?(?P<pair>\s*(?:==|=>|->|=)\s*)[<\[{(]?(?:(?:its|the|normali[sz]ed)\s+)?(?:value|date|amount|number|code)\b",
    re.IGNORECASE,
)
_JOINED = re.compile(
    r"\b(?:joined|separated|divided|delimited|split) (?:by|with) (?:an? )?(?:[\"'`](?P<quoted>[^\"'`\n]{1,5})[\"'`]|(?P<mark>[|;,/]|pipes?|semicolons?|commas?)(?![\w|]))",
    re.IGNORECASE,
)
_MARKS = {
    "|": " | ",
    "p": " | ",
    ";": "; ",
    "s": "; ",
    ",": ", ",
    "c": ", ",
    "/": " / ",
}  # by their first letter
_NUMBER = r"-?\d+(?:[.,]\d+)?"
_RANGE = re.compile(
    rf"(?P<before>[^.\n]{{0,60}}?)\b(?:from|between|of|on|in|scale|range|rang\w*|von|zwischen|de|entre|da|tra|от|между)?\s*(?<![\d.,-])(?P<low>{_NUMBER})\s*%?\s*(?P<worst>\([^()\n]{{1,40}}\)\s*)?(?:to|and|through|up to|-|–|—|\.\.\.?|…|bis|und|à|et|a|y|e|до|и)\s*(?P<high>{_NUMBER})(?![\d-])(?P<after>[^.\n]{{0,30}})",
    re.IGNORECASE,
)
_SCALED = re.compile(
    r"\b(?:scale|scor\w+|rat(?:e|es|ed|ing|ings)|grade\w*|stars?|points?|number|value|probabilit\w+|likelihood|percent\w*|similarity|intensity|strength|severity|float|decimal|integer|regress\w+|bewert\w+|skala|punkte?|sterne?|zahl|wert|note|échelle|étoiles|nombre|puntua\w+|escala|estrellas|número|scala|stelle|punteggio|оцен\w+|шкал\w+|балл\w*)\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\b(?:stars?|integer|whole|sterne?|ganze?\w*|étoiles|entier\w*|estrellas|enter[oa]\w*|stelle|inter[oi]|звезд\w*|цел\w+)\b|★|星",
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"\b(?:decimals?|float\w*|real|continuous|fraction\w*|dezimal\w*|komma\w*|décimal\w*)\b", re.IGNORECASE
)
_KEYS = re.compile(
    r"\b(?:keys?|fields?|properties|attributes?|columns?|schlüsseln?|feldern?|clés?|champs|claves|campos|chiavi|campi|ключ\w*|поля\w*)\b\s*(?:named|called|are|is|namens)?\s*[:=]?\s*(?P<list>[^.;\n]+)",
    re.IGNORECASE,
)
_ITEM = re.compile(r"[\"'“`]?(?P<name>[^\W\d][\w-]{0,30})[\"'”`]?\s*(?:\((?P<gloss>[^()]*)\))?")
_NUMBERED = re.compile(r"\b(?:numbers?|integer|float|zahl|nombre|número|numero|число)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a recipe says of its answers beside type and labels; None and () where it says nothing."""

    none: str | None = None
    layout: Layout | None = None
    scale: Scale | None = None
    record: tuple[RecordField, ...] = ()

    @property
    def type(self) -> TaskType | None:
        """The type of task that alone has such answers."""
        if self.record:
            return TaskType.RECORDS
        if self.layout is not None:
            return TaskType.EXTRACTION
        return TaskType.REGRESSION if self.scale is not None else None


@dataclass(frozen=True, slots=True)
class Form:
    """What answers look like, as in `Task`, and why."""

    labels: tuple[str, ...] = ()
    none: str | None = None
    layout: Layout | None = None
    scale: Scale | None = None
    record: tuple[RecordField, ...] = ()
    reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def read_form(
    kind: TaskType,
    instruction: str,
    rows: Sequence[Example],
    names: Sequence[str],
    found: Labels,
    given: Stated,
    shown: Shown | None,
) -> Form:
    """What the answers of a task of this kind look like; `rows` are demonstrations, `names` its fields, and
    `found` the labels."""
    shown = shown or Shown(None)
    context = Task(kind, "", tuple(map(Field, names)), Field("")).context_field
    if kind.is_labelled:
        none = given.none
        if kind is TaskType.CLASSIFICATION and none is None:
            none = _outside(found.values or shown.labels, instruction)
        is_new = none is not None and bool(found.values) and none not in found.values
        said = (f"{none!r} where no other label fits",) if none is not None and given.none is None else ()
        return Form((*found.values, *([none] if is_new and none else [])), none, reasons=said)
    if kind is TaskType.REGRESSION:
        return _scaled(instruction, given, shown)
    if kind is TaskType.RECORDS:
        return _record(instruction, rows, context, given, shown)
    if kind not in (TaskType.EXTRACTION, TaskType.QUESTION_ANSWERING):
        return Form()
    form = _laid(instruction, rows, context, found, given, shown) if kind is TaskType.EXTRACTION else Form()
    none = given.none if given.none is not None else shown.none
    if none is None:
        none = form.none if form.none is not None else _none(instruction, rows, context)
    if none == "" or (
        none is None and _EMPTY.search(instruction) and (form.layout is None or form.layout.style == "text")
    ):
        none = NO_ANSWER
    if form.layout is not None and form.layout.style == "json":
        return replace(form, none=None)  # [] says that there is none
    why = f"{none!r} where there is none" if none is not None else ""
    return replace(form, none=none, reasons=(*form.reasons, *filter(None, [why])))


def _none(instruction: str, rows: Sequence[Example], context: str) -> str | None:
    """The answer of rows without one, as demonstrations have it, else as the prompt says."""
    for row in rows:
        if is_nothing(row.output) and row.output not in row.input.get(context, ""):
            return row.output
    for sentence in sentences(instruction):
        matches = list(_NONE_WHERE.finditer(sentence)) or list(_NONE.finditer(sentence))
        # "if there is none, answer N/A": the last one
        if matches and re.search(_IF, sentence, re.IGNORECASE):
            return matches[-1]["quoted"] or matches[-1]["bare"]
    return None


def _outside(labels: Sequence[str], instruction: str) -> str | None:
    """The label of what fits no other: by its own name, or because the prompt says so of it."""
    for label in labels:
        if _OUTSIDE.fullmatch(label.strip().replace("_", " ")) or _OUTSIDE.fullmatch(label.strip()):
            return label
    if labels and (match := _ELSE.search(instruction)):
        return match["label"]
    for sentence in sentences(instruction):
        rest = _REST.search(sentence)
        if rest:
            near = sentence[max(0, rest.start() - 40) :]
            for label in labels:
                if re.fullmatch(
                    r"others?|misc\w*|general|else|sonstiges|andere\w*|autres?|otros?|altro|другое",
                    label,
                    re.I,
                ) and re.search(rf"(?<!\w){re.escape(label)}(?!\w)", near):
                    return label
    return None


# --------------------------------------------------------------------------- spans


def _laid(
    instruction: str, rows: Sequence[Example], context: str, found: Labels, given: Stated, shown: Shown
) -> Form:
    """The layout of an extraction and its types; none where each answer is one span."""
    types = found.values if found.reason == "given" or found.strength >= STRONG else ()
    types = () if is_nothing("/".join(types)) else types  # N/A
    if given.layout is not None:
        return Form(types if given.layout.has_types else (), layout=given.layout)
    if shown.layout is not None:
        is_known = found.reason == "given" or set(shown.labels) <= set(types)
        labels = (types if is_known else shown.labels) if shown.layout.has_types else ()
        return Form(labels, layout=shown.layout, reasons=(shown.why,))
    if shown.type is TaskType.EXTRACTION and found.reason != "given":
        return Form()
    by_rows = demonstrated(rows, context, types)
    if by_rows is not None:
        return by_rows
    if types and (found.reason == "given" or not rows):
        said = "given" if found.reason == "given" else found.reason.removeprefix("labels ")
        return Form(types, layout=Layout(has_types=True), reasons=(f"spans of the types {said}",))
    if not rows and (match := _VALUED.search(instruction)):
        layout = Layout("text", has_values=True, between=_between(instruction), pair=match["pair"])
        return Form(layout=layout, reasons=(f"spans with values: the prompt says {match.group()!r}",))
    if not rows and (match := _SEVERAL.search(instruction)):
        return Form(
            layout=Layout(), reasons=(f"several spans an answer: the prompt says {match.group()[:60]!r}",)
        )
    return Form()


def _between(instruction: str) -> str:
    """What the prompt says that spans are joined by."""
    match = _JOINED.search(instruction)
    if match is None:
        return Layout().between
    said = match["quoted"] or match["mark"]
    return _MARKS.get(said[0].lower(), said) if match["mark"] or said in _MARKS else said


def demonstrated(rows: Sequence[Example], context: str, types: Sequence[str] = ()) -> Form | None:
    """The layout that demonstrations have; None where each answers with one span."""
    if not rows:
        return None
    outputs, texts = [row.output for row in rows], [row.input.get(context, "") for row in rows]
    values = [parsed(output) for output in outputs]
    if all(isinstance(value, list) for value in values) and any(values):
        layout = json_layout(values)
        kinds = (
            tuple(dict.fromkeys(kind for value in values for kind in kinds_in(value)))
            if layout.has_types
            else ()
        )
        return Form(tuple(types) or kinds, layout=layout, reasons=("lists of spans: as demonstrated",))
    laid = laid_out(outputs, texts, types)
    if laid is None:
        return _in_brackets(outputs, texts, types)
    labels = (tuple(types) or laid.types) if laid.layout.has_types else ()
    like = next(output for output in outputs if output != laid.none)
    return Form(labels, laid.none, laid.layout, reasons=(f"answers laid out like {like[:60]!r}",))


def _in_brackets(outputs: Sequence[str], texts: Sequence[str], types: Sequence[str]) -> Form | None:
    """The types of `Ada (person); Turin (place)`, which are answered as lists of objects."""
    spans = [span for output in outputs for span in bracketed(output)]
    told = sum(bool(bracketed(output)) or is_nothing(output) for output in outputs)
    if (
        not spans
        or told < len(outputs)
        or not all(any(span.text in text for text in texts) for span in spans)
    ):
        return None
    kinds = tuple(dict.fromkeys(span.type for span in spans))
    return Form(
        tuple(types) or kinds, layout=Layout(has_types=True), reasons=("spans with types: as demonstrated",)
    )


def json_layout(values: Sequence[Any]) -> Layout:
    """The layout of lists of spans."""
    items = [item for value in values for item in value]
    has_types = any(kinds_in([item]) for item in items)
    has_values = any(isinstance(item, dict) and item.get("value") is not None for item in items)
    return Layout(has_types=has_types, has_values=has_values)


# --------------------------------------------------------------------------- numbers


def _scaled(instruction: str, given: Stated, shown: Shown) -> Form:
    if given.scale is not None:
        return Form(scale=given.scale)
    said = prompted_scale(instruction)
    seen = shown.scale
    if said is not None and (seen is None or (seen.low <= said.high and seen.high >= said.low)):
        return Form(scale=said, reasons=(f"numbers from {said.low:g} to {said.high:g}: as the prompt says",))
    doubts: tuple[str, ...] = ()
    if said is not None and seen is not None:
        doubts = (
            f"the prompt reads as one of numbers from {said.low:g} to {said.high:g}, and the rows have {seen.low:g}"
            f" to {seen.high:g}; to say otherwise: task: {{scale: [{said.low:g}, {said.high:g}]}}",
        )
    if seen is not None and seen.step and seen.low >= 0 and (seen.high - seen.low) / seen.step <= _MOST_STEPS:
        return Form(
            scale=seen,
            reasons=(f"numbers from {seen.low:g} to {seen.high:g}: as the rows have",),
            doubts=doubts,
        )
    return Form(doubts=doubts)


def prompted_scale(instruction: str) -> Scale | None:
    """The scale that a prompt names: `from 1 to 5`, `between 0 and 1`, `0-100`."""
    for sentence in sentences(instruction):
        for match in _RANGE.finditer(sentence):
            low, high = (float(match[name].replace(",", ".")) for name in ("low", "high"))
            if low >= high or low > 1000 or not _SCALED.search(sentence):
                continue
            is_whole = (
                low == int(low)
                and high == int(high)
                and _WHOLE.search(sentence)
                and not _BROKEN.search(sentence)
            )
            return Scale(low, high, 1.0 if is_whole else 0.0)
    return None


# --------------------------------------------------------------------------- records


def _record(instruction: str, rows: Sequence[Example], context: str, given: Stated, shown: Shown) -> Form:
    if given.record:
        return Form(record=_filled(given.record, shown.record))
    if shown.record:
        return Form(record=shown.record, reasons=(f"a record of {_named(shown.record)}: as the rows have",))
    objects = [parsed(row.output) for row in rows]
    if objects and all(isinstance(value, dict) for value in objects):
        try:
            fields = fields_of(objects, [row.input.get(context, "") for row in rows])
        except Nested as error:
            return Form(
                doubts=(f"{error}; to have the object written as text: task: {{type: text2text-generation}}",)
            )
        return Form(record=fields, reasons=(f"a record of {_named(fields)}: as demonstrated",))
    fields = prompted_fields(instruction)
    return Form(
        record=fields, reasons=(f"a record of {_named(fields)}: as the prompt says",) if fields else ()
    )


def _filled(given: Sequence[RecordField], shown: Sequence[RecordField]) -> tuple[RecordField, ...]:
    """The fields of a recipe, with the labels that rows show where it names none."""
    seen = {each.name: each for each in shown}
    return tuple(
        replace(each, labels=seen[each.name].labels)
        if each.kind in ("label", "labels") and not each.labels and each.name in seen
        else each
        for each in given
    )


def prompted_fields(instruction: str) -> tuple[RecordField, ...]:
    """The fields that a prompt lists: `a JSON object with the keys name, age (number) and mood (good, bad)`."""
    for match in _KEYS.finditer(instruction):
        found: list[RecordField] = []
        for part in _parts(match["list"]):
            item = _ITEM.match(part)
            if item is None or (
                item.end() < len(part.rstrip()) and " " in part.strip() and not item["gloss"] and found == []
            ):
                break
            found.append(_of_gloss(item["name"], item["gloss"] or ""))
        if len(found) > 1:
            return tuple(found)
    return ()


def _parts(text: str) -> list[str]:
    """The items of a list in a sentence, glosses in brackets kept whole."""
    parts = re.split(r"\s*(?:,(?![^()]*\))|(?:\b(?:and|und|et|y|e|en|и)\b)(?![^()]*\)))\s*", text)
    return [part for part in parts if part]


def _of_gloss(name: str, gloss: str) -> RecordField:
    if _NUMBERED.search(gloss):
        return RecordField(name, "number")
    labels = [
        each.strip(" \"'`")
        for each in re.split(r"\s*(?:,|/|\||\bor\b|\boder\b|\bou\b|\bo\b)\s*", gloss)
        if each.strip()
    ]
    if len(labels) > 1 and all(len(label.split()) <= 3 for label in labels):
        return RecordField(name, "label", labels=tuple(labels))
    return RecordField(name, "text", description=gloss.strip())


def _named(fields: Sequence[RecordField]) -> str:
    return ", ".join(f"{each.name} ({each.kind})" for each in fields)
