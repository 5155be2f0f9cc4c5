"""`p2m init`: a prompt as a commented recipe that builds as it is.

Valid by construction: whatever the prompt's text, the recipe composes and its prompt is that text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from p2m.errors import UserError
from p2m.marked_yaml import plain_scalar
from p2m.types import Example

if TYPE_CHECKING:
    from p2m.table_task import TableTask

SCHEMA = "recipe.schema.json"
_NAME_LENGTH = 40  # characters; a longer name ends with the last whole word
_RECIPE = """\
# yaml-language-server: $schema={schema}
# p2m build {file}
defaults:
  - base
  - override teacher: {teacher:<12}# embedded writes rows, no key, no network; none needs data.train
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
  train: {train}
  test: {test}
"""
_NO_TRAIN = "null                     # e.g. rows.jsonl, with a line like {row}"
_NO_TEST = "null                      # your own rows: the verdict rests on them"
_BOOLEANS = ("yes", "no", "on", "off", "y", "n")  # to readers of the older YAML
_NO_EXAMPLES = """\
# examples:                       # demonstrations, beside those in the prompt
#   - {input: "...", output: "..."}
"""


def render_recipe(
    prompt: str,
    *,
    name: str,
    examples: Sequence[Example] = (),
    schema: str = SCHEMA,
    file: str = "",
    teacher: str = "embedded",
    row: str = '{"input": "...", "output": "..."}',
    task: TableTask | None = None,
    train: str = "",
    test: str = "",
) -> str:
    """The text of a recipe for `prompt`; `schema` is where an editor finds the JSON Schema.

    `teacher` is the one that can write the rows, or "none"; `row` shows what a row of the user's looks like.
    `task` is what the table `train` says of the task; `train` and `test` are places relative to the recipe.

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
        training="default" if teacher == "none" else "generated",
        train=_word(train) if train else _NO_TRAIN.format(row=_one_line(row)),
        test=_word(test) if test else _NO_TEST,
        file=_one_line(file or f"{recipe_name(name)}.yaml"),
        name=_plain(recipe_name(name)),
        prompt=_block(prompt),
        examples="" if task else _examples(examples),
        task=_task(task) if task else "",
    )


def recipe_name(text: str) -> str:
    """A name for a model and its folder, from any text."""
    words = [word.strip("_") for word in re.findall(r"\w+", text.lower())][:6]
    kept = [word for number, word in enumerate(words) if len("-".join(words[: number + 1])) <= _NAME_LENGTH]
    name = "-".join(word for word in kept if word)
    return name or "".join(words[:1])[:_NAME_LENGTH] or "model"


def _block(text: str) -> str:
    """A text as a YAML block where that keeps it as it is and short, else in double quotes."""
    text = text.replace("\r\n", "\n")
    lines = text.removesuffix("\n").split("\n")
    shown = all(line.isprintable() and not line.endswith(" ") for line in lines)
    if not shown or not lines[-1] or not lines[0] or lines[0].startswith(" ") or len(lines) > 10:
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
    return "\n".join(lines) + "\n"


def _examples(examples: Sequence[Example]) -> str:
    if not examples:
        return _NO_EXAMPLES
    lines = ["examples:"]
    for example in examples[:3]:
        fields = ", ".join(f"{_quoted(key)}: {_quoted(value)}" for key, value in example.input.items())
        lines.append(f"  - {{input: {{{fields}}}, output: {_quoted(example.output)}}}")
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
