"""`p2m init`: a prompt as a commented recipe that builds as it is.

Valid by construction: whatever the prompt's text, the recipe composes and its prompt is that text.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from p2m.errors import UserError
from p2m.marked_yaml import plain_scalar
from p2m.types import Attributes, Candidates, Layout, RecordField

if TYPE_CHECKING:
    from p2m.refining import Agreed
    from p2m.table_task import TableTask

SCHEMA = "recipe.schema.json"
_NAME_LENGTH = 40  # characters; a longer name ends with the last whole word
_RECIPE = """\
# yaml-language-server: $schema={schema}
# p2m build {file}
defaults:
  - base
  - override teacher: {teacher:<12}# embedded writes rows, people answer data.inputs, none needs data.train
  - override student: auto        # the best on your own rows; or linear_tfidf, minilm, ...
  - override training: {training:<11}# fast (minutes), default, generated (one pass), long (an hour)
  - _self_

name: {name}
prompt: {prompt}
{examples}{task}
constraints:                      # what the model may cost at most
  max_parameters: null            # e.g. 250M
  max_size: null                  # e.g. 24 MB
  max_latency: null               # e.g. 40 ms, p95 on one core

metrics:
  primary: null                   # null: the task's own, e.g. exact_match
  require: {{}}                     # e.g. {{exact_match: ">= 0.60"}}; what falls short is not shipped

data:                             # paths relative to this file, all optional
{inputs}  train: {train}
  test: {test}
{group}"""
_REFINED = """\
# yaml-language-server: $schema={schema}
# Read by rules and by {teacher}: look it over, correct it, then
# p2m check {file} && p2m plan {file}
{notes}defaults:
  - base
  - override teacher: {choice}
  - override student: auto        # the best on your own rows; or linear_tfidf, minilm, ...
  - override training: default
  - _self_

name: {name}
prompt: {prompt}
{task}
{settings}
generation:
  num_examples: {rows:<18}# inputs that the teacher answers: your own first, then those that it invents
  samples: 1                      # 3: three answers to each, which vote, at three times the cost

constraints:
{caps}{limits}
metrics:
  primary: {primary}
  require: {require}

data:                             # paths relative to this file
  inputs: {inputs}
  train: {train}
  test: {test}
"""
_GATE = '{mark}gate: ">= 0.8"                # on your own rows, first; below it nothing more is spent\n'
_NO_INPUTS = (
    "null                    # your own inputs without answers: real ones teach more than invented ones"
)
_INPUTS = "  inputs: {:<24}# without answers: p2m review data asks for the most telling\n"
_NO_TRAIN = "null                     # e.g. rows.jsonl, with a line like {row}"
_NO_TEST = "null                      # your own rows: the verdict rests on them"
_NO_GOLD = """null                      # MISSING: 50 rows of your own or more, with a line like
  #   {row}
  # They judge the model and its teacher; without them the verdict rests on rows that the teacher made."""
_ROWS, _COST = "1000", "5 USD"  # that a recipe begins with, where a teacher is paid
_CAP = "  max_cost: {:<22}# paid to teachers for one cold build, which stops there and keeps what it has\n"
_UNPRICED = """\
  max_cost: null                  # its price is not known here: give teacher.price, then a limit, e.g. 5 USD
  max_requests: 5000              # of one cold build, which stops there and keeps what it has
"""
_BOOLEANS = ("yes", "no", "on", "off", "y", "n")  # to readers of the older YAML
_NO_EXAMPLES = """\
# examples:                       # demonstrations, beside those in the prompt
#   - {input: "...", output: "..."}
"""


def render_recipe(
    prompt: str,
    *,
    name: str,
    schema: str = SCHEMA,
    file: str = "",
    teacher: str = "embedded",
    row: str = '{"input": "...", "output": "..."}',
    task: TableTask | None = None,
    inputs: str = "",
    train: str = "",
    test: str = "",
) -> str:
    """The text of a recipe for `prompt`; `schema` is where an editor finds the JSON Schema.

    `teacher` is the one that can write the rows, "people" of `inputs` without answers, or "none"; `row` shows
    what a row of the user's looks like. `task` is what the table `train` says of the task; `inputs`, `train`
    and `test` are places relative to the recipe.

    Raises:
        UserError: the prompt is empty, or no valid Unicode.
    """
    if not prompt.strip():
        raise UserError('the prompt is empty\n    say what the model should do: p2m init "Answer ..."')
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UserError("the prompt is not valid text\n    check the encoding of your terminal") from error
    return _RECIPE.format(
        schema=schema,
        teacher=teacher,
        training="generated" if teacher == "embedded" else "default",
        inputs=_INPUTS.format(_word(inputs)) if inputs else "",
        train=_word(train) if train else _NO_TRAIN.format(row=_one_line(row)),
        test=_word(test) if test else _NO_TEST,
        file=_one_line(file or f"{recipe_name(name)}.yaml"),
        name=_plain(recipe_name(name)),
        prompt=_block(prompt),
        examples="" if task else _NO_EXAMPLES,
        group=_group(task) if task and task.group else "",
        task=_task(task) if task else "",
    )


def recipe_name(text: str) -> str:
    """A name for a model and its folder, from any text."""
    words = [word.strip("_") for word in re.findall(r"\w+", text.lower())][:6]
    kept = [word for number, word in enumerate(words) if len("-".join(words[: number + 1])) <= _NAME_LENGTH]
    name = "-".join(word for word in kept if word)
    return name or "".join(words[:1])[:_NAME_LENGTH] or "model"


def _block(text: str, *, most: int = 10) -> str:
    """A text as a YAML block of at most so many lines where that keeps it as it is, else in double quotes."""
    text = text.replace("\r\n", "\n")
    lines = text.removesuffix("\n").split("\n")
    shown = all(line.isprintable() and not line.endswith(" ") for line in lines)
    if not shown or not lines[-1] or not lines[0] or lines[0].startswith(" ") or len(lines) > most:
        return _quoted(text)
    indented = "\n".join(f"  {line}" if line else "" for line in lines)
    return f"|{'' if text.endswith(chr(10)) else '-'}\n{indented}"


def _quoted(text: str) -> str:
    """A text in double quotes: what JSON writes, YAML reads, surrogate pairs and rare breaks apart."""
    escaped = json.dumps(text, ensure_ascii=True)
    return re.sub(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", _astral, escaped)


def _astral(match: re.Match[str]) -> str:
    """A surrogate pair as the one escape that YAML has for it."""
    return f"\\U{ord(json.loads(f'{chr(34)}{match[0]}{chr(34)}')):08x}"


def _plain(name: str) -> str:
    """A name as it is, or in quotes where YAML would take it for something else."""
    return name if re.fullmatch("[a-z][a-z0-9-]*", name) and plain_scalar(name) == name else _quoted(name)


def _word(text: str) -> str:
    """A text as a plain YAML scalar where every reader takes it for that text, else in quotes; of what would
    be an interpolation, the text itself."""
    is_plain = (
        re.fullmatch(r"(\.\./)*[^\W\d][\w./ -]*", text)
        and plain_scalar(text) == text
        and text == text.strip()
    )
    if is_plain and text.lower() not in _BOOLEANS and text.isprintable():
        return text
    return _quoted(re.sub(r"(\\*)\$\{", r"\1\1\\${", text))


def _task(task: TableTask) -> str:
    """The section that says what the table says: the fields, and of a classification the labels."""
    lines = [
        f"task:                             # as the {task.rows:,} rows of data.train have it",
        f"  type: {task.type.value}",
        f"  inputs: [{', '.join(map(_word, task.inputs))}]",
        f"  output: {_word(task.output)}",
    ]
    if task.labels:
        lines.append("  labels:                         # any other label in the rows is an error")
        lines += [
            f"    - {_word(label):<26}  # {rows:,} row{'s' if rows > 1 else ''}"
            for label, rows in task.labels.items()
        ]
    if task.none is not None and task.none not in task.labels:
        lines.append(f"  none: {_word(task.none):<24}  # of rows without an answer")
    if task.scale is not None:
        step = [task.scale.step] * bool(task.scale.step)
        lines.append(f"  scale: {_flow([task.scale.low, task.scale.high, *step])}")
    if task.layout is not None:
        lines.append(f"  layout: {_flow(_told_layout(task.layout))}")
    lines += ["  record:"] * bool(task.record)
    lines += [f"    {_word(each.name)}: {_flow(_told_field(each))}" for each in task.record]
    if task.is_strict:
        lines += ["", "metric:"]
        lines.append("  exact_match: {normalisation: blanks}  # case and marks count; squad: they do not")
    return "\n".join(lines) + "\n"


def _group(task: TableTask) -> str:
    """A column by which rows seem to belong together, as a comment: whoever builds decides."""
    assert task.group is not None
    written = f"# group: {_word(task.group.column)}"
    return f"  {written:<32}# where new rows are of others; none crosses a split's border\n"


def _told_layout(layout: Layout) -> str | dict[str, Any]:
    """What a layout has that is not so by itself."""
    plain = Layout()
    found = {name: each for name, each in asdict(layout).items() if each != getattr(plain, name)}
    return found if found else layout.style


def _told_field(each: RecordField) -> str | dict[str, Any]:
    """A field of a record as a recipe has it."""
    found: dict[str, Any] = {"kind": each.kind}
    if each.labels and set(each.labels) != {"true", "false"}:
        found["labels"] = list(each.labels)
    elif each.labels:
        found["labels"] = [True, False]
    if not each.nullable:
        found["nullable"] = False
    if each.scale is not None:
        found["scale"] = [each.scale.low, each.scale.high, *([each.scale.step] if each.scale.step else [])]
    return found if len(found) > 1 else each.kind


def _one_line(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


# --------------------------------------------------------------------------- with a teacher's help


def render_refined(
    prompt: str,
    agreed: Agreed,
    *,
    name: str,
    file: str,
    teacher: str,
    choice: str,
    settings: Mapping[str, Any],
    schema: str = SCHEMA,
    cost: str = "",
    is_priced: bool = True,
    inputs: str = "",
    train: str = "",
    test: str = "",
) -> str:
    """The text of a recipe whose prompt a teacher has read too, with all that is to be looked over.

    `teacher` is who read it, `choice` the option of the group `teacher`, and `settings` what was said of it.
    Where it is not `is_priced`, requests are limited in place of money.
    """
    row = {field.name: "..." for field in (*agreed.task.inputs, agreed.task.output)}
    no_gold = _NO_GOLD.format(row=json.dumps(row, ensure_ascii=False))
    return _REFINED.format(
        schema=schema,
        teacher=_one_line(teacher),
        file=_one_line(file),
        notes=_notes(agreed),
        choice=_word(choice),
        name=_plain(recipe_name(name)),
        prompt=_block(prompt, most=500),
        task=_agreed_task(agreed),
        settings=_teacher(settings),
        rows=_ROWS,
        caps=_CAP.format(cost or _COST) if cost or is_priced else _UNPRICED,
        limits="".join(_limit(key, agreed.limits.get(key, "")) for key in _LIMITS),
        primary=_word(agreed.metric) if agreed.metric else f"null                   # {_own(agreed)}",
        require=_flow(agreed.require)
        if agreed.require
        else '{}                     # e.g. {accuracy: ">= 0.85"}; what falls short is not shipped',
        inputs=_word(inputs) if inputs else _NO_INPUTS,
        train=_word(train) if train else _NO_TRAIN.format(row=json.dumps(row, ensure_ascii=False)),
        test=_word(test) if test else no_gold,
    )


_LIMITS = {"max_parameters": "250M", "max_size": "24 MB", "max_latency": "40 ms, p95 on one core"}


def proposed(found: Attributes | Candidates) -> str:
    """What a teacher proposed, as the lines that a recipe would have of it; "": nothing."""
    lines = []
    if isinstance(found, Candidates):
        queries = [
            f"{_plain(one.card.name)}: {_block(one.query, most=99)}\n" for one in found.found if one.query
        ]
        return "retriever:\n  transform:\n" * bool(queries) + textwrap.indent("".join(queries), " " * 4)
    if found.found:
        lines.append(f"attributes: {_flow({each.name: each.values for each in found.found})}\n")
    if found.labels:
        lines.append(f"descriptions: {_flow(found.labels)}\n")
    return "".join(lines)


def _limit(key: str, value: str) -> str:
    return f"  {key}: {_word(value)}\n" if value else f"  # {key}: {_LIMITS[key]}\n"


def _own(agreed: Agreed) -> str:
    """What is measured where the recipe says nothing."""
    return f"null: the task's own, {agreed.task.metrics[0]}" if agreed.task.metrics else "the task's own"


def _notes(agreed: Agreed) -> str:
    """Comments: what the prompt leaves open, where its two readers differ, what it asks for beside."""
    parts = {
        "The prompt leaves open; say it in the prompt, then delete the line:": agreed.unclear,
        "Where rules and teacher do not read the same:": agreed.differences,
    }
    found = [f"# {title}\n" + "".join(f"#   - {_comment(line)}\n" for line in lines)
             for title, lines in parts.items() if lines]  # fmt: skip
    if agreed.stays_local:
        found.append(
            "# The prompt says that its texts must not leave: before you name any data, choose a teacher\n"
            "# that runs here (teacher: gguf or transformers), and write constraints: {network: none}.\n"
        )
    return "".join(found)


def _agreed_task(agreed: Agreed) -> str:
    """The task as it was read, each part with what it means."""
    task = agreed.task
    lines = ["task:", f"  type: {task.type.value}", "  inputs:"]
    lines += [_told(f"    - {_word(each.name)}", agreed.fields.get(each.name, "")) for each in task.inputs]
    lines.append(_told(f"  output: {_word(task.output.name)}", agreed.fields.get(task.output.name, "")))
    if task.labels:
        lines += ["  labels:", *(f"    - {_word(label)}" for label in task.labels)]
    if agreed.descriptions:
        lines.append("  descriptions:                   # what the teacher is told of each label")
        lines += [f"    {_word(label)}: {_readable(text)}" for label, text in agreed.descriptions.items()]
    if not task.languages:
        lines.append(f"  language: {task.language}")
    return "\n".join(lines) + "\n"


def _teacher(settings: Mapping[str, Any]) -> str:
    """The section of the teacher; a comment where nothing is set, for an empty one would mean no teacher."""
    if not settings:
        return "# teacher:\n" + _GATE.format(mark="#   ")
    lines = [f"  {key}: {_flow(value)}\n" for key, value in settings.items()]
    return "".join(["teacher:\n", *lines, _GATE.format(mark="  # ")])


def _told(line: str, text: str) -> str:
    return f"{line:<34}# {_comment(text)}" if text else line


def _comment(text: str) -> str:
    """A text that stays within its comment."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())


def _flow(value: Any) -> str:
    """Plain data on one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_word(str(key))}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _readable(value) if isinstance(value, str) else json.dumps(value)


def _readable(text: str) -> str:
    """A text in double quotes, its own letters kept."""
    if not text.isprintable():
        return _quoted(text)
    return re.sub(r"(\\*)\$\{", r"\1\1\\\\${", json.dumps(text, ensure_ascii=False))
